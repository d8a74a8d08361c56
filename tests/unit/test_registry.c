/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint_walk.h"
#include "registry_fixture.h"

#include "classifier.h"
#include "steer.h"

#include <errno.h>
#include <time.h>

/* Takes the last endpoint of a service, or the last service, out of a configuration. */
static struct config *
without_last_endpoint(struct config *c, size_t service)
{
	struct config_service *s = &c->service[service];
	struct config_endpoint *e = &s->endpoint[--s->endpoint_count];

	free(e->name);
	free(e->zone);
	return c;
}

static struct config *
without_last_service(struct config *c)
{
	fixture_service_free(&c->service[--c->service_count]);
	return c;
}

static void
ids_stay_with_names_over_reloads(void **state)
{
	static const char *const names[][2] = {{"web", "a"}, {"web", "bs"}, {"dns", "a"}};
	struct registry *r = registry_of(two_services());
	struct config *moved = two_services();
	struct config_endpoint swap;
	struct endpoint *e[3];
	uint32_t eid[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		e[i] = registry_endpoint_by_name(r, names[i][0], names[i][1]);
		eid[i] = e[i]->eid;
		assert_ptr_equal(registry_endpoint_by_id(r, eid[i]), e[i]);
	}
	swap = moved->service[0].endpoint[0];
	moved->service[0].endpoint[0] = moved->service[0].endpoint[4];
	moved->service[0].endpoint[4] = swap;
	assert_int_equal(registry_reload(r, moved), 0);
	for (i = 0; i < 3; i++) {
		assert_ptr_equal(registry_endpoint_by_name(r, names[i][0], names[i][1]), e[i]);
		assert_int_equal(e[i]->eid, eid[i]);
		assert_ptr_equal(registry_endpoint_by_id(r, eid[i]), e[i]);
		assert_string_equal(e[i]->config->name, names[i][1]);
		assert_true(e[i]->resolved);
	}
	assert_ptr_equal(registry_service_by_id(r, 1), registry_service_by_name(r, "dns"));
	finish(r, NULL);
}

static uint64_t
flows_of(void *arg, uint32_t eid)
{
	const uint64_t *flows = arg;

	return flows[eid];
}

static void
a_removed_id_rests_until_its_flows_are_gone(void **state)
{
	struct registry *r = registry_of(two_services());
	const struct view *v = NULL;
	uint64_t flows[256] = {0};
	uint32_t eid;
	uint16_t epoch;

	registry_set_active_flows(r, flows_of, flows);
	eid = registry_endpoint_by_name(r, "web", "bs")->eid;
	epoch = registry_endpoint_by_name(r, "web", "bs")->epoch;
	next_view(r, &v);
	assert_true(view_endpoint(v, eid)->flags & ENDPOINT_PRESENT);

	flows[eid] = 1;
	assert_int_equal(registry_reload(r, without_last_endpoint(two_services(), 0)), 0);
	assert_null(registry_endpoint_by_id(r, eid));
	/* Not in the build that removes it, even without flows. */
	flows[eid] = 0;
	assert_int_equal(registry_reload(r, two_services()), 0);
	assert_int_not_equal(registry_endpoint_by_name(r, "web", "bs")->eid, eid);
	next_view(r, &v);
	assert_false(view_endpoint(v, eid)->flags & ENDPOINT_PRESENT);
	assert_int_equal(view_endpoint(v, eid)->epoch, epoch); /* its flows go on */
	assert_int_equal(view_endpoint(v, eid)->eid, eid);
	assert_true(ip_equal(&view_endpoint(v, eid)->ip,
			&(struct ip_addr){.w = {0, 0, IP_V4_MARK, htonl(0x0a000016)}}));

	/* Not while there are flows. */
	flows[eid] = 1;
	assert_int_equal(registry_reload(r, without_last_endpoint(two_services(), 0)), 0);
	next_view(r, &v);
	assert_int_equal(registry_reload(r, two_services()), 0);
	assert_int_not_equal(registry_endpoint_by_name(r, "web", "bs")->eid, eid);

	/* But then, with an epoch that no flow knows. */
	flows[eid] = 0;
	assert_int_equal(registry_reload(r, without_last_endpoint(two_services(), 0)), 0);
	next_view(r, &v);
	assert_int_equal(registry_reload(r, two_services()), 0);
	assert_int_equal(registry_endpoint_by_name(r, "web", "bs")->eid, eid);
	next_view(r, &v);
	assert_true(view_endpoint(v, eid)->flags & ENDPOINT_PRESENT);
	assert_true(view_endpoint(v, eid)->epoch > epoch);
	finish(r, v);
}

