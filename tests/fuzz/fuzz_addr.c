/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of addresses, prefixes, and addresses with ports: what parses must print and parse again to the same. */
#include "addr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
try_text(const char *text)
{
	struct ip_prefix prefix, prefix_again;
	struct ip_addr addr, again;
	uint16_t port, port_again;
	char buf[IP_TEXT_SIZE];

	if (ip_parse(text, &addr) == 0)
		expect(ip_parse(ip_format(&addr, buf), &again) == 0 && ip_equal(&addr, &again));
	if (ip_prefix_parse(text, &prefix) == 0)
		expect(ip_prefix_parse(ip_prefix_format(&prefix, buf), &prefix_again) == 0 &&
				prefix.len == prefix_again.len);
	if (ip_port_parse(text, &addr, &port) == 0)
		expect(ip_port_parse(ip_port_format(&addr, port, buf), &again, &port_again) == 0 &&
				port == port_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	try_text(text);
	free(text);
	return 0;
}
