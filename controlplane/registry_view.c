/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view from what the registry knows.
 *
 *   stage    fresh blocks for what is marked, each with the place in the registry where the newest block of
 *            its kind is kept; one that came out as the old one is dropped again. Can run out of memory: all
 *            fresh blocks are then freed, and the marks stay.
 *   commit   fresh and old blocks swap places. The old ones now belong to the view before: it is the last
 *            that names them.
 *   release  of a view frees it and what it was the last to name.
 *
 * Views are released in the order they were built, so no counting is needed, and the cost of a view is its
 * changes and two arrays of pointers, whatever the number of blocks.
 */
#include "registry_model.h"

#include "classifier.h"
#include "hash.h"
#include "maglev.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A block and the place it goes to; after the swap, the block that was there. */
struct change {
	void **place;
	void *block;
	void (*free)(void *block);
};

struct changes {
	struct change *item;
	uint32_t count, capacity;
};

/* A view as it was allocated. */
struct built_view {
	struct view view;
	struct built_view *next; /* built after it */
	struct changes last_use; /* blocks that no newer view names */
	struct view_port *port;
	const void *pointers[]; /* services, then pages */
};

static int
changes_add(struct changes *c, void *place, void *block, void (*free_fn)(void *))
{
	uint32_t capacity = c->capacity ? c->capacity * 2 : 8;
	struct change *item;

	if (c->count == c->capacity) {
		item = realloc(c->item, capacity * sizeof(*item));
		if (!item) {
			free_fn(block);
			return -ENOMEM;
		}
		c->item = item;
		c->capacity = capacity;
	}
	c->item[c->count++] = (struct change){.place = place, .block = block, .free = free_fn};
	return 0;
}

static void
changes_free(struct changes *c)
{
	uint32_t i;

	for (i = 0; i < c->count; i++)
		if (c->item[i].block)
			c->item[i].free(c->item[i].block);
	free(c->item);
}

static void
changes_swap(struct changes *c)
{
	struct change *item;
	uint32_t i;
	void *old;

	for (i = 0; i < c->count; i++) {
		item = &c->item[i];
		old = *item->place;
		*item->place = item->block;
		item->block = old;
	}
}

static uint32_t
smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Rounded up: a budget must not become "no limit". */
static uint64_t
per_lcore(const struct registry *r, uint64_t budget)
{
	return (budget + r->lcores - 1) / r->lcores;
}

/* Whether TCP flows of an older epoch are reset: the service says so of endpoints that are down, and of shifts that are
 * complete; an order to fail over always means it. */
static bool
resets_flows(const struct registry *r, const struct endpoint *e)
{
	const struct config_service *s = e->service->config;
	const struct eid_slot *slot = &r->eid[e->eid];

	return slot->failed_over || s->down == DOWN_RESET ||
			(slot->shift_complete && s->established == ESTABLISHED_RESET_AFTER);
}

static uint16_t
endpoint_flags(const struct registry *r, const struct endpoint *e)
{
	uint16_t flags = ENDPOINT_PRESENT;

	if (registry_endpoint_is_up(e))
		flags |= ENDPOINT_UP;
	if (e->suspect)
		flags |= ENDPOINT_SUSPECT;
	if (e->drain)
		flags |= ENDPOINT_DRAIN;
	if (e->resolved)
		flags |= ENDPOINT_RESOLVED;
	if (registry_gets_copies(e))
		flags |= ENDPOINT_COPIES_HOME;
	if (resets_flows(r, e))
		flags |= ENDPOINT_RESET_ESTABLISHED;
	return flags;
}

static void
fill_shadows(struct view_endpoint *v, const struct endpoint *e)
{
	const struct endpoint *standby = registry_standby_or_null(e);
	uint32_t i;

	v->shift = e->shift;
	v->standby = standby ? standby->eid : ENDPOINT_NONE;
	v->shadow_count = (uint8_t)smaller((uint32_t)e->shadow_count, VIEW_SHADOWS_MAX);
	v->mirror_count = (uint8_t)smaller(e->mirror.shadows, v->shadow_count);
	for (i = 0; i < VIEW_SHADOWS_MAX; i++)
		v->shadow[i] = i < v->shadow_count ? e->shadow[i]->eid : ENDPOINT_NONE;
}

static uint32_t
zone_number(const char *zone)
{
	return zone && *zone ? (uint32_t)hash_bytes(0, zone, strlen(zone)) | 1 : 0;
}

