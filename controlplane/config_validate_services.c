/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include "config_forecast.h"
#include "config_policy.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct reach {
	const struct config_service *service;
	struct yaml *node;
};

static void
validate_address(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	const char *fault = validate_host_fault_or_null(&s->addr);

	if (ip_is_none(&s->addr))
		return;
	if (fault || validate_is_link_local(&s->addr))
		yaml_complain_key(v->complaints, node, "address",
				"%s; give one that clients can reach",
				fault ? fault : "a link-local address");
}

static void
validate_protocol(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct complaints *c = v->complaints;

	if (s->protocol == IPPROTO_TCP && s->per_request)
		yaml_complain_key(c, node, "per_request", "is for UDP services; remove it");
	if (s->protocol == IPPROTO_UDP && s->established != ESTABLISHED_KEEP)
		yaml_complain_key(c, node, "established", "is for TCP services; remove it");
	if (s->protocol == IPPROTO_UDP && s->down != DOWN_RESET)
		yaml_complain_key(c, node, "down",
				"is for TCP services: UDP flows move at once; remove it");
	if (s->protocol == IPPROTO_UDP && s->adopt)
		yaml_complain_key(c, node, "adopt", "is for TCP services; remove it");
	else if (s->forward == FORWARD_FULLNAT && s->adopt)
		yaml_complain_key(c, node, "adopt",
				"is not possible with fullnat, where nobody else knows the flow's "
				"local address; remove it");
}

static void
validate_replies(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	if (s->replies == REPLIES_NONE)
		return;
	if (s->forward == FORWARD_DSR_L2)
		yaml_complain_key(v->complaints, node, "replies",
				"is not possible with dsr-l2, where replies bypass the gateway; "
				"remove it");
	else if (s->replies == REPLIES_HTTP && s->protocol == IPPROTO_UDP)
		yaml_complain_key(v->complaints, node, "replies",
				"http is for TCP services; remove it");
}

static void
validate_forward(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *forward = yaml_child(node, "forward");
	bool v4 = ip_is_v4(&s->addr);

	if (s->forward != FORWARD_FULLNAT || ip_is_none(&s->addr) || (forward && forward->bad) ||
			!validate_lacks_local(v, v4))
		return;
	yaml_complain_key(v->complaints, node, "forward",
			"fullnat needs a source address, and local_addresses has none of IPv%d; "
			"add one, or use nat",
			v4 ? 4 : 6);
}

static void
validate_weights(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *endpoints = yaml_child(node, "endpoints");
	bool weight = false, takes = false;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		weight |= s->endpoint[i].weight > 0;
		takes |= s->endpoint[i].weight > 0 && !s->endpoint[i].drain;
	}
	if (s->endpoint_count == 0 || endpoints->tainted)
		return;
	if (!weight)
		yaml_complain_key(v->complaints, node, "endpoints",
				"none has a weight, so that no flow could be served; give one a "
				"weight (shadows have 0 by default)");
	else if (!takes)
		yaml_warn_key(v->complaints, node, "endpoints",
				"all are drained: the service takes no new flows");
}

bool
validate_has_pair(const struct config_service *s)
{
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		if (s->endpoint[i].shadow_count)
			return true;
	}
	return false;
}

/* The first match wins, so that a rule inside an earlier one is never asked. */
static bool
is_hidden(const struct config_service *s, size_t rule, struct yaml *list, struct complaints *c)
{
	const struct ip_prefix *p = &s->cohort[rule].source, *q;
	size_t i;

	for (i = 0; i < rule; i++) {
		q = &s->cohort[i].source;
		if (list->child[i]->tainted || q->len > p->len || !ip_prefix_contains(q, &p->addr))
			continue;
		yaml_complain_key(c, list->child[rule], "source",
				"is inside an earlier rule (line %d), which wins; put this one "
				"before it",
				list->child[i]->line);
		return true;
	}
	return false;
}

static void
validate_cohorts(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *list = yaml_child(node, "cohorts"), *endpoints = yaml_child(node, "endpoints");
	size_t i;

	for (i = 0; i < s->cohort_count; i++) {
		if (list->child[i]->tainted || is_hidden(s, i, list, v->complaints))
			continue;
		if (!ip_is_none(&s->addr) &&
				ip_is_v4(&s->cohort[i].source.addr) != ip_is_v4(&s->addr))
			yaml_complain_key(v->complaints, list->child[i], "source",
					"of another family than the service's address; no client "
					"of it matches");
		else if (s->cohort[i].side != COHORT_PRIMARY && endpoints && !endpoints->tainted &&
				!validate_has_pair(s))
			yaml_complain_key(v->complaints, list->child[i], "side",
					"no endpoint of the service has shadows; give one "
					"'shadows', or remove the rule");
	}
}

/* A template nobody can use would be read without a word. */
static void
validate_mirror_template(
		const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *mirror = yaml_child(node, "mirror"),
		    *endpoints = yaml_child(node, "endpoints");

	if (mirror && !mirror->tainted && endpoints && !endpoints->tainted && !validate_has_pair(s))
		yaml_complain_key(v->complaints, node, "mirror",
				"no endpoint of the service has shadows to copy to; give one "
				"'shadows', or remove it");
}

