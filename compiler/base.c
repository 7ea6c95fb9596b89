/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "cpio.h"
#include "initrd.h"
#include "kernel.h"
#include "place.h"
#include "record.h"
#include "runtime/unit.h"
#include "store.h"
#include "stream.h"
#include "supply.h"
#include "tree.h"

#define BASE_BUILDER_VERSION                                                             \
	2 /* raise it with any change of what the same recipe gives */

/* Everything that a build holds, in the order in which it comes to be. */
struct build {
	const struct base_plan *plan;
	const struct base_options *options;
	struct store store;
	struct agent agent;
	struct tree tree; /* at first without what comes from packages */
	struct supply supply;
	char key[DIGEST_HEX];
	struct arena *arena;
	struct diag *diag;
};

static void add_text(struct buffer *b, const char *name, const char *text)
{
	if (text)
		buffer_printf(b, "%s %zu %s\n", name, strlen(text), text);
}

static void add_members(struct buffer *b, const struct items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->list[i];

		if (item->kind != ITEM_PACKAGE_FILE)
			continue;
		add_text(b, "member of", item->package);
		add_text(b, "member", item->source);
		add_text(b, "to", item->dest);
		buffer_printf(b, "mode %o\n", (unsigned)item->mode);
		for (size_t k = 0; item->xattrs && k < item->xattrs->count; k++) {
			const struct xattr *x = &item->xattrs->list[k];

			add_text(b, "xattr", x->name);
			buffer_printf(b, "%zu ", x->size);
			buffer_add(b, x->value, x->size);
		}
	}
}

/* The digest of all that decides the result, so that nothing need be unpacked to know
 * that it is there already. */
