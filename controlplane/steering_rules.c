/* SPDX-License-Identifier: Apache-2.0 */
#include "steering_rules.h"

#include <math.h>
#include <string.h>

#include "measure.h"

#define SEEN UINT32_MAX
#define PATIENCE_S 60 /* and three scrapes */

static uint32_t
patience_s(const struct endpoint *e)
{
	return PATIENCE_S + 3 * (uint32_t)(e->config->scrape.interval_ms / 1000);
}

static bool
is_of_packets(struct gateway *g, const struct endpoint *e, const char *name)
{
	size_t i, count;
	const struct metric *m = measurements_metrics(g->measurements, e->service, &count);

	for (i = 0; i < count; i++) {
		if (!strcmp(m[i].name, name))
			return !m[i].scraped;
	}
	return false;
}

static void
tell(struct gateway *g, const struct endpoint *e, const struct policy_rule *rule)
{
	journal_add(g->journal, JOURNAL_WARNING, "rule", e->service->config->name, e->config->name,
			"rule '%s' of service '%s' has never seen its metric: it cannot hold; see "
			"`understudyctl measurements %s`",
			rule->text, e->service->config->name, e->service->config->name);
}

void
steering_rules_tick(struct steering_rules *r, struct gateway *g, const struct endpoint *e,
		const struct policy_input *in)
{
	const struct policy_config *c = &e->service->config->policy;
	uint64_t generation = registry_config_generation(g->registry);
	size_t i;

	if (r->generation != generation)
		*r = (struct steering_rules){.generation = generation};
	for (i = 0; i < c->rule_count && i < POLICY_RULES_MAX; i++) {
		if (!isnan(in->rule_value[i]))
			r->missed[i] = SEEN;
		if (r->missed[i] == SEEN ||
				(!(in->requests > 0) && is_of_packets(g, e, c->rule[i].metric)))
			continue;
		if (++r->missed[i] == patience_s(e))
			tell(g, e, &c->rule[i]);
	}
}

bool
steering_rules_is_unseen(const struct steering_rules *r, const struct endpoint *e, size_t rule)
{
	return r->missed[rule] != SEEN && r->missed[rule] >= patience_s(e);
}