static void
a_removed_service_leaves_the_view(void **state)
{
	struct registry *r = registry_of(two_services());
	struct ip_addr vip = fixture_addr("10.0.0.100");
	const struct view *v = NULL;

	next_view(r, &v);
	assert_int_equal(classifier_service(v->classifier, &vip, IPPROTO_UDP, 53), 1);
	assert_int_equal(classifier_service(v->classifier, &vip, IPPROTO_TCP, 80), 0);
	assert_int_equal(registry_reload(r, without_last_service(two_services())), 0);
	next_view(r, &v);
	assert_int_equal(classifier_service(v->classifier, &vip, IPPROTO_UDP, 53), -1);
	assert_null(v->service[1]);
	assert_non_null(v->service[0]);
	assert_int_equal(registry_reload(r, two_services()), 0);
	assert_int_equal(registry_service_by_name(r, "dns")->sid, 1);
	finish(r, v);
}

static void
another_address_is_another_server(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *e = registry_endpoint_by_name(r, "web", "b");
	struct config *c = two_services();
	uint32_t eid = e->eid;

	assert_int_equal(registry_set_shift(r, e, 100, SETTING_RUNTIME), 0);
	c->service[0].endpoint[1].addr = fixture_addr("10.0.0.99");
	assert_int_equal(registry_reload(r, c), 0);
	e = registry_endpoint_by_name(r, "web", "b");
	assert_int_not_equal(e->eid, eid);
	assert_null(registry_endpoint_by_id(r, eid));
	assert_false(e->resolved);
	assert_int_equal(e->shift, 100);
	finish(r, NULL);
}

static void
too_few_ids_refuse_a_reload_and_change_nothing(void **state)
{
	struct config *c = two_services();
	struct registry *r;

	c->limits.endpoints = 6;
	r = registry_of(c);
	assert_int_equal(registry_reload(r, without_last_endpoint(two_services(), 0)), 0);
	assert_int_equal(registry_reload(r, two_services()), -ENOSPC);
	assert_int_equal(registry_service_by_name(r, "web")->endpoint_count, 4);
	assert_ptr_equal(registry_endpoint_by_name(r, "web", "b")->config,
			&registry_config(r)->service[0].endpoint[1]);
	finish(r, NULL);
}

static void
runtime_settings_survive_unless_the_file_changes_them(void **state)
{
	static const struct {
		const char *name;
		uint32_t set, file_then; /* the file said 0 before */
		uint32_t result;
		enum setting_source source;
	} cases[] = {
			{"set, file as before", 500, 0, 500, SETTING_RUNTIME},
			{"set, file changed", 500, 700, 700, SETTING_FILE},
			{"set, file changed to the same", 500, 500, 500, SETTING_FILE},
			{"not set, file changed", 0, 700, 700, SETTING_FILE},
	};
	struct config_mirror mirror = {.share = 5, .shadows = 1};
	struct registry *r;
	struct endpoint *e;
	struct config *c;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = registry_of(two_services());
		e = registry_endpoint_by_name(r, "web", "a");
		registry_set_shift(r, e, cases[i].set, SETTING_RUNTIME);
		registry_set_drain(r, e, true, SETTING_RUNTIME);
		registry_set_mirror(r, e, &mirror, SETTING_RUNTIME);
		registry_set_weight(r, e, 7);
		c = two_services();
		c->service[0].endpoint[0].shift = cases[i].file_then;
		assert_int_equal(registry_reload(r, c), 0);
		if (e->shift != cases[i].result || e->shift_source != cases[i].source)
			fail_msg("%s: shift %u from %d", cases[i].name, e->shift, e->shift_source);
		assert_true(e->drain);
		assert_int_equal(e->drain_source, SETTING_RUNTIME);
		assert_int_equal(e->mirror.share, 5);
		assert_int_equal(e->weight, 100);
		finish(r, NULL);
	}
}

