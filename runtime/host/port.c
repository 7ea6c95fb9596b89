/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "port.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "runtime/unit.h"

static void tell(struct port *p, enum port_kind kind, const char *text)
{
	const struct port_message m = {.kind = kind, .text = text};

	p->tell(p->context, &m);
}

/* Each takes what follows the word and a space, and returns -1 where it makes no sense.
 */

static int take_hello(struct port *p, enum port_kind kind, char *rest)
{
	char *end;
	long version = strtol(rest, &end, 10);

	if (end == rest || version != WU_PROTOCOL_VERSION)
		return -1;
	tell(p, kind, end + strspn(end, " "));
	return 0;
}

static int take_text(struct port *p, enum port_kind kind, char *rest)
{
	tell(p, kind, rest);
	return 0;
}

static int take_payload(struct port *p, enum port_kind kind, char *rest)
{
	size_t digits = strspn(rest, "0123456789");
	unsigned long size;

	if (digits == 0 || digits > 6 || rest[digits])
		return -1;
	size = strtoul(rest, NULL, 10);
	if (size > PORT_PAYLOAD_LIMIT)
		return -1;
	p->payload_left = size;
	p->payload_kind = kind;
	return 0;
}

/* "0.25 text", in no locale; what a double cannot hold of its digits is passed over. */
static int take_progress(struct port *p, enum port_kind kind, char *rest)
{
	struct port_message m = {.kind = kind};
	double scale = 1;
	char *c = rest;

	for (; isdigit((unsigned char)*c); c++)
		m.fraction = m.fraction * 10 + (*c - '0');
	if (*c == '.')
		for (c++; isdigit((unsigned char)*c); c++) {
			if (scale >= 1e15)
				continue;
			m.fraction = m.fraction * 10 + (*c - '0');
			scale *= 10;
		}
	if (c == rest || (*c && *c != ' '))
		return -1;
	m.fraction /= scale;
	if (m.fraction > 1)
		m.fraction = 1;
	m.text = c + strspn(c, " ");
	p->tell(p->context, &m);
	return 0;
}

static int take_exited(struct port *p, enum port_kind kind, char *rest)
{
	rest[strcspn(rest, " ")] = '\0';
	tell(p, kind, rest);
	return 0;
}

static const struct {
	const char *word;
	enum port_kind kind;
	int (*take)(struct port *p, enum port_kind kind, char *rest);
} messages[] = {
	{"hello", PORT_HELLO, take_hello},
	{"ready", PORT_READY, take_text},
	{"started", PORT_STARTED, take_text},
	{"stdout", PORT_STDOUT, take_payload},
	{"stderr", PORT_STDERR, take_payload},
	{"progress", PORT_PROGRESS, take_progress},
	{"heartbeat", PORT_HEARTBEAT, take_text},
	{"exited", PORT_EXITED, take_exited},
	{"done", PORT_DONE, take_text},
	{"error", PORT_ERROR, take_text},
};

/* A word that we do not know may come from a newer agent: it is passed over. */
static int take_line(struct port *p)
{
	size_t length = strcspn(p->line, " ");
	char *rest = p->line + length + (p->line[length] == ' ');

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		if (strlen(messages[i].word) == length &&
			strncmp(p->line, messages[i].word, length) == 0)
			return messages[i].take(p, messages[i].kind, rest);
	return 0;
}

static size_t feed_payload(struct port *p, const char *bytes, size_t size)
{
	struct port_message m = {.kind = p->payload_kind, .text = "", .bytes = bytes};

	m.size = size < p->payload_left ? size : p->payload_left;
	p->payload_left -= m.size;
	p->tell(p->context, &m);
	return m.size;
}

static size_t feed_line(struct port *p, const char *bytes, size_t size)
{
	const char *end = memchr(bytes, '\n', size);
	size_t part = end ? (size_t)(end - bytes) : size;

	if (part >= sizeof(p->line) - p->length) {
		p->broken = 1;
		return size;
	}
	memcpy(p->line + p->length, bytes, part);
	p->length += part;
	if (!end)
		return size;
	p->line[p->length] = '\0';
	/* A NUL would hide the rest of the line from everything below. */
	if (memchr(p->line, '\0', p->length))
		p->broken = 1;
	text_clean(p->line);
	if (!p->broken && take_line(p) < 0)
		p->broken = 1;
	p->length = 0;
	return part + 1;
}

void port_feed(struct port *p, const char *bytes, size_t size)
{
	while (size > 0 && !p->broken) {
		size_t used = p->payload_left ? feed_payload(p, bytes, size)
					      : feed_line(p, bytes, size);

		bytes += used;
		size -= used;
	}
}
