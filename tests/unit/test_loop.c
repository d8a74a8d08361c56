/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
	struct loop *loop;
	struct loop_watch *self, *other;
	int fd;
	unsigned calls, stop_after;
	uint64_t at_ms;
};

static void
count(void *arg)
{
	struct probe *p = arg;

	p->calls++;
	p->at_ms = loop_now_ms();
	if (p->calls == p->stop_after)
		loop_stop(p->loop);
}

static void
count_and_unwatch_both(void *arg)
{
	struct probe *p = arg;

	p->calls++;
	loop_unwatch(p->other);
	loop_unwatch(p->self);
	loop_unwatch(p->self);
	loop_stop(p->loop);
}

static void
a_timer_fires_first_and_then_every_period(void **state)
{
	struct loop *l = loop_create();
	struct probe p = {.loop = l, .stop_after = 4};
	uint64_t start = loop_now_ms();
	struct loop_watch *w = loop_timer(l, 30, 5, count, &p);

	assert_non_null(w);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(p.calls, 4);
	assert_true(p.at_ms - start >= 44);
	loop_unwatch(w);
	loop_free(l);
}

static void
a_timer_without_period_fires_once_and_is_gone(void **state)
{
	struct loop *l = loop_create();
	struct probe once = {.loop = l}, later = {.loop = l, .stop_after = 1};

	assert_non_null(loop_timer(l, 0, 0, count, &once));
	assert_non_null(loop_timer(l, 20, 0, count, &later));
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(once.calls, 1);
	assert_int_equal(later.calls, 1);
	loop_free(l);
}

static void
a_watch_removed_in_the_same_batch_is_not_called(void **state)
{
	struct loop *l = loop_create();
	struct probe a = {.loop = l, .fd = eventfd(1, EFD_NONBLOCK)};
	struct probe b = {.loop = l, .fd = eventfd(1, EFD_NONBLOCK)};

	a.self = b.other = loop_watch(l, a.fd, count_and_unwatch_both, &a);
	b.self = a.other = loop_watch(l, b.fd, count_and_unwatch_both, &b);
	assert_int_equal(loop_run(l), 0);
	/* Both were readable, whichever came first removed the other. */
	assert_int_equal(a.calls + b.calls, 1);
	close(a.fd);
	close(b.fd);
	loop_free(l);
}

static void
a_watch_is_called_for_the_events_it_is_modified_to(void **state)
{
	struct loop *l = loop_create();
	struct probe p = {.loop = l, .stop_after = 1}, end = {.loop = l, .stop_after = 1};
	int fd = eventfd(0, EFD_NONBLOCK);
	struct loop_watch *w = loop_watch(l, fd, count, &p);

	assert_non_null(loop_timer(l, 10, 0, count, &end));
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(p.calls, 0);
	loop_watch_modify(w, EPOLLOUT);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(p.calls, 1);
	loop_unwatch(w);
	close(fd);
	loop_free(l);
}

static void
a_signal_is_delivered_as_a_callback(void **state)
{
	struct loop *l = loop_create();
	struct probe p = {.loop = l, .stop_after = 1};

	assert_non_null(loop_signal(l, SIGUSR1, count, &p));
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(p.calls, 1);
	loop_free(l);
}

static void
a_stop_before_run_is_kept_and_bad_descriptors_are_refused(void **state)
{
	struct loop *l = loop_create();

	assert_null(loop_watch(l, -1, count, NULL));
	loop_stop(l);
	assert_int_equal(loop_run(l), 0);
	loop_unwatch(NULL);
	loop_free(l);
	loop_free(NULL);
}

static void
sleep_past_periods(void *arg)
{
	struct probe *p = arg;

	if (p->calls == 0)
		usleep(12000); /* the callback that takes too long is what is tested */
	count(arg);
}

static void
periods_missed_are_counted(void **state)
{
	struct loop *l = loop_create();
	struct probe p = {.loop = l, .stop_after = 2};

	assert_non_null(loop_timer(l, 1, 2, sleep_past_periods, &p));
	assert_int_equal(loop_run(l), 0);
	assert_true(loop_overruns(l) >= 4);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_timer_fires_first_and_then_every_period),
			cmocka_unit_test(a_timer_without_period_fires_once_and_is_gone),
			cmocka_unit_test(a_watch_removed_in_the_same_batch_is_not_called),
			cmocka_unit_test(a_watch_is_called_for_the_events_it_is_modified_to),
			cmocka_unit_test(a_signal_is_delivered_as_a_callback),
			cmocka_unit_test(a_stop_before_run_is_kept_and_bad_descriptors_are_refused),
			cmocka_unit_test(periods_missed_are_counted),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
