/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "flow.h"
#include "hash.h"

#include <netinet/in.h>
#include <string.h>

#define HTTP_LOOK 10 /* "HTTP/1.1 5" */
#define DNS_HEADER 12
#define DNS_TCP_LENGTH 2 /* RFC 1035, 4.2.2 */
#define DNS_RESPONSE 0x80
#define DNS_SERVFAIL 2
#define DNS_REFUSED 5
#define DIGEST_SEED 1 /* of no secret: a server that wants to be taken for another can copy it */

static bool
http_failed(const uint8_t *data, uint32_t len)
{
	return len >= HTTP_LOOK && memcmp(data, "HTTP/1.", 7) == 0 && data[8] == ' ' &&
			data[9] == '5';
}

static bool
dns_failed(const uint8_t *data, uint32_t len, uint8_t protocol)
{
	uint32_t skip = protocol == IPPROTO_TCP ? DNS_TCP_LENGTH : 0;
	uint8_t code;

	if (len < skip + DNS_HEADER || !(data[skip + 2] & DNS_RESPONSE))
		return false;
	code = data[skip + 3] & 0x0f;
	return code == DNS_SERVFAIL || code == DNS_REFUSED;
}

static uint32_t
payload_here(uint32_t len, const struct packet *p)
{
	uint32_t room = p->payload < len ? len - p->payload : 0;

	return p->payload_len < room ? p->payload_len : room;
}

bool
answer_is_failure(const uint8_t *frame, uint32_t len, const struct packet *p, unsigned flags)
{
	uint32_t n = payload_here(len, p);

	if (flags & FLOW_REPLIES_HTTP)
		return http_failed(frame + p->payload, n);
	return (flags & FLOW_REPLIES_DNS) && dns_failed(frame + p->payload, n, p->protocol);
}

uint16_t
answer_digest(const uint8_t *frame, uint32_t len, const struct packet *p)
{
	uint32_t i, n = payload_here(len, p);
	const uint8_t *data = frame + p->payload;
	uint64_t word, digest = hash_key(DIGEST_SEED, n);

	for (i = 0; i + sizeof(word) <= n; i += sizeof(word))
		digest = hash_fold(digest ^ hash_load64(data + i), HASH_GOLDEN);
	word = 0;
	memcpy(&word, data + i, n - i);
	return (uint16_t)(hash_avalanche(digest ^ word) >> 48);
}
