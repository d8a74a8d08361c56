/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "risk.h"
#include "trickle.h"

/* For people: "reply_p99" is "reply time (p99)". */
static const char *
metric_words(const struct metric *m)
{
	static const char *const words[METRIC_PASSIVE_COUNT] = {
			[METRIC_reply_p50] = "median reply time",
			[METRIC_reply_p99] = "reply time (p99)",
			[METRIC_jitter] = "jitter",
			[METRIC_handshake_p99] = "handshake time",
			[METRIC_loss] = "loss",
			[METRIC_errors] = "share of errors",
			[METRIC_waiting] = "requests waiting",
			[METRIC_zero_windows] = "closed windows",
			[METRIC_requests] = "requests",
			[METRIC_flows_new] = "new flows",
			[METRIC_flows_active] = "open flows",
			[METRIC_bytes] = "traffic",
	};
	static const char *const names[METRIC_PASSIVE_COUNT] = {
#define X(name, unit, shape, worse, text) #name,
			METRIC_PASSIVE_LIST(X)
#undef X
	};
	int i;

	if (!m)
		return "a metric";
	for (i = 0; i < METRIC_PASSIVE_COUNT; i++) {
		if (words[i] && !strcmp(m->name, names[i]))
			return words[i];
	}
	return m->name;
}

static int
limit_text(const struct risk_reason *r, const char *name, char *out, size_t size)
{
	if (!isfinite(r->low))
		return snprintf(out, size, "%s may reach its limit", name);
	if (!isfinite(r->value))
		return snprintf(out, size, "%s may reach its limit, in %.0f s at the earliest",
				name, r->low);
	if (!isfinite(r->high))
		return snprintf(out, size, "%s reaches its limit in %.0f s (80 %%: %.0f s or more)",
				name, r->value, r->low);
	return snprintf(out, size, "%s reaches its limit in %.0f s (80 %%: %.0f to %.0f s)", name,
			r->value, r->low, r->high);
}

static int
level_text(const struct risk_reason *r, const struct metric *m, char *out, size_t size)
{
	if (m && !strcmp(m->name, "reply_p99"))
		return snprintf(out, size,
				"slow replies at %.1f x the share that the objective allows",
				r->value);
	if (m && !strcmp(m->name, "errors"))
		return snprintf(out, size, "errors at %.1f x the share allowed", r->value);
	return snprintf(out, size, "%s at %.0f %% of its limit", metric_words(m), r->value * 100);
}

int
risk_reason_text(const struct risk_reason *r, const struct metric *m, char *out, size_t size)
{
	switch (r->kind) {
	case RISK_OWN_PAST:
		return snprintf(out, size, "%s %.1f sd over its own past", metric_words(m),
				r->value);
	case RISK_PEERS:
		return snprintf(out, size, "%s %.1f x its peers", metric_words(m), r->value);
	case RISK_LIMIT:
		return limit_text(r, metric_words(m), out, size);
	case RISK_LEVEL:
		return level_text(r, m, out, size);
	case RISK_TRICKLE:
		return snprintf(out, size, "%s add up: %.0f in %d s, where there were fewer",
				m && !strcmp(m->name, "loss") ? "losses" : "single failures",
				r->value, TRICKLE_SPAN);
	case RISK_SILENCE:
		return snprintf(out, size, "no reply though requests wait (phi %.1f)", r->value);
	case RISK_HEALTH:
		if (r->value >= 1)
			return snprintf(out, size, "it is down");
		if (r->value > 0)
			return snprintf(out, size, "its check fails");
		return snprintf(out, size, "evidence against it: suspect");
	case RISK_LOAD:
		return snprintf(out, size, "load expected at %.0f %% of its capacity",
				r->value * 100);
	case RISK_OUTSIDE:
		return snprintf(out, size, "an outside factor of its zone, severity %.2f",
				r->value);
	case RISK_REASON_KINDS:
		break;
	}
	return snprintf(out, size, "unknown");
}

/* How a text grows: never beyond its end, always counted. */
struct text {
	char *out;
	size_t size, length;
};

static void
append(struct text *t, const char *text)
{
	int n = snprintf(t->out + (t->length < t->size ? t->length : t->size),
			t->length < t->size ? t->size - t->length : 0, "%s", text);

	t->length += n > 0 ? (size_t)n : 0;
}

static const struct risk_reason *
peers_of_or_null(const struct risk *r, uint32_t i)
{
	uint32_t j;

	if (r->reason[i].kind != RISK_OWN_PAST)
		return NULL;
	for (j = 0; j < r->reason_count; j++) {
		if (r->reason[j].kind == RISK_PEERS && r->reason[j].metric == r->reason[i].metric)
			return &r->reason[j];
	}
	return NULL;
}

static bool
is_joined(const struct risk *r, uint32_t i)
{
	uint32_t j;

	if (r->reason[i].kind != RISK_PEERS)
		return false;
	for (j = 0; j < r->reason_count; j++) {
		if (r->reason[j].kind == RISK_OWN_PAST &&
				r->reason[j].metric == r->reason[i].metric)
			return true;
	}
	return false;
}

int
risk_text(const struct risk *r, const struct metric *metrics, char *out, size_t size)
{
	struct text t = {out, size, 0};
	const struct risk_reason *peers;
	char one[160];
	uint32_t i;

	if (size)
		*out = '\0';
	for (i = 0; i < r->reason_count; i++) {
		const struct risk_reason *reason = &r->reason[i];

		if (is_joined(r, i))
			continue;
		risk_reason_text(reason,
				reason->metric == RISK_NO_METRIC ? NULL : &metrics[reason->metric],
				one, sizeof(one));
		append(&t, t.length ? "; " : "");
		append(&t, one);
		peers = peers_of_or_null(r, i);
		if (peers) {
			snprintf(one, sizeof(one), " and %.1f x its peers", peers->value);
			append(&t, one);
		}
	}
	return (int)t.length;
}
