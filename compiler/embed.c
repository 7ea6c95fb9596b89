/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "embed.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS "@SETTINGS@\n"

/* Name in the program, path in the tree; the Makefile makes this file depend on them. */
/* clang-format off */
#define EMBEDDED(each) \
	each(base, "lua/base.lua", "base.lua") \
	each(command, "lua/command.lua", "command.lua") \
	each(reader, "lua/reader.lua", "reader.lua") \
	each(recipe, "lua/recipe.lua", "recipe.lua") \
	each(sandbox, "lua/sandbox.lua", "sandbox.lua") \
	each(section, "lua/section.lua", "section.lua") \
	each(shell, "lua/shell.lua", "shell.lua") \
	each(sweep, "lua/sweep.lua", "sweep.lua") \
	each(text, "lua/text.lua", "text.lua") \
	each(where, "lua/where.lua", "where.lua") \
	each(autorun_sh, "compiler/autorun.sh.in", "autorun.sh.in") \
	each(run_sh, "compiler/run.sh.in", "run.sh.in") \
	each(seed_sh, "compiler/seed.sh.in", "seed.sh.in") \
	each(seed_yaml, "compiler/seed.yaml.in", "seed.yaml.in") \
	each(wuguest_service, "compiler/wuguest.service.in", "wuguest.service.in") \
	each(wuguest_start, "compiler/wuguest-start.in", "wuguest-start.in")
/* clang-format on */

#define INCLUDE_BYTES(symbol, path, name)                                                \
	__asm__(".pushsection .rodata\n"                                                 \
		".globl embed_" #symbol ", embed_" #symbol "_end\n"                      \
		"embed_" #symbol ": .incbin \"" path "\"\n"                              \
		"embed_" #symbol "_end: .byte 0\n"                                       \
		".popsection\n");                                                        \
	extern const char embed_##symbol[] __attribute__((visibility("hidden")));        \
	extern const char embed_##symbol##_end[] __attribute__((visibility("hidden")));
EMBEDDED(INCLUDE_BYTES)

const char *embed_find(const char *name, size_t *size)
{
#define ENTRY(symbol, path, name) {name, embed_##symbol, embed_##symbol##_end},
	static const struct {
		const char *name, *start, *end;
	} files[] = {EMBEDDED(ENTRY)};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (strcmp(files[i].name, name) == 0) {
			*size = (size_t)(files[i].end - files[i].start);
			return files[i].start;
		}
	}
	return NULL;
}

const char *embed_begin(struct buffer *b, const char *name)
{
	size_t size;
	const char *template = embed_find(name, &size);
	const char *settings = template ? strstr(template, SETTINGS) : NULL;

	if (!settings)
		abort(); /* the templates are ours */
	buffer_add(b, template, (size_t)(settings - template));
	return settings + strlen(SETTINGS);
}