static void
a_mirrored_primary_gets_copies_once_all_is_shifted(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *e = registry_endpoint_by_name(r, "web", "a");
	struct config_mirror mirror = {.share = 5, .shadows = 1}, none = {.shadows = 1};
	struct config_endpoint *file = (struct config_endpoint *)(uintptr_t)e->config;

	file->mirror.to_primary = true;
	assert_int_equal(registry_set_mirror(r, e, &mirror, SETTING_RUNTIME), 0);
	assert_int_equal(registry_set_shift(r, e, SHARE_ONE - 1, SETTING_RUNTIME), 0);
	assert_false(registry_gets_copies(e));
	assert_int_equal(registry_set_shift(r, e, SHARE_ONE, SETTING_RUNTIME), 0);
	assert_true(registry_gets_copies(e));
	registry_set_drain(r, e, true, SETTING_RUNTIME);
	assert_false(registry_gets_copies(e));
	registry_set_drain(r, e, false, SETTING_RUNTIME);
	file->mirror.to_primary = false;
	assert_false(registry_gets_copies(e));
	file->mirror.to_primary = true;
	assert_int_equal(registry_set_mirror(r, e, &none, SETTING_RUNTIME), 0);
	assert_false(registry_gets_copies(e));
	finish(r, NULL);
}

static void
settings_out_of_range_are_refused(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *a = registry_endpoint_by_name(r, "web", "a");
	struct endpoint *as = registry_endpoint_by_name(r, "web", "as");
	struct config_mirror mirror = {.share = SHARE_ONE + 1};

	assert_int_equal(registry_set_shift(r, a, SHARE_ONE + 1, SETTING_RUNTIME), -EINVAL);
	assert_int_equal(registry_set_shift(r, as, 1, SETTING_RUNTIME), -ENOENT);
	assert_int_equal(registry_set_shift(r, as, 0, SETTING_RUNTIME), 0);
	assert_int_equal(registry_set_mirror(r, a, &mirror, SETTING_RUNTIME), -EINVAL);
	mirror.share = 1;
	assert_int_equal(registry_set_mirror(r, as, &mirror, SETTING_RUNTIME), -ENOENT);
	assert_int_equal(registry_set_weight(r, a, 65536), -EINVAL);
	assert_int_equal(a->shift, 0);
	finish(r, NULL);
}

static void
a_suspect_is_marked_and_keeps_its_flows(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *e = registry_endpoint_by_name(r, "web", "a");
	const struct view *v = NULL;
	uint16_t epoch = e->epoch, flags;

	next_view(r, &v);
	flags = view_endpoint(v, e->eid)->flags;
	registry_set_suspect(r, e, true);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, e->eid)->flags, flags | ENDPOINT_SUSPECT);
	assert_int_equal(view_endpoint(v, e->eid)->epoch, epoch);
	registry_set_suspect(r, e, false);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, e->eid)->flags, flags);
	finish(r, v);
}

/* What a client that tries closed ports of every endpoint brings about. */
static void
suspects_serve_when_there_is_nobody_else(void **state)
{
	struct registry *r = registry_of(two_services());
	struct service *s = registry_service_by_name(r, "web");
	const struct view *v = NULL;
	struct ip_addr client = {0};
	struct steer_result got;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++)
		registry_set_suspect(r, s->endpoint[i], true);
	next_view(r, &v);
	got = steer(v, v->service[s->sid], &client, 1);
	assert_int_equal(got.reason, STEER_PRIMARY);
	assert_int_equal(got.eid, got.primary);
	finish(r, v);
}

