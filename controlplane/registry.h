/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control thread knows of services and endpoints: the configuration, what an operator or a policy
 * set at run time, health and neighbours; and the stable ids. It builds the blocks of the view from that;
 * publish.c puts them in force. Control thread only.
 */
#pragma once

#include <jansson.h>

#include "config.h"
#include "dataplane.h"
#include "policy.h"

enum setting_source {
	SETTING_FILE, /* as the configuration says */
	SETTING_RUNTIME, /* set since, by an operator or a policy */
};

/* Health of an endpoint as the checks and the passive signals have it. */
enum health_state {
	HEALTH_UNKNOWN, /* not checked yet: counts as up if it has no check, else as down until the first result */
	HEALTH_UP,
	HEALTH_DOWN,
};

/* What stays of the policy's hand and of an operator's on it (steering.h). */
struct policy_setting {
	bool has_mode; /* `mode` instead of the file's */
	enum policy_mode mode;
	bool hold; /* paused by an operator, until released */
	bool steers, mirrors; /* shift and mirror are as the policy set them */
	struct policy_memory memory; /* on the wall clock, since 1970 */
};

struct service;

/* Services and endpoints are read by anybody and changed by the functions below alone. One that a reload keeps stays
 * where it is in memory; one that it removes is freed. */
struct endpoint {
	uint32_t eid;
	struct service *service;
	const struct config_endpoint *config; /* of the configuration in force */
	uint32_t weight;
	enum health_state health;
	char health_reason[96];
	uint64_t health_since_ms; /* wall clock, ms since 1970 */
	bool resolved;
	struct view_l2 l2;
	uint16_t mtu; /* of the port that it is behind */
	uint16_t epoch;
	uint32_t shift;
	struct config_mirror mirror;
	bool drain;
	bool suspect; /* see registry_set_suspect */
	enum setting_source shift_source, mirror_source, drain_source;
	struct policy_setting policy;
	struct endpoint **shadow;
	size_t shadow_count;
};

struct service {
	uint32_t sid;
	const struct config_service *config;
	struct endpoint **endpoint; /* in the order of the configuration */
	size_t endpoint_count;
	struct endpoint **by_name; /* the same, sorted; in the same memory */
};

struct registry;

/* Takes ownership of `config`, which must have been validated. `lcores` divides the mirror budgets. NULL with errno
 * ENOMEM, or ENOSPC if it exceeds its own limits; the configuration is then freed. */
struct registry *registry_create(struct config *config, uint32_t lcores);
void registry_free(struct registry *r); /* all views must have been released */

const struct config *registry_config(const struct registry *r);
/* From 1, one more with each configuration: what tells one from another that lies where it lay. */
uint64_t registry_config_generation(const struct registry *r);

/* Replaces the configuration (takes ownership; frees the old one): services and endpoints of the same name keep
 * their ids, their health, and the runtime settings whose key the file did not change. An endpoint that has another
 * address, port, protocol or forwarding mode than before is another server: it gets a new id and unknown health, and
 * keeps the settings. Nothing but the new configuration changes on -ENOMEM and on -ENOSPC, when removed endpoints whose
 * flows have not ended leave too few ids: the new one is then freed. */
int registry_reload(struct registry *r, struct config *config);

size_t registry_service_count(const struct registry *r);
struct service *registry_service_at(
		struct registry *r, size_t i); /* in the order of the configuration */
struct service *registry_service_by_name(struct registry *r, const char *name);
struct endpoint *registry_endpoint_by_name(
		struct registry *r, const char *service, const char *endpoint);
struct endpoint *registry_endpoint_by_id(struct registry *r, uint32_t eid);
struct service *registry_service_by_id(struct registry *r, uint32_t sid);
uint32_t registry_endpoint_limit(const struct registry *r);

/* Would the view say UP: healthy (or without checks), and its neighbour known? */
bool registry_endpoint_is_up(const struct endpoint *e);
/* Where its shifted and failed-over flows go: the first shadow that is up, not drained and not suspect, else the first
 * that is suspect at worst, else the first; or NULL. */
struct endpoint *registry_standby_or_null(const struct endpoint *e);

/* Does it get copies of the requests that a shadow serves for it? Where it is mirrored, once all its new flows are shifted:
 * until then it shows by its own traffic how it does, and what it was relieved of must not come back as copies. */
bool registry_gets_copies(const struct endpoint *e);

/* Changes; each marks what must be rebuilt, and takes effect with the next publish_run(). `shift` must have a shadow
 * to go to (-ENOENT); a value beyond its range is -EINVAL. A setting that equals the file's is SETTING_FILE again,
 * whatever `source` says. When an endpoint stops being up its epoch changes, so that live flows move or end. */
int registry_set_shift(
		struct registry *r, struct endpoint *e, uint32_t shift, enum setting_source source);
int registry_set_mirror(struct registry *r, struct endpoint *e, const struct config_mirror *mirror,
		enum setting_source source);
int registry_set_drain(
		struct registry *r, struct endpoint *e, bool drain, enum setting_source source);
int registry_set_weight(struct registry *r, struct endpoint *e,
		uint32_t weight); /* until the next reload */
void registry_set_health(struct registry *r, struct endpoint *e, enum health_state health,
		const char *reason);
/* Kept over restarts with the other settings; changes nothing in the view. */
void registry_set_policy(struct endpoint *e, const struct policy_setting *setting);
/* Evidence against the endpoint: new flows go elsewhere meanwhile, if anybody who is not suspect can take them; flows
 * that it has are not touched. */
void registry_set_suspect(struct registry *r, struct endpoint *e, bool suspect);
void registry_set_neighbour(struct registry *r, struct endpoint *e,
		const struct view_l2 *l2_or_null, uint16_t mtu);

/* Moves all flows off the endpoint now, live ones too, without marking it down: understudyctl failover. Its shift
 * becomes 100 % if its standby can take flows, else it is drained, so that others take them; its TCP flows are reset
 * whatever the service's down policy. Taking the shift or the drain back ends it. -EHOSTUNREACH, and nothing changed, if
 * nobody else of the service can take flows. */
int registry_fail_over(struct registry *r, struct endpoint *e);

/* The settings that differ from the file, to be kept across restarts, and back. Unknown names are ignored, and so are
 * settings whose key the file changed since. -EINVAL, and nothing changed, if the state is not what was written. */
json_t *registry_state(const struct registry *r);
int registry_restore(struct registry *r, const json_t *state);

/* Builds a view of all that changed since the last one, sharing the rest; NULL if nothing changed, or out of memory
 * (errno ENOMEM; tried again next time). Ports and addresses: see registry_set_ports. */
struct view *registry_build_view(struct registry *r);
/* Gives back what a view, that no lcore uses any more, held. Views are released in the order they were built. */
void registry_release_view(struct registry *r, const struct view *view);

/* Logical ports, as opened, in the order of the configuration; copied. Call before the first build. */
int registry_set_ports(struct registry *r, const struct view_port *ports, uint32_t count);

/* Flows that still name an endpoint's id: asked before an id is reused. */
typedef uint64_t (*registry_active_flows)(void *arg, uint32_t eid);
void registry_set_active_flows(struct registry *r, registry_active_flows fn, void *arg);

/* Local addresses by their stable index (retired ones included; `active` tells); for the filter and explain. */
size_t registry_local_count(const struct registry *r, int family);
struct ip_addr registry_local_at(const struct registry *r, int family, size_t index, bool *active);
