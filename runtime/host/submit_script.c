/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "submit_script.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS "@SETTINGS@\n"

/* The Makefile makes this file depend on the template. */
__asm__(".pushsection .rodata\n"
	"submit_template: .incbin \"runtime/host/task.sh.in\"\n"
	".byte 0\n"
	".popsection\n");
extern const char submit_template[] __attribute__((visibility("hidden")));

static void add_quoted(struct buffer *b, const char *text)
{
	buffer_add_text(b, "'");
	for (const char *p = text; *p; p++)
		if (*p == '\'')
			buffer_add_text(b, "'\\''");
		else
			buffer_add(b, p, 1);
	buffer_add_text(b, "'");
}

static void add_setting(struct buffer *b, const char *name, const char *value)
{
	buffer_printf(b, "%s=", name);
	add_quoted(b, value);
	buffer_add_text(b, "\n");
}

void submit_script_add(struct buffer *b, const struct submit_script *s)
{
	const char *settings = strstr(submit_template, SETTINGS);

	if (!settings)
		abort(); /* the template is ours */
	buffer_add(b, submit_template, (size_t)(settings - submit_template));
	add_setting(b, "WURUN", s->wurun);
	add_setting(b, "UNIT", s->unit);
	add_setting(b, "RESULTS", s->results);
	add_setting(b, "FOLDER", s->folder);
	buffer_printf(b, "CPUS=%u\nTASK=%s\n", s->cpus, s->task);
	buffer_add_text(b, settings + strlen(SETTINGS));
}

void submit_add_word(struct buffer *b, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+=:,./-";

	if (*word && word[strspn(word, plain)] == '\0')
		buffer_add_text(b, word);
	else
		add_quoted(b, word);
}

void submit_add_command(struct buffer *b, char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i > 0)
			buffer_add_text(b, " ");
		submit_add_word(b, argv[i]);
	}
	buffer_add_text(b, "\n");
}
