/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   telemetry thread: question ──────────────────────────────> wait, a second at most ──> tell, free
 *   control thread:      └──seen within a millisecond──> answer ──┘
 *
 * A snapshot each second would cost as much with a hundred thousand endpoints as all else together, for nobody. The
 * answer is JSON of the API's own making, so that both tell the same.
 */
#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <rte_telemetry.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api_show.h"
#include "collect.h"
#include "history.h"

#define WAIT_S 1

struct question {
	const char *what; /* status, history, lcores, drops or endpoints */
	const char *param; /* which one; NULL: all, or their names */
	json_t *answer; /* NULL: there is none such */
	bool done;
};

static struct gateway *gateway; /* under the lock, as all of these */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER; /* of `question`, in either direction */
static struct question
		*question; /* also read without the lock, atomically, to see whether there is one */

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
history_make(struct gateway *g)
{
	struct history_stats s;

	history_stats(g->history, &s);
	return json_pack("{s:I s:I s:I s:I s:I s:I s:I s:I}", "usable", (json_int_t)s.usable,
			"series", (json_int_t)s.series, "bytes_on_disk",
			(json_int_t)s.bytes_on_disk, "samples", (json_int_t)s.samples, "records",
			(json_int_t)s.records, "models", (json_int_t)s.models, "dropped",
			(json_int_t)s.dropped, "lost", (json_int_t)s.lost);
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

	collector_leg(g->collector, e->eid, LEG_SERVER, &c);
#define X(name, text) json_object_set_new(out, #name, api_count(c.name));
	LEG_COUNTER_LIST(X)
#undef X
	return out;
}

static json_t *
endpoint_names(struct gateway *g)
{
	json_t *out = json_object();
	char key[RTE_TEL_MAX_STRING_LEN];
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(g->registry); i++) {
		s = registry_service_at(g->registry, i);
		for (j = 0; j < s->endpoint_count; j++) {
			if (json_object_size(out) == RTE_TEL_MAX_ARRAY_ENTRIES)
				return out;
			snprintf(key, sizeof(key), "%s/%s", s->config->name,
					s->endpoint[j]->config->name);
			json_object_set_new(out, key, json_null());
		}
	}
	return out;
}

/* `param` is SERVICE/ENDPOINT. */
static json_t *
endpoint_or_null(struct gateway *g, const char *param)
{
	const char *slash = strchr(param, '/');
	char *service = slash ? strndup(param, (size_t)(slash - param)) : NULL;
	const struct endpoint *e =
			service ? registry_endpoint_by_name(g->registry, service, slash + 1) : NULL;

	free(service);
	return e ? endpoint_make(g, e) : NULL;
}

static json_t *
lcores_or_null(struct gateway *g, const char *param)
{
	json_t *rows = lcores_make(g), *row;

	if (!param)
		return rows;
	row = json_incref(json_object_get(rows, param));
	json_decref(rows);
	return row;
}

static json_t *
answer_or_null(struct gateway *g, const struct question *q)
{
	if (!strcmp(q->what, "status"))
		return status_make(g);
	if (!strcmp(q->what, "history"))
		return history_make(g);
	if (!strcmp(q->what, "drops"))
		return drops_make(g);
	if (!strcmp(q->what, "lcores"))
		return lcores_or_null(g, q->param);
	return q->param ? endpoint_or_null(g, q->param) : endpoint_names(g);
}

/* Waits for `question` to change; false when the time is over. */
static bool
wait_change(const struct timespec *until)
{
	return pthread_cond_timedwait(&change, &lock, until) == 0;
}

/* Under the lock. One question at a time; what comes late has no asker any more. */
static int
ask(struct question *q)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (gateway && question && wait_change(&until))
		;
	if (!gateway || question)
		return -EBUSY;
	__atomic_store_n(&question, q, __ATOMIC_RELEASE);
	while (gateway && !q->done && wait_change(&until))
		;
	__atomic_store_n(&question, NULL, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&change);
	if (!q->done)
		return -ETIMEDOUT;
	return q->answer ? 0 : -ENOENT;
}

static int
names_tell(struct rte_tel_data *d, json_t *rows)
{
	const char *key;
	json_t *row;

	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	json_object_foreach(rows, key, row) rte_tel_data_add_array_string(d, key);
	return 0;
}

static int
command(const char *what, const char *param, bool keyed, struct rte_tel_data *d)
{
	struct question q = {.what = what, .param = param && *param ? param : NULL};
	int rc;

	pthread_mutex_lock(&lock);
	rc = ask(&q);
	pthread_mutex_unlock(&lock);
	if (rc == 0)
		rc = keyed && !q.param ? names_tell(d, q.answer) : object_tell(d, q.answer);
	json_decref(q.answer);
	return rc;
}

static int
status_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return command("status", NULL, false, d);
}

static int
history_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return command("history", NULL, false, d);
}

static int
drops_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return command("drops", NULL, false, d);
}

static int
lcores_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return command("lcores", params, true, d);
}

static int
endpoints_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return command("endpoints", params, true, d);
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
		rc = rte_telemetry_register_cmd("/understudy/history", history_command,
				"What is kept on disk. Takes no parameters");
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
telemetry_poll(void)
{
	struct question *q;

	if (!__atomic_load_n(&question, __ATOMIC_ACQUIRE) || pthread_mutex_trylock(&lock) != 0)
		return;
	q = question;
	if (gateway && q && !q->done) {
		q->answer = answer_or_null(gateway, q);
		q->done = true;
		pthread_cond_broadcast(&change);
	}
	pthread_mutex_unlock(&lock);
}

void
telemetry_stop(void)
{
	pthread_mutex_lock(&lock);
	gateway = NULL;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}
