/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadows are named, and a shadow may have shadows of its own, but no chain of them may come back to where it began.
 * A depth-first walk with a stack of its own (a chain may be as long as the service): an edge to an endpoint that is
 * on the stack closes a loop.
 */
#include "config_validate.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY SIZE_MAX

enum colour {
	UNSEEN,
	ON_STACK,
	DONE,
};

struct named {
	const char *name;
	size_t index;
};

struct step {
	size_t endpoint;
	size_t next; /* shadow to look at */
};

struct walk {
	const struct validation *v;
	const struct config_service *s;
	struct yaml *list; /* of endpoints */
	struct named *by_name;
	size_t named;
	uint8_t *colour;
	struct step *stack;
	size_t depth;
};

static int
compare_named(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static size_t
find(const struct walk *w, const char *name)
{
	const struct named key = {.name = name};
	const struct named *found;

	if (!name || w->named == 0)
		return NOBODY;
	found = bsearch(&key, w->by_name, w->named, sizeof(key), compare_named);
	return found ? found->index : NOBODY;
}

static void
index_names(struct walk *w)
{
	size_t i;

	for (i = 0; i < w->s->endpoint_count; i++) {
		if (w->s->endpoint[i].name)
			w->by_name[w->named++] = (struct named){w->s->endpoint[i].name, i};
	}
	if (w->named)
		qsort(w->by_name, w->named, sizeof(*w->by_name), compare_named);
}

static bool
named_before(const struct config_endpoint *e, size_t shadow)
{
	size_t i;

	for (i = 0; i < shadow; i++) {
		if (e->shadow[i] && strcmp(e->shadow[i], e->shadow[shadow]) == 0)
			return true;
	}
	return false;
}

/* What takes the one down takes the other. */
static void
warn_of_shared_host(const struct walk *w, size_t endpoint, size_t shadow)
{
	const struct config_endpoint *e = &w->s->endpoint[endpoint],
				     *other = &w->s->endpoint[shadow];

	if (!ip_is_none(&e->addr) && ip_equal(&e->addr, &other->addr))
		yaml_warn_key(w->v->complaints, w->list->child[endpoint], "shadows",
				"shadow '%s' has the primary's own address: what takes the host "
				"down takes both; name one on another host",
				other->name);
}

static void
validate_shadow_names(const struct walk *w, size_t endpoint)
{
	const struct config_endpoint *e = &w->s->endpoint[endpoint];
	struct yaml *list = yaml_child(w->list->child[endpoint], "shadows");
	size_t i;

	for (i = 0; i < e->shadow_count; i++) {
		if (!e->shadow[i])
			continue;
		if (e->name && strcmp(e->shadow[i], e->name) == 0)
			yaml_complain(w->v->complaints, list->child[i],
					"an endpoint cannot be its own shadow; name another");
		else if (find(w, e->shadow[i]) == NOBODY)
			yaml_complain(w->v->complaints, list->child[i],
					"no endpoint of this service has that name; add one, or "
					"correct the name");
		else if (named_before(e, i))
			yaml_complain(w->v->complaints, list->child[i],
					"stands there twice; remove one");
		else
			warn_of_shared_host(w, endpoint, find(w, e->shadow[i]));
	}
}

static void
complain_loop(struct walk *w, size_t back_to)
{
	struct step *top = &w->stack[w->depth - 1];
	struct yaml *shadows = yaml_child(w->list->child[top->endpoint], "shadows");
	char text[256] = "";
	size_t i = 0, n = 0;

	while (w->stack[i].endpoint != back_to)
		i++;
	for (; i < w->depth && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s -> ",
				w->s->endpoint[w->stack[i].endpoint].name);
	yaml_complain(w->v->complaints, shadows->child[top->next - 1],
			"makes a loop of shadows (%s%s); break it",
			n < sizeof(text) ? text : "a long one: ", w->s->endpoint[back_to].name);
}

static void
push(struct walk *w, size_t endpoint)
{
	w->colour[endpoint] = ON_STACK;
	w->stack[w->depth++] = (struct step){endpoint, 0};
}

static void
visit(struct walk *w, size_t from)
{
	const struct config_endpoint *e;
	struct step *top;
	size_t shadow;

	push(w, from);
	while (w->depth) {
		top = &w->stack[w->depth - 1];
		e = &w->s->endpoint[top->endpoint];
		if (top->next == e->shadow_count) {
			w->colour[top->endpoint] = DONE;
			w->depth--;
			continue;
		}
		shadow = find(w, e->shadow[top->next++]);
		if (shadow == NOBODY || shadow == top->endpoint)
			continue;
		if (w->colour[shadow] == ON_STACK)
			complain_loop(w, shadow);
		else if (w->colour[shadow] == UNSEEN)
			push(w, shadow);
	}
}

void
validate_shadows(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct walk w = {.v = v, .s = s, .list = yaml_child(node, "endpoints")};
	size_t i, n = s->endpoint_count;

	w.by_name = calloc(n + 1, sizeof(*w.by_name));
	w.colour = calloc(n + 1, sizeof(*w.colour));
	w.stack = calloc(n + 1, sizeof(*w.stack));
	if (w.by_name && w.colour && w.stack) {
		index_names(&w);
		for (i = 0; i < n; i++)
			validate_shadow_names(&w, i);
		for (i = 0; i < n; i++) {
			if (w.colour[i] == UNSEEN && s->endpoint[i].shadow_count)
				visit(&w, i);
		}
	}
	free(w.by_name);
	free(w.colour);
	free(w.stack);
}