static void
a_suspect_shadow_stands_behind_one_that_is_not(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *a = registry_endpoint_by_name(r, "web", "a");
	struct endpoint *as = registry_endpoint_by_name(r, "web", "as");
	struct endpoint *at = registry_endpoint_by_name(r, "web", "at");
	const struct view *v = NULL;

	next_view(r, &v);
	assert_int_equal(view_endpoint(v, a->eid)->standby, as->eid);
	registry_set_suspect(r, as, true);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, a->eid)->standby, at->eid);
	registry_set_suspect(r, at, true);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, a->eid)->standby, as->eid);
	registry_set_health(r, at, HEALTH_DOWN, "test");
	registry_set_suspect(r, at, false);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, a->eid)->standby, as->eid);
	finish(r, v);
}

static void
epochs_change_when_flows_must_move(void **state)
{
	struct registry *r = registry_of(two_services());
	struct endpoint *e = registry_endpoint_by_name(r, "web", "a");
	const struct view *v = NULL;
	uint16_t epoch = e->epoch;

	next_view(r, &v);
	registry_set_health(r, e, HEALTH_UP, "check");
	assert_int_equal(e->epoch, epoch);
	registry_set_health(r, e, HEALTH_DOWN, "refused");
	assert_int_equal(e->epoch, ++epoch);
	registry_set_health(r, e, HEALTH_DOWN, "refused again");
	registry_set_neighbour(r, e, NULL, 0);
	assert_int_equal(e->epoch, epoch);
	assert_string_equal(e->health_reason, "refused again");
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, e->eid)->epoch, epoch);
	assert_false(view_endpoint(v, e->eid)->flags & (ENDPOINT_UP | ENDPOINT_RESOLVED));
	registry_set_health(r, e, HEALTH_UP, "check");
	assert_false(registry_endpoint_is_up(e));
	registry_set_neighbour(r, e, &somewhere, 1500);
	assert_true(registry_endpoint_is_up(e));
	assert_int_equal(e->epoch, epoch);
	registry_set_neighbour(r, e, NULL, 0);
	assert_int_equal(e->epoch, ++epoch);
	registry_set_neighbour(r, e, &somewhere, 1500);
	registry_set_drain(r, e, true, SETTING_RUNTIME);
	assert_int_equal(e->epoch, epoch);
	next_view(r, &v);
	assert_int_equal(view_endpoint(v, e->eid)->epoch, epoch);
	finish(r, v);
}

static void
failing_over_moves_live_and_new_flows(void **state)
{
	struct config *c = two_services();
	struct endpoint *a, *b, *dns;
	const struct view *v = NULL;
	struct registry *r;
	uint16_t epoch;

	c->service[0].down = DOWN_KEEP;
	r = registry_of(c);
	a = registry_endpoint_by_name(r, "web", "a");
	b = registry_endpoint_by_name(r, "web", "b");
	dns = registry_endpoint_by_name(r, "dns", "a");
	epoch = a->epoch;
	assert_int_equal(registry_fail_over(r, a), 0);
	assert_int_equal(a->shift, SHARE_ONE);
	assert_int_equal(a->epoch, epoch + 1);
	next_view(r, &v);
	assert_true(view_endpoint(v, a->eid)->flags & ENDPOINT_RESET_ESTABLISHED);
	assert_true(view_endpoint(v, a->eid)->flags & ENDPOINT_UP);
	registry_set_shift(r, a, 0, SETTING_RUNTIME);
	next_view(r, &v);
	assert_false(view_endpoint(v, a->eid)->flags & ENDPOINT_RESET_ESTABLISHED);

	/* Without its shadow the others must take them; without others it is refused. */
	registry_set_health(r, registry_endpoint_by_name(r, "web", "bs"), HEALTH_DOWN, "");
	assert_int_equal(registry_fail_over(r, b), 0);
	assert_true(b->drain);
	assert_int_equal(b->shift, 0);
	epoch = dns->epoch;
	assert_int_equal(registry_fail_over(r, dns), -EHOSTUNREACH);
	assert_int_equal(dns->epoch, epoch);
	assert_false(dns->drain);
	finish(r, v);
}

