/* SPDX-License-Identifier: Apache-2.0 */
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "table.h"
#include "units.h"

static const char *
count_of(const json_t *row, const char *key, char buf[UNIT_TEXT])
{
	return unit_count(command_number(row, key), buf);
}

static void
add_state(struct table *t, const char *state)
{
	table_add_coloured(t, table_state_colour(state), state);
}

static void
add_count(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_TEXT];

	table_add(t, count_of(row, key, buf));
}

static void
add_us(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_TEXT];

	table_add(t, unit_us(command_number(row, key), buf));
}

static void
add_share(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_TEXT];

	table_add(t, unit_share(command_number(row, key), buf));
}

/* Prints and frees; says what there is none of. */
static void
finish(struct table *t, const char *none)
{
	if (table_rows(t))
		table_print(t, stdout);
	else
		printf("%s\n", none);
	table_free(t);
}

static enum client_result
show_table(struct request *rq, const char *path, void (*print)(const json_t *reply))
{
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_get(rq, path, &reply, &done);
	if (rc != CLIENT_OK || done)
		return rc;
	print(reply);
	json_decref(reply);
	return CLIENT_OK;
}

static void
add_service_rates(struct table *t, const json_t *row)
{
	const json_t *rate = json_object_get(row, "per_second");

	add_count(t, rate, "flows");
	add_count(t, rate, "requests");
	add_count(t, rate, "bits_to");
	add_count(t, rate, "bits_from");
}

static void
print_services(const json_t *reply)
{
	struct table *t =
			table_create("SERVICE|PROTO|ADDRESS|PORT|FORWARD|STATE|>UP|>ACTIVE|>NEW/s|"
				     ">REQ/s|>TO bit/s|>FROM bit/s");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "services"), i, row)
	{
		table_add(t, command_text(row, "service"));
		table_add(t, command_text(row, "protocol"));
		table_add(t, command_text(row, "address"));
		table_add(t, command_text(row, "port"));
		table_add(t, command_text(row, "forward"));
		add_state(t, command_text(row, "state"));
		table_addf(t, "%.0f/%.0f", command_number(row, "endpoints_up"),
				command_number(row, "endpoints"));
		add_count(t, row, "flows_active");
		add_service_rates(t, row);
	}
	finish(t, "no services");
}

enum client_result
show_services(struct request *rq)
{
	return show_table(rq, "/v1/services", print_services);
}

/* A setting made at run time is marked. */
static void
add_setting(struct table *t, double share, const char *source)
{
	char buf[UNIT_TEXT];
	bool runtime = !strcmp(source, "runtime");

	table_addf(t, "%s%s", unit_share(share, buf), runtime ? "*" : "");
}

/* Copies that it got as a shadow. */
static void
add_copies(struct table *t, const json_t *row)
{
	const json_t *leg = json_object_get(json_object_get(row, "legs"), "shadow");

	if (leg)
		add_count(t, json_object_get(leg, "per_second"), "packets_to");
	else
		table_add(t, "-");
}

static void
add_shadows(struct table *t, const json_t *names)
{
	char text[256] = "-";
	size_t i, used = 0;
	json_t *name;

	json_array_foreach(names, i, name)
	{
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					i ? "," : "", json_string_value(name));
	}
	table_add(t, text);
}

static void
endpoint_add(struct table *t, const json_t *row)
{
	const json_t *leg = json_object_get(json_object_get(row, "legs"), "server");
	const json_t *rate = json_object_get(leg, "per_second");

	table_add(t, command_text(row, "service"));
	table_add(t, command_text(row, "endpoint"));
	table_add(t, command_text(row, "address"));
	add_state(t, command_text(row, "state"));
	table_addf(t, "%.0f%s", command_number(row, "weight"),
			strcmp(command_text(row, "weight_source"), "runtime") ? "" : "*");
	add_count(t, leg, "flows_active");
	add_count(t, rate, "flows");
	add_count(t, rate, "requests");
	add_us(t, leg, "reply_p50_us");
	add_us(t, leg, "reply_p99_us");
	add_share(t, leg, "loss_to");
	add_setting(t, command_number(row, "shift"), command_text(row, "shift_source"));
	add_setting(t, command_number(json_object_get(row, "mirror"), "share"),
			command_text(row, "mirror_source"));
	add_copies(t, row);
	add_shadows(t, json_object_get(row, "shadows"));
	table_add(t, command_text(row, "health_reason"));
}

static void
print_endpoints(const json_t *reply)
{
	struct table *t = table_create(
			"SERVICE|ENDPOINT|ADDRESS|STATE|>WEIGHT|>ACTIVE|>NEW/s|>REQ/s|>p50|"
			">p99|>LOSS|>SHIFT|>MIRROR|>COPIES/s|SHADOWS|HEALTH");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "endpoints"), i, row) endpoint_add(t, row);
	finish(t, "no endpoints");
}

