/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher against threads that read views as the forwarding cores do: take the pointer, look things
 * up for a while, report quiescence.
 *
 * The storm's readers check what no half-changed table satisfies, across the blocks of a view: what a
 * Maglev table names is in its page, present, of that service, and has weight; the two endpoints of a
 * service's pair, in different pages, have the same shift; the classifier finds the service. The same
 * readers with two pointers that are swapped one after the other find violations, so the check can fail.
 */
#include "publish.h"

#include "classifier.h"
#include "config_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_rcu_qsbr.h>

#define READERS 2
#ifdef __SANITIZE_THREAD__ /* ten times slower */
#define CHANGES 1000
#else
#define CHANGES 10000
#endif
#define SERVICES 12
#define ENDPOINTS 24 /* of each service, so that one spans pages */

void
config_free(struct config *config)
{
	fixture_free(config);
}

static const struct view_l2 somewhere = {.dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}};

/* The part of the data plane that the publisher knows. */
struct dataplane {
	const struct view *view;
	const struct view *
			pages; /* only with `apart`: a second pointer, which is the fault planted */
	bool apart;
	struct rte_rcu_qsbr *qsbr;
};

const struct view *
dataplane_publish(struct dataplane *d, const struct view *view)
{
	const struct view *old = __atomic_exchange_n(&d->view, view, __ATOMIC_ACQ_REL);

	if (d->apart) {
		sched_yield();
		__atomic_store_n(&d->pages, view, __ATOMIC_RELEASE);
	}
	return old;
}

struct rte_rcu_qsbr *
dataplane_qsbr(struct dataplane *d)
{
	return d->qsbr;
}

static void
dataplane_init(struct dataplane *d, bool apart)
{
	size_t size = rte_rcu_qsbr_get_memsize(READERS);

	memset(d, 0, sizeof(*d));
	d->apart = apart;
	d->qsbr = aligned_alloc(64, (size + 63) & ~(size_t)63);
	assert_non_null(d->qsbr);
	assert_int_equal(rte_rcu_qsbr_init(d->qsbr, READERS), 0);
}

/* `endpoints` in each service: the storm reloads with fewer and more. All but every fourth have weight. */
static struct config *
storm_config(uint32_t endpoints)
{
	struct config *c = fixture_config(SERVICES, 4 * SERVICES * ENDPOINTS);
	char name[32], shadow[32], addr[32];
	struct config_service *s;
	uint32_t i, j;

	for (i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		snprintf(addr, sizeof(addr), "10.0.1.%u", i);
		s = fixture_service(c, name, addr, 80);
		for (j = 0; j < endpoints; j++) {
			snprintf(name, sizeof(name), "e%u", j);
			snprintf(shadow, sizeof(shadow), "e%u", j ? 0 : 1);
			snprintf(addr, sizeof(addr), "10.1.%u.%u", i, j);
			fixture_endpoint(s, name, addr, shadow)->weight = j % 4 ? 100 : 0;
		}
	}
	return c;
}

struct reader {
	struct dataplane *dataplane;
	uint32_t id;
	uint32_t stop; /* atomic */
	uint64_t looks, views, wrong;
	const char *what;
};

static bool
wrong(struct reader *r, const char *what)
{
	__atomic_store_n(&r->wrong, r->wrong + 1, __ATOMIC_RELAXED);
	r->what = what;
	return false;
}

static bool
named_is_right(struct reader *r, const struct view *pages, const struct view_service *s,
		uint32_t eid)
{
	const struct view_endpoint *e = view_endpoint_or_null(pages, eid);

	if (!e || e->eid != eid)
		return wrong(r, "a table names an id without page");
	if (!(e->flags & ENDPOINT_PRESENT))
		return wrong(r, "a table names an endpoint that is gone");
	if (e->sid != s->sid)
		return wrong(r, "a table names an endpoint of another service");
	return true;
}

static bool
service_is_right(struct reader *r, const struct view *v, const struct view *pages,
		const struct view_service *s)
{
	const struct view_endpoint *first, *last;
	uint32_t i;

	if (classifier_service(v->classifier, &s->addr, s->protocol, 80) != (int64_t)s->sid)
		return wrong(r, "the classifier does not find the service");
	for (i = 0; i < s->endpoint_count; i++)
		if (!named_is_right(r, pages, s, s->endpoint[i]))
			return false;
	for (i = 0; i < s->maglev->size; i += 3) {
		if (!named_is_right(r, pages, s, s->maglev->eid[i]))
			return false;
		if (!view_endpoint(pages, s->maglev->eid[i])->weight)
			return wrong(r, "a table names an endpoint without weight");
	}
	first = view_endpoint(pages, s->endpoint[0]);
	last = view_endpoint(pages, s->endpoint[s->endpoint_count - 1]);
	if (first->shift != last->shift)
		return wrong(r, "the pair has two shifts");
	return true;
}

