/* SPDX-License-Identifier: Apache-2.0 */
#include "config_yaml.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 512
#define VALUE_SHOWN 64 /* bytes of a bad value that an error repeats */
#define KEYS_MAX 256 /* of a map; the schema's largest has 20 */
#define ERRORS_SHOWN 1000 /* of one file; a wrong file of any size has a readable answer */

struct builder {
	struct fy_parser *parser;
	struct complaints *complaints;
	struct yaml *root;
	struct yaml *open; /* list or map that is being filled */
	struct yaml *pair; /* the key that waits for its value: a node without a parent */
	unsigned depth;
	bool failed;
};

void
yaml_free(struct yaml *node)
{
	size_t i;

	if (!node)
		return;
	for (i = 0; i < node->count; i++)
		yaml_free(node->child[i]);
	free(node->child);
	free(node->key);
	free(node->text);
	free(node);
}

struct yaml *
yaml_child(const struct yaml *map_or_null, const char *key)
{
	size_t i;

	if (!map_or_null || map_or_null->kind != YAML_MAP)
		return NULL;
	for (i = 0; i < map_or_null->count; i++) {
		if (strcmp(map_or_null->child[i]->key, key) == 0)
			return map_or_null->child[i];
	}
	return NULL;
}

bool
yaml_is_empty(const struct yaml *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
			(node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
					strcmp(node->text, "null") == 0);
}

static void
append(char *path, const char *format, ...)
{
	size_t n = strlen(path);
	va_list args;

	va_start(args, format);
	vsnprintf(path + n, PATH_SIZE - n, format, args);
	va_end(args);
}

static size_t
index_of(const struct yaml *node)
{
	size_t i = 0;

	while (node->parent->child[i] != node)
		i++;
	return i;
}

/* services[web].endpoints[web1].shift: items go by their name if they have one. */
static void
path_of(const struct yaml *node, char *path)
{
	const struct yaml *name;

	if (!node->parent) {
		path[0] = '\0';
		return;
	}
	path_of(node->parent, path);
	if (node->key) {
		append(path, "%s%.64s", path[0] ? "." : "", node->key);
		return;
	}
	name = yaml_child(node, "name");
	if (name && name->kind == YAML_SCALAR && !name->bad)
		append(path, "[%.64s]", name->text);
	else
		append(path, "[%zu]", index_of(node));
}

static void
printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static bool
told_already(const struct config_errors *errors, const char *line)
{
	size_t i;

	for (i = 0; i < errors->count; i++) {
		if (strcmp(errors->line[i], line) == 0)
			return true;
	}
	return false;
}

static void
tell(struct complaints *c, int line, const char *where, const char *what)
{
	char *text;

	if (c->errors->count > ERRORS_SHOWN)
		return;
	if (c->errors->count == ERRORS_SHOWN) {
		config_errors_add(c->errors, "%s: more errors than %d; the rest is not told",
				c->file, ERRORS_SHOWN);
		return;
	}
	if (asprintf(&text, "%s:%d: %s%s%s", c->file, line, where, where[0] ? ": " : "", what) < 0)
		return;
	if (!told_already(c->errors, text))
		config_errors_add(c->errors, "%s", text);
	free(text);
}

static void
mark(struct yaml *node)
{
	node->bad = true;
	for (; node; node = node->parent)
		node->tainted = true;
}

/* About `node`, or about its missing child `key`. */
static void
tell_node(struct complaints *c, const struct yaml *node, const char *key, const char *what)
{
	char path[PATH_SIZE];

	path_of(node, path);
	if (key)
		append(path, "%s%s", path[0] ? "." : "", key);
	else if (node->kind == YAML_SCALAR)
		append(path, "%s'%.*s%s'", path[0] ? ": " : "", VALUE_SHOWN, node->text,
				strlen(node->text) > VALUE_SHOWN ? "..." : "");
	printable(path);
	tell(c, node->line, path, what);
}

void
yaml_complain(struct complaints *c, struct yaml *node, const char *format, ...)
{
	char *what;
	va_list args;
	int n;

	c->found++;
	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0)
		return;
	tell_node(c, node, NULL, what);
	mark(node);
	free(what);
}

void
yaml_complain_key(struct complaints *c, struct yaml *map, const char *key, const char *format, ...)
{
	struct yaml *child = yaml_child(map, key);
	char *what;
	va_list args;
	int n;

	c->found++;
	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0)
		return;
	tell_node(c, child ? child : map, child ? NULL : key, what);
	mark(child ? child : map);
	free(what);
}