/* endpoints [SERVICE[/ENDPOINT]] */
enum client_result
show_endpoints(struct request *rq)
{
	char *path = strdup("/v1/endpoints"), *service, *slash;
	enum client_result rc;

	if (rq->arg_count && path) {
		service = strdup(rq->arg[0]);
		slash = service ? strchr(service, '/') : NULL;
		if (slash)
			*slash = '\0';
		path = client_query(path, "service", service ? service : "");
		if (slash)
			path = client_query(path, "endpoint", slash + 1);
		free(service);
	}
	rc = show_table(rq, path, print_endpoints);
	free(path);
	return rc;
}

static void
flow_add(struct table *t, const json_t *row)
{
	char buf[UNIT_TEXT];

	table_add(t, command_text(row, "protocol"));
	table_add(t, command_text(row, "client"));
	table_add(t, command_text(row, "service"));
	table_add(t, command_text(row, "endpoint"));
	table_add(t, command_text(row, "side"));
	table_add(t, command_text(row, "state"));
	table_add(t, json_is_true(json_object_get(row, "mirrored")) ? "yes" : "no");
	table_add(t, *command_text(row, "local") ? command_text(row, "local") : "-");
	table_add(t, unit_age(command_number(row, "age_ms") / 1000, buf));
	table_add(t, unit_age(command_number(row, "idle_ms") / 1000, buf));
	add_count(t, row, "packets_to");
	add_count(t, row, "packets_from");
	add_count(t, row, "bytes_to");
	add_count(t, row, "bytes_from");
	table_addf(t, "%.0f", command_number(row, "lcore"));
}

static void
print_flows(const json_t *reply)
{
	struct table *t = table_create(
			"PROTO|CLIENT|SERVICE|ENDPOINT|SIDE|STATE|MIRROR|LOCAL|>AGE|>IDLE|"
			">PKTS TO|>FROM|>BYTES TO|>FROM|>LCORE");
	size_t i, rows;
	json_t *row;

	json_array_foreach(json_object_get(reply, "flows"), i, row) flow_add(t, row);
	rows = table_rows(t);
	finish(t, "no flow matches");
	if (!json_is_true(json_object_get(reply, "complete")))
		printf("(the first %zu; limit=N shows more)\n", rows);
}

/* One word of a filter: KEY=VALUE; service=S/E names both. */
static char *
flow_word(char *path, const char *word)
{
	char key[32], value[256], *slash;
	const char *equals = strchr(word, '=');

	snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	snprintf(value, sizeof(value), "%s", equals + 1);
	slash = strchr(value, '/');
	if (slash && (!strcmp(key, "service") || !strcmp(key, "endpoint"))) {
		*slash = '\0';
		path = client_query(path, "service", value);
		return client_query(path, "endpoint", slash + 1);
	}
	return client_query(path, key, value);
}

enum client_result
show_flows(struct request *rq)
{
	char *path = strdup("/v1/flows");
	enum client_result rc;
	int i;

	for (i = 0; i < rq->arg_count && path; i++) {
		if (!strchr(rq->arg[i], '=')) {
			free(path);
			return command_misused(
					"\"%s\" is no filter; write KEY=VALUE, as in "
					"client=192.0.2.0/24 (keys: service, endpoint, client, "
					"destination, protocol, state, limit)",
					rq->arg[i]);
		}
		path = flow_word(path, rq->arg[i]);
	}
	rc = show_table(rq, path, print_flows);
	free(path);
	return rc;
}

static void
print_lcores(const json_t *reply)
{
	struct table *t = table_create(">LCORE|>BUSY|>RX/s|>TX/s|>TX "
				       "bit/s|>DROPS/s|>FLOWS|>LIMIT|>PORTS FREE|>VIEW");
	const json_t *flows;
	char buf[UNIT_TEXT];
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "lcores"), i, row)
	{
		flows = json_object_get(row, "flows");
		table_addf(t, "%.0f", command_number(row, "lcore"));
		add_share(t, row, "busy");
		add_count(t, row, "received_per_second");
		add_count(t, row, "forwarded_per_second");
		add_count(t, row, "forwarded_bits_per_second");
		add_count(t, row, "drops_per_second");
		add_count(t, flows, "used");
		add_count(t, flows, "limit");
		table_add(t,
				unit_count(command_number(flows, "local4_free") +
								command_number(flows,
										"local6_free"),
						buf));
		table_addf(t, "%.0f", command_number(row, "generation"));
	}
	finish(t, "no lcores");
}

enum client_result
show_lcores(struct request *rq)
{
	return show_table(rq, "/v1/lcores", print_lcores);
}

static void
add_link(struct table *t, const json_t *driver)
{
	bool up = json_is_true(json_object_get(driver, "link_up"));
	double mbps = command_number(driver, "link_mbps");
	char text[64], buf[UNIT_TEXT];

	if (up && mbps > 0)
		snprintf(text, sizeof(text), "up %sbit/s", unit_count(mbps * 1e6, buf));
	else
		snprintf(text, sizeof(text), "%s", up ? "up" : "down");
	table_add_coloured(t, up ? TABLE_GOOD : TABLE_BAD, text);
}

