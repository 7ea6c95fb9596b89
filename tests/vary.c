/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A preloaded library that makes the world look different to a program: folders list
 * their entries backwards (VARY_ORDER), the clock is VARY_SECONDS ahead. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define FOLDERS 64
#define ENTRIES 4096

/* What is left of an open folder, to be given out from the end. */
struct listing {
	DIR *dir;
	struct dirent *entries;
	size_t left;
};

static struct listing listings[FOLDERS];

static void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		abort();
	return f;
}

static long shift(void)
{
	const char *text = getenv("VARY_SECONDS");

	return text ? atol(text) : 0;
}

static struct listing *listing_of(DIR *dir)
{
	for (size_t i = 0; i < FOLDERS; i++)
		if (listings[i].dir == dir)
			return &listings[i];
	return NULL;
}

static struct listing *read_all(DIR *dir)
{
	struct dirent *(*next)(DIR *) = real("readdir");
	struct listing *l = listing_of(NULL);
	struct dirent *e;

	if (!l)
		abort();
	l->dir = dir;
	l->left = 0;
	l->entries = malloc(ENTRIES * sizeof(*l->entries));
	while ((e = next(dir))) {
		if (l->left == ENTRIES)
			abort();
		memcpy(&l->entries[l->left++], e, e->d_reclen);
	}
	return l;
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *(*next)(DIR *) = real("readdir");
	struct listing *l;

	if (!getenv("VARY_ORDER"))
		return next(dir);
	l = listing_of(dir);
	if (!l)
		l = read_all(dir);
	return l->left ? &l->entries[--l->left] : NULL;
}

/* The same function under the name that programs with 64-bit offsets call. */
struct dirent64 *readdir64(DIR *dir)
{
	return (struct dirent64 *)readdir(dir);
}

int closedir(DIR *dir)
{
	int (*close_it)(DIR *) = real("closedir");
	struct listing *l = listing_of(dir);

	if (l) {
		free(l->entries);
		*l = (struct listing){0};
	}
	return close_it(dir);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int (*get)(clockid_t, struct timespec *) = real("clock_gettime");
	int rc = get(clock, t);

	if (clock == CLOCK_REALTIME)
		t->tv_sec += shift();
	return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	int (*get)(struct timeval *, void *) = real("gettimeofday");
	int rc = get(t, zone);

	t->tv_sec += shift();
	return rc;
}

time_t time(time_t *t)
{
	time_t (*get)(time_t *) = real("time");
	time_t now = get(NULL) + shift();

	if (t)
		*t = now;
	return now;
}