void
yaml_warn_key(struct complaints *c, struct yaml *map, const char *key, const char *format, ...)
{
	struct yaml *child = key ? yaml_child(map, key) : NULL;
	char *what, *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (asprintf(&text, "warning: %s", what) >= 0) {
		tell_node(c, child ? child : map, child ? NULL : key, text);
		free(text);
	}
	free(what);
}

static void
out_of_memory(struct builder *b)
{
	b->failed = true;
	b->complaints->found++;
	config_errors_add(b->complaints->errors, "%s: out of memory", b->complaints->file);
}

static int
line_of(struct fy_event *event)
{
	const struct fy_mark *mark_at = fy_event_start_mark(event);

	return mark_at ? mark_at->line + 1 : 0;
}

static struct yaml *
node_create(struct builder *b, enum yaml_kind kind, struct fy_event *event)
{
	struct yaml *node = calloc(1, sizeof(*node));

	if (!node) {
		out_of_memory(b);
		return NULL;
	}
	node->kind = kind;
	node->line = line_of(event);
	return node;
}

static bool
add_child(struct builder *b, struct yaml *node)
{
	struct yaml *parent = b->open, **grown;

	/* Doubles at powers of two. */
	if ((parent->count & (parent->count - 1)) == 0) {
		grown = realloc(parent->child,
				(parent->count ? 2 * parent->count : 1) * sizeof(*grown));
		if (!grown)
			return false;
		parent->child = grown;
	}
	parent->child[parent->count++] = node;
	node->parent = parent;
	return true;
}

/* Puts a finished or just opened node where it belongs; frees it if it cannot. */
static bool
attach(struct builder *b, struct yaml *node)
{
	struct yaml *twin = NULL;

	if (node->line == 0)
		node->line = b->open ? b->open->line : 1;
	if (!b->open) {
		b->root = node;
		return true;
	}
	if (b->pair) {
		node->key = b->pair->text;
		node->line = b->pair->line;
		b->pair->text = NULL;
		twin = yaml_child(b->open, node->key);
		yaml_free(b->pair);
		b->pair = NULL;
	}
	if (!add_child(b, node)) {
		yaml_free(node);
		out_of_memory(b);
		return false;
	}
	if (twin)
		yaml_complain(b->complaints, node,
				"the key stands here a second time (first in line %d); keep one",
				twin->line);
	return true;
}

static bool
wants_key(const struct builder *b)
{
	return b->open && b->open->kind == YAML_MAP && !b->pair;
}

/* Reading goes on, for the sake of further errors. */
static void
complain_at(struct builder *b, int line, const char *what)
{
	b->complaints->found++;
	tell(b->complaints, line, "", what);
}

static void
fail_at(struct builder *b, int line, const char *what)
{
	b->failed = true;
	complain_at(b, line, what);
}

static void
take_key(struct builder *b, struct yaml *node)
{
	if (b->open->count == KEYS_MAX)
		fail_at(b, node->line,
				"too many keys in one map; see docs/configuration.md for the "
				"layout");
	b->pair = node;
}

/* libfyaml 0.7.12 loses some 500 bytes here for a text with more than eight escapes; its iterators, which do not, repeat
 * parts of such a text. A few bytes for a reload are the smaller fault. */
static char *
copy_text(struct fy_token *token, size_t *len)
{
	const char *text = fy_token_get_text(token, len);

	return text ? strndup(text, *len) : NULL;
}

static void
take_scalar(struct builder *b, struct fy_event *event)
{
	struct yaml *node = node_create(b, YAML_SCALAR, event);
	size_t len = 0;

	if (!node)
		return;
	node->text = event->scalar.value ? copy_text(event->scalar.value, &len) : strdup("");
	node->plain = !event->scalar.value ||
			fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
	if (!node->text) {
		yaml_free(node);
		out_of_memory(b);
	} else if (len && strlen(node->text) != len) {
		fail_at(b, node->line, "a text contains a NUL byte; remove it");
		yaml_free(node);
	} else if (wants_key(b)) {
		take_key(b, node);
	} else {
		attach(b, node);
	}
}

static void
take_alias(struct builder *b, struct fy_event *event)
{
	struct yaml *node = node_create(b, YAML_SCALAR, event);

	if (!node)
		return;
	node->text = strdup("*");
	complain_at(b, node->line, "aliases (*name) are not supported; write the value out");
	if (!node->text) {
		yaml_free(node);
		out_of_memory(b);
	} else if (wants_key(b)) {
		b->pair = node;
	} else if (attach(b, node)) {
		mark(node);
	}
}

