/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_fixture.h"

#include "classifier.h"
#include "steer.h"

#include <errno.h>
#include <math.h>
#include <sys/socket.h>
#include <time.h>

/* Allowed on machines that are busy or emulated. */
#define TIME_FACTOR 10

struct shared {
	uint32_t services, pages, tables;
};

/* How much of `v` is not in the arrays of the view before. */
static struct shared
fresh_blocks(const struct view *v, const void *const *service, const void *const *page,
		const void *const *table)
{
	struct shared n = {0};
	uint32_t i;

	for (i = 0; i < v->service_count; i++) {
		n.services += v->service[i] != service[i];
		n.tables += v->service[i]->maglev != table[i];
	}
	for (i = 0; i < v->page_count; i++)
		n.pages += v->page[i] != page[i];
	return n;
}

/* Builds the next view and tells what of it is new. */
static struct shared
change(struct registry *r, const struct view **v)
{
	const void *service[64], *page[64], *table[64];
	uint32_t i;

	for (i = 0; i < (*v)->service_count; i++) {
		service[i] = (*v)->service[i];
		table[i] = (*v)->service[i]->maglev;
	}
	for (i = 0; i < (*v)->page_count; i++)
		page[i] = (*v)->page[i];
	next_view(r, v);
	return fresh_blocks(*v, service, page, table);
}

static void
a_change_builds_only_what_changed(void **state)
{
	struct registry *r = registry_of(many(20, 20));
	struct endpoint *e = registry_endpoint_by_name(r, "service-7", "endpoint-2");
	const struct view *v = NULL;
	const struct classifier *classifier;
	struct shared n;
	uint64_t generation;

	next_view(r, &v);
	classifier = v->classifier;
	generation = v->generation;
	assert_null(registry_build_view(r));
	assert_int_equal(errno, 0);

	registry_set_shift(r, e, 1000, SETTING_RUNTIME);
	n = change(r, &v);
	assert_int_equal(n.services, 0);
	assert_int_equal(n.pages, 1);
	assert_int_equal(view_endpoint(v, e->eid)->shift, 1000);
	assert_ptr_equal(v->classifier, classifier);
	assert_int_equal(v->generation, generation + 1);

	registry_set_weight(r, e, 1);
	n = change(r, &v);
	assert_int_equal(n.services, 1);
	assert_int_equal(n.tables, 1);
	assert_int_equal(n.pages, 1);
	assert_ptr_equal(v->classifier, classifier);

	/* The same file again: only the weight, which is the file's again. */
	assert_int_equal(registry_reload(r, many(20, 20)), 0);
	n = change(r, &v);
	assert_int_equal(n.services, 1);
	assert_int_equal(n.tables, 1);
	assert_int_equal(n.pages, 1);
	finish(r, v);
}

static void
weights_of_all_kinds_make_tables(void **state)
{
	static const struct {
		uint32_t a, b;
		uint32_t size;
	} cases[] = {{100, 100, 4099}, {1, 100, 4099}, {1, 1000, 20011}, {1, 65535, 65537},
			{0, 5, 4099}, {0, 0, 0}};
	struct registry *r = registry_of(two_services());
	const struct view *v = NULL;
	const struct maglev *m;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		registry_set_weight(r, registry_endpoint_by_name(r, "web", "a"), cases[i].a);
		registry_set_weight(r, registry_endpoint_by_name(r, "web", "b"), cases[i].b);
		next_view(r, &v);
		m = v->service[0]->maglev;
		assert_int_equal(m ? m->size : 0, cases[i].size);
	}
	finish(r, v);
}

