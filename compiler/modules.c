/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "modules.h"

#include <libelf.h>
#include <stdlib.h>
#include <string.h>

enum mark { MARK_NONE, MARK_OPEN, MARK_PLACED };

void modules_clear(struct modules *m)
{
	arena_clear(&m->arena);
	free(m->list);
	*m = (struct modules){0};
}

/* The room doubles whenever the count is a power of two. */
static void add_name(struct arena *a, struct module_names *n, const char *name)
{
	if ((n->count & (n->count - 1)) == 0) {
		const char **list =
			arena_alloc(a, (n->count ? 2 * n->count : 1) * sizeof(*list));

		if (n->count > 0)
			memcpy(list, n->list, n->count * sizeof(*list));
		n->list = list;
	}
	n->list[n->count++] = name;
}

/* "kernel/drivers/char/hw_random/virtio-rng.ko.xz" -> "virtio_rng". */
static const char *name_of(struct arena *a, const char *path, size_t size)
{
	const char *slash = memrchr(path, '/', size);
	const char *start = slash ? slash + 1 : path;
	char *name = arena_memdup(a, start, size - (size_t)(start - path));
	char *suffix = strstr(name, ".ko");

	if (suffix)
		*suffix = '\0';
	for (char *p = name; *p; p++) {
		if (*p == '-')
			*p = '_';
	}
	return name;
}

static void split(struct arena *a, const char *text, size_t size, const char *between,
	struct module_names *names)
{
	const char *end = text + size;

	for (const char *p = text; p < end; p++) {
		const char *start = p;

		while (p < end && !strchr(between, *p))
			p++;
		if (p > start)
			add_name(a, names, name_of(a, start, (size_t)(p - start)));
	}
}

/* "pre: crc32c post: a b" */
static void read_softdep(struct arena *a, struct module *module, const char *text)
{
	struct module_names words = {0}, *into = NULL;

	split(a, text, strlen(text), " \t", &words);
	for (size_t i = 0; i < words.count; i++) {
		if (strcmp(words.list[i], "pre:") == 0)
			into = &module->before;
		else if (strcmp(words.list[i], "post:") == 0)
			into = &module->after;
		else if (into)
			add_name(a, into, words.list[i]);
	}
}

/* An alias of a device, not of a file system or the like, and one that a line of text
 * can hold. */
static int is_device_alias(const char *alias)
{
	const char *colon = strchr(alias, ':');

	if (!colon || colon == alias || *alias == '/' || *alias == '#' ||
		strncmp(alias, "devname:", 8) == 0)
		return 0;
	for (; *alias; alias++) {
		if (*alias <= ' ' || *alias > '~')
			return 0;
	}
	return 1;
}

static void read_entry(struct arena *a, struct module *module, const char *entry)
{
	const char *value = strchr(entry, '=');
	size_t length = value ? (size_t)(value - entry) : 0;

	if (length == 7 && strncmp(entry, "depends", length) == 0)
		split(a, value + 1, strlen(value + 1), ",", &module->depends);
	else if (length == 7 && strncmp(entry, "softdep", length) == 0)
		read_softdep(a, module, value + 1);
	else if (length == 5 && strncmp(entry, "alias", length) == 0 &&
		 is_device_alias(value + 1))
		add_name(a, &module->aliases, value + 1);
}

/* NUL-terminated "key=value" entries; the copy ends the last one, whatever the file says.
 */
static void read_modinfo(
	struct arena *a, struct module *module, const void *bytes, size_t size)
{
	const char *text = arena_memdup(a, bytes, size);

	for (size_t i = 0; i < size; i += strlen(text + i) + 1)
		read_entry(a, module, text + i);
}

static Elf_Data *find_section(Elf *elf, const char *wanted)
{
	Elf_Scn *section = NULL;
	size_t strings;

	if (elf_getshdrstrndx(elf, &strings) < 0)
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		Elf64_Shdr *header = elf64_getshdr(section);
		const char *name =
			header ? elf_strptr(elf, strings, header->sh_name) : NULL;

		if (name && strcmp(name, wanted) == 0)
			return elf_rawdata(section, NULL);
	}
	return NULL;
}

