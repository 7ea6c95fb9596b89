/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include <string.h>

#include "embed.h"
#include "runtime/unit.h"

static void add_quoted(struct buffer *b, const char *word)
{
	buffer_add_text(b, "'");
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			buffer_add_text(b, "'\\''");
		else
			buffer_add(b, p, 1);
	}
	buffer_add_text(b, "'");
}

void script_render_command(struct buffer *b, const char *const *words, size_t count)
{
	buffer_add_text(b, "#!/bin/sh\nexec");
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(b, " ");
		add_quoted(b, words[i]);
	}
	buffer_add_text(b, "\n");
}

void script_add_setting(struct buffer *b, const char *name, const char *value)
{
	buffer_printf(b, "%s=", name);
	add_quoted(b, value);
	buffer_add_text(b, "\n");
}

static void add_number(struct buffer *b, const char *name, uint64_t value)
{
	buffer_printf(b, "%s='%llu'\n", name, (unsigned long long)value);
}

static int has_file(const struct base *base, const char *name)
{
	for (size_t i = 0; i < base->file_count; i++)
		if (strcmp(base->files[i].name, name) == 0)
			return 1;
	return 0;
}

static const char *yes_or_no(int value)
{
	return value ? "yes" : "no";
}

/* Which disks there are, and which of them the firmware boots. */
static void add_layout(struct buffer *b, const struct plan *p, const struct base *base)
{
	int is_one = p->layout != LAYOUT_DISKS;

	script_add_setting(
		b, "ROOT", yes_or_no(!is_one && has_file(base, WU_ROOT_IMAGE)));
	script_add_setting(b, "ONE_DISK", yes_or_no(is_one));
	script_add_setting(b, "BOOT_DISK",
		is_one	     ? WU_DISK_IMAGE
		: base->disk ? WU_BASE_FOLDER "/" WU_DISK_IMAGE
			     : "");
	script_add_setting(
		b, "BOOT_FORMAT", !is_one && base->disk ? base->disk->format : "raw");
	script_add_setting(b, "SEED", yes_or_no(has_file(base, WU_SEED_IMAGE)));
	script_add_setting(b, "FLOPPY", yes_or_no(p->floppy));
}

void script_render(struct buffer *b, const struct plan *p, const struct base *base)
{
	const char *rest = embed_begin(b, "run.sh.in");

	script_add_setting(b, "NAME", p->name);
	add_number(b, "CPUS", p->machine.cpus);
	add_number(b, "MEMORY_MIB", (p->machine.memory_bytes + (1 << 20) - 1) >> 20);
	add_number(b, "TIME_MS", p->machine.time_ms);
	script_add_setting(b, "GUEST_USER", p->machine.user);
	script_add_setting(b, "NETWORK", p->machine.network);
	script_add_setting(b, "APPEND", base->append);
	add_layout(b, p, base);
	buffer_add_text(b, rest);
}