static void
a_complete_shift_ends_old_flows_once_if_told_to(void **state)
{
	struct config *c = two_services();
	struct endpoint *e, *as, *at;
	struct registry *r;
	uint16_t epoch;

	c->service[0].established = ESTABLISHED_RESET_AFTER;
	r = registry_of(c);
	e = registry_endpoint_by_name(r, "web", "a");
	as = registry_endpoint_by_name(r, "web", "as");
	at = registry_endpoint_by_name(r, "web", "at");
	epoch = e->epoch;
	registry_set_health(r, as, HEALTH_DOWN, "");
	registry_set_health(r, at, HEALTH_DOWN, "");
	registry_set_shift(r, e, SHARE_ONE, SETTING_RUNTIME);
	assert_int_equal(e->epoch, epoch);
	registry_set_health(r, at, HEALTH_UP, "");
	assert_int_equal(e->epoch, ++epoch);
	registry_set_health(r, as, HEALTH_UP, "");
	registry_set_health(r, as, HEALTH_DOWN, "");
	registry_set_health(r, at, HEALTH_DOWN, "");
	registry_set_health(r, at, HEALTH_UP, "");
	assert_int_equal(e->epoch, epoch);
	registry_set_shift(r, e, SHARE_ONE - 1, SETTING_RUNTIME);
	assert_int_equal(e->epoch, epoch);
	registry_set_shift(r, e, SHARE_ONE, SETTING_RUNTIME);
	assert_int_equal(e->epoch, ++epoch);
	finish(r, NULL);
}

static void
the_standby_is_the_first_shadow_that_can_take_flows(void **state)
{
	static const struct {
		bool as_up, at_up, as_drain;
		const char *standby;
	} cases[] = {
			{true, true, false, "as"},
			{false, true, false, "at"},
			{true, false, false, "as"},
			{false, false, false, "as"},
			{true, true, true, "at"},
	};
	struct registry *r = registry_of(two_services());
	struct endpoint *as = registry_endpoint_by_name(r, "web", "as");
	struct endpoint *at = registry_endpoint_by_name(r, "web", "at");
	struct endpoint *a = registry_endpoint_by_name(r, "web", "a");
	const struct view *v = NULL;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		registry_set_health(r, as, cases[i].as_up ? HEALTH_UP : HEALTH_DOWN, "");
		registry_set_health(r, at, cases[i].at_up ? HEALTH_UP : HEALTH_DOWN, "");
		registry_set_drain(r, as, cases[i].as_drain, SETTING_RUNTIME);
		next_view(r, &v);
		assert_int_equal(view_endpoint(v, a->eid)->standby,
				registry_endpoint_by_name(r, "web", cases[i].standby)->eid);
	}
	assert_int_equal(view_endpoint(v, as->eid)->standby, ENDPOINT_NONE);
	finish(r, v);
}

static void
health_without_a_result_counts_as_the_check_says(void **state)
{
	struct config *c = two_services();
	struct registry *r;
	struct endpoint *a;

	c->service[0].endpoint[0].check.kind = CHECK_TCP;
	r = registry_of(c);
	a = registry_endpoint_by_name(r, "web", "a");
	assert_false(registry_endpoint_is_up(a));
	assert_true(registry_endpoint_is_up(registry_endpoint_by_name(r, "web", "b")));
	registry_set_health(r, a, HEALTH_DOWN, "refused");

	/* Losing its check it has no health; getting one it stays up until that fails. */
	assert_int_equal(registry_reload(r, two_services()), 0);
	assert_int_equal(a->health, HEALTH_UNKNOWN);
	assert_true(registry_endpoint_is_up(a));
	c = two_services();
	c->service[0].endpoint[0].check.kind = CHECK_TCP;
	assert_int_equal(registry_reload(r, c), 0);
	assert_int_equal(a->health, HEALTH_UP);
	assert_true(registry_endpoint_is_up(a));
	finish(r, NULL);
}