static void
endpoints_are_in_the_view_as_configured(void **state)
{
	struct config *c = two_services();
	const struct view_endpoint *e;
	const struct view_service *s;
	const struct view *v = NULL;
	struct endpoint *b;
	struct registry *r;

	c->service[0].endpoint[1].port = 8080;
	c->service[0].endpoint[1].mirror =
			(struct config_mirror){.share = 9, .shadows = 3, .pps = 3, .bps = 80};
	c->service[0].down = DOWN_KEEP;
	c->service[0].cohort = fixture_grow(NULL, 0, sizeof(struct config_cohort));
	c->service[0].cohort_count = 1;
	c->service[0].cohort[0].side = COHORT_SHADOW;
	ip_prefix_parse("10.9.0.0/16", &c->service[0].cohort[0].source);
	c->service[1].per_request = true;
	r = registry_of(c);
	b = registry_endpoint_by_name(r, "web", "b");
	next_view(r, &v);
	e = view_endpoint(v, b->eid);
	assert_memory_equal(e->l2.dst, somewhere.dst, 6);
	assert_int_equal(e->ip4_be, htonl(0x0a00000c));
	assert_int_equal(e->port_be, htons(8080));
	assert_int_equal(e->mtu, 1500);
	assert_int_equal(e->flags, ENDPOINT_PRESENT | ENDPOINT_UP | ENDPOINT_RESOLVED);
	assert_int_equal(e->mirror_share, 9);
	assert_int_equal(e->mirror_count, 1);
	assert_int_equal(e->mirror_pps, 2); /* of two lcores, rounded up */
	assert_int_equal(e->mirror_bytes_ps, 5);
	assert_int_equal(e->weight, 100);
	s = v->service[0];
	assert_int_equal(s->cohort_count, 1);
	assert_int_equal(s->cohort[0].side, COHORT_SHADOW);
	assert_int_equal(s->cohort[0].source.len, 16);
	assert_int_equal(s->endpoint_count, 5);
	assert_int_equal(s->endpoint[1], b->eid);
	assert_int_equal(v->service[1]->flags, SERVICE_PER_REQUEST);
	assert_true(view_endpoint(v, v->service[1]->endpoint[0])->flags &
			ENDPOINT_RESET_ESTABLISHED);
	finish(r, v);
}

static void
local_addresses_keep_their_index(void **state)
{
	struct ip_addr a = fixture_addr("10.0.0.3"), b = fixture_addr("10.0.0.4");
	struct config *c = two_services();
	const struct view *v = NULL;
	struct registry *r;
	bool active;

	fixture_local(c, "10.0.0.3");
	fixture_local(c, "fd00::3");
	r = registry_of(c);
	next_view(r, &v);
	assert_int_equal(v->local4_count, 1);
	assert_int_equal(v->local6_count, 1);
	c = two_services();
	fixture_local(c, "10.0.0.4");
	assert_int_equal(registry_reload(r, c), 0);
	next_view(r, &v);
	assert_int_equal(v->local4_count, 2);
	assert_true(ip_equal(&v->local4[0], &a) && ip_equal(&v->local4[1], &b));
	assert_int_equal(v->local4_active[0], 0);
	assert_int_equal(v->local4_active[1], 1);
	assert_int_equal(v->local6_active[0], 0);
	assert_int_equal(classifier_local4_lookup(classifier_local4(v->classifier), ip_v4_be(&a)),
			0);
	assert_int_equal(classifier_address(v->classifier, &b).index, 1);
	assert_int_equal(registry_local_count(r, AF_INET), 2);
	registry_local_at(r, AF_INET, 0, &active);
	assert_false(active);
	finish(r, v);
}

static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median of the CPU time of 101 changes among 1,000 services of 100 endpoints. */
static double
change_ms(struct registry *r, const struct view **v, bool weight)
{
	double ms[101], begin;
	struct endpoint *e;
	uint32_t i;

	for (i = 0; i < 101; i++) {
		e = registry_service_at(r, i * 9)->endpoint[i & 98];
		begin = cpu_ms();
		if (weight)
			registry_set_weight(r, e, 50 + i);
		else
			registry_set_shift(r, e, 1000 + i, SETTING_RUNTIME);
		next_view(r, v);
		ms[i] = cpu_ms() - begin;
	}
	qsort(ms, 101, sizeof(ms[0]), compare);
	return ms[50];
}

static void
one_change_among_a_thousand_services_is_cheap(void **state)
{
	struct registry *r = registry_of(many(1000, 100));
	const struct view *v = NULL;
	double begin = cpu_ms(), ms;

	next_view(r, &v);
	print_message("# all of 1,000 x 100: %.1f ms\n", cpu_ms() - begin);
	ms = change_ms(r, &v, false);
	print_message("# a shift: %.3f ms\n", ms);
	assert_true(ms < 1.0 * TIME_FACTOR);
	ms = change_ms(r, &v, true);
	print_message("# a weight: %.3f ms\n", ms);
	assert_true(ms < 3.0 * TIME_FACTOR);
	begin = cpu_ms();
	assert_int_equal(registry_reload(r, many(1000, 100)), 0);
	next_view(r, &v);
	print_message("# a reload that takes the weights back: %.1f ms\n", cpu_ms() - begin);
	finish(r, v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_change_builds_only_what_changed),
			cmocka_unit_test(weights_of_all_kinds_make_tables),
			cmocka_unit_test(endpoints_are_in_the_view_as_configured),
			cmocka_unit_test(local_addresses_keep_their_index),
			cmocka_unit_test(one_change_among_a_thousand_services_is_cheap),
	};

	return cmocka_run_group_tests_name("registry_view", tests, NULL, NULL);
}
