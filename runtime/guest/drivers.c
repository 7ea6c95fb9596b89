/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "say.h"
#include "system.h"
#include "text.h"

#define DRIVER_LIST "/etc/drivers"
#define BUSES "/sys/bus"

/* Stands where a line counts no more. */
#define STRUCK_OUT '#'

static size_t next_line(const struct drivers *d, size_t at)
{
	return at + strlen(d->text + at) + 1;
}

/* The driver that an alias belongs to: the last one, unless its modules have begun. */
static struct driver *driver_at(struct drivers *d, size_t at)
{
	struct driver *last = d->count ? &d->list[d->count - 1] : NULL;

	if (last && last->modules == last->end)
		return last;
	if (d->count == DRIVERS_COUNT)
		return NULL;
	last = &d->list[d->count++];
	*last = (struct driver){.aliases = at};
	return last;
}

static int add_alias(struct drivers *d, size_t at)
{
	struct driver *driver = driver_at(d, at);

	if (!driver)
		return -1;
	driver->modules = driver->end = next_line(d, at);
	return 0;
}

static int add_module(struct drivers *d, size_t at)
{
	if (!d->count)
		return -1;
	if (d->list[d->count - 1].modules == d->list[d->count - 1].end)
		d->list[d->count - 1].modules = at;
	d->list[d->count - 1].end = next_line(d, at);
	return 0;
}

int drivers_parse(struct drivers *d, size_t size)
{
	d->count = 0;
	d->text[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (d->text[i] == '\n')
			d->text[i] = '\0';
	for (size_t at = 0; at < size; at = next_line(d, at)) {
		char first = d->text[at];

		if (!first || first == STRUCK_OUT)
			continue;
		if ((first == '/' ? add_module : add_alias)(d, at) < 0)
			return -1;
	}
	return 0;
}

/* Whether c is in the set after "["; *end is what follows its "]". */
static int is_in_set(const char *set, char c, const char **end)
{
	int found = 0;

	for (; *set && *set != ']'; set++) {
		char last = set[1] == '-' && set[2] && set[2] != ']' ? set[2] : *set;

		found |= *set <= c && c <= last;
		if (last != *set)
			set += 2;
	}
	*end = *set ? set + 1 : set;
	return found;
}

/* fnmatch(3) of what aliases are made of; the C library's own would make the agent a
 * third larger. After a mismatch the last star takes one byte more. */
static int is_match(const char *alias, const char *s)
{
	const char *star = NULL, *taken = NULL;

	while (*s) {
		const char *next = alias + 1;
		int fits = *alias == *s || *alias == '?';

		if (*alias == '[')
			fits = is_in_set(alias + 1, *s, &next);
		if (*alias == '*') {
			star = next;
			taken = s;
			alias = next;
		} else if (fits) {
			alias = next;
			s++;
		} else if (star) {
			alias = star;
			s = ++taken;
		} else {
			return 0;
		}
	}
	while (*alias == '*')
		alias++;
	return !*alias;
}

static int answers(
	const struct drivers *d, const struct driver *driver, const char *modalias)
{
	for (size_t at = driver->aliases; at < driver->modules; at = next_line(d, at))
		if (d->text[at] && d->text[at] != STRUCK_OUT &&
			is_match(d->text + at, modalias))
			return 1;
	return 0;
}

void drivers_want(struct drivers *d, const char *modalias)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].state == DRIVER_IDLE && answers(d, &d->list[i], modalias))
			d->list[i].state = DRIVER_WANTED;
}

/* Several drivers may share a module: it is loaded with the first of them. */
static void strike_out(struct drivers *d, const char *path)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct driver *driver = &d->list[i];

		for (size_t at = driver->modules; at < driver->end; at = next_line(d, at))
			if (d->text + at != path && !strcmp(d->text + at, path))
				d->text[at] = STRUCK_OUT;
	}
}

/* The driver is done with when its last line is. */
static const char *next_of(struct drivers *d, struct driver *driver)
{
	while (driver->modules < driver->end) {
		const char *line = d->text + driver->modules;

		driver->modules = next_line(d, driver->modules);
		if (*line == '/') {
			strike_out(d, line);
			return line;
		}
	}
	driver->state = DRIVER_LOADED;
	return NULL;
}

const char *drivers_next_module(struct drivers *d)
{
	const char *path = NULL;

	for (size_t i = 0; i < d->count && !path; i++)
		if (d->list[i].state == DRIVER_WANTED)
			path = next_of(d, &d->list[i]);
	return path;
}

void drivers_read(struct drivers *d, int initrd)
{
	ssize_t size = folder_read_file(AT_FDCWD, DRIVER_LIST, d->text, DRIVERS_BYTES);

	d->initrd = initrd;
	d->count = 0;
	if (size < 0 && errno != ENOENT)
		say(DRIVER_LIST, strerror(errno), NULL);
	if (size > 0 && drivers_parse(d, (size_t)size) < 0)
		say(DRIVER_LIST, "more drivers than fit, or a module without an alias",
			NULL);
}

int drivers_are_on(const struct drivers *d, const char *bus)
{
	size_t length = strlen(bus);

	for (size_t i = 0; i < d->count; i++) {
		const struct driver *driver = &d->list[i];

		if (driver->state != DRIVER_IDLE)
			continue;
		for (size_t at = driver->aliases; at < driver->modules;
			at = next_line(d, at))
			if (!strncmp(d->text + at, bus, length) &&
				d->text[at + length] == ':')
				return 1;
	}
	return 0;
}

static int ask_device(int devices, const char *name, void *context)
{
	char path[FOLDER_NAME + 16], modalias[1024];
	struct text t = TEXT_IN(path);

	text_add(&t, name);
	text_add(&t, "/modalias");
	if (folder_read_file(devices, path, modalias, sizeof(modalias)) > 0) {
		modalias[strcspn(modalias, "\n")] = '\0';
		drivers_want(context, modalias);
	}
	return 0;
}

static int ask_bus(int buses, const char *name, void *context)
{
	char path[FOLDER_NAME + 16];
	struct text t = TEXT_IN(path);
	int devices;

	if (!drivers_are_on(context, name))
		return 0;
	text_add(&t, name);
	text_add(&t, "/devices");
	devices = openat(buses, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (devices >= 0) {
		folder_visit(devices, ask_device, context);
		close(devices);
	}
	return 0;
}

void drivers_load(struct drivers *d)
{
	int loaded = 1, buses;
	const char *path;

	while (loaded && d->count) {
		loaded = 0;
		buses = open(BUSES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (buses < 0)
			return;
		folder_visit(buses, ask_bus, d);
		close(buses);
		for (; (path = drivers_next_module(d)); loaded = 1)
			system_load_module(d->initrd, path);
	}
}
