/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* Where the two versions keep the same things. */
struct files {
	const char *mount, *limit, *usage, *stat;
};

static const struct files version_1 = {"/memory", "memory.limit_in_bytes",
	"memory.usage_in_bytes", "total_inactive_file"};
static const struct files version_2 = {
	"", "memory.max", "memory.current", "inactive_file"};

static FILE *open_file(const char *folder, const char *name)
{
	char *path = memory_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "re");

	free(path);
	return f;
}

/* "max", and what is no number, is no limit. */
static uint64_t read_number(const char *folder, const char *name)
{
	uint64_t value = CGROUP_UNLIMITED;
	FILE *f = open_file(folder, name);

	if (f && fscanf(f, "%" SCNu64, &value) != 1)
		value = CGROUP_UNLIMITED;
	if (f)
		fclose(f);
	return value;
}

static uint64_t read_stat(const char *folder, const char *wanted)
{
	FILE *f = open_file(folder, "memory.stat");
	uint64_t value = 0;
	char key[64];

	while (f && fscanf(f, "%63s %" SCNu64, key, &value) == 2)
		if (strcmp(key, wanted) == 0)
			break;
		else
			value = 0;
	if (f)
		fclose(f);
	return value;
}

static uint64_t read_group(const char *folder, const struct files *v)
{
	uint64_t limit = read_number(folder, v->limit);
	uint64_t usage = read_number(folder, v->usage);
	uint64_t cached;

	if (limit == CGROUP_UNLIMITED || usage == CGROUP_UNLIMITED)
		return CGROUP_UNLIMITED;
	cached = read_stat(folder, v->stat);
	usage -= cached < usage ? cached : usage;
	return limit > usage ? limit - usage : 0;
}

/* The group's folder and those above it, to the mount. In a container the path may be the
 * host's, and its folders not be there: then only the mount counts. */
static uint64_t read_groups(const char *root, const char *path, const struct files *v)
{
	char *folder = memory_printf("%s%s%s", root, v->mount, path);
	size_t top = strlen(root) + strlen(v->mount);
	uint64_t least = CGROUP_UNLIMITED;

	for (;;) {
		uint64_t left = read_group(folder, v);
		char *slash = strrchr(folder + top, '/');

		least = left < least ? left : least;
		if (!slash)
			break;
		*slash = '\0';
	}
	free(folder);
	return least;
}

/* A line is NUMBER:CONTROLLERS:PATH; version 2 is number 0 without controllers. */
static uint64_t read_line(const char *root, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	char *state = NULL, *one;

	if (!path)
		return CGROUP_UNLIMITED;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (strcmp(path, "/") == 0)
		*path = '\0';
	if (strcmp(line, "0:") == 0)
		return read_groups(root, path, &version_2);
	for (one = strtok_r(controllers + 1, ",", &state); one;
		one = strtok_r(NULL, ",", &state))
		if (strcmp(one, "memory") == 0)
			return read_groups(root, path, &version_1);
	return CGROUP_UNLIMITED;
}

uint64_t cgroup_read_available_memory(const char *root, const char *self)
{
	FILE *f = fopen(self, "re");
	uint64_t least = CGROUP_UNLIMITED;
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		uint64_t left = read_line(root, line);

		least = left < least ? left : least;
	}
	free(line);
	if (f)
		fclose(f);
	return least;
}