static int read_elf(struct arena *a, struct module *module, const void *bytes,
	size_t size, const char *path, struct diag *d)
{
	/* libelf takes the image without const, and only reads it. */
	Elf *elf = elf_memory((char *)(uintptr_t)bytes, size);
	Elf_Data *data = elf ? find_section(elf, ".modinfo") : NULL;
	int rc = 0;

	if (data && data->d_buf)
		read_modinfo(a, module, data->d_buf, data->d_size);
	else
		rc = diag_fail(d, "%s: not a kernel module for a 64-bit machine", path);
	elf_end(elf);
	return rc;
}

struct module *modules_add(struct modules *m, const char *path, const void *bytes,
	size_t size, struct diag *d)
{
	struct module module = {.name = name_of(&m->arena, path, strlen(path))};

	elf_version(EV_CURRENT);
	if (read_elf(&m->arena, &module, bytes, size, path, d) < 0)
		return NULL;
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		m->list = memory_resize(m->list, m->room * sizeof(*m->list));
	}
	m->list[m->count] = module;
	return &m->list[m->count++];
}

void modules_add_builtin(struct modules *m, const char *text, size_t size)
{
	split(&m->arena, text, size, "\n", &m->builtin);
}

static int compare(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void modules_finish(struct modules *m)
{
	if (m->count > 0)
		qsort(m->list, m->count, sizeof(*m->list), compare);
}

static struct module *find(const struct modules *m, const char *name)
{
	struct module key = {.name = name};

	return m->count > 0 ? bsearch(&key, m->list, m->count, sizeof(key), compare)
			    : NULL;
}

const struct module *modules_find(struct modules *m, const char *name)
{
	return find(m, name_of(&m->arena, name, strlen(name)));
}

static int is_builtin(const struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->builtin.count; i++) {
		if (strcmp(m->builtin.list[i], name) == 0)
			return 1;
	}
	return 0;
}

struct ordering {
	struct modules *modules;
	const struct module **placed;
	size_t count;
	struct diag *diag;
};

static int place(struct ordering *o, struct module *m);

static int place_needed(struct ordering *o, const char *name)
{
	struct module *m = find(o->modules, name);

	if (m)
		return place(o, m);
	if (is_builtin(o->modules, name))
		return 0;
	return diag_fail(o->diag, "the kernel has no module %s", name);
}

/* What is only recommended may be missing, and may be in a circle: then it is left out.
 */
static void place_wished(struct ordering *o, const struct module_names *names)
{
	struct diag ignored = {0}, *kept = o->diag;

	o->diag = &ignored;
	for (size_t i = 0; i < names->count; i++) {
		struct module *m = find(o->modules, names->list[i]);

		if (m && m->mark == MARK_NONE)
			place(o, m);
	}
	diag_clear(&ignored);
	o->diag = kept;
}

static int place_all(struct ordering *o, const struct module_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		if (place_needed(o, names->list[i]) < 0)
			return -1;
	}
	return 0;
}

static int place(struct ordering *o, struct module *m)
{
	if (m->mark == MARK_PLACED)
		return 0;
	if (m->mark == MARK_OPEN)
		return diag_fail(o->diag, "the module %s depends on itself", m->name);
	m->mark = MARK_OPEN;
	place_wished(o, &m->before);
	if (place_all(o, &m->depends) < 0) {
		m->mark = MARK_NONE;
		return -1;
	}
	m->mark = MARK_PLACED;
	o->placed[o->count++] = m;
	place_wished(o, &m->after);
	return 0;
}

int modules_order(struct modules *m, const char *const *names, size_t count,
	const struct module ***order, size_t *order_count, struct diag *d)
{
	struct ordering o = {.modules = m, .diag = d};
	int rc = 0;

	o.placed = arena_alloc(&m->arena, (m->count + 1) * sizeof(*o.placed));
	for (size_t i = 0; i < m->count; i++)
		m->list[i].mark = MARK_NONE;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = place_needed(&o, name_of(&m->arena, names[i], strlen(names[i])));
	*order = o.placed;
	*order_count = o.count;
	return rc;
}