static void
fill_endpoint(const struct registry *r, struct view_endpoint *v, const struct endpoint *e)
{
	const struct config_endpoint *config = e->config;

	v->l2 = e->l2;
	v->ip = config->addr;
	v->ip4_be = ip_is_v4(&config->addr) ? ip_v4_be(&config->addr) : 0;
	v->port_be = htobe16(config->port);
	v->epoch = e->epoch;
	v->flags = endpoint_flags(r, e);
	v->mtu = e->mtu;
	v->eid = e->eid;
	v->sid = e->service->sid;
	v->weight = e->weight;
	v->zone = zone_number(config->zone);
	v->mirror_share = e->mirror.share;
	v->mirror_pps = (uint32_t)per_lcore(r, e->mirror.pps);
	v->mirror_bytes_ps = per_lcore(r, (e->mirror.bps + 7) / 8);
	fill_shadows(v, e);
}

/* An id without endpoint: nothing, or what a removed one was, so that its flows go on until they end. */
static void
fill_absent(const struct registry *r, struct view_endpoint *v, uint32_t eid,
		const struct view_page *old)
{
	const struct eid_slot *slot = &r->eid[eid];

	if (slot->retired && old)
		*v = old->endpoint[eid % VIEW_PAGE_SIZE];
	v->eid = eid;
	v->flags = slot->retired ? v->flags & ENDPOINT_RESOLVED : 0;
	v->epoch = slot->epoch;
	v->sid = slot->retired ? slot->sid : UINT32_MAX;
	v->weight = 0;
	v->shift = 0;
	v->standby = ENDPOINT_NONE;
	v->mirror_share = 0;
	v->mirror_count = 0;
	v->shadow_count = 0;
	memset(v->shadow, 0xff, sizeof(v->shadow));
}

static bool
epochs_differ(const struct view_page *a, const struct view_page *b)
{
	uint32_t i;

	for (i = 0; i < VIEW_PAGE_SIZE; i++)
		if (a->endpoint[i].epoch != b->endpoint[i].epoch)
			return true;
	return false;
}

static int
stage_page(struct registry *r, struct changes *c, uint32_t number)
{
	const struct view_page *old = r->page[number];
	struct view_page *page = aligned_alloc(64, sizeof(*page));
	uint32_t i, eid;

	if (!page)
		return -ENOMEM;
	memset(page, 0, sizeof(*page));
	for (i = 0; i < VIEW_PAGE_SIZE; i++) {
		eid = number * VIEW_PAGE_SIZE + i;
		if (r->eid[eid].endpoint)
			fill_endpoint(r, &page->endpoint[i], r->eid[eid].endpoint);
		else
			fill_absent(r, &page->endpoint[i], eid, old);
	}
	if (old && memcmp(old, page, sizeof(*page)) == 0) {
		free(page);
		return 0;
	}
	if (old && epochs_differ(old, page))
		r->epoch_changes++;
	return changes_add(c, &r->page[number], page, free);
}

/* 100 buckets for each endpoint on average, and 20 for the one with the least weight, as far as tables go: its share
 * is then right to 2.5 %. Of the configuration alone, so that gateways agree. */
static uint32_t
table_size(const struct maglev_entry *entry, uint32_t count)
{
	uint64_t sum = 0, least = UINT32_MAX, needed;
	uint32_t i;

	for (i = 0; i < count; i++) {
		sum += entry[i].weight;
		if (entry[i].weight && entry[i].weight < least)
			least = entry[i].weight;
	}
	needed = sum / (5 * least);
	return maglev_size(needed > count ? (uint32_t)(needed > UINT16_MAX ? UINT16_MAX : needed)
					  : count);
}

static uint64_t
entries_fill(const struct registry *r, const struct service *s, struct maglev_entry *entry)
{
	uint64_t seed = hash_bytes(
			r->config->gateway.hash_seed, s->config->name, strlen(s->config->name));
	uint64_t key = hash_key(seed, s->endpoint_count);
	const struct endpoint *e;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		e = s->endpoint[i];
		entry[i].eid = e->eid;
		entry[i].weight = e->weight;
		entry[i].name_hash = hash_bytes(seed, e->config->name, strlen(e->config->name));
		key = hash_fold(key ^ entry[i].name_hash, HASH_GOLDEN) +
				hash_avalanche((uint64_t)e->eid << 32 | e->weight);
	}
	return key;
}