static void *
reader_run(void *arg)
{
	struct reader *r = arg;
	struct dataplane *d = r->dataplane;
	const struct view *v, *pages;
	uint64_t generation = 0;
	uint32_t sid = r->id;

	rte_rcu_qsbr_thread_online(d->qsbr, r->id);
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		v = __atomic_load_n(&d->view, __ATOMIC_ACQUIRE);
		pages = d->apart ? __atomic_load_n(&d->pages, __ATOMIC_ACQUIRE) : v;
		if (v->generation < generation)
			wrong(r, "a view is older than the one before");
		r->views += v->generation != generation;
		generation = v->generation;
		sid = (sid + 1) % v->service_count;
		service_is_right(r, v, pages, v->service[sid]);
		r->looks++;
		rte_rcu_qsbr_quiescent(d->qsbr, r->id);
	}
	rte_rcu_qsbr_thread_offline(d->qsbr, r->id);
	return NULL;
}

/* Both ends of the service, which the readers compare. */
static void
change_shift(struct registry *r, struct service *s, uint32_t shift)
{
	registry_set_shift(r, s->endpoint[0], shift, SETTING_RUNTIME);
	registry_set_shift(r, s->endpoint[s->endpoint_count - 1], shift, SETTING_RUNTIME);
}

/* Fewer endpoints, then more: their ids go and others come. The pair's last one has no shift of its own yet. */
static void
change_endpoints(struct registry *r)
{
	uint32_t i;

	assert_int_equal(registry_reload(r,
					 storm_config(ENDPOINTS / 2 +
							 (uint32_t)lrand48() % (ENDPOINTS / 2))),
			0);
	for (i = 0; i < SERVICES; i++)
		change_shift(r, registry_service_at(r, i), (uint32_t)lrand48() & 0xffff);
}

static void
change_something(struct registry *r)
{
	struct service *s = registry_service_at(r, (size_t)lrand48() % SERVICES);
	struct endpoint *e = s->endpoint[1 + (size_t)lrand48() % (s->endpoint_count - 2)];

	switch (lrand48() % 128) {
	case 0:
		change_endpoints(r);
		break;
	case 1 ... 32:
		registry_set_weight(r, e, e->weight ? 0 : 100);
		registry_set_weight(r, s->endpoint[0], 1);
		break;
	case 33 ... 64:
		registry_set_neighbour(r, e, &somewhere, 1500);
		registry_set_health(
				r, e, e->health == HEALTH_UP ? HEALTH_DOWN : HEALTH_UP, "storm");
		break;
	default:
		change_shift(r, s, (uint32_t)lrand48() & 0xffff);
	}
}

struct storm {
	struct dataplane dataplane;
	struct registry *registry;
	struct publisher *publisher;
	struct reader reader[READERS];
	pthread_t thread[READERS];
};

static void
storm_begin(struct storm *s, bool apart)
{
	uint32_t i;

	memset(s, 0, sizeof(*s));
	dataplane_init(&s->dataplane, apart);
	s->registry = registry_create(storm_config(ENDPOINTS), 1);
	assert_non_null(s->registry);
	s->publisher = publisher_create(&s->dataplane, s->registry);
	assert_int_equal(publish_run(s->publisher), 1);
	for (i = 0; i < READERS; i++) {
		s->reader[i] = (struct reader){.dataplane = &s->dataplane, .id = i};
		assert_int_equal(rte_rcu_qsbr_thread_register(s->dataplane.qsbr, i), 0);
		assert_int_equal(pthread_create(&s->thread[i], NULL, reader_run, &s->reader[i]), 0);
	}
}

static void
storm_end(struct storm *s)
{
	uint32_t i;

	for (i = 0; i < READERS; i++)
		__atomic_store_n(&s->reader[i].stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < READERS; i++)
		pthread_join(s->thread[i], NULL);
}

static void
storm_fini(struct storm *s)
{
	publisher_free(s->publisher);
	registry_free(s->registry);
	free(s->dataplane.qsbr);
}

