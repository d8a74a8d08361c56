/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 1024 /* at first */

void
scrape_text_init(struct scrape_text *t, const struct scrape_reader *reader, size_t bytes_max)
{
	*t = (struct scrape_text){.reader = *reader, .bytes_max = bytes_max};
}

void
scrape_text_fini(struct scrape_text *t)
{
	free(t->line);
	t->line = NULL;
	t->room = 0;
}

void
scrape_text_begin(struct scrape_text *t)
{
	t->bytes = t->lines = t->len = 0;
	t->fault = NULL;
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool
is_name(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9');
}

static char *
skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static char *
skip_name(char *p)
{
	if (!is_name_start(*p))
		return p;
	while (is_name(*p))
		p++;
	return p;
}

/* A label's value behind its opening quote, unescaped where it stands; NULL if it does not end. */
static char *
unquote_or_null(char *p)
{
	char *to = p;

	for (; *p && *p != '"'; p++) {
		if (*p == '\\') {
			p++;
			if (*p != 'n' && *p != '\\' && *p != '"')
				return NULL;
			*to++ = *p == 'n' ? '\n' : *p;
		} else {
			*to++ = *p;
		}
	}
	if (*p != '"')
		return NULL;
	*to = '\0';
	return p + 1;
}

/* One `name="value"`, and the comma behind it; NULL with `fault`. */
static char *
take_label(struct scrape_text *t, char *p, struct scrape_label *out)
{
	char *end = skip_name(p), *quote;

	t->fault = "a label has no name";
	if (end == p)
		return NULL;
	t->fault = "a label has no value in quotes";
	quote = skip_blanks(end);
	if (*quote != '=')
		return NULL;
	quote = skip_blanks(quote + 1);
	if (*quote != '"')
		return NULL;
	*end = '\0';
	*out = (struct scrape_label){.name = p, .value = quote + 1};
	t->fault = "a label's value does not end, or has an unknown escape";
	p = unquote_or_null(quote + 1);
	if (!p)
		return NULL;
	p = skip_blanks(p);
	t->fault = "neither a comma nor '}' behind a label";
	if (*p == ',')
		return skip_blanks(p + 1);
	return *p == '}' ? p : NULL;
}

/* From behind the '{' to behind the '}'; NULL with `fault`. */
static char *
take_labels(struct scrape_text *t, char *p, struct scrape_sample *s)
{
	p = skip_blanks(p);
	while (p && *p != '}') {
		if (s->label_count == SCRAPE_LABELS_MAX) {
			t->fault = "too many labels";
			return NULL;
		}
		p = take_label(t, p, &s->label[s->label_count++]);
	}
	if (p)
		t->fault = NULL;
	return p ? p + 1 : NULL;
}

/* The value, and what may stand behind it: a time stamp, which is not used, or an exemplar. */
static bool
take_value(char *p, double *value)
{
	char *end;

	p = skip_blanks(p);
	*value = strtod(p, &end);
	if (end == p || (*end != '\0' && *end != ' ' && *end != '\t'))
		return false;
	p = skip_blanks(end);
	if (*p == '\0' || *p == '#')
		return true;
	strtoll(p, &end, 10);
	if (end == p)
		return false;
	p = skip_blanks(end);
	return *p == '\0' || *p == '#';
}

static int
take_sample(struct scrape_text *t, char *line)
{
	struct scrape_sample s = {.name = line, .label_count = 0};
	char *end = skip_name(line), *p = skip_blanks(end);
	bool labels = *p == '{', blank = p > end;

	t->fault = "no metric's name at its beginning";
	if (end == line)
		return -EBADMSG;
	t->fault = "no value behind the metric's name";
	if (!labels && !blank)
		return -EBADMSG;
	t->fault = NULL;
	if (labels) {
		p = take_labels(t, p + 1, &s);
		if (!p)
			return -EBADMSG;
	}
	*end = '\0';
	if (!take_value(p, &s.value)) {
		t->fault = "the value is not a number";
		return -EBADMSG;
	}
	t->reader.sample(t->reader.arg, &s);
	return 0;
}

static int
line_reserve(struct scrape_text *t, size_t len)
{
	size_t room = t->room ? t->room : LINE_ROOM;
	char *grown;

	while (room < len)
		room *= 2;
	if (room == t->room)
		return 0;
	grown = realloc(t->line, room);
	if (!grown)
		return -ENOMEM;
	t->line = grown;
	t->room = room;
	return 0;
}

static int
line_append(struct scrape_text *t, const char *data, size_t len)
{
	int err;

	if (t->len + len >= SCRAPE_LINE_MAX) {
		t->fault = "longer than 64 KiB";
		return -EBADMSG;
	}
	err = line_reserve(t, t->len + len + 1);
	if (err)
		return err;
	memcpy(t->line + t->len, data, len);
	t->len += len;
	return 0;
}

/* Is the line, of `len` bytes, one to be taken apart? -EBADMSG if it cannot be one of the format. */
static int
is_wanted(struct scrape_text *t, const char *line, size_t len)
{
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len == 0 || *line == '#')
		return false;
	if (!is_name_start(*line)) {
		t->fault = "neither a comment nor a metric's name at its beginning";
		return -EBADMSG;
	}
	return t->reader.wants(t->reader.arg, line, len);
}

/* The line that is kept. */
static int
take_kept(struct scrape_text *t)
{
	size_t len = t->len;

	t->line[len] = '\0';
	t->len = 0;
	if (strlen(t->line) != len) {
		t->fault = "a NUL byte in it";
		return -EBADMSG;
	}
	return take_sample(t, skip_blanks(t->line));
}

/* The next line, or the end of the one of which the beginning came with the last piece. What nobody wants is skipped
 * where it is. */
static int
take_line(struct scrape_text *t, const char *data, size_t len)
{
	bool joined = t->len > 0;
	int rc = 0;

	t->lines++;
	if (joined)
		rc = line_append(t, data, len);
	if (rc)
		return rc;
	rc = joined ? is_wanted(t, t->line, t->len) : is_wanted(t, data, len);
	if (rc <= 0) {
		t->len = 0;
		return rc;
	}
	rc = joined ? 0 : line_append(t, data, len);
	return rc ? rc : take_kept(t);
}

int
scrape_text_feed(struct scrape_text *t, const char *data, size_t len)
{
	const char *end;
	size_t n;
	int err = 0;

	if (t->fault)
		return -EBADMSG;
	if (len > t->bytes_max - t->bytes)
		return -E2BIG;
	t->bytes += len;
	while (len && err == 0) {
		end = memchr(data, '\n', len);
		if (!end) {
			err = line_append(t, data, len);
			t->lines += err == -EBADMSG; /* the line at fault was not counted yet */
			return err;
		}
		n = (size_t)(end - data);
		err = take_line(t, data, n);
		data += n + 1;
		len -= n + 1;
	}
	return err;
}

int
scrape_text_end(struct scrape_text *t)
{
	if (t->fault)
		return -EBADMSG;
	if (t->len == 0)
		return 0;
	t->lines++;
	t->fault = "cut off: it has no end of line";
	return -EBADMSG;
}