static void compute_key(struct build *b, char key[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	const struct base_plan *p = b->plan;

	buffer_printf(&text, "workunit-base-key 1\nbuilder %d\ncpio %d\nepoch %lld\n",
		BASE_BUILDER_VERSION, CPIO_WRITER_VERSION, (long long)p->epoch);
	add_text(&text, "name", p->name);
	add_text(&text, "description", p->description);
	add_text(&text, "append", p->append);
	add_text(&text, "kernel", p->kernel_package);
	add_text(&text, "agent", b->agent.sha256);
	for (size_t i = 0; i < p->module_count; i++)
		add_text(&text, "module", p->modules[i]);
	for (size_t i = 0; i < p->driver_count; i++)
		add_text(&text, "driver", p->drivers[i]);
	for (size_t i = 0; i < b->supply.lock.count; i++) {
		add_text(&text, "package", b->supply.lock.pins[i].asked);
		add_text(&text, "sha256", b->supply.lock.pins[i].sha256);
	}
	add_members(&text, &p->initrd);
	tree_list_text(&b->tree, &text);
	digest_of_bytes(text.bytes, text.size, key);
}

/* 1 where the store has what this key gave. What is damaged there is as good as missing;
 * who has the store's lock takes it away. */
static int find_by_key(struct build *b, const char *key, struct base *base)
{
	struct diag damage = {0};
	char digest[DIGEST_HEX];
	char *place;
	int found;

	if (!store_find_key(&b->store, key, digest))
		return 0;
	found = record_read(&b->store, digest, base, b->arena, &damage);
	if (found >= 0)
		return found;
	if (b->store.lock < 0) {
		diag_clear(&damage);
		return 0;
	}
	supply_say(b->options, 1, "%s; building it again",
		damage.count > 0 ? damage.lines[0].text : digest);
	diag_clear(&damage);
	place = memory_printf("bases/%s", digest);
	found = store_remove(&b->store, place, b->diag);
	free(place);
	return found;
}

/* A key of pins that could not be had leads, by a second name, to what was built from
 * newer packages: else every build would ask the network again. */
static char *substitute_key(const struct build *b)
{
	return memory_printf("%s.newest", b->key);
}

static int find_base(struct build *b, struct base *base)
{
	int found = find_by_key(b, b->key, base);
	char *second;

	if (found != 0 || b->options->locked || b->options->update)
		return found;
	second = substitute_key(b);
	found = find_by_key(b, second, base);
	free(second);
	if (found == 1)
		supply_say(b->options, 1,
			"%s: pins packages that have left the archive; base %s was built "
			"from "
			"newer ones, so digests differ; %s",
			b->supply.lock_path, b->plan->name, supply_advice(&b->supply));
	return found;
}

static int make_tree(struct build *b, struct workdir *w)
{
	const struct pin *pin = supply_find(&b->supply, b->plan->kernel_package);
	struct kernel k = {.spool = -1};
	int rc = kernel_read(&k, b->store.fd, supply_place(pin, b->arena),
		supply_label(pin, b->arena), w->fd, WU_KERNEL, b->diag);

	if (rc == 0)
		rc = initrd_add_members(&b->tree, b->plan, &b->supply, b->diag);
	if (rc == 0)
		rc = initrd_add_modules(&b->tree, b->plan, &k, b->diag);
	kernel_clear(&k);
	tree_finish(&b->tree);
	return rc;
}

static int write_files(struct build *b, struct workdir *w, char digest[DIGEST_HEX])
{
	struct base_file files[2] = {{.name = WU_KERNEL}, {.name = WU_INITRD}};

	if (make_tree(b, w) < 0 || cpio_write(w->fd, WU_INITRD, &b->tree, b->diag) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		if (digest_of_file(w->fd, files[i].name, files[i].sha256,
			    &files[i].size_bytes, b->diag) < 0)
			return -1;
	}
	return record_write(w->fd, b->plan, &b->supply.lock, files, 2, digest, b->diag);
}

static int build_folder(struct build *b, char digest[DIGEST_HEX])
{
	struct workdir w;
	char *place;
	int rc;

	if (store_make_folder(&b->store, &w, b->diag) < 0)
		return -1;
	supply_say(b->options, 0, "building base %s", b->plan->name);
	rc = write_files(b, &w, digest);
	if (rc == 0) {
		place = memory_printf("bases/%s", digest);
		rc = store_keep_folder(&b->store, &w, place, b->diag);
		free(place);
	}
	workdir_drop(&w);
	return rc;
}

static int build_new(struct build *b, struct base *base)
{
	char key[DIGEST_HEX], digest[DIGEST_HEX];
	char *second;
	int rc, found;

	if (supply_fetch(&b->supply, b->diag) < 0)
		return -1;
	compute_key(b, key); /* another one where packages had to be substituted */
	found = find_by_key(b, key, base);
	if (found < 0)
		return -1;
	if (found == 0 && build_folder(b, digest) < 0)
		return -1;
	if (found == 1)
		memcpy(digest, base->digest, DIGEST_HEX);
	rc = store_set_key(&b->store, key, digest, b->diag);
	if (rc == 0 && strcmp(key, b->key) != 0) {
		second = substitute_key(b);
		rc = store_set_key(&b->store, second, digest, b->diag);
		free(second);
	}
	if (rc == 0 && found == 0 &&
		record_read(&b->store, digest, base, b->arena, b->diag) != 1)
		rc = -1;
	base->built = found == 0;
	return rc;
}

static int find_or_build(struct build *b, struct base *base)
{
	int found = b->supply.incomplete ? 0 : find_base(b, base);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (b->options->find_only) {
		*base = (struct base){.name = b->plan->name};
		return 0;
	}
	if (store_lock(&b->store, 0) == 1) {
		supply_say(b->options, 0, "waiting for another build to finish");
		store_lock(&b->store, 1);
	}
	found = find_base(b, base);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return build_new(b, base);
}

static int prepare(struct build *b)
{
	const struct base_plan *plan = b->plan;

	if (agent_read(&b->agent, b->diag) < 0)
		return -1;
	if (initrd_add_files(&b->tree, plan, b->options, &b->agent, b->diag) < 0)
		return -1;
	tree_finish(&b->tree);
	if (stream_files(&b->tree, &(struct stream_options){0}, NULL, b->diag) < 0)
		return -1;
	if (supply_open(&b->supply, &b->store, plan, b->options, b->arena, b->diag) < 0)
		return -1;
	compute_key(b, b->key);
	return 0;
}

/* The host files that had a say in the base. */
static void list_inputs(struct build *b, struct base *base)
{
	size_t count = b->tree.input_count;
	const char **list = arena_alloc(b->arena, (count + 3) * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = arena_strdup(b->arena, b->tree.inputs[i]);
	list[count++] = arena_strdup(b->arena, b->supply.lock_path);
	list[count++] = arena_strdup(b->arena, b->agent.path);
	base->inputs = list;
	base->input_count = count;
}

int base_build(const struct base_plan *plan, const struct base_options *o,
	struct base *base, struct arena *a, struct diag *d)
{
	struct build b = {.plan = plan, .options = o, .arena = a, .diag = d};
	int rc;

	*base = (struct base){0};
	if (store_open(&b.store, d) < 0)
		return -1;
	tree_init(&b.tree, plan->epoch);
	rc = prepare(&b);
	if (rc == 0)
		rc = find_or_build(&b, base);
	if (rc == 0)
		rc = supply_keep_lock(&b.supply, d);
	if (rc == 0)
		list_inputs(&b, base);
	supply_close(&b.supply);
	tree_clear(&b.tree);
	agent_clear(&b.agent);
	store_close(&b.store);
	return rc;
}

static int compare_bases(const void *x, const void *y)
{
	const struct base *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->digest, b->digest);
}

struct list {
	struct base *bases;
	size_t count;
};

/* Damaged ones are left out: the next build of such a base says so and mends it. */
static int add_base(struct store *s, const char *digest, struct list *l, struct arena *a)
{
	struct diag ignored = {0};
	struct base base;

	if (digest_is_hex(digest) && record_read(s, digest, &base, a, &ignored) == 1) {
		l->bases = memory_resize(l->bases, (l->count + 1) * sizeof(*l->bases));
		l->bases[l->count++] = base;
	}
	diag_clear(&ignored);
	return 0;
}

static int read_bases(struct store *s, struct list *l, struct arena *a, struct diag *d)
{
	int fd = openat(s->fd, "bases", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		diag_fail_errno(d, "%s/bases", s->path);
		file_close(&fd);
		return -1;
	}
	while ((errno = 0, e = readdir(dir)))
		add_base(s, e->d_name, l, a);
	if (errno)
		diag_fail_errno(d, "%s/bases", s->path);
	fd = errno ? -1 : 0;
	closedir(dir);
	return fd;
}

int base_list(int (*each)(const struct base *base, void *context), void *context,
	struct diag *d)
{
	struct arena a = {0};
	struct list l = {0};
	struct store s;
	int rc;

	if (store_open(&s, d) < 0)
		return -1;
	rc = read_bases(&s, &l, &a, d);
	if (rc == 0 && l.count > 0)
		qsort(l.bases, l.count, sizeof(*l.bases), compare_bases);
	for (size_t i = 0; i < l.count && rc == 0; i++)
		rc = each(&l.bases[i], context);
	free(l.bases);
	arena_clear(&a);
	store_close(&s);
	return rc;
}
