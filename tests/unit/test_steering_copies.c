/* SPDX-License-Identifier: Apache-2.0 */
/* What copies tell of a pair: whether the shadow answers as its primary does, and how an old primary would do. */
#include "steering_world.h"

static void
a_shadow_that_answers_otherwise_gets_nothing(void **state)
{
	struct world *w = world_create_mirrored();

	w->different = 0.4;
	seconds(w, 60);
	w->primary_errors = 0.5;
	seconds(w, 60);
	assert_int_equal(w->most, 0);
	assert_true(was_decided_because(w, "shadow_worse", "answers differ: 40 % of "));
	assert_true(was_decided_because(w, "shadow_worse", ", allowed 5 %"));
	w->different = 0;
	assert_true(becomes(w, SHARE_ONE, 60));
	world_free(w);
}

/* Even to a primary that breaches its objective: late answers are better than wrong ones. */
static void
a_shadow_that_begins_to_answer_otherwise_loses_what_it_got(void **state)
{
	struct world *w = world_create_mirrored();

	seconds(w, 60);
	w->primary_errors = 0.5;
	while (w->primary->shift < SHARE_ONE / 10)
		second(w);
	assert_true(w->primary->shift < SHARE_ONE);
	w->different = 0.4;
	assert_true(becomes(w, 0, 20));
	assert_true(was_decided_because(w, "shadow_worse", "answers differ"));
	world_free(w);
}

static void
answers_that_may_differ_stand_in_nobodys_way(void **state)
{
	struct world *w = world_create_mirrored();

	w->policy->verify.answers = 1;
	w->different = 1;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	world_free(w);
}

/* Seen by the copies alone: it serves nobody. */
static void
traffic_returns_to_a_primary_whose_copies_do_well(void **state)
{
	struct world *w = world_create_mirrored();
	int i;

	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	for (i = 0; i < 120; i++) {
		second(w);
		assert_int_equal(w->primary->shift, SHARE_ONE);
	}
	w->primary_errors = 0;
	assert_true(becomes(w, 0, 120));
	assert_true(was_decided(w, "recovered") && !was_decided(w, "relapse"));
	world_free(w);
}

static struct world *
world_of_udp(void)
{
	return world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);
}

/* Where the policy began to mirror, and not the configuration. */
static void
copies_to_an_old_primary_go_on_after_a_restart_and_a_hold(void **state)
{
	struct world *w = world_of_udp();
	json_t *saved;

	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	assert_true(w->primary->policy.mirrors && registry_gets_copies(w->primary));
	saved = registry_state(w->f->g.registry);
	world_free(w);
	w = world_of_udp();
	assert_int_equal(registry_restore(w->f->g.registry, saved), 0);
	json_decref(saved);
	w->primary_errors = 0.5;
	seconds(w, 5);
	assert_true(registry_gets_copies(w->primary));
	steering_hold(w->f->g.steering, w->primary, true);
	second(w);
	steering_hold(w->f->g.steering, w->primary, false);
	seconds(w, 5);
	assert_true(registry_gets_copies(w->primary));
	w->primary_errors = 0;
	assert_true(becomes(w, 0, 120));
	second(w);
	assert_int_equal(w->primary->mirror.share, 0);
	world_free(w);
}

static void
without_copies_it_is_tried_with_traffic(void **state)
{
	struct world *w = world_create_mirrored();
	struct config_mirror *m = (struct config_mirror *)(uintptr_t)&w->primary->config->mirror;

	m->to_primary = false;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	assert_false(registry_gets_copies(w->primary));
	seconds(w, 120);
	assert_true(was_decided(w, "recovered"));
	world_free(w);
}

static void
a_shadow_that_answers_otherwise_after_the_shift_loses_all(void **state)
{
	struct world *w = world_create_mirrored();

	w->policy->dwell_ms = 600000;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	seconds(w, 10);
	/* Who of the two is wrong while the primary fails? */
	w->different = 0.4;
	seconds(w, 30);
	assert_int_equal(w->primary->shift, SHARE_ONE);
	w->primary_errors = 0;
	assert_true(becomes(w, 0, 60));
	assert_true(was_decided_because(w, "shadow_worse", "answers differ"));
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_shadow_that_answers_otherwise_gets_nothing),
			cmocka_unit_test(
					a_shadow_that_begins_to_answer_otherwise_loses_what_it_got),
			cmocka_unit_test(answers_that_may_differ_stand_in_nobodys_way),
			cmocka_unit_test(traffic_returns_to_a_primary_whose_copies_do_well),
			cmocka_unit_test(copies_to_an_old_primary_go_on_after_a_restart_and_a_hold),
			cmocka_unit_test(without_copies_it_is_tried_with_traffic),
			cmocka_unit_test(a_shadow_that_answers_otherwise_after_the_shift_loses_all),
	};

	return cmocka_run_group_tests_name("steering_copies", tests, NULL, NULL);
}
