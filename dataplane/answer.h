/* SPDX-License-Identifier: Apache-2.0 */
/* Does a reply say that the server failed, by its first bytes; and is it the same as another? Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parse.h"

/* `p` is the packet, of `len` bytes in one piece at `frame`, with which a reply begins; `flags` are the flow's (enum
 * flow_flag). A failure is an HTTP/1 status of 5xx with FLOW_REPLIES_HTTP, and SERVFAIL or REFUSED (RFC 1035, 4.1.1)
 * with FLOW_REPLIES_DNS. False for what is too short to tell, and for anything else. */
bool answer_is_failure(const uint8_t *frame, uint32_t len, const struct packet *p, unsigned flags);

/* Of the payload in the same piece: equal answers have equal ones. */
uint16_t answer_digest(const uint8_t *frame, uint32_t len, const struct packet *p);