static bool
has_weight(const struct maglev_entry *entry, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (entry[i].weight)
			return true;
	return false;
}

static void
maglev_drop(void *m)
{
	maglev_free(m);
}

/* `*out` becomes the service's table, fresh or kept; NULL without weights. */
static int
stage_maglev(struct registry *r, struct changes *c, const struct service *s, struct maglev **out)
{
	struct maglev_entry *entry = calloc(s->endpoint_count + 1, sizeof(*entry));
	struct sid_slot *slot = &r->sid[s->sid];
	uint32_t count = (uint32_t)s->endpoint_count;
	struct maglev *m = NULL;
	uint64_t key;

	if (!entry)
		return -ENOMEM;
	key = entries_fill(r, s, entry);
	*out = slot->maglev;
	if (slot->block && slot->maglev_key == key) {
		free(entry);
		return 0;
	}
	if (has_weight(entry, count)) {
		m = maglev_build(entry, count, table_size(entry, count));
		if (!m) {
			free(entry);
			return -ENOMEM;
		}
	}
	free(entry);
	*out = m;
	slot->maglev_key = key;
	return changes_add(c, &slot->maglev, m, maglev_drop);
}

static size_t
block_size(const struct service *s)
{
	size_t endpoints = (s->endpoint_count * sizeof(uint32_t) + 15) & ~(size_t)15;

	return sizeof(struct view_service) + endpoints +
			s->config->cohort_count * sizeof(struct view_cohort);
}

static void
fill_cohorts(struct view_service *v, const struct config_service *config)
{
	size_t endpoints = (v->endpoint_count * sizeof(uint32_t) + 15) & ~(size_t)15;
	struct view_cohort *cohort = (struct view_cohort *)((char *)v->endpoint + endpoints);
	uint32_t i;

	v->cohort = cohort;
	v->cohort_count = (uint32_t)config->cohort_count;
	for (i = 0; i < v->cohort_count; i++) {
		cohort[i].source.addr = config->cohort[i].source.addr;
		cohort[i].source.len = config->cohort[i].source.len;
		cohort[i].side = config->cohort[i].side;
		cohort[i].rule = i;
	}
}

static unsigned
service_flags(const struct config_service *config)
{
	unsigned flags = 0;

	if (config->per_request)
		flags |= SERVICE_PER_REQUEST;
	if (config->adopt)
		flags |= SERVICE_ADOPT;
	if (config->replies == REPLIES_HTTP)
		flags |= SERVICE_REPLIES_HTTP;
	if (config->replies == REPLIES_DNS)
		flags |= SERVICE_REPLIES_DNS;
	return flags;
}

static void
fill_service(struct view_service *v, const struct service *s, const struct maglev *maglev)
{
	const struct config_service *config = s->config;
	uint32_t i;

	v->sid = s->sid;
	v->forward = (uint8_t)config->forward;
	v->hash = (uint8_t)config->hash;
	v->protocol = config->protocol;
	v->flags = (uint8_t)service_flags(config);
	v->addr = config->addr;
	v->port_first = config->port_first;
	v->port_last = config->port_last;
	v->maglev = maglev;
	v->endpoint_count = (uint32_t)s->endpoint_count;
	for (i = 0; i < v->endpoint_count; i++)
		v->endpoint[i] = s->endpoint[i]->eid;
	fill_cohorts(v, config);
}

/* The same bytes but for the pointer into itself; the counts in the first part tell the size. */
static bool
service_equal(const struct view_service *a, const struct view_service *b, size_t size)
{
	const size_t head = offsetof(struct view_service, cohort),
		     tail = offsetof(struct view_service, endpoint);

	return memcmp(a, b, head) == 0 &&
			memcmp((const char *)a + tail, (const char *)b + tail, size - tail) == 0;
}

static int
stage_service(struct registry *r, struct changes *c, uint32_t sid)
{
	struct sid_slot *slot = &r->sid[sid];
	const struct service *s = slot->service;
	struct view_service *block;
	struct maglev *maglev;
	size_t size;

	if (!s) { /* removed */
		if (changes_add(c, &slot->maglev, NULL, maglev_drop) < 0)
			return -ENOMEM;
		return changes_add(c, &slot->block, NULL, free);
	}
	size = block_size(s);
	block = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!block || stage_maglev(r, c, s, &maglev) < 0) {
		free(block);
		return -ENOMEM;
	}
	memset(block, 0, size);
	fill_service(block, s, maglev);
	if (slot->block && service_equal(slot->block, block, size)) {
		free(block);
		return 0;
	}
	return changes_add(c, &slot->block, block, free);
}

