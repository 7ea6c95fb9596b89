/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arguments.h"

#include <string.h>

#include "runtime/unit.h"
#include "text.h"

/* What follows prefix in word, or NULL. */
static const char *value_of(const char *word, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(word, prefix, length) ? NULL : word + length;
}

static int parse_word(struct arguments *a, const char *word)
{
	const char *value;

	if (!strcmp(word, WU_ARG_PROBE)) {
		a->probe = 1;
	} else if (!strcmp(word, WU_ARG_WARM)) {
		a->warm = 1;
	} else if (!strcmp(word, WU_ARG_NEXT)) {
		a->next = 1;
	} else if (!strcmp(word, WU_ARG_OFF)) {
		a->off = 1;
	} else if ((value = value_of(word, WU_ARG_TIME))) {
		return text_parse_number(value, &a->time_ms);
	} else if ((value = value_of(word, WU_ARG_USER))) {
		if (strcmp(value, WU_USER_ROOT) && strcmp(value, WU_USER_USER))
			return -1;
		a->user = strcmp(value, WU_USER_ROOT) ? AS_USER : AS_ROOT;
	}
	return 0;
}

int arguments_add(struct arguments *a, char *line)
{
	char *rest = line;
	int result = 0;

	for (char *word = strtok_r(line, " \t\n", &rest); word;
		word = strtok_r(NULL, " \t\n", &rest))
		if (parse_word(a, word) < 0)
			result = -1;
	return result;
}

int arguments_parse(struct arguments *a, char *line)
{
	*a = (struct arguments){0};
	return arguments_add(a, line);
}