static void
take_start(struct builder *b, enum yaml_kind kind, struct fy_event *event)
{
	struct yaml *node;

	if (wants_key(b)) {
		fail_at(b, line_of(event), "a list or map is used as a key; keys are single words");
		return;
	}
	if (++b->depth > YAML_DEPTH_MAX) {
		fail_at(b, line_of(event),
				"nested too deeply; see docs/configuration.md for the layout");
		return;
	}
	node = node_create(b, kind, event);
	if (node && attach(b, node))
		b->open = node;
}

static void
take_end(struct builder *b)
{
	b->depth--;
	b->open = b->open->parent;
}

static void
refuse_extras(struct builder *b, struct fy_event *event)
{
	struct fy_token *anchor = NULL, *tag = NULL;

	if (event->type == FYET_SCALAR) {
		anchor = event->scalar.anchor;
		tag = event->scalar.tag;
	} else if (event->type == FYET_SEQUENCE_START) {
		anchor = event->sequence_start.anchor;
		tag = event->sequence_start.tag;
	} else if (event->type == FYET_MAPPING_START) {
		anchor = event->mapping_start.anchor;
		tag = event->mapping_start.tag;
	}
	if (anchor)
		complain_at(b, line_of(event),
				"anchors (&name) are not supported; write the value out where it "
				"is used");
	if (tag)
		complain_at(b, line_of(event), "tags (!name) are not supported; remove it");
}

static void
take_event(struct builder *b, struct fy_event *event)
{
	refuse_extras(b, event);
	switch (event->type) {
	case FYET_SCALAR:
		take_scalar(b, event);
		break;
	case FYET_SEQUENCE_START:
		take_start(b, YAML_LIST, event);
		break;
	case FYET_MAPPING_START:
		take_start(b, YAML_MAP, event);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		take_end(b);
		break;
	case FYET_ALIAS:
		take_alias(b, event);
		break;
	case FYET_DOCUMENT_START:
		if (b->root)
			fail_at(b, line_of(event),
					"a second document begins; a configuration is one "
					"document");
		break;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
		break;
	}
}

static void
tell_syntax(struct builder *b, struct fy_diag *diag)
{
	struct fy_diag_error *error;
	void *iterator = NULL;
	bool told = false;
	char what[256];

	while ((error = fy_diag_errors_iterate(diag, &iterator)) != NULL) {
		snprintf(what, sizeof(what),
				"column %d: not valid YAML: %.160s; correct the syntax",
				error->column, error->msg);
		printable(what);
		fail_at(b, error->line, what);
		told = true;
	}
	if (!told)
		fail_at(b, 1, "not valid YAML (or not UTF-8); correct the syntax");
}

static void
run(struct builder *b, struct fy_diag *diag)
{
	struct fy_event *event;

	while (!b->failed && (event = fy_parser_parse(b->parser)) != NULL) {
		take_event(b, event);
		fy_parser_event_free(b->parser, event);
	}
	if (!b->failed && fy_parser_get_stream_error(b->parser))
		tell_syntax(b, diag);
}

/* Is the byte the end of a line, or of a byte order mark or a line break in UTF-8? */
static bool
ends_line(char c)
{
	return c != '\0' && strchr("\n\r\x85\xa8\xa9\xbf", c) != NULL;
}

/* libfyaml 0.7.12 can scan a directive (%YAML, %TAG) for ever; nobody needs them. 0: there is none. */
static int
directive_line(const char *text, size_t len)
{
	int line = 1;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '%' && (i == 0 || ends_line(text[i - 1])))
			return line;
		line += text[i] == '\n';
	}
	return 0;
}

static struct fy_diag *
diag_create(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.level = FYET_ERROR;
	diag = fy_diag_create(&cfg);
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

struct yaml *
yaml_parse(const char *text, size_t len, struct complaints *c)
{
	struct fy_diag *diag = diag_create();
	struct fy_parse_cfg cfg = {
			.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = diag};
	struct builder b = {.complaints = c};
	int directive = directive_line(text, len);

	if (directive) {
		fy_diag_destroy(diag);
		complain_at(&b, directive,
				"directives (% at the start of a line) are not supported; remove "
				"the line");
		return NULL;
	}
	b.parser = diag ? fy_parser_create(&cfg) : NULL;
	if (!b.parser || fy_parser_set_string(b.parser, text, len) != 0)
		out_of_memory(&b);
	else
		run(&b, diag);
	fy_parser_destroy(b.parser);
	fy_diag_destroy(diag);
	yaml_free(b.pair);
	if (b.failed) {
		yaml_free(b.root);
		return NULL;
	}
	return b.root;
}
