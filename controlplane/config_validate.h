/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold between keys. Each file validates one part of the configuration; what config_read complained about
 * is left alone, so that one mistake is told once.
 */
#pragma once

#include "config.h"
#include "config_yaml.h"

struct validation {
	const struct config *config;
	struct yaml *root; /* its lists are parallel to those of the config */
	struct complaints *complaints;
};

void config_validate(const struct config *config, struct yaml *root, struct complaints *c);

/* Its parts. */
void validate_ports(const struct validation *v); /* config_validate_ports.c */
void validate_addresses(const struct validation *v); /* config_validate_addresses.c */
void validate_hops(const struct validation *v); /* config_validate_hops.c */
void validate_services(const struct validation *v); /* config_validate_services.c */
void validate_shadows(
		const struct validation *v, const struct config_service *s, struct yaml *node);
void validate_endpoint(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node);
void validate_scrape(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node); /* config_scrape.c */
void validate_outside(const struct validation *v); /* config_scrape.c */
void validate_check(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node);

/* What keeps an address from being a host's, or NULL. */
const char *validate_host_fault_or_null(const struct ip_addr *addr);
bool validate_is_link_local(const struct ip_addr *addr);

/* Is it in a subnet of the port? Link-local addresses are in those of every port. */
bool validate_on_link(const struct config_port *port, const struct ip_addr *addr);

/* Are there surely no local addresses of that family? Not if what the file says of them was complained about. */
bool validate_lacks_local(const struct validation *v, bool v4);

/* Has any endpoint shadows? */
bool validate_has_pair(const struct config_service *s);

/* Complains about items of a list that have the `name` of an earlier one. */
void validate_names(const struct validation *v, struct yaml *list);
