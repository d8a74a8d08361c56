/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly.h"

#include <errno.h>
#include <string.h>

#define MAGIC 0x4d4f4e41u /* "ANOM" */
#define VERSION 2 /* of the struct and of what its numbers mean */

struct seal {
	uint32_t magic, version, size, sum;
};

_Static_assert(sizeof(struct seal) + sizeof(struct anomaly) == ANOMALY_SAVED_SIZE, "header");

/* FNV-1a. */
static uint32_t
sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 2166136261u;
	size_t i;

	for (i = 0; i < size; i++)
		sum = (sum ^ data[i]) * 16777619u;
	return sum;
}

void
anomaly_save(const struct anomaly *a, uint8_t out[ANOMALY_SAVED_SIZE])
{
	struct seal seal = {MAGIC, VERSION, sizeof(*a), 0};

	memcpy(out + sizeof(seal), a, sizeof(*a));
	seal.sum = sum_of(out + sizeof(seal), sizeof(*a));
	memcpy(out, &seal, sizeof(seal));
}

int
anomaly_restore(struct anomaly *a, const struct anomaly_settings *s, const void *in, size_t size)
{
	const uint8_t *data = in;
	struct anomaly fresh, saved;
	struct seal seal;

	if (size != ANOMALY_SAVED_SIZE)
		return -EINVAL;
	memcpy(&seal, data, sizeof(seal));
	if (seal.magic != MAGIC)
		return -EINVAL;
	if (seal.version != VERSION || seal.size != sizeof(*a))
		return -EPROTO;
	if (seal.sum != sum_of(data + sizeof(seal), sizeof(*a)))
		return -EINVAL;
	memcpy(&saved, data + sizeof(seal), sizeof(saved));
	anomaly_init(&fresh, s);
	if (saved.window.width != fresh.window.width ||
			saved.pattern.length != fresh.pattern.length)
		return -EPROTO;
	*a = saved;
	return 0;
}
