/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "command.h"
#include "table.h"
#include "units.h"

static void
line(const char *name)
{
	printf("%s%-10s%s ", table_escape(TABLE_DIM, stdout), name,
			table_escape(TABLE_PLAIN, stdout));
}

static void
list(const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (json_is_string(name))
			printf("%s%s", i ? " " : "", json_string_value(name));
		else
			printf("%s%.0f", i ? "," : "", unit_number(name));
	}
}

static void
print_process(const json_t *s)
{
	char buf[UNIT_TEXT];
	size_t cores;

	line("understudyd");
	printf("%s, up %s, %s%s\n", command_text(s, "version"),
			unit_age(command_number(s, "uptime_s"), buf),
			command_text(s, "config_file"),
			json_is_true(json_object_get(s, "hugepages"))
					? ""
					: " (without hugepages: slower, dpdk-dumpcap cannot "
					  "attach)");
	line("cores");
	cores = json_array_size(json_object_get(s, "lcores"));
	printf("%zu (CPU%s ", cores, cores == 1 ? "" : "s");
	list(json_object_get(s, "lcores"));
	printf(")\n");
	line("ports");
	list(json_object_get(s, "ports"));
	printf("\n");
}

static void
print_services(const json_t *s)
{
	const json_t *sum = json_object_get(s, "services");
	double degraded = command_number(sum, "degraded"), down = command_number(sum, "down");

	line("services");
	printf("%.0f up", command_number(sum, "up"));
	if (degraded > 0)
		printf(", %s%.0f degraded%s", table_escape(TABLE_WARN, stdout), degraded,
				table_escape(TABLE_PLAIN, stdout));
	if (down > 0)
		printf(", %s%.0f down%s", table_escape(TABLE_BAD, stdout), down,
				table_escape(TABLE_PLAIN, stdout));
	printf("\n");
}

static void
print_traffic(const json_t *s)
{
	const json_t *t = json_object_get(s, "traffic");
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT], d[UNIT_TEXT];

	line("traffic");
	printf("%s packets/s in, %s packets/s out, %sbit/s, %s mirrored/s\n",
			unit_count(command_number(t, "received_per_second"), a),
			unit_count(command_number(t, "forwarded_per_second"), b),
			unit_count(command_number(t, "forwarded_bits_per_second"), c),
			unit_count(command_number(t, "mirrored_per_second"), d));
	line("drops");
	printf("%s in the last second\n", unit_count(command_number(t, "drops"), a));
}

static void
print_local_ports(const json_t *flows, const char *family, const char *name)
{
	char key[32], a[UNIT_TEXT], b[UNIT_TEXT];
	double total;

	snprintf(key, sizeof(key), "%s_total", family);
	total = command_number(flows, key);
	if (!(total > 0))
		return;
	snprintf(key, sizeof(key), "%s_free", family);
	printf("; %s local ports %s of %s free", name, unit_count(command_number(flows, key), a),
			unit_count(total, b));
}

static void
print_flows(const json_t *s)
{
	const json_t *flows = json_object_get(s, "flows");
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT];

	line("flows");
	printf("%s of %s, %s new/s", unit_count(command_number(flows, "used"), a),
			unit_count(command_number(flows, "limit"), b),
			unit_count(command_number(json_object_get(s, "traffic"),
						   "flows_per_second"),
					c));
	print_local_ports(flows, "local4", "IPv4");
	print_local_ports(flows, "local6", "IPv6");
	printf("\n");
}

static void
print_view(const json_t *s)
{
	const json_t *p = json_object_get(s, "publish");
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT];

	line("view");
	printf("generation %.0f; built in %s (at most %s), seen after %s (p99); %.0f waiting to be "
	       "freed\n",
			command_number(s, "generation"),
			unit_us(command_number(p, "build_us_last"), a),
			unit_us(command_number(p, "build_us_max"), b),
			unit_us(command_number(p, "seen_us_p99"), c), command_number(p, "waiting"));
}

static void
print_timeouts(const json_t *s)
{
	const char *key;
	char buf[UNIT_TEXT], name[32];
	bool first = true;
	json_t *value;

	line("timeouts");
	json_object_foreach(json_object_get(s, "timeouts"), key, value)
	{
		snprintf(name, sizeof(name), "%s", key);
		if (strlen(name) > 3 && !strcmp(name + strlen(name) - 3, "_ms"))
			name[strlen(name) - 3] = '\0';
		printf("%s%s %s", first ? "" : ", ", name,
				unit_age(unit_number(value) / 1000, buf));
		first = false;
	}
	printf("\n");
}

/* What of a mirror's settings is not as in the other. */
static void
print_mirror(const json_t *value, const json_t *other)
{
	static const struct {
		const char *key, *unit;
	} limits[] = {{"shadows", " shadows"}, {"packets_per_second", " copies/s"},
			{"bits_per_second", "bit/s"}};
	bool same = json_equal(json_object_get(value, "share"), json_object_get(other, "share"));
	char buf[UNIT_TEXT];
	const char *gap = "";
	double n;
	size_t i;

	if (!same)
		printf("%s", unit_share(command_number(value, "share"), buf));
	gap = same ? "" : ", ";
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		n = command_number(value, limits[i].key);
		if (n == command_number(other, limits[i].key))
			continue;
		if (n == 0 && i)
			printf("%sany%s%s", gap, i == 2 ? " " : "", limits[i].unit);
		else
			printf("%s%s%s", gap, unit_count(n, buf), limits[i].unit);
		gap = ", ";
	}
}

static void
print_value(const json_t *value, const json_t *other)
{
	char buf[UNIT_TEXT];

	if (json_is_object(value))
		print_mirror(value, other);
	else if (json_is_boolean(value))
		printf("%s", json_is_true(value) ? "on" : "off");
	else if (json_is_integer(value)) /* a weight */
		printf("%.0f", unit_number(value));
	else
		printf("%s", unit_share(unit_number(value), buf));
}

static void
print_settings(const json_t *s)
{
	const json_t *rows = json_object_get(s, "settings");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		line(i ? "" : "changed");
		printf("%s/%s %s ", command_text(row, "service"), command_text(row, "endpoint"),
				command_text(row, "setting"));
		print_value(json_object_get(row, "value"), json_object_get(row, "file"));
		printf(" (file: ");
		print_value(json_object_get(row, "file"), json_object_get(row, "value"));
		printf(")\n");
	}
}

enum client_result
show_status(struct request *rq)
{
	enum client_result rc;
	json_t *s;
	bool done;

	rc = command_get(rq, "/v1/status", &s, &done);
	if (rc != CLIENT_OK || done)
		return rc;
	print_process(s);
	print_services(s);
	print_traffic(s);
	print_flows(s);
	print_view(s);
	print_timeouts(s);
	print_settings(s);
	json_decref(s);
	return CLIENT_OK;
}
