/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as the neighbour part gets them: whatever is taken must be inside the frame, and an echo's reply no longer. */
#include "neighbour_packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
try_frame(uint8_t *frame, size_t size)
{
	static const struct ether_mac us = {{2, 0, 0, 0, 0, 1}};
	struct neighbour_packet p, again;

	switch (neighbour_decode(frame, size, &p)) {
	case NEIGHBOUR_OTHER:
	case NEIGHBOUR_MALFORMED:
		return;
	case NEIGHBOUR_REQUEST:
	case NEIGHBOUR_REPLY:
		expect(!ip_is_none(&p.target));
		expect(!p.has_mac || (p.mac.b[0] & 1) == 0);
		return;
	case NEIGHBOUR_ECHO:
		expect(neighbour_echo_reply(frame, &us) <= size);
		expect(neighbour_decode(frame, size, &again) == NEIGHBOUR_OTHER);
		return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size ? size : 1);

	if (!frame)
		abort();
	memcpy(frame, data, size);
	try_frame(frame, size);
	free(frame);
	return 0;
}