static void
port_add(struct table *t, const json_t *row)
{
	const json_t *driver = json_object_get(row, "driver");
	const json_t *rate = json_object_get(row, "per_second");
	double vlan = command_number(row, "vlan");

	table_add(t, command_text(row, "name"));
	table_add(t, command_text(driver, "driver"));
	add_link(t, driver);
	table_add(t, command_text(row, "mac"));
	if (vlan > 0)
		table_addf(t, "%.0f", vlan);
	else
		table_add(t, "-");
	table_addf(t, "%.0f", command_number(row, "mtu"));
	add_count(t, rate, "rx_packets");
	add_count(t, rate, "rx_bits");
	add_count(t, rate, "tx_packets");
	add_count(t, rate, "tx_bits");
	add_count(t, driver, "rx_missed");
	add_count(t, driver, "rx_no_mbuf");
}

static void
print_ports(const json_t *reply)
{
	struct table *t = table_create(
			"PORT|DRIVER|LINK|MAC|>VLAN|>MTU|>RX/s|>RX bit/s|>TX/s|>TX bit/s|"
			">MISSED|>NO BUFFER");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "ports"), i, row) port_add(t, row);
	finish(t, "no ports");
}

enum client_result
show_ports(struct request *rq)
{
	return show_table(rq, "/v1/ports", print_ports);
}

static void
drops_add(struct table *t, const json_t *rows)
{
	bool fault;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!(command_number(row, "total") > 0))
			continue;
		fault = !json_is_false(json_object_get(row, "fault"));
		table_add_coloured(t, fault ? TABLE_WARN : TABLE_PLAIN, command_text(row, "name"));
		table_addf(t, "%.0f", command_number(row, "total"));
		add_count(t, row, "per_second");
		table_add(t, command_text(row, "text"));
	}
}

static void
drops_add_drivers(struct table *t, const json_t *rows)
{
	static const char *const keys[] = {"rx_missed", "rx_errors", "rx_no_mbuf", "tx_errors"};
	json_t *row;
	size_t i, k;

	json_array_foreach(rows, i, row)
	{
		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			if (!(command_number(row, keys[k]) > 0))
				continue;
			table_add_coloured(t, TABLE_WARN, keys[k]);
			table_addf(t, "%.0f", command_number(row, keys[k]));
			table_add(t, "-");
			table_addf(t, "driver of %s", command_text(row, "device"));
		}
	}
}

static void
print_drops(const json_t *reply)
{
	struct table *t = table_create("WHAT|>TOTAL|>PER SECOND|MEANING");

	printf("received %.0f, forwarded %.0f; the rest:\n", command_number(reply, "received"),
			command_number(reply, "forwarded"));
	drops_add(t, json_object_get(reply, "ends"));
	drops_add(t, json_object_get(reply, "losses"));
	drops_add_drivers(t, json_object_get(reply, "drivers"));
	finish(t, "nothing");
}

enum client_result
show_drops(struct request *rq)
{
	return show_table(rq, "/v1/drops", print_drops);
}

static void
print_neighbours(const json_t *reply)
{
	struct table *t = table_create("ADDRESS|MAC|PORT|STATE|>AGE");
	char buf[UNIT_TEXT];
	const json_t *port;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "neighbours"), i, row)
	{
		port = json_object_get(row, "port");
		table_add(t, command_text(row, "address"));
		table_add(t, command_text(row, "mac"));
		if (json_is_string(port))
			table_add(t, json_string_value(port));
		else
			table_addf(t, "%.0f", unit_number(port));
		table_add(t, command_text(row, "state"));
		table_add(t, unit_age(command_number(row, "age_ms") / 1000, buf));
	}
	finish(t, "no neighbours");
}

enum client_result
show_neighbours(struct request *rq)
{
	return show_table(rq, "/v1/neighbours", print_neighbours);
}

/* The daemon has it as YAML. */
static enum client_result
print_config_json(const char *yaml)
{
	struct fy_document *document = fy_document_build_from_string(NULL, yaml, FY_NT);
	char *text = document ? fy_emit_document_to_string(document, FYECF_MODE_JSON) : NULL;
	json_t *config = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	fy_document_destroy(document);
	if (!config) {
		fputs("understudyctl: the answer is not YAML\n", stderr);
		return CLIENT_REFUSED;
	}
	command_print_json(config);
	json_decref(config);
	return CLIENT_OK;
}

enum client_result
show_config(struct request *rq)
{
	enum client_result rc;
	char *text;

	rc = client_get_text(rq->client, "/v1/config", &text);
	if (rc != CLIENT_OK)
		return command_failed(rq, rc);
	if (rq->json)
		rc = print_config_json(text ? text : "");
	else
		fputs(text ? text : "", stdout);
	free(text);
	return rc;
}
