/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void listing_die(const char *what)
{
	perror(what);
	exit(2);
}

void *listing_resize(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		listing_die("memory");
	return p;
}

char *listing_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		listing_die("memory");
	va_end(args);
	return text;
}

struct entry *listing_add(struct listing *l, const char *path)
{
	struct entry *e;

	if (l->count == l->room) {
		l->room = l->room * 2 + 64;
		l->list = listing_resize(l->list, l->room * sizeof(*l->list));
	}
	e = &l->list[l->count++];
	*e = (struct entry){.path = listing_text("%s", path)};
	return e;
}

uint64_t listing_digest(uint64_t sum, const void *bytes, size_t size)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ p[i]) * 0x100000001b3u;
	return sum;
}

int listing_digest_block(uint64_t *sum, uint64_t number, const void *bytes, size_t size)
{
	static const char zeros[LISTING_BLOCK];

	if (memcmp(bytes, zeros, size) == 0)
		return 0;
	*sum = listing_digest(*sum, &number, sizeof(number));
	*sum = listing_digest(*sum, bytes, size);
	return 1;
}

void listing_add_data(char **data, uint64_t first, uint64_t last)
{
	char *old = *data, *comma = old ? strrchr(old, ',') : NULL;
	char *run = comma ? comma + 1 : old;
	uint64_t from, to;
	int fields = run ? sscanf(run, "%" SCNu64 "-%" SCNu64, &from, &to) : 0;

	if (fields == 1)
		to = from;
	if (fields > 0 && to + 1 == first) {
		first = from;
		*(comma ? comma : old) = '\0';
		if (!comma) {
			free(old);
			old = NULL;
		}
	}
	*data = first == last ? listing_text("%s%s%" PRIu64, old ? old : "",
					old ? "," : "", first)
			      : listing_text("%s%s%" PRIu64 "-%" PRIu64, old ? old : "",
					old ? "," : "", first, last);
	free(old);
}

void listing_add_xattr(char **xattrs, const char *name, const void *value, size_t size)
{
	char *old = *xattrs;

	*xattrs = listing_text("%s%s%s:%zu:%016" PRIx64, old ? old : "", old ? "," : "",
		name, size, listing_digest(LISTING_DIGEST, value, size));
	free(old);
}

static void print_bytes(const char *bytes)
{
	for (const unsigned char *p = (const unsigned char *)bytes; *p; p++) {
		if (*p > ' ' && *p < 127 && *p != '\\')
			putchar(*p);
		else
			printf("\\%03o", *p);
	}
}

static char letter_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '?';
	}
}

static int has_names(const struct entry *e)
{
	return !e->brief && !S_ISDIR(e->mode) && e->links > 1;
}

static void print_entry(const struct entry *e, const char *same)
{
	char type = letter_of(e->mode);

	print_bytes(e->path);
	printf(" type=%c mode=%04o uid=%" PRIu32 " gid=%" PRIu32, type,
		(unsigned)(e->mode & 07777), e->uid, e->gid);
	if (type == 'f' || type == 'l')
		printf(" size=%" PRIu64, e->size);
	if (e->brief) {
		putchar('\n');
		return;
	}
	printf(" nlink=%" PRIu32 " mtime=%" PRId64 ".%09" PRIu32, e->links, e->mtime,
		e->mtime_ns);
	if (type == 'c' || type == 'b')
		printf(" device=%u:%u", e->major, e->minor);
	if (type == 'f')
		printf(" data=%s digest=%016" PRIx64, e->data ? e->data : "none",
			e->digest);
	if (e->target) {
		printf(" to=");
		print_bytes(e->target);
	}
	if (e->xattrs) {
		printf(" xattrs=");
		print_bytes(e->xattrs);
	}
	if (same) {
		printf(" same=");
		print_bytes(same);
	}
	putchar('\n');
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static int by_identity(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	if ((*x)->identity != (*y)->identity)
		return (*x)->identity < (*y)->identity ? -1 : 1;
	return strcmp((*x)->path, (*y)->path);
}

int listing_print(struct listing *l)
{
	struct entry **named = listing_resize(NULL, (l->count + 1) * sizeof(*named));
	const char **same = listing_resize(NULL, (l->count + 1) * sizeof(*same));
	size_t count = 0;

	if (l->count)
		qsort(l->list, l->count, sizeof(*l->list), by_path);
	for (size_t i = 0; i < l->count; i++) {
		same[i] = NULL;
		if (has_names(&l->list[i]))
			named[count++] = &l->list[i];
	}
	qsort(named, count, sizeof(*named), by_identity);
	for (size_t i = 0, first = 0; i < count; i++) {
		if (named[i]->identity != named[first]->identity)
			first = i;
		same[named[i] - l->list] = named[first]->path;
	}
	for (size_t i = 0; i < l->count; i++)
		print_entry(&l->list[i], same[i]);
	free(named);
	free(same);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}