static void
state_comes_back_after_a_restart(void **state)
{
	struct config_mirror mirror = {.share = 5, .shadows = 1, .pps = 7, .bps = 1000000000000};
	struct registry *r = registry_of(two_services());
	struct config *changed = two_services();
	struct endpoint *a = registry_endpoint_by_name(r, "web", "a");
	json_t *saved, *again;

	registry_set_shift(r, a, 32768, SETTING_RUNTIME);
	registry_set_mirror(r, a, &mirror, SETTING_RUNTIME);
	registry_set_drain(r, registry_endpoint_by_name(r, "dns", "a"), true, SETTING_RUNTIME);
	saved = registry_state(r);
	assert_non_null(saved);
	finish(r, NULL);

	r = registry_of(two_services());
	assert_int_equal(registry_restore(r, saved), 0);
	a = registry_endpoint_by_name(r, "web", "a");
	assert_int_equal(a->shift, 32768);
	assert_int_equal(a->shift_source, SETTING_RUNTIME);
	assert_int_equal(a->mirror.bps, 1000000000000);
	assert_true(registry_endpoint_by_name(r, "dns", "a")->drain);
	again = registry_state(r);
	assert_true(json_equal(saved, again));
	json_decref(again);
	finish(r, NULL);

	/* A file that changed the key meanwhile wins. */
	changed->service[0].endpoint[0].shift = 100;
	r = registry_of(changed);
	assert_int_equal(registry_restore(r, saved), 0);
	a = registry_endpoint_by_name(r, "web", "a");
	assert_int_equal(a->shift, 100);
	assert_int_equal(a->mirror.share, 5);
	json_decref(saved);
	finish(r, NULL);
}

static void
state_that_was_not_written_here_is_refused_whole(void **state)
{
	static const char *const bad[] = {
			"{}",
			"{\"version\": 2, \"services\": {}}",
			"{\"version\": 1, \"services\": []}",
			"{\"version\": 1, \"services\": {\"web\": []}}",
			"{\"version\": 1, \"services\": {\"web\": {\"a\": 1}}}",
			"{\"version\": 1, \"services\": {\"web\": {\"b\": {\"drain\": {\"value\": "
			"true, \"file\": false}},"
			" \"a\": {\"shift\": {\"value\": 65537, \"file\": 0}}}}}",
			"{\"version\": 1, \"services\": {\"web\": {\"a\": {\"shift\": {\"value\": "
			"-1, \"file\": 0}}}}}",
			"{\"version\": 1, \"services\": {\"web\": {\"a\": {\"drain\": {\"value\": "
			"1, \"file\": 0}}}}}",
			"{\"version\": 1, \"services\": {\"web\": {\"a\": {\"mirror\": {\"value\": "
			"{}, \"file\": {}}}}}}",
	};
	struct registry *r = registry_of(two_services());
	json_t *unknown, *o;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o = json_loads(bad[i], 0, NULL);
		assert_non_null(o);
		assert_int_equal(registry_restore(r, o), -EINVAL);
		json_decref(o);
	}
	assert_false(registry_endpoint_by_name(r, "web", "b")->drain);
	unknown = json_loads("{\"version\": 1, \"services\": {\"x\": {}, \"web\": {\"x\": 1}}}", 0,
			NULL);
	assert_int_equal(registry_restore(r, unknown), 0);
	json_decref(unknown);
	finish(r, NULL);
}

static void
a_walk_that_two_reloads_cut_short_is_stale_wherever_the_configuration_lies(void **state)
{
	struct registry *r = registry_of(registry_fixture_put(two_services(), 0));
	struct endpoint_walk walk;

	endpoint_walk_init(&walk, r, NULL);
	assert_false(endpoint_walk_stale(&walk));
	assert_int_equal(registry_reload(r, registry_fixture_put(two_services(), 1)), 0);
	assert_true(endpoint_walk_stale(&walk));
	assert_int_equal(registry_reload(r, registry_fixture_put(two_services(), 0)), 0);
	assert_true(endpoint_walk_stale(&walk));
	registry_free(r);
}

