/* SPDX-License-Identifier: Apache-2.0 */
#include "config_policy.h"

#include "config_scrape.h"
#include "config_value.h"

#include <string.h>

_Static_assert(POLICY_SHARE_ONE == SHARE_ONE, "the policy's shares are the view's");

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define GROUP(keys) .key = keys, .key_count = sizeof(keys) / sizeof((keys)[0])
#define HOUR_MS 3600000ull
#define DAY_MS (24 * HOUR_MS)
#define STEPS_TEXT_MAX 512

static const struct key_choice modes[] = {{"observe", POLICY_OBSERVE, NULL},
		{"advise", POLICY_ADVISE, NULL}, {"act", POLICY_ACT, NULL}, {NULL, 0, NULL}};
static const struct key_choice horizons[] = {{"30s", 0, NULL}, {"60s", 1, NULL}, {"300s", 2, NULL},
		{"1m", 1, NULL}, {"5m", 2, NULL}, {NULL, 0, NULL}};

static const struct key objective_keys[] = {
		{"latency", KEY_US, FIELD(struct policy_objective, latency_us),
				.max = HOUR_MS * 1000, .fallback = "0"},
		{"quantile", KEY_PERMILLE, FIELD(struct policy_objective, quantile_permille),
				.min = 50, .max = 100, .fallback = "99%"},
		{"errors", KEY_FRACTION, FIELD(struct policy_objective, errors), .max = 100,
				.fallback = "1%"},
};
const struct key_group config_objective_group = {"an objective", sizeof(struct policy_objective),
		.flow = true, GROUP(objective_keys)};

static const struct key verify_keys[] = {
		{"latency_ratio", KEY_REAL, FIELD(struct policy_verify, latency_ratio), .min = 1,
				.max = 1000, .fallback = "2"},
		{"errors", KEY_FRACTION, FIELD(struct policy_verify, errors), .max = 100,
				.fallback = "5%"},
		{"answers", KEY_FRACTION, FIELD(struct policy_verify, answers), .max = 100,
				.fallback = "5%"},
		{"confidence", KEY_FRACTION, FIELD(struct policy_verify, confidence), .min = 50,
				.max = 100, .fallback = "95%"},
		{"min_requests", KEY_COUNT, FIELD(struct policy_verify, min_requests), .min = 1,
				.max = 1000000, .fallback = "20"},
};
static const struct key_group verify_group = {
		"a verification", sizeof(struct policy_verify), .flow = true, GROUP(verify_keys)};

static const struct key cost_keys[] = {
		{"downtime", KEY_REAL, FIELD(struct policy_cost, downtime), .max = 1000000000,
				.fallback = "0"},
		{"shadow", KEY_REAL, FIELD(struct policy_cost, shadow), .max = 1000000000,
				.fallback = "0"},
};
static const struct key_group cost_group = {
		"a cost", sizeof(struct policy_cost), .flow = true, GROUP(cost_keys)};

static const struct key item_rule = {"", KEY_RULE, .size = sizeof(struct policy_rule)};

#define OF_WINDOW(member) \
	KEY_COUNT, FIELD(struct policy_config, member), .min = 1, .max = POLICY_WINDOW_MAX
#define SPAN(member) KEY_MS, FIELD(struct policy_config, member), .max = DAY_MS

static const struct key policy_keys[] = {
		{"mode", KEY_CHOICE, FIELD(struct policy_config, mode), .choice = modes,
				.fallback = "observe"},
		{"prediction", KEY_BOOL, FIELD(struct policy_config, prediction),
				.fallback = "true"},
		{"horizon", KEY_CHOICE, FIELD(struct policy_config, horizon), .choice = horizons,
				.fallback = "60s"},
		{"enter", KEY_FRACTION, FIELD(struct policy_config, enter), .max = 100,
				.fallback = "50%"},
		{"leave", KEY_FRACTION, FIELD(struct policy_config, leave), .max = 100,
				.fallback = "20%"},
		{"enter_n", OF_WINDOW(enter_n), .fallback = "2"},
		{"enter_m", OF_WINDOW(enter_m), .fallback = "3"},
		{"leave_n", OF_WINDOW(leave_n), .fallback = "9"},
		{"leave_m", OF_WINDOW(leave_m), .fallback = "10"},
		{"steps", KEY_STEPS, FIELD(struct policy_config, steps),
				.fallback = "1%, 5%, 10%, 25%, 50%, 100%"},
		{"soak", SPAN(soak_ms), .fallback = "5s"},
		{"dwell", SPAN(dwell_ms), .fallback = "60s"},
		{"deadline", SPAN(deadline_ms), .fallback = "60s"},
		{"cooldown", SPAN(cooldown_ms), .fallback = "60s"},
		{"max_in_migration", KEY_SHARE, FIELD(struct policy_config, max_in_migration),
				.fallback = "50%"},
		{"verify", KEY_MAP, FIELD(struct policy_config, verify), .group = &verify_group},
		{"rules", KEY_LIST, KEY_OMITTED, FIELD(struct policy_config, rule),
				.count = offsetof(struct policy_config, rule_count),
				.max = POLICY_RULES_MAX, .item = &item_rule},
		{"impact", KEY_REAL, FIELD(struct policy_config, impact), .max = 1000000,
				.fallback = "1"},
		{"cost", KEY_MAP, FIELD(struct policy_config, cost), .group = &cost_group},
		{"cohorts_first", KEY_BOOL, FIELD(struct policy_config, cohorts_first),
				.fallback = "false"},
};
const struct key_group config_policy_group = {
		"a policy", sizeof(struct policy_config), GROUP(policy_keys)};

