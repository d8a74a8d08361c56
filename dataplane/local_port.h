/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local addresses and ports of one lcore and one family, the sources of fullnat flows and of copies.
 *
 * A slot is a pair of a local address (by its stable index) and one of the lcore's share of its ports, so a
 * reply tells its slot, and by that its flow, by arithmetic: no hash. Slots are given out in order, then
 * first freed first reused, and only after a rest: used again at once, a server in TIME_WAIT refuses the
 * next client, and a late answer reaches the wrong one. TCP and UDP rest for different times, hence two
 * queues; the queues run through the slots themselves. Slots of addresses that are not active
 * wait in a third.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_PORT_FIRST 1024u
#define LOCAL_PORTS 64512u /* per address: all above the reserved ones */
#define LOCAL_NONE UINT32_MAX

struct local_slot {
	uint32_t flow; /* in use: its flow; free: next in the queue */
	uint32_t ready_ms; /* free: not before this */
};

struct local_queue {
	uint32_t head, tail; /* LOCAL_NONE: empty */
};

struct local_ports {
	struct local_slot *slot;
	uint32_t addresses; /* memory is there for so many */
	uint32_t ports; /* of each address, of this lcore */
	uint32_t port_base; /* the first of them */
	uint32_t *fresh; /* of each address: its ports from here on were never used */
	uint32_t address; /* that gave the last of them */
	uint32_t used;
	struct local_queue tcp, udp;
	struct local_queue parked; /* of addresses that were not active when they were looked at */
};

/* Zeroed: addresses * (LOCAL_PORTS / lcores) slots, and a number for each address. They stay the caller's. */
struct local_memory {
	struct local_slot *slot;
	uint32_t *fresh;
};

void local_ports_init(struct local_ports *l, const struct local_memory *memory, uint32_t addresses,
		uint32_t lcores, uint32_t lcore);

/* A rested slot of an active address for `flow`; `active[i]` says whether address i may be used, i < count.
 * LOCAL_NONE: none has rested long enough. */
uint32_t local_port_get(struct local_ports *l, const uint8_t *active, uint32_t count, uint32_t flow,
		uint32_t now_ms);

/* Gives a slot back, to rest for `rest_ms`. */
void local_port_put(
		struct local_ports *l, uint32_t slot, bool tcp, uint32_t now_ms, uint32_t rest_ms);

static inline uint32_t
local_port_address(const struct local_ports *l, uint32_t slot)
{
	return slot / l->ports;
}

/* Port in host order. */
static inline uint16_t
local_port_number(const struct local_ports *l, uint32_t slot)
{
	return (uint16_t)(l->port_base + slot % l->ports);
}

/* The slot of an address index and a port (host order), or LOCAL_NONE if it is not this lcore's. */
static inline uint32_t
local_port_slot(const struct local_ports *l, uint32_t address, uint16_t port)
{
	uint32_t p = (uint32_t)port - l->port_base;

	return p < l->ports && address < l->addresses ? address * l->ports + p : LOCAL_NONE;
}
