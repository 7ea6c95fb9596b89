/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <string.h>

#include "runtime/unit.h"

void record_init(struct record *r)
{
	r->class = WU_CLASS_OK;
	r->reason = TEXT_IN(r->reason_bytes);
	r->failed[0] = '\0';
	r->ran = 0;
	r->wall_ms = r->cpu_ms = r->peak_bytes = 0;
	r->omitted = 0;
	r->scripts = TEXT_IN(r->script_bytes);
}

static void add_key(struct text *t, const char *key)
{
	text_add_json(t, key);
	text_add(t, ":");
}

static void add_text(struct text *t, const char *key, const char *value)
{
	add_key(t, key);
	text_add_json(t, value);
	text_add(t, ",");
}

static void add_number(struct text *t, const char *key, uint64_t value)
{
	add_key(t, key);
	text_add_number(t, value);
	text_add(t, ",");
}

static void add_null(struct text *t, const char *key)
{
	add_key(t, key);
	text_add(t, "null,");
}

/* What a script and the whole run have in common. */
static void add_end(struct text *t, const struct result *r)
{
	if (r->exit_status >= 0)
		add_number(t, "exit_status", (uint64_t)r->exit_status);
	else
		add_null(t, "exit_status");
	if (r->signal)
		add_number(t, "signal", (uint64_t)r->signal);
	else
		add_null(t, "signal");
	add_number(t, "wall_ms", r->wall_ms);
	add_number(t, "cpu_ms", r->cpu_ms);
	add_number(t, "peak_memory_bytes", r->peak_bytes);
}

void record_add(struct record *r, const struct result *script)
{
	size_t size = r->scripts.size;

	r->last = *script;
	r->ran = 1;
	r->wall_ms += script->wall_ms;
	r->cpu_ms += script->cpu_ms;
	if (script->peak_bytes > r->peak_bytes)
		r->peak_bytes = script->peak_bytes;
	if (r->omitted) {
		r->omitted++;
		return;
	}
	text_add(&r->scripts, size ? ",{" : "{");
	add_text(&r->scripts, "name", script->name);
	add_end(&r->scripts, script);
	r->scripts.size--; /* the last comma */
	text_add(&r->scripts, "}");
	if (r->scripts.cut) {
		text_cut_back(&r->scripts, size);
		r->omitted++;
	}
}

void record_fail(struct record *r, const char *class, const char *script)
{
	r->class = class;
	if (script) {
		strcpy(r->failed, script);
		text_add(&r->reason, script);
		text_add(&r->reason, ": ");
	}
}

void record_format(const struct record *r, struct text *t)
{
	struct result whole = {.exit_status = -1};

	if (r->ran)
		whole = r->last;
	whole.wall_ms = r->wall_ms;
	whole.cpu_ms = r->cpu_ms;
	whole.peak_bytes = r->peak_bytes;
	text_add(t, "{");
	add_text(t, "format", WU_RECORD_FORMAT);
	add_number(t, "version", WU_RECORD_VERSION);
	add_text(t, "agent", "wuguest " WU_VERSION);
	add_text(t, "class", r->class);
	add_text(t, "reason", r->reason.bytes);
	if (*r->failed)
		add_text(t, "script", r->failed);
	else
		add_null(t, "script");
	add_end(t, &whole);
	if (r->omitted)
		add_number(t, "scripts_omitted", r->omitted);
	add_key(t, "scripts");
	text_add(t, "[");
	text_add_bytes(t, r->scripts.bytes, r->scripts.size);
	text_add(t, "]}\n");
}
