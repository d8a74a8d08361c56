/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   build ──> publish ──────────────> retired, with a token ──────────────> released
 *             one pointer exchanged   rte_rcu_qsbr_start()   rte_rcu_qsbr_check() == 1,
 *                                                            asked on later ticks, never waited for
 *
 * Retired views stand in a queue in the order of their tokens, which grow: the first that may not be freed
 * yet ends the search.
 */
#include "publish.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

struct retired {
	const struct view *view;
	uint64_t token;
	struct retired *next;
};

struct publisher {
	struct dataplane *dataplane;
	struct registry *registry;
	const struct view *view; /* in force */
	struct retired *first, **end;
	struct retired *spare; /* got before the view is published, since afterwards nothing may fail */
	struct publish_stats stats;
};

struct publisher *
publisher_create(struct dataplane *d, struct registry *r)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->dataplane = d;
	p->registry = r;
	p->end = &p->first;
	return p;
}

/* Releases the oldest retired view. */
static void
release_first(struct publisher *p)
{
	struct retired *oldest = p->first;

	p->first = oldest->next;
	if (!p->first)
		p->end = &p->first;
	registry_release_view(p->registry, oldest->view);
	free(oldest);
	p->stats.waiting--;
	p->stats.reclaimed++;
}

void
publisher_free(struct publisher *p)
{
	if (!p)
		return;
	while (p->first)
		release_first(p);
	if (p->view)
		registry_release_view(p->registry, p->view);
	free(p->spare);
	free(p);
}

/* CPU time: what building costs the control thread, not what others on its CPU cost it. */
static uint64_t
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
retire(struct publisher *p, const struct view *view)
{
	struct retired *r = p->spare;

	p->spare = NULL;
	*r = (struct retired){
			.view = view,
			.token = rte_rcu_qsbr_start(dataplane_qsbr(p->dataplane)),
	};
	*p->end = r;
	p->end = &r->next;
	p->stats.waiting++;
}

static void
count_published(struct publisher *p, uint64_t begin_ns)
{
	uint64_t ns = cpu_ns() - begin_ns;

	p->stats.generation = p->view->generation;
	p->stats.published++;
	p->stats.build_ns_last = ns;
	if (ns > p->stats.build_ns_max)
		p->stats.build_ns_max = ns;
}

static int
fail(struct publisher *p)
{
	p->stats.failed++;
	return -ENOMEM;
}

int
publish_run(struct publisher *p)
{
	uint64_t begin_ns = cpu_ns();
	const struct view *old;
	struct view *v;

	if (!p->spare)
		p->spare = malloc(sizeof(*p->spare));
	if (!p->spare)
		return fail(p);
	v = registry_build_view(p->registry);
	if (!v)
		return errno == ENOMEM ? fail(p) : 0;
	v->published_tsc = rte_rdtsc();
	old = dataplane_publish(p->dataplane, v);
	p->view = v;
	if (old)
		retire(p, old);
	count_published(p, begin_ns);
	return 1;
}

/* Has every core passed a quiescent state since the token was made? */
static bool
is_unseen(const struct publisher *p, uint64_t token)
{
	return rte_rcu_qsbr_check(dataplane_qsbr(p->dataplane), token, false) == 1;
}

void
publish_reclaim(struct publisher *p)
{
	while (p->first && is_unseen(p, p->first->token))
		release_first(p);
}

void
publish_stats(const struct publisher *p, struct publish_stats *out)
{
	*out = p->stats;
}

const struct view *
publish_view(const struct publisher *p)
{
	return p->view;
}
