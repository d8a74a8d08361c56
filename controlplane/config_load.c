/* SPDX-License-Identifier: Apache-2.0 */
#include "config_read.h"
#include "config_validate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL_ADDRESSES_MIN 4 /* room for a reload to add some */
#define HTTP_STATUS_FIRST 200 /* answered, or redirected elsewhere */
#define HTTP_STATUS_LAST 399

void
config_errors_add(struct config_errors *errors, const char *format, ...)
{
	char **grown = realloc(errors->line, (errors->count + 1) * sizeof(*grown));
	va_list args;
	int n;

	if (!grown)
		return;
	errors->line = grown;
	va_start(args, format);
	n = vasprintf(&grown[errors->count], format, args);
	va_end(args);
	if (n >= 0)
		errors->count++;
}

void
config_errors_free(struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->count; i++)
		free(errors->line[i]);
	free(errors->line);
	errors->line = NULL;
	errors->count = 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
count_shadows(const struct config_service *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->endpoint_count; i++)
		n += s->endpoint[i].shadow_count;
	return n;
}

/* All that are somebody's shadow, sorted; allocated. */
static char **
shadow_names(const struct config_service *s, size_t *count)
{
	char **name = calloc(count_shadows(s) + 1, sizeof(*name));
	size_t i, k, n = 0;

	for (i = 0; name && i < s->endpoint_count; i++) {
		for (k = 0; k < s->endpoint[i].shadow_count; k++) {
			if (s->endpoint[i].shadow[k])
				name[n++] = s->endpoint[i].shadow[k];
		}
	}
	if (n)
		qsort(name, n, sizeof(*name), compare_names);
	*count = n;
	return name;
}

static int
set_text(char **field, const char *text)
{
	if (!*field)
		*field = strdup(text);
	return *field ? 0 : -ENOMEM;
}

static int
finish_check(struct config_endpoint *e, const struct yaml *node)
{
	struct config_check *check = &e->check;

	if (check->kind == CHECK_NONE) {
		free(check->path);
		free(check->host);
		free(check->payload);
		free(check->expect);
		memset(check, 0, sizeof(*check));
		return 0;
	}
	if (!config_read_inherited(node, "check", "timeout") &&
			check->timeout_ms > check->interval_ms)
		check->timeout_ms = check->interval_ms;
	if (check->kind != CHECK_HTTP)
		return 0;
	if (check->expect_first == 0) {
		check->expect_first = HTTP_STATUS_FIRST;
		check->expect_last = HTTP_STATUS_LAST;
	}
	return set_text(&check->path, "/");
}

static int
finish_endpoint(struct config_endpoint *e, const struct yaml *node)
{
	/* The service's mirror is for those of its endpoints that can be mirrored. */
	if (e->shadow_count == 0 && !yaml_child(node, "mirror"))
		e->mirror = (struct config_mirror){.shadows = 1, .to_primary = true};
	if (set_text(&e->zone, "") < 0)
		return -ENOMEM;
	if (!config_read_inherited(node, "scrape", "timeout") &&
			e->scrape.timeout_ms > e->scrape.interval_ms)
		e->scrape.timeout_ms = e->scrape.interval_ms;
	return finish_check(e, node);
}

static int
finish_service(struct config_service *s, const struct yaml *node)
{
	const struct yaml *list = yaml_child(node, "endpoints");
	size_t i, count;
	char **shadow = shadow_names(s, &count);
	int err = shadow ? 0 : -ENOMEM;

	for (i = 0; i < s->endpoint_count && err == 0; i++) {
		if (s->endpoint[i].name && !yaml_child(list->child[i], "weight") && count &&
				bsearch(&s->endpoint[i].name, shadow, count, sizeof(*shadow),
						compare_names))
			s->endpoint[i].weight = 0;
		err = finish_endpoint(&s->endpoint[i], list->child[i]);
	}
	free(shadow);
	return err;
}

static void
finish_limits(struct config *config, const struct yaml *root)
{
	uint32_t of_family[2] = {0, 0};
	size_t i;

	config->limits.local_addresses_given =
			yaml_child(yaml_child(root, "limits"), "local_addresses") != NULL;
	if (config->limits.local_addresses_given)
		return;
	for (i = 0; i < config->local_count; i++)
		of_family[ip_is_v4(&config->local[i])]++;
	config->limits.local_addresses = of_family[0] > of_family[1] ? of_family[0] : of_family[1];
	if (config->limits.local_addresses < LOCAL_ADDRESSES_MIN)
		config->limits.local_addresses = LOCAL_ADDRESSES_MIN;
}

