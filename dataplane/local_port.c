/* SPDX-License-Identifier: Apache-2.0 */
#include "local_port.h"

#include "counters.h"

/* How many slots of inactive addresses one call may put aside: a few microseconds. They are put aside once. */
#define SKIP_MAX 1024
/* How many that were put aside one call may look at: their address may be active again. */
#define PARKED_MAX 64
/* No rest is longer; a time that seems further off lies in the past of a clock that wraps after 49 days. */
#define REST_MAX_MS 3600000u

void
local_ports_init(struct local_ports *l, const struct local_memory *memory, uint32_t addresses,
		uint32_t lcores, uint32_t lcore)
{
	uint32_t ports = LOCAL_PORTS / lcores;

	*l = (struct local_ports){
			.slot = memory->slot,
			.fresh = memory->fresh,
			.addresses = addresses,
			.ports = ports,
			.port_base = LOCAL_PORT_FIRST + lcore * ports,
			.tcp = {LOCAL_NONE, LOCAL_NONE},
			.udp = {LOCAL_NONE, LOCAL_NONE},
			.parked = {LOCAL_NONE, LOCAL_NONE},
	};
}

static void
append(struct local_ports *l, struct local_queue *q, uint32_t slot, uint32_t ready_ms)
{
	l->slot[slot] = (struct local_slot){.flow = LOCAL_NONE, .ready_ms = ready_ms};
	if (q->tail == LOCAL_NONE)
		q->head = slot;
	else
		l->slot[q->tail].flow = slot;
	q->tail = slot;
}

static uint32_t
take_head(struct local_ports *l, struct local_queue *q)
{
	uint32_t slot = q->head;

	q->head = l->slot[slot].flow;
	if (q->head == LOCAL_NONE)
		q->tail = LOCAL_NONE;
	return slot;
}

static bool
is_active(const struct local_ports *l, uint32_t slot, const uint8_t *active, uint32_t count)
{
	uint32_t address = local_port_address(l, slot);

	return address < count && active[address];
}

/* A port of this address that was never used. */
static uint32_t
fresh_of(struct local_ports *l, uint32_t address)
{
	if (l->fresh[address] == l->ports)
		return LOCAL_NONE;
	return address * l->ports + l->fresh[address]++;
}

/* The addresses in order, each to its end. */
static uint32_t
get_fresh(struct local_ports *l, const uint8_t *active, uint32_t count)
{
	uint32_t known = count < l->addresses ? count : l->addresses;
	uint32_t slot, i;

	for (i = 0; i < known; i++) {
		if (l->address >= known)
			l->address = 0;
		slot = active[l->address] ? fresh_of(l, l->address) : LOCAL_NONE;
		if (slot != LOCAL_NONE)
			return slot;
		l->address++;
	}
	return LOCAL_NONE;
}

static bool
is_resting(const struct local_ports *l, uint32_t slot, uint32_t now_ms)
{
	return l->slot[slot].ready_ms - now_ms - 1 < REST_MAX_MS;
}

static uint32_t
get_rested(struct local_ports *l, struct local_queue *q, const uint8_t *active, uint32_t count,
		uint32_t now_ms)
{
	unsigned skipped;

	for (skipped = 0; skipped < SKIP_MAX && q->head != LOCAL_NONE; skipped++) {
		uint32_t slot = q->head;

		if (is_resting(l, slot, now_ms))
			return LOCAL_NONE;
		take_head(l, q);
		if (is_active(l, slot, active, count))
			return slot;
		append(l, &l->parked, slot, l->slot[slot].ready_ms);
	}
	return LOCAL_NONE;
}

/* They rested when they were put aside; the time of an older one may lie half a turn of the clock back by now. */
static uint32_t
get_parked(struct local_ports *l, const uint8_t *active, uint32_t count)
{
	unsigned skipped;
	uint32_t slot;

	for (skipped = 0; skipped < PARKED_MAX && l->parked.head != LOCAL_NONE; skipped++) {
		slot = take_head(l, &l->parked);
		if (is_active(l, slot, active, count))
			return slot;
		append(l, &l->parked, slot, 0);
	}
	return LOCAL_NONE;
}

uint32_t
local_port_get(struct local_ports *l, const uint8_t *active, uint32_t count, uint32_t flow,
		uint32_t now_ms)
{
	uint32_t slot = get_fresh(l, active, count);

	if (slot == LOCAL_NONE)
		slot = get_rested(l, &l->udp, active, count, now_ms);
	if (slot == LOCAL_NONE)
		slot = get_rested(l, &l->tcp, active, count, now_ms);
	if (slot == LOCAL_NONE)
		slot = get_parked(l, active, count);
	if (slot == LOCAL_NONE)
		return LOCAL_NONE;
	l->slot[slot].flow = flow;
	gauge_add(&l->used, 1);
	return slot;
}

void
local_port_put(struct local_ports *l, uint32_t slot, bool tcp, uint32_t now_ms, uint32_t rest_ms)
{
	append(l, tcp ? &l->tcp : &l->udp, slot, now_ms + rest_ms);
	gauge_add(&l->used, -1);
}