static int
compare_endpoints(const void *a, const void *b)
{
	const struct config_endpoint *x = *(const struct config_endpoint *const *)a;
	const struct config_endpoint *y = *(const struct config_endpoint *const *)b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	if (order == 0)
		order = (int)x->port - (int)y->port;
	return order ? order : (x > y) - (x < y);
}

/* Port 0 is the service's: "port: 80" of a service on port 80 is the same. */
static bool
same_server(const struct config_service *s, const struct config_endpoint *a,
		const struct config_endpoint *b)
{
	uint16_t x = a->port ? a->port : s->port_first, y = b->port ? b->port : s->port_first;

	return ip_equal(&a->addr, &b->addr) && !ip_is_none(&a->addr) && x == y;
}

static void
validate_twins(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	const struct config_endpoint **sorted = calloc(s->endpoint_count + 1, sizeof(*sorted)),
				     *first, *other;
	struct yaml *list = yaml_child(node, "endpoints");
	size_t i;

	for (i = 0; sorted && i < s->endpoint_count; i++)
		sorted[i] = &s->endpoint[i];
	if (sorted && s->endpoint_count)
		qsort(sorted, s->endpoint_count, sizeof(*sorted), compare_endpoints);
	for (i = 1; sorted && i < s->endpoint_count; i++) {
		first = sorted[i - 1] < sorted[i] ? sorted[i - 1] : sorted[i];
		other = first == sorted[i] ? sorted[i - 1] : sorted[i];
		if (same_server(s, first, other))
			yaml_complain_key(v->complaints, list->child[other - s->endpoint],
					"address",
					"is endpoint '%s' (line %d) with the same port; an "
					"endpoint stands in a service once",
					first->name ? first->name : "", first->line);
	}
	free(sorted);
}

static int
compare_reaches(const void *a, const void *b)
{
	const struct config_service *x = ((const struct reach *)a)->service,
				    *y = ((const struct reach *)b)->service;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	if (order == 0)
		order = (int)x->protocol - (int)y->protocol;
	if (order == 0)
		order = (int)x->port_first - (int)y->port_first;
	return order ? order : (x > y) - (x < y);
}

static void
complain_overlap(const struct validation *v, const struct reach *a, const struct reach *b)
{
	const struct reach *early = a->service < b->service ? a : b, *late = early == a ? b : a;

	yaml_complain_key(v->complaints, late->node, "port",
			"overlaps with service '%s' (line %d), which has the same address and "
			"protocol; separate their ports",
			early->service->name ? early->service->name : "", early->service->line);
}

static void
sweep(const struct validation *v, const struct reach *reach, size_t count)
{
	const struct reach *widest = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!widest || !ip_equal(&widest->service->addr, &reach[i].service->addr) ||
				widest->service->protocol != reach[i].service->protocol) {
			widest = &reach[i];
			continue;
		}
		if (reach[i].service->port_first <= widest->service->port_last)
			complain_overlap(v, widest, &reach[i]);
		if (reach[i].service->port_last > widest->service->port_last)
			widest = &reach[i];
	}
}

static void
validate_overlaps(const struct validation *v, struct yaml *list)
{
	const struct config_service *s = v->config->service;
	struct reach *reach = calloc(v->config->service_count + 1, sizeof(*reach));
	size_t i, n = 0;

	for (i = 0; reach && i < v->config->service_count; i++) {
		if (!ip_is_none(&s[i].addr) && s[i].port_first && s[i].protocol)
			reach[n++] = (struct reach){&s[i], list->child[i]};
	}
	if (n)
		qsort(reach, n, sizeof(*reach), compare_reaches);
	sweep(v, reach, n);
	free(reach);
}

static void
validate_service(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *endpoints = yaml_child(node, "endpoints");
	size_t i;

	validate_address(v, s, node);
	validate_protocol(v, s, node);
	validate_replies(v, s, node);
	validate_forward(v, s, node);
	validate_cohorts(v, s, node);
	validate_mirror_template(v, s, node);
	validate_names(v, endpoints);
	validate_shadows(v, s, node);
	for (i = 0; i < s->endpoint_count; i++) {
		validate_endpoint(v, s, &s->endpoint[i], endpoints->child[i]);
		validate_check(v, s, &s->endpoint[i], endpoints->child[i]);
		validate_scrape(v, s, &s->endpoint[i], endpoints->child[i]);
	}
	validate_twins(v, s, node);
	validate_weights(v, s, node);
	validate_policy(v, s, node);
	validate_forecast(v, s, node);
}

void
validate_services(const struct validation *v)
{
	struct yaml *list = yaml_child(v->root, "services");
	size_t i;

	validate_names(v, list);
	for (i = 0; i < v->config->service_count; i++)
		validate_service(v, &v->config->service[i], list->child[i]);
	validate_overlaps(v, list);
}
