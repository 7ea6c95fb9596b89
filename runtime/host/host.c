/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"

/* The sum of the lines "KEY: N kB" of these keys. */
static uint64_t read_kib(const char *path, const char *const *keys)
{
	unsigned long long sum = 0, kib;
	char line[256], key[64];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		for (int i = 0; keys[i]; i++)
			if (sscanf(line, "%63[^:]: %llu kB", key, &kib) == 2 &&
				strcmp(key, keys[i]) == 0)
				sum += kib;
	if (f)
		fclose(f);
	return (uint64_t)sum * 1024;
}

uint64_t host_read_available_memory(void)
{
	static const char *const keys[] = {"MemAvailable", NULL};
	uint64_t machine = read_kib("/proc/meminfo", keys);
	uint64_t group =
		cgroup_read_available_memory("/sys/fs/cgroup", "/proc/self/cgroup");

	if (machine == 0)
		return group == CGROUP_UNLIMITED ? 0 : group;
	return group < machine ? group : machine;
}

uint64_t host_read_used_memory(pid_t pid)
{
	static const char *const keys[] = {"RssAnon", "RssShmem", NULL};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return read_kib(path, keys);
}

unsigned host_count_processors(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t ours;

	if (sched_getaffinity(0, sizeof(ours), &ours) == 0)
		return (unsigned)CPU_COUNT(&ours);
	return online > 0 ? (unsigned)online : 1;
}