static void
names_are_found_in_any_order_and_after_reloads(void **state)
{
	struct registry *r = registry_of(two_services());
	static const char *const web[] = {"a", "b", "as", "at", "bs"};
	struct config *c;
	size_t i;

	for (i = 0; i < 5; i++)
		assert_string_equal(
				registry_endpoint_by_name(r, "web", web[i])->config->name, web[i]);
	assert_string_equal(registry_service_by_name(r, "dns")->config->name, "dns");
	assert_null(registry_endpoint_by_name(r, "web", "c"));
	assert_null(registry_endpoint_by_name(r, "web", ""));
	assert_null(registry_endpoint_by_name(r, "we", "a"));
	c = without_last_endpoint(two_services(), 0);
	fixture_endpoint(&c->service[0], "0", "10.0.0.51", NULL);
	fixture_service(c, "alone", "10.0.0.100", 99);
	assert_int_equal(registry_reload(r, c), 0);
	assert_null(registry_endpoint_by_name(r, "web", "bs"));
	assert_string_equal(registry_endpoint_by_name(r, "web", "0")->config->name, "0");
	assert_string_equal(
			registry_endpoint_by_name(r, "web", "a")->shadow[0]->config->name, "as");
	assert_int_equal(registry_service_by_name(r, "alone")->endpoint_count, 0);
	assert_null(registry_endpoint_by_name(r, "alone", "a"));
	registry_free(r);
}

#define CROWD 10000
#define NAMES_MS_MAX 60 /* of CPU; looking through them all takes 100 or more */

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct config *
crowd_from(unsigned first)
{
	struct config *c = fixture_config(16, CROWD);
	struct config_service *s = fixture_service(c, "web", "10.0.0.100", 80);
	char name[32], address[32];
	unsigned i;

	for (i = first; i < CROWD; i++) {
		snprintf(name, sizeof(name), "web%u", i * 7919 % CROWD);
		snprintf(address, sizeof(address), "10.1.%u.%u", i / 256, i % 256);
		fixture_endpoint(s, name, address, NULL);
	}
	return c;
}

/* As restoring as many models does; and a reload after which all stand elsewhere. */
static void
ten_thousand_names_are_not_looked_through_for_each(void **state)
{
	struct config *c = crowd_from(0), *less = crowd_from(1);
	struct registry *r;
	char name[32];
	double begun = cpu_ms(), made, found, reloaded;
	unsigned i;

	r = registry_create(c, 2);
	assert_non_null(r);
	made = cpu_ms();
	for (i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "web%u", i);
		assert_non_null(registry_endpoint_by_name(r, "web", name));
	}
	found = cpu_ms();
	assert_int_equal(registry_reload(r, less), 0);
	reloaded = cpu_ms();
	printf("# %d endpoints: made in %.1f ms, found in %.1f ms, reloaded in %.1f ms\n", CROWD,
			made - begun, found - made, reloaded - found);
	assert_true(found - made < NAMES_MS_MAX && reloaded - found < NAMES_MS_MAX);
	assert_null(registry_endpoint_by_name(r, "web", "web0"));
	registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(names_are_found_in_any_order_and_after_reloads),
			cmocka_unit_test(ten_thousand_names_are_not_looked_through_for_each),
			cmocka_unit_test(
					a_walk_that_two_reloads_cut_short_is_stale_wherever_the_configuration_lies),
			cmocka_unit_test(ids_stay_with_names_over_reloads),
			cmocka_unit_test(a_removed_id_rests_until_its_flows_are_gone),
			cmocka_unit_test(a_removed_service_leaves_the_view),
			cmocka_unit_test(another_address_is_another_server),
			cmocka_unit_test(too_few_ids_refuse_a_reload_and_change_nothing),
			cmocka_unit_test(runtime_settings_survive_unless_the_file_changes_them),
			cmocka_unit_test(a_mirrored_primary_gets_copies_once_all_is_shifted),
			cmocka_unit_test(settings_out_of_range_are_refused),
			cmocka_unit_test(a_suspect_is_marked_and_keeps_its_flows),
			cmocka_unit_test(suspects_serve_when_there_is_nobody_else),
			cmocka_unit_test(a_suspect_shadow_stands_behind_one_that_is_not),
			cmocka_unit_test(epochs_change_when_flows_must_move),
			cmocka_unit_test(failing_over_moves_live_and_new_flows),
			cmocka_unit_test(a_complete_shift_ends_old_flows_once_if_told_to),
			cmocka_unit_test(the_standby_is_the_first_shadow_that_can_take_flows),
			cmocka_unit_test(health_without_a_result_counts_as_the_check_says),
			cmocka_unit_test(state_comes_back_after_a_restart),
			cmocka_unit_test(state_that_was_not_written_here_is_refused_whole),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
