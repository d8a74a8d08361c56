/* SPDX-License-Identifier: Apache-2.0 */
#include "load_forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "collect.h"
#include "fake_gateway.h"
#include "measure.h"

#define START INT64_C(1800000000)

/* How many events tell of a step in that direction. */
static size_t
told(const struct fake *f, const char *direction)
{
	json_t *events = journal_since(f->g.journal, 0, 1000), *e;
	size_t n = 0, i;

	json_array_foreach(events, i, e)
	{
		if (!strcmp(json_string_value(json_object_get(e, "kind")), "clock"))
			n += strstr(json_string_value(json_object_get(e, "text")), direction) !=
					NULL;
	}
	json_decref(events);
	return n;
}

static void
a_step_of_the_clock_is_told_once(void **state)
{
	struct fake *f = fake_create("/nonexistent/api.sock");
	struct load_forecasts *l = f->g.load_forecasts;
	int64_t t;

	for (t = START; t < START + 10; t++)
		load_forecasts_tick_at(l, t, 0);
	load_forecasts_tick_at(l, t + 5, 0); /* late */
	assert_int_equal(told(f, "back") + told(f, "ahead"), 0);
	load_forecasts_tick_at(l, t + 86400, 0);
	load_forecasts_tick_at(l, t + 86401, 0);
	assert_int_equal(told(f, "86395 s ahead"), 1);
	load_forecasts_tick_at(l, t + 6, 0);
	load_forecasts_tick_at(l, t + 7, 0);
	assert_int_equal(told(f, "86395 s back"), 1);
	assert_int_equal(told(f, "ahead"), 1);
	fake_free(f);
}

/* Until the next tick finds that a reload gave the id away: to an endpoint of that name in another service. */
static void
the_series_of_an_id_is_told_to_its_owner_alone(void **state)
{
	struct fake *f = fake_create("/nonexistent/api.sock");
	struct endpoint *e = fake_endpoint(f, "web", "web1");
	const struct config_service *config = e->service->config;
	struct config_service other = *config;
	struct load_forecasts *l = f->g.load_forecasts;

	collector_tick_at(f->g.collector, 1000);
	f->endpoint[0][e->eid].leg[LEG_SERVER].flows_new = 5;
	f->endpoint[0][e->eid].leg[LEG_SERVER].packets_to = 5;
	f->endpoint[0][e->eid].leg[LEG_SERVER].requests = 5;
	collector_tick_at(f->g.collector, 2000);
	measurements_tick(f->g.measurements);
	load_forecasts_tick_at(l, START, 0);
	assert_non_null(load_forecast_series_or_null(l, e->service, e));
	other.name = (char *)"another";
	e->service->config = &other;
	assert_null(load_forecast_series_or_null(l, e->service, e));
	e->service->config = config;
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_step_of_the_clock_is_told_once),
			cmocka_unit_test(the_series_of_an_id_is_told_to_its_owner_alone),
	};

	return cmocka_run_group_tests_name("load_forecast", tests, NULL, NULL);
}
