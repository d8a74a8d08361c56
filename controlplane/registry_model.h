/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry's own files share. Nothing else includes it. */
#pragma once

#include "registry.h"

/* What there is for each endpoint id. Ids are given out from 0; one whose endpoint was removed rests until its flows
 * are gone, and a view without the endpoint has been built. */
struct eid_slot {
	struct endpoint *endpoint; /* NULL: never used, or removed */
	bool retired;
	bool shift_complete; /* 100 % reached a standby that could take it; until the shift is less again */
	bool failed_over; /* by order, until it may take flows again */
	uint16_t epoch; /* the last that was in use */
	uint32_t sid;
	uint64_t retired_at; /* builds when it was removed */
};

struct sid_slot {
	struct service *service;
	bool used_before;
	bool dirty;
	uint64_t retired_at;
	/* In the newest view: */
	struct view_service *block;
	struct maglev *maglev;
	uint64_t maglev_key; /* hash of what `maglev` was built from */
};

/* Local addresses of one family by index; only ever grows. */
struct local_addresses {
	struct ip_addr *addr;
	uint8_t *active;
	uint32_t count, limit;
};

/* Addresses as a view points to them; one block, never changed. */
struct local_block {
	struct ip_addr *addr4, *addr6;
	uint8_t *active4, *active6;
	uint32_t count4, count6;
};

struct built_view;

struct registry {
	struct config *config;
	uint64_t reloads; /* so far */
	uint32_t lcores;
	struct service **service; /* in the order of the configuration */
	size_t service_count;
	struct service **service_by_name; /* the same, sorted; in the same memory */

	uint32_t eid_limit, sid_limit;
	uint32_t eid_end, sid_end; /* ids from here on were never used */
	struct eid_slot *eid;
	struct sid_slot *sid;
	registry_active_flows active_flows;
	void *active_flows_arg;

	struct local_addresses local4, local6;

	/* What the newest view consists of, and what of it is out of date. */
	struct view_page **page;
	bool *page_dirty;
	struct classifier *classifier;
	bool addresses_dirty; /* classifier and local addresses */
	struct local_block *local;
	struct view_port *port;
	uint32_t port_count;
	bool dirty; /* anything */
	uint64_t epoch_changes; /* pages built in which an epoch changed */
	uint64_t builds;
	struct built_view *newest, *oldest; /* views not released */
};

/* Says that the endpoint changed, and what follows: its page, those of the endpoints whose standby it may be, epochs of
 * endpoints that went down or whose shift became complete. `was_up` as registry_endpoint_is_up() was before. */
void registry_endpoint_changed(struct registry *r, struct endpoint *e, bool was_up);
/* The same of its own page and shift alone: where each endpoint of its service gets its turn. */
void registry_endpoint_settle(struct registry *r, struct endpoint *e);
void registry_service_changed(struct registry *r, const struct service *s);
void registry_page_changed(struct registry *r, uint32_t eid);

/* Settings as the file has them, and without marking anything. */
bool registry_mirror_equal(const struct config_mirror *a, const struct config_mirror *b);