static void
no_reader_sees_half_a_change_in_a_storm_of_them(void **state)
{
	struct publish_stats stats;
	struct storm s;
	uint32_t i;

	srand48(1);
	storm_begin(&s, false);
	for (i = 0; i < CHANGES; i++) {
		change_something(s.registry);
		assert_in_range(publish_run(s.publisher), 0, 1);
		publish_reclaim(s.publisher);
	}
	storm_end(&s);
	publish_reclaim(s.publisher);
	publish_stats(s.publisher, &stats);
	print_message("# %llu views, at most %.3f ms\n", (unsigned long long)stats.published,
			stats.build_ns_max / 1e6);
	for (i = 0; i < READERS; i++) {
		print_message("# reader %u: %llu looks, %llu views\n", i,
				(unsigned long long)s.reader[i].looks,
				(unsigned long long)s.reader[i].views);
		if (s.reader[i].wrong)
			fail_msg("%llu times, lastly: %s", (unsigned long long)s.reader[i].wrong,
					s.reader[i].what);
		assert_true(s.reader[i].views > 20);
	}
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.reclaimed, stats.published - 1);
	storm_fini(&s);
}

static uint64_t
storm_wrong(const struct storm *s)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < READERS; i++)
		n += __atomic_load_n(&s->reader[i].wrong, __ATOMIC_RELAXED);
	return n;
}

/* The control: the fault that one pointer prevents is seen by the same readers. */
static void
two_pointers_swapped_apart_are_noticed(void **state)
{
	struct storm s;
	uint32_t i;

	srand48(1);
	storm_begin(&s, true);
	for (i = 0; i < CHANGES && !storm_wrong(&s); i++) {
		change_something(s.registry);
		publish_run(s.publisher);
		publish_reclaim(s.publisher);
	}
	storm_end(&s);
	print_message("# after %u changes\n", i);
	assert_true(storm_wrong(&s) > 0);
	storm_fini(&s);
}

static void
a_reader_that_hangs_holds_up_memory_and_nothing_else(void **state)
{
	struct dataplane d;
	struct registry *r = registry_create(storm_config(ENDPOINTS), 1);
	struct publish_stats stats;
	struct publisher *p;
	uint32_t i;

	dataplane_init(&d, false);
	p = publisher_create(&d, r);
	rte_rcu_qsbr_thread_register(d.qsbr, 0);
	rte_rcu_qsbr_thread_online(d.qsbr, 0);
	assert_int_equal(publish_run(p), 1);
	assert_int_equal(publish_run(p), 0);
	for (i = 1; i <= 50; i++) {
		change_shift(r, registry_service_at(r, 0), i);
		assert_int_equal(publish_run(p), 1);
		publish_reclaim(p);
	}
	publish_stats(p, &stats);
	assert_int_equal(stats.waiting, 50);
	assert_int_equal(stats.generation, publish_view(p)->generation);
	assert_int_equal(stats.published, 51);
	rte_rcu_qsbr_quiescent(d.qsbr, 0);
	publish_reclaim(p);
	publish_stats(p, &stats);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.reclaimed, 50);
	rte_rcu_qsbr_thread_offline(d.qsbr, 0);
	publisher_free(p);
	registry_free(r);
	free(d.qsbr);
}

static void
views_are_stamped(void **state)
{
	struct dataplane d;
	struct registry *r = registry_create(storm_config(ENDPOINTS), 1);
	const struct view *v;
	struct publisher *p;
	uint64_t generation, tsc;

	dataplane_init(&d, false);
	p = publisher_create(&d, r);
	publish_run(p);
	v = publish_view(p);
	assert_ptr_equal(v, d.view);
	generation = v->generation;
	tsc = v->published_tsc;
	assert_true(tsc > 0);
	change_shift(r, registry_service_at(r, 0), 1);
	publish_run(p);
	v = publish_view(p);
	assert_int_equal(v->generation, generation + 1);
	assert_true(v->published_tsc > tsc);
	publisher_free(p);
	registry_free(r);
	free(d.qsbr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(views_are_stamped),
			cmocka_unit_test(a_reader_that_hangs_holds_up_memory_and_nothing_else),
			cmocka_unit_test(no_reader_sees_half_a_change_in_a_storm_of_them),
			cmocka_unit_test(two_pointers_swapped_apart_are_noticed),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