static int
line_of_key(const struct yaml *root, const char *map, const char *key)
{
	const struct yaml *node = yaml_child(yaml_child(root, map), key);

	return node ? node->line : 1;
}

static void
keep_lines(struct config *config, const struct yaml *root)
{
	config->gateway.lcore_line = line_of_key(root, "gateway", "lcores");
	config->gateway.main_lcore_line = line_of_key(root, "gateway", "main_lcore");
	config->limits.flows_line = line_of_key(root, "limits", "flows");
}

/* The defaults that depend on other keys. */
static int
finish(struct config *config, const struct yaml *root)
{
	const struct yaml *list = yaml_child(root, "services");
	size_t i;
	int err = 0;

	keep_lines(config, root);
	finish_limits(config, root);
	for (i = 0; i < config->service_count && err == 0; i++)
		err = finish_service(&config->service[i], list->child[i]);
	return err;
}

static int
fill(struct config *config, struct yaml *root, struct complaints *c)
{
	int err;

	config_read(config, root, c);
	err = finish(config, root);
	if (err)
		return err;
	config_validate(config, root, c);
	return c->found ? -EINVAL : 0;
}

static int
line_of(const char *error, size_t name_len)
{
	return atoi(error + name_len + 1);
}

/* In the order of the file, whatever found them first. They are few: config_yaml.c stops at a thousand. */
static void
sort_errors(struct config_errors *errors, size_t from, const char *name)
{
	size_t i, k, n = strlen(name);
	char *moved;

	for (i = from + 1; i < errors->count; i++) {
		moved = errors->line[i];
		for (k = i; k > from && line_of(errors->line[k - 1], n) > line_of(moved, n); k--)
			errors->line[k] = errors->line[k - 1];
		errors->line[k] = moved;
	}
}

struct config *
config_parse(const char *text, size_t len, const char *name, struct config_errors *errors)
{
	struct complaints c = {.file = name, .errors = errors};
	struct config *config = NULL;
	size_t before = errors->count;
	struct yaml *root;
	int err;

	if (len > YAML_SIZE_MAX) {
		config_errors_add(errors, "%s: larger than %u MiB; a configuration is not", name,
				YAML_SIZE_MAX >> 20);
		return NULL;
	}
	if (memchr(text, '\0', len)) {
		config_errors_add(errors, "%s: is not text; give the path of a YAML file", name);
		return NULL;
	}
	root = yaml_parse(text, len, &c);
	if (!root) {
		if (c.found == 0)
			config_errors_add(errors,
					"%s:1: no configuration in it; see config/minimal.yaml",
					name);
		return NULL;
	}
	config = calloc(1, sizeof(*config));
	err = config && set_text(&config->file, name) == 0 ? fill(config, root, &c) : -ENOMEM;
	sort_errors(errors, before, name);
	if (err == -ENOMEM)
		config_errors_add(errors, "%s: out of memory", name);
	if (err) {
		config_free(config);
		config = NULL;
	}
	yaml_free(root);
	return config;
}

static char *
read_stream(FILE *in, size_t *len)
{
	size_t size = 0, room = 65536;
	char *text = NULL, *grown;

	while (size <= YAML_SIZE_MAX) {
		grown = realloc(text, room);
		if (!grown)
			break;
		text = grown;
		size += fread(text + size, 1, room - size, in);
		if (size < room) {
			*len = size;
			return text;
		}
		room *= 2;
	}
	if (size > YAML_SIZE_MAX) {
		*len = size;
		return text;
	}
	free(text);
	errno = ENOMEM;
	return NULL;
}

struct config *
config_load(const char *file, struct config_errors *errors)
{
	struct config *config = NULL;
	FILE *in = fopen(file, "re");
	char *text = NULL;
	size_t len = 0;

	errno = in ? 0 : errno;
	if (in)
		text = read_stream(in, &len);
	if (!text || ferror(in))
		config_errors_add(errors,
				"%s: cannot be read: %s; give the path of a readable file", file,
				strerror(errno));
	else
		config = config_parse(text, len, file, errors);
	free(text);
	if (in)
		fclose(in);
	return config;
}

void
config_free(struct config *config)
{
	if (!config)
		return;
	key_group_fini(&config_schema, config);
	free(config->file);
	free(config);
}
