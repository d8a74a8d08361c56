/* SPDX-License-Identifier: Apache-2.0 */
#include "history_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Nine digits are more than a sample keeps. JSON knows no infinities. */
static void
put_number(FILE *out, double value)
{
	if (isfinite(value))
		fprintf(out, ",%.9g", value);
	else
		fputs(",null", out);
}

static void
put_point(FILE *out, const struct history_point *p)
{
	fprintf(out, "[%" PRIu64, p->time_ms);
	put_number(out, p->mean);
	if (p->count != 1) {
		put_number(out, p->min);
		put_number(out, p->max);
		fprintf(out, ",%u", p->count);
	}
	fputc(']', out);
}

static void
put_name(FILE *out, const char *key, const char *name)
{
	json_t *text = json_string(name);

	fprintf(out, "\"%s\":", key);
	if (text)
		json_dumpf(text, out, JSON_ENCODE_ANY);
	else
		fputs("\"\"", out);
	fputc(',', out);
	json_decref(text);
}

static void
put_series(FILE *out, const struct history_read_series *s)
{
	size_t i;

	fputc('{', out);
	put_name(out, "service", s->name[0]);
	put_name(out, "endpoint", s->name[1]);
	put_name(out, "metric", s->name[2]);
	fputs("\"points\":[", out);
	for (i = 0; i < s->count; i++) {
		fputs(i ? "," : "", out);
		put_point(out, &s->point[i]);
	}
	fputs("]}", out);
}

char *
history_text_or_null(const struct history_read_result *result, uint32_t step_ms)
{
	char *text = NULL;
	bool bad;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "{\"step\":%u,\"series\":[", step_ms / 1000);
	for (i = 0; i < result->count; i++) {
		fputs(i ? "," : "", out);
		put_series(out, &result->series[i]);
	}
	fputs("]}", out);
	bad = ferror(out);
	if (fclose(out) != 0 || bad) {
		free(text);
		return NULL;
	}
	return text;
}
