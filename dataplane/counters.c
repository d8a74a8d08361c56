/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

static const char *const names[] = {
#define X(name, text) #name,
	PACKET_END_LIST(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
	PACKET_END_LIST(X)
#undef X
};

const char *
packet_end_name(enum packet_end e)
{
	return names[e];
}

const char *
packet_end_text(enum packet_end e)
{
	return texts[e];
}
