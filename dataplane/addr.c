/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int
ip_parse(const char *text, struct ip_addr *out)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = ip_from_v4_be(v4.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		*out = ip_from_v6(&v6);
		return 0;
	}
	return -EINVAL;
}

/* Decimal digits alone, at most `max`. */
static int
number_parse(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	*out = strtoul(text, &end, 10);
	return *end != '\0' || *out > max ? -EINVAL : 0;
}

int
ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	char copy[IP_TEXT_SIZE];
	struct ip_addr addr;
	unsigned long len;
	char *slash;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (ip_parse(copy, &addr) < 0)
		return -EINVAL;
	len = ip_is_v4(&addr) ? 32 : 128;
	if (slash && number_parse(slash + 1, len, &len) < 0)
		return -EINVAL;
	out->addr = addr;
	out->len = (uint8_t)len;
	return 0;
}

const char *
ip_format(const struct ip_addr *a, char buf[IP_TEXT_SIZE])
{
	if (ip_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], buf, IP_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, a->b, buf, IP_TEXT_SIZE);
	return buf;
}

const char *
ip_prefix_format(const struct ip_prefix *p, char buf[IP_TEXT_SIZE])
{
	size_t n;

	ip_format(&p->addr, buf);
	n = strlen(buf);
	snprintf(buf + n, IP_TEXT_SIZE - n, "/%u", p->len);
	return buf;
}

const char *
ip_port_format(const struct ip_addr *a, uint16_t port, char buf[IP_TEXT_SIZE])
{
	char text[IP_TEXT_SIZE];

	ip_format(a, text);
	snprintf(buf, IP_TEXT_SIZE, ip_is_v4(a) ? "%.45s:%u" : "[%.45s]:%u", text, port);
	return buf;
}

int
ip_port_parse(const char *text, struct ip_addr *addr, uint16_t *port)
{
	char copy[IP_TEXT_SIZE];
	unsigned long number;
	struct ip_addr a;
	char *colon;
	size_t n;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	colon = strrchr(copy, ':');
	if (!colon || number_parse(colon + 1, UINT16_MAX, &number) < 0)
		return -EINVAL;
	*colon = '\0';
	n = strlen(copy);
	if (copy[0] == '[' && n > 1 && copy[n - 1] == ']') {
		copy[n - 1] = '\0';
		if (ip_parse(copy + 1, &a) < 0 || ip_is_v4(&a))
			return -EINVAL;
	} else if (ip_parse(copy, &a) < 0 || !ip_is_v4(&a)) {
		return -EINVAL;
	}
	*addr = a;
	*port = (uint16_t)number;
	return 0;
}

bool
ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	bool v4 = ip_is_v4(&p->addr);
	unsigned bits = p->len + (v4 ? 96u : 0u);
	unsigned bytes = bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));

	if (v4 != ip_is_v4(a))
		return false;
	if (memcmp(p->addr.b, a->b, bytes) != 0)
		return false;
	return bytes == 16 || ((p->addr.b[bytes] ^ a->b[bytes]) & mask) == 0;
}
