/* SPDX-License-Identifier: Apache-2.0 */
/* From the example's text to where a packet goes: parser, registry, view and ladder together. */
#include "registry.h"

#include "classifier.h"
#include "steer.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct view_l2 somewhere = {.dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}};

static struct config *
example(void)
{
	const char *root = getenv("SOURCE_ROOT");
	struct config_errors errors = {0};
	struct config *c;
	char path[512];

	snprintf(path, sizeof(path), "%s/config/example.yaml", root ? root : ".");
	c = config_load(path, &errors);
	config_errors_free(&errors);
	assert_non_null(c);
	return c;
}

static void
all_up(struct registry *r)
{
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(r); i++) {
		s = registry_service_at(r, i);
		for (j = 0; j < s->endpoint_count; j++) {
			registry_set_neighbour(r, s->endpoint[j], &somewhere, 1500);
			registry_set_health(r, s->endpoint[j], HEALTH_UP, "test");
		}
	}
}

/* Name of the endpoint that a client's first packet to 10.0.0.100 gets. */
static const char *
steered(struct registry *r, const struct view *v, const char *client, uint16_t port)
{
	struct flow_key k = {.src_port_be = htons(4000), .dst_port_be = htons(port)};
	struct steer_result result;
	int64_t sid;

	assert_int_equal(ip_parse(client, &k.src), 0);
	assert_int_equal(ip_parse("10.0.0.100", &k.dst), 0);
	k.protocol = port == 53 ? IPPROTO_UDP : IPPROTO_TCP;
	sid = classifier_service(v->classifier, &k.dst, k.protocol, port);
	assert_true(sid >= 0);
	result = steer(v, v->service[sid], &k.src,
			steer_hash(v->hash_seed, &k, v->service[sid]->hash));
	return result.eid == ENDPOINT_NONE ? "nobody"
					   : registry_endpoint_by_id(r, result.eid)->config->name;
}

static void
the_example_takes_packets_where_it_says(void **state)
{
	struct registry *r = registry_create(example(), 1);
	const struct view *v, *next;

	assert_non_null(r);
	v = registry_build_view(r);
	assert_string_equal(steered(r, v, "10.0.0.1", 80), "nobody");
	all_up(r);
	next = registry_build_view(r);
	registry_release_view(r, v);
	v = next;
	assert_string_equal(steered(r, v, "10.0.0.1", 80), "web1");
	assert_string_equal(steered(r, v, "10.0.0.70", 80), "web1s"); /* the cohort */
	assert_string_equal(steered(r, v, "10.0.0.70", 53), "dns1");
	registry_set_shift(
			r, registry_endpoint_by_name(r, "dns", "dns1"), SHARE_ONE, SETTING_RUNTIME);
	registry_set_health(r, registry_endpoint_by_name(r, "web", "web1"), HEALTH_DOWN, "test");
	next = registry_build_view(r);
	registry_release_view(r, v);
	v = next;
	assert_string_equal(steered(r, v, "10.0.0.1", 80), "web1s");
	assert_string_equal(steered(r, v, "10.0.0.1", 53), "dns1s");
	assert_int_equal(v->local4_count, 1);
	assert_int_equal(v->local6_count, 1);
	registry_release_view(r, v);
	registry_free(r);
}

static void
the_same_file_again_changes_no_block(void **state)
{
	struct registry *r = registry_create(example(), 1);
	const struct view *v, *next;
	uint32_t i;

	all_up(r);
	v = registry_build_view(r);
	assert_int_equal(registry_reload(r, example()), 0);
	next = registry_build_view(r);
	for (i = 0; i < v->service_count; i++)
		assert_ptr_equal(v->service[i], next->service[i]);
	for (i = 0; i < v->page_count; i++)
		assert_ptr_equal(v->page[i], next->page[i]);
	registry_release_view(r, v);
	registry_release_view(r, next);
	registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_example_takes_packets_where_it_says),
			cmocka_unit_test(the_same_file_again_changes_no_block),
	};

	return cmocka_run_group_tests_name("registry_config", tests, NULL, NULL);
}