/* The list's own text: "1%, 5%". False if an item is no single value. */
static bool
list_text(const struct yaml *list, char *buf, size_t size)
{
	size_t i, n = 0;

	buf[0] = '\0';
	for (i = 0; i < list->count && n < size; i++) {
		if (list->child[i]->kind != YAML_SCALAR || !list->child[i]->text)
			return false;
		n += (size_t)snprintf(
				buf + n, size - n, "%s%s", i ? ", " : "", list->child[i]->text);
	}
	return n < size;
}

static const char *
steps_parse(char *text, struct policy_steps *out)
{
	struct policy_steps steps = {0};
	char *rest = NULL, *word;
	uint32_t before = 0;

	if (strcmp(text, "by_risk") == 0) {
		*out = steps;
		return NULL;
	}
	for (word = strtok_r(text, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
		if (steps.count == POLICY_STEPS_MAX)
			return "has more than 16 steps; leave some out";
		if (value_share_parse(word, &steps.share[steps.count]) < 0)
			return "not a list of shares; write one such as [1%, 10%, 100%], or "
			       "by_risk";
		if (steps.share[steps.count] <= before)
			return "the shares do not rise; write them from the smallest to the "
			       "largest";
		before = steps.share[steps.count++];
	}
	if (before != SHARE_ONE)
		return "does not end with 100%; add it: the last step takes all";
	*out = steps;
	return NULL;
}

void
config_policy_steps_read(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	char text[STEPS_TEXT_MAX] = "";
	const char *wrong = NULL;

	if (node->kind == YAML_SCALAR && strlen(node->text) < sizeof(text))
		strcpy(text, node->text);
	else if (node->kind != YAML_LIST || !list_text(node, text, sizeof(text)))
		wrong = "not a list of shares; write one such as [1%, 10%, 100%], or by_risk";
	if (!wrong)
		wrong = steps_parse(text, key_field(key, base));
	if (wrong)
		yaml_complain(c, node, "%s", wrong);
}

void
config_policy_steps_print(const struct policy_steps *steps, FILE *out)
{
	char value[VALUE_TEXT_SIZE];
	uint32_t i;

	if (steps->count == 0) {
		fputs("by_risk", out);
		return;
	}
	for (i = 0; i < steps->count; i++)
		fprintf(out, "%s%s", i ? ", " : "[", value_share_format(steps->share[i], value));
	fputc(']', out);
}

void
config_policy_rule_read(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	const char *wrong = policy_rule_parse(node->text, key_field(key, base));

	if (wrong)
		yaml_complain(c, node, "%s", wrong);
}

static void
validate_windows(const struct validation *v, const struct policy_config *p, struct yaml *policy)
{
	if (p->enter_n > p->enter_m)
		yaml_complain_key(v->complaints, policy, "enter_n",
				"%u of %u intervals cannot be; raise enter_m or lower enter_n",
				p->enter_n, p->enter_m);
	if (p->leave_n > p->leave_m)
		yaml_complain_key(v->complaints, policy, "leave_n",
				"%u of %u intervals cannot be; raise leave_m or lower leave_n",
				p->leave_n, p->leave_m);
	if (p->leave >= p->enter)
		yaml_complain_key(v->complaints, policy, "leave",
				"not below enter, so that traffic would swing; lower it");
	if (p->verify.confidence >= 1)
		yaml_complain_key(v->complaints, yaml_child(policy, "verify"), "confidence",
				"no number of requests makes anything certain; write 99.9%% or "
				"less");
}

/* What is not measured is never true: a misspelt name would be a safety net that is not there. */
static void
validate_rules(const struct validation *v, const struct config_service *s, struct yaml *policy)
{
	size_t i;

	for (i = 0; i < s->policy.rule_count; i++) {
		const struct policy_rule *rule = &s->policy.rule[i];

		if (!rule->metric[0] || config_scrape_measures(s, rule->metric))
			continue;
		yaml_warn_key(v->complaints, policy, "rules",
				"'%s': no endpoint of the service has a metric '%s', so that it is "
				"never true; correct the name, or scrape it",
				rule->text, rule->metric);
	}
}

void
validate_policy(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *policy = yaml_child(node, "policy"),
		    *endpoints = yaml_child(node, "endpoints");
	const struct policy_config *p = &s->policy;

	if (!policy || policy->tainted)
		return;
	validate_windows(v, p, policy);
	if (p->mode != POLICY_OBSERVE && endpoints && !endpoints->tainted && !validate_has_pair(s))
		yaml_warn_key(v->complaints, policy, "mode",
				"no endpoint of the service has shadows, so that the policy can "
				"only watch; give one 'shadows'");
	if (p->cost.shadow > 0 && p->cost.downtime * p->impact <= p->cost.shadow)
		yaml_warn_key(v->complaints, policy, "cost",
				"a shift costs as much as a failure, so that it is never worth it; "
				"raise downtime or lower shadow");
	if (endpoints && !endpoints->tainted)
		validate_rules(v, s, policy);
}
