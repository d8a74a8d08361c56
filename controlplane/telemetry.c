/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   control thread: build ──trylock──> swap ──> free the old one
 *   telemetry thread:        lock ──> copy into the answer ──> unlock
 *
 * The snapshot is JSON of the API's own making, so that both tell the same.
 */
#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <rte_telemetry.h>
#include <string.h>

#include "api_show.h"
#include "collect.h"

static struct gateway *gateway;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *snapshot; /* under the lock: {status, lcores, drops, endpoints} */

/* The names that DPDK 22.11 takes are letters, digits, _ and /; ours may have more. */
static void
name_make(const char *from, char out[RTE_TEL_MAX_STRING_LEN])
{
	size_t i;

	for (i = 0; from[i] && i < RTE_TEL_MAX_STRING_LEN - 1; i++)
		out[i] = strchr(".-", from[i]) ? '_' : from[i];
	out[i] = '\0';
}

static void
value_add(struct rte_tel_data *d, const char *key, const json_t *value)
{
	char name[RTE_TEL_MAX_STRING_LEN];

	name_make(key, name);
	if (json_is_integer(value))
		rte_tel_data_add_dict_u64(d, name, (uint64_t)json_integer_value(value));
	else if (json_is_string(value))
		rte_tel_data_add_dict_string(d, name, json_string_value(value));
}

static int
object_tell(struct rte_tel_data *d, json_t *object)
{
	const char *key;
	json_t *value;

	rte_tel_data_start_dict(d);
	json_object_foreach(object, key, value) value_add(d, key, value);
	return 0;
}

static int
object_command(const char *key, struct rte_tel_data *d)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&lock);
	if (snapshot)
		rc = object_tell(d, json_object_get(snapshot, key));
	pthread_mutex_unlock(&lock);
	return rc;
}

static int
status_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return object_command("status", d);
}

static int
drops_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return object_command("drops", d);
}

/* Without a parameter the names that can be one. */
static int
keyed_tell(struct rte_tel_data *d, json_t *rows, const char *params)
{
	const char *key;
	json_t *row;

	if (params && *params) {
		row = json_object_get(rows, params);
		return row ? object_tell(d, row) : -ENOENT;
	}
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	json_object_foreach(rows, key, row) rte_tel_data_add_array_string(d, key);
	return 0;
}

static int
keyed_command(const char *key, const char *params, struct rte_tel_data *d)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&lock);
	if (snapshot)
		rc = keyed_tell(d, json_object_get(snapshot, key), params);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int
lcores_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return keyed_command("lcores", params, d);
}

static int
endpoints_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return keyed_command("endpoints", params, d);
}

static json_t *
status_make(struct gateway *g)
{
	struct lcore_counters total;
	struct publish_stats p;

	collector_totals(g->collector, &total);
	publish_stats(g->publisher, &p);
	return json_pack("{s:s s:o s:o s:o s:o s:o s:o}", "version", UNDERSTUDY_VERSION,
			"generation", api_count(p.generation), "views_waiting",
			api_count(p.waiting), "services",
			api_count(registry_service_count(g->registry)), "received",
			api_count(total.received), "forwarded", api_count(total.forwarded),
			"mirrored", api_count(total.mirrored));
}

static json_t *
drops_make(struct gateway *g)
{
	struct lcore_counters total;
	json_t *out = json_object();
	int i;

	collector_totals(g->collector, &total);
	for (i = 0; i < PACKET_END_COUNT; i++)
		json_object_set_new(out, packet_end_name(i), api_count(total.end[i]));
	return out;
}

static json_t *
lcore_make(const struct lcore_counters *c)
{
	json_t *out = json_object();

#define X(name, text) json_object_set_new(out, #name, api_count(counter_read(&c->name)));
	LCORE_COUNTER_LIST(X)
#undef X
	return out;
}

static json_t *
lcores_make(struct gateway *g)
{
	json_t *out = json_object();
	char key[16];
	uint32_t i;

	for (i = 0; i < dataplane_lcore_count(g->dataplane); i++) {
		snprintf(key, sizeof(key), "%u", dataplane_lcore_id(g->dataplane, i));
		json_object_set_new(
				out, key, lcore_make(dataplane_lcore_counters(g->dataplane, i)));
	}
	return out;
}

static json_t *
endpoint_make(struct gateway *g, const struct endpoint *e)
{
	json_t *out = json_pack("{s:s s:o s:o}", "state", api_endpoint_state(e), "id",
			api_count(e->eid), "shift_of_65536", api_count(e->shift));
	struct leg_counters c;

	/* of thousands of endpoints most are idle, and a tick must be short */
	if (!collector_leg_used(g->collector, e->eid, LEG_SERVER))
		return out;
	collector_leg(g->collector, e->eid, LEG_SERVER, &c);
#define X(name, text) json_object_set_new(out, #name, api_count(c.name));
	LEG_COUNTER_LIST(X)
#undef X
	return out;
}

static json_t *
endpoints_make(struct gateway *g)
{
	json_t *out = json_object();
	char key[RTE_TEL_MAX_STRING_LEN];
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(g->registry); i++) {
		s = registry_service_at(g->registry, i);
		for (j = 0; j < s->endpoint_count; j++) {
			snprintf(key, sizeof(key), "%s/%s", s->config->name,
					s->endpoint[j]->config->name);
			json_object_set_new(out, key, endpoint_make(g, s->endpoint[j]));
		}
	}
	return out;
}

int
telemetry_start(struct gateway *g)
{
	int rc;

	gateway = g;
	rc = rte_telemetry_register_cmd("/understudy/status", status_command,
			"How the gateway is. Takes no parameters");
	if (rc == 0)
		rc = rte_telemetry_register_cmd("/understudy/lcores", lcores_command,
				"Lists the lcores; the counters of one. Parameters: lcore");
	if (rc == 0)
		rc = rte_telemetry_register_cmd("/understudy/drops", drops_command,
				"Packets not sent on, by reason. Takes no parameters");
	if (rc == 0)
		rc = rte_telemetry_register_cmd("/understudy/endpoints", endpoints_command,
				"Lists the endpoints; the counters of one. Parameters: "
				"SERVICE/ENDPOINT");
	return rc;
}

void
telemetry_tick(void)
{
	json_t *fresh, *old;

	if (!gateway)
		return;
	fresh = json_pack("{s:o s:o s:o s:o}", "status", status_make(gateway), "lcores",
			lcores_make(gateway), "drops", drops_make(gateway), "endpoints",
			endpoints_make(gateway));
	if (pthread_mutex_trylock(&lock) != 0) {
		json_decref(fresh);
		return;
	}
	old = snapshot;
	snapshot = fresh;
	pthread_mutex_unlock(&lock);
	json_decref(old);
}

void
telemetry_stop(void)
{
	pthread_mutex_lock(&lock);
	json_decref(snapshot);
	snapshot = NULL;
	gateway = NULL;
	pthread_mutex_unlock(&lock);
}