static void
local_block_free(void *block)
{
	struct local_block *b = block;

	if (!b)
		return;
	free(b->addr4);
	free(b->addr6);
	free(b->active4);
	free(b->active6);
	free(b);
}

static int
copy_locals(const struct local_addresses *l, struct ip_addr **addr, uint8_t **active)
{
	*addr = calloc(l->count + 1, sizeof(**addr));
	*active = calloc(l->count + 1, sizeof(**active));
	if (!*addr || !*active)
		return -ENOMEM;
	memcpy(*addr, l->addr, l->count * sizeof(**addr));
	memcpy(*active, l->active, l->count * sizeof(**active));
	return 0;
}

static struct local_block *
local_block_create(const struct registry *r)
{
	struct local_block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->count4 = r->local4.count;
	b->count6 = r->local6.count;
	if (copy_locals(&r->local4, &b->addr4, &b->active4) == 0 &&
			copy_locals(&r->local6, &b->addr6, &b->active6) == 0)
		return b;
	local_block_free(b);
	return NULL;
}

/* The ports' own addresses, in pairs with their ports. */
static uint32_t
own_addresses(const struct config *config, struct ip_addr *own, uint32_t *port)
{
	uint32_t n = 0;
	size_t i, j;

	for (i = 0; i < config->port_count; i++) {
		for (j = 0; j < config->port[i].address_count; j++) {
			if (own) {
				own[n] = config->port[i].address[j].addr;
				port[n] = (uint32_t)i;
			}
			n++;
		}
	}
	return n;
}

static const struct view_service *
staged_service(const struct registry *r, const struct changes *c, uint32_t sid)
{
	uint32_t i;

	if (!r->sid[sid].dirty)
		return r->sid[sid].block;
	for (i = 0; i < c->count; i++)
		if (c->item[i].place == (void **)&r->sid[sid].block)
			return c->item[i].block;
	return r->sid[sid].block;
}

static struct classifier *
build_classifier(const struct registry *r, const struct view_service **service)
{
	uint32_t own_count = own_addresses(r->config, NULL, NULL);
	struct ip_addr *own = calloc(own_count + 1, sizeof(*own));
	uint32_t *own_port = calloc(own_count + 1, sizeof(*own_port));
	struct classifier_input in = {
			.services = service,
			.service_count = r->sid_end,
			.local4 = r->local4.addr,
			.local6 = r->local6.addr,
			.local4_count = r->local4.count,
			.local6_count = r->local6.count,
			.own = own,
			.own_port = own_port,
			.own_count = own_count,
	};
	struct classifier *c = NULL;

	if (own && own_port) {
		own_addresses(r->config, own, own_port);
		c = classifier_build(&in);
	}
	free(own);
	free(own_port);
	return c;
}

static void
classifier_drop(void *c)
{
	classifier_free(c);
}

static int
stage_addresses(struct registry *r, struct changes *c)
{
	const struct view_service **service = calloc(r->sid_end + 1, sizeof(*service));
	struct classifier *classifier;
	struct local_block *local;
	uint32_t i;

	if (!service)
		return -ENOMEM;
	for (i = 0; i < r->sid_end; i++)
		service[i] = staged_service(r, c, i);
	classifier = build_classifier(r, service);
	free(service);
	if (!classifier || changes_add(c, &r->classifier, classifier, classifier_drop) < 0)
		return -ENOMEM;
	local = local_block_create(r);
	return local ? changes_add(c, &r->local, local, local_block_free) : -ENOMEM;
}

static uint32_t
page_count(const struct registry *r)
{
	return (r->eid_end + VIEW_PAGE_SIZE - 1) >> VIEW_PAGE_SHIFT;
}

static int
stage(struct registry *r, struct changes *c)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; !ret && i < page_count(r); i++)
		if (r->page_dirty[i] || !r->page[i])
			ret = stage_page(r, c, i);
	for (i = 0; !ret && i < r->sid_end; i++)
		if (r->sid[i].dirty)
			ret = stage_service(r, c, i);
	if (!ret && (r->addresses_dirty || !r->classifier))
		ret = stage_addresses(r, c);
	return ret;
}

