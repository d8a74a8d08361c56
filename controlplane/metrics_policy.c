/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_policy.h"

const struct metrics_policy_family metrics_policy_family[METRICS_POLICY] = {
		[METRICS_POLICY_STATE] = {"endpoint_policy_state", "gauge",
				"1 for the state of the way of a shift that the endpoint is in"},
		[METRICS_POLICY_MODE] = {"endpoint_policy_mode", "gauge",
				"1 for the policy's mode in force"},
		[METRICS_POLICY_SHARE] = {"endpoint_policy_share", "gauge",
				"share of its new flows that the policy wants its shadow to serve"},
		[METRICS_POLICY_HELD] = {"endpoint_policy_held", "gauge",
				"1 if an operator or a drain keeps the policy's hands off"},
		[METRICS_POLICY_ASKED] = {"endpoint_policy_asked", "gauge",
				"1 if a shift awaits approval"},
		[METRICS_POLICY_VERDICT] = {"endpoint_policy_verdict", "gauge",
				"1 for what the comparison says of who would get more traffic"},
		[METRICS_POLICY_DECISIONS] = {"endpoint_decisions_total", "counter",
				"decisions of the policy by rung and outcome"},
};

static void
one_of(FILE *f, enum metrics_policy family, const char *label, const char *key, const char *name,
		bool is)
{
	fprintf(f, "understudy_%s{%s,%s=\"%s\"} %d\n", metrics_policy_family[family].name, label,
			key, name, is);
}

static void
number(FILE *f, enum metrics_policy family, const char *label, double value)
{
	fprintf(f, "understudy_%s{%s} %.9g\n", metrics_policy_family[family].name, label, value);
}

static void
states(FILE *const f[METRICS_POLICY], const char *label, const struct steering_view *v)
{
	static const enum sequential_verdict verdicts[] = {
			SEQUENTIAL_UNSURE, SEQUENTIAL_NOT_WORSE, SEQUENTIAL_WORSE};
	enum sequential_verdict verdict = comparison_verdict(v->comparison, NULL);
	int i;

	for (i = 0; i < POLICY_STATES; i++)
		one_of(f[METRICS_POLICY_STATE], METRICS_POLICY_STATE, label, "state",
				policy_state_name((enum policy_state)i),
				i == (int)v->policy->state);
	for (i = 0; i < POLICY_MODES; i++)
		one_of(f[METRICS_POLICY_MODE], METRICS_POLICY_MODE, label, "mode",
				policy_mode_name((enum policy_mode)i), i == (int)v->mode);
	for (i = 0; i < (int)(sizeof(verdicts) / sizeof(verdicts[0])); i++)
		one_of(f[METRICS_POLICY_VERDICT], METRICS_POLICY_VERDICT, label, "verdict",
				sequential_verdict_name(verdicts[i]), verdicts[i] == verdict);
}

/* Those that were never made have no series: 28 rungs by 4 outcomes are many. */
static void
decisions(FILE *f, const char *label, const struct steering_view *v)
{
	int rung, outcome;

	for (rung = 0; rung < POLICY_RUNGS; rung++) {
		for (outcome = 0; outcome < POLICY_OUTCOMES; outcome++) {
			if (!v->decisions[rung][outcome])
				continue;
			fprintf(f, "understudy_%s{%s,rung=\"%s\",outcome=\"%s\"} %u\n",
					metrics_policy_family[METRICS_POLICY_DECISIONS].name, label,
					policy_rung_name((enum policy_rung)rung),
					policy_outcome_name((enum policy_outcome)outcome),
					v->decisions[rung][outcome]);
		}
	}
}

void
metrics_policy_samples(
		FILE *const f[METRICS_POLICY], const char *label, const struct steering_view *v)
{
	states(f, label, v);
	number(f[METRICS_POLICY_SHARE], METRICS_POLICY_SHARE, label,
			(double)v->policy->shift / POLICY_SHARE_ONE);
	number(f[METRICS_POLICY_HELD], METRICS_POLICY_HELD, label, v->input->held);
	number(f[METRICS_POLICY_ASKED], METRICS_POLICY_ASKED, label, v->asked > 0);
	decisions(f[METRICS_POLICY_DECISIONS], label, v);
}