static struct built_view *
built_view_create(const struct registry *r)
{
	size_t pointers = r->sid_end + page_count(r);
	struct built_view *b = calloc(1, sizeof(*b) + pointers * sizeof(b->pointers[0]));

	if (!b)
		return NULL;
	b->port = calloc(r->port_count + 1, sizeof(*b->port));
	if (!b->port) {
		free(b);
		return NULL;
	}
	return b;
}

static void
built_view_fill(struct built_view *b, const struct registry *r)
{
	const void **service = b->pointers, **page = b->pointers + r->sid_end;
	struct view *v = &b->view;
	uint32_t i;

	for (i = 0; i < r->sid_end; i++)
		service[i] = r->sid[i].block;
	for (i = 0; i < page_count(r); i++)
		page[i] = r->page[i];
	if (r->port_count)
		memcpy(b->port, r->port, r->port_count * sizeof(*b->port));
	v->generation = r->builds;
	v->epoch_changes = r->epoch_changes;
	v->hash_seed = r->config->gateway.hash_seed;
	v->timeouts = r->config->timeouts;
	v->classifier = r->classifier;
	v->service_count = r->sid_end;
	v->page_count = page_count(r);
	v->port_count = r->port_count;
	v->service = (const struct view_service *const *)service;
	v->page = (const struct view_page *const *)page;
	v->port = b->port;
	v->local4_count = r->local->count4;
	v->local6_count = r->local->count6;
	v->local4 = r->local->addr4;
	v->local6 = r->local->addr6;
	v->local4_active = r->local->active4;
	v->local6_active = r->local->active6;
}

static void
unmark(struct registry *r)
{
	uint32_t i;

	memset(r->page_dirty, 0, page_count(r) * sizeof(*r->page_dirty));
	for (i = 0; i < r->sid_end; i++)
		r->sid[i].dirty = false;
	r->addresses_dirty = false;
	r->dirty = false;
}

/* Without a view before, nothing was replaced. */
static void
commit(struct registry *r, struct changes *c, struct built_view *b)
{
	changes_swap(c);
	if (r->newest) {
		r->newest->last_use = *c;
		r->newest->next = b;
	} else {
		changes_free(c);
		r->oldest = b;
	}
	r->newest = b;
	r->builds++;
	built_view_fill(b, r);
	unmark(r);
}

/* The marks stay; the keys of tables that were built and are now lost must not. */
static void
abandon(struct registry *r, struct changes *c, struct built_view *b)
{
	uint32_t i;

	for (i = 0; i < r->sid_end; i++)
		if (r->sid[i].dirty)
			r->sid[i].maglev_key = 0;
	changes_free(c);
	if (b)
		free(b->port);
	free(b);
}

struct view *
registry_build_view(struct registry *r)
{
	struct changes changes = {0};
	struct built_view *b;

	errno = 0;
	if (!r->dirty)
		return NULL;
	b = built_view_create(r);
	if (!b || stage(r, &changes) < 0) {
		abandon(r, &changes, b);
		errno = ENOMEM;
		return NULL;
	}
	commit(r, &changes, b);
	return &b->view;
}

void
registry_release_view(struct registry *r, const struct view *view)
{
	struct built_view *b = r->oldest;

	assert(b && &b->view == view);
	r->oldest = b->next;
	if (!r->oldest)
		r->newest = NULL;
	changes_free(&b->last_use);
	free(b->port);
	free(b);
}

static void
free_blocks(struct registry *r)
{
	uint32_t i;

	for (i = 0; r->page && i < page_count(r); i++)
		free(r->page[i]);
	for (i = 0; r->sid && i < r->sid_end; i++) {
		maglev_free(r->sid[i].maglev);
		free(r->sid[i].block);
	}
	classifier_free(r->classifier);
	local_block_free(r->local);
}

static void
free_services(struct registry *r)
{
	struct service *s;
	size_t i, j;

	for (i = 0; i < r->service_count; i++) {
		s = r->service[i];
		for (j = 0; j < s->endpoint_count; j++) {
			free(s->endpoint[j]->shadow);
			free(s->endpoint[j]);
		}
		free(s->endpoint);
		free(s);
	}
	free(r->service);
}

void
registry_free(struct registry *r)
{
	if (!r)
		return;
	assert(!r->oldest);
	free_blocks(r);
	free_services(r);
	config_free(r->config);
	free(r->local4.addr);
	free(r->local4.active);
	free(r->local6.addr);
	free(r->local6.active);
	free(r->port);
	free(r->page);
	free(r->page_dirty);
	free(r->sid);
	free(r->eid);
	free(r);
}
