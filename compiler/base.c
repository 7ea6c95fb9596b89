/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "cpio.h"
#include "diskbase.h"
#include "initrd.h"
#include "kernel.h"
#include "place.h"
#include "record.h"
#include "root.h"
#include "runtime/unit.h"
#include "store.h"
#include "stream.h"
#include "supply.h"
#include "tree.h"

#define BASE_BUILDER_VERSION                                                             \
	2 /* raise it with any change of what the same recipe gives */

/* Everything that a build holds, in the order in which it comes to be. */
struct build {
	const struct chain *chain;
	const struct base_options *options;
	struct base_options below; /* for the plans below the base itself */
	struct store store;
	struct agent agent;
	struct tree tree; /* the initrd's, at first without what comes from packages */
	struct supply *supplies; /* one a plan */
	size_t supply_count;
	struct root root;
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

static const struct base_plan *top(const struct build *b)
{
	return b->chain->plans[b->chain->count - 1];
}

/* Of a base below a root disk only the kernel counts. */
static struct lock counting_pins(const struct build *b, size_t i)
{
	struct lock pins = b->supplies[i].lock;

	if (chain_uses_initrd(b->chain, i))
		return pins;
	pins.count = 0;
	for (size_t k = 0; i == b->chain->kernel && k < b->supplies[i].lock.count; k++)
		if (strcmp(pins.pins[k].asked, b->chain->boot.kernel_package) == 0) {
			pins.pins += k;
			pins.count = 1;
			break;
		}
	return pins;
}

static void add_pins(struct buffer *text, const struct lock *lock)
{
	for (size_t i = 0; i < lock->count; i++) {
		const struct pin *pin = &lock->pins[i];

		add_text(text, "package", pin->asked);
		add_text(text, "name", pin->name);
		add_text(text, "version", pin->version);
		add_text(text, "architecture", pin->architecture);
		add_text(text, "sha256", pin->sha256);
	}
}

/* The digest of all that decides the result, so that nothing need be unpacked to know
 * that it is there already. */
static void compute_key(struct build *b, char key[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	const struct base_plan *p = &b->chain->boot;

	buffer_printf(&text, "workunit-base-key 3\nbuilder %d\ncpio %d\nepoch %lld\n",
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
	for (size_t i = 0; i < b->chain->count; i++) {
		const struct lock pins = counting_pins(b, i);

		add_pins(&text, &pins);
		if (chain_uses_initrd(b->chain, i))
			add_members(&text, &b->chain->plans[i]->initrd);
		add_text(&text, "init", b->chain->plans[i]->init ? "yes" : "no");
	}
	tree_list_text(&b->tree, &text);
	root_add_key(&b->root, &text);
	digest_of_bytes(text.bytes, text.size, key);
}

/* What is damaged in the store is as good as missing; who has the store's lock takes it
 * away. */
static int drop_damaged(
	struct build *b, const char *place, const char *digest, const struct diag *damage)
{
	if (b->store.lock < 0)
		return 0;
	supply_say(b->options, 1, "%s; building it again",
		damage->count > 0 ? damage->lines[0].text : digest);
	return store_remove(&b->store, place, b->diag);
}

/* 1 where the store has what this key gave. */
static int find_by_key(struct build *b, const char *key, struct base *base)
{
	struct diag damage = {0};
	char digest[DIGEST_HEX];
	char *place;
	int found;

	if (!store_find_key(&b->store, key, digest))
		return 0;
	place = memory_printf("bases/%s", digest);
	found = record_read(&b->store, digest, base, b->arena, &damage);
	if (found > 0)
		store_touch(&b->store, place);
	else if (found < 0)
		found = drop_damaged(b, place, digest, &damage);
	diag_clear(&damage);
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
	const struct supply *s = &b->supplies[b->chain->count - 1];
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
			"from newer ones, so digests differ; %s",
			s->lock_path, top(b)->name, supply_advice(s));
	return found;
}

static int add_members_of_all(struct build *b)
{
	for (size_t i = 0; i < b->chain->count; i++)
		if (chain_uses_initrd(b->chain, i) &&
			initrd_add_members(&b->tree, b->chain->plans[i], &b->supplies[i],
				b->diag) < 0)
			return -1;
	return 0;
}

/* The initrd's files; `guest` is what the agent must know of the base. */
static int make_tree(struct build *b, struct workdir *w, const struct buffer *guest)
{
	struct supply *s = &b->supplies[b->chain->kernel];
	const struct pin *pin = supply_find(s, b->chain->boot.kernel_package);
	struct kernel k = {.spool = -1};
	int rc = kernel_read(&k, b->store.fd, supply_place(pin, b->arena),
		supply_label(pin, b->arena), w->fd, WU_KERNEL, b->diag);

	if (rc == 0)
		rc = add_members_of_all(b);
	if (rc == 0)
		rc = initrd_add_modules(&b->tree, &b->chain->boot, &k, b->diag);
	if (rc == 0 && guest->size > 0)
		rc = initrd_add_text(
			&b->tree, WU_GUEST_BASE, guest, &b->chain->boot, b->diag);
	kernel_clear(&k);
	tree_finish(&b->tree);
	return rc;
}

static int write_record(struct build *b, struct workdir *w, struct base_file *files,
	size_t count, char digest[DIGEST_HEX])
{
	struct record_parts parts = {.plan = &b->chain->boot,
		.files = files,
		.file_count = count,
		.command = b->root.image.config.command,
		.command_count = b->root.image.config.command_count};
	struct lock *locks =
		arena_alloc(b->arena, (b->chain->count + 1) * sizeof(*locks));

	for (size_t i = 0; i < b->chain->count; i++)
		locks[i] = counting_pins(b, i);
	parts.locks = locks;
	parts.lock_count = b->chain->count;
	return record_write(w->fd, &parts, digest, b->diag);
}

static int write_files(struct build *b, struct workdir *w, char digest[DIGEST_HEX])
{
	struct base_file files[] = {
		{.name = WU_KERNEL}, {.name = WU_INITRD}, {.name = WU_ROOT_IMAGE}};
	CLEANUP(buffer_clear) struct buffer guest = {0};
	size_t count = chain_has_root(b->chain) ? 3 : 2;

	if (count == 3 && root_write(&b->root, w->fd, &guest, b->diag) < 0)
		return -1;
	if (make_tree(b, w, &guest) < 0 ||
		cpio_write(w->fd, WU_INITRD, &b->tree, b->diag) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (digest_of_file(w->fd, files[i].name, files[i].sha256,
			    &files[i].size_bytes, b->diag) < 0)
			return -1;
	}
	return write_record(b, w, files, count, digest);
}

static int build_folder(struct build *b, char digest[DIGEST_HEX])
{
	struct workdir w;
	char *place;
	int rc;

	if (store_make_folder(&b->store, &w, b->diag) < 0)
		return -1;
	supply_say(b->options, 0, "building base %s", top(b)->name);
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

	for (size_t i = 0; i < b->chain->count; i++)
		if (supply_fetch(&b->supplies[i], b->diag) < 0)
			return -1;
	if (root_make_layers(&b->root, b->diag) < 0)
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

static int add_initrd_files(struct build *b)
{
	tree_init(&b->tree, b->chain->boot.epoch);
	b->tree.replaces = b->chain->count > 1;
	for (size_t i = 0; i < b->chain->count; i++)
		if (chain_uses_initrd(b->chain, i) &&
			initrd_add_files(
				&b->tree, b->chain->plans[i], b->options, b->diag) < 0)
			return -1;
	if (initrd_add_agent(&b->tree, &b->agent, top(b), b->diag) < 0)
		return -1;
	tree_finish(&b->tree);
	return stream_files(&b->tree, &(struct stream_options){0}, NULL, b->diag);
}

/* What was waited for may have taken long: files are digested again. */
static int look_again(struct build *b)
{
	tree_clear(&b->tree);
	if (add_initrd_files(b) < 0 ||
		(chain_has_root(b->chain) && root_look_again(&b->root, b->diag) < 0))
		return -1;
	compute_key(b, b->key);
	return 0;
}

static int is_incomplete(const struct build *b)
{
	for (size_t i = 0; i < b->chain->count; i++)
		if (b->supplies[i].incomplete)
			return 1;
	return 0;
}

static int find_or_build(struct build *b, struct base *base)
{
	int found = is_incomplete(b) ? 0 : find_base(b, base);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (b->options->find_only) {
		*base = (struct base){
			.name = top(b)->name, .append = b->chain->boot.append};
		return 0;
	}
	if (store_lock(&b->store, 0) == 1) {
		supply_say(b->options, 0, "waiting for another build to finish");
		store_lock(&b->store, 1);
		if (look_again(b) < 0)
			return -1;
	}
	found = find_base(b, base);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return build_new(b, base);
}

/* Only the base itself is renewed, and bound to its lock; those below are as they are. */
static int open_supplies(struct build *b)
{
	size_t count = b->chain->count;

	b->below = *b->options;
	b->below.update = 0;
	b->supplies = arena_alloc(b->arena, count * sizeof(*b->supplies));
	for (size_t i = 0; i < count; i++) {
		b->supply_count++;
		if (supply_open(&b->supplies[i], &b->store, b->chain->plans[i],
			    i + 1 == count ? b->options : &b->below, b->arena,
			    b->diag) < 0)
			return -1;
	}
	return 0;
}

int base_check(const struct chain *c, const struct base_options *o, struct diag *d)
{
	struct tree t;
	int rc = 0;

	if (chain_is_disk(c))
		return diskbase_check(c, o, d);
	tree_init(&t, c->boot.epoch);
	t.replaces = c->count > 1;
	for (size_t i = 0; i < c->count; i++)
		if (chain_uses_initrd(c, i) &&
			initrd_add_files(&t, c->plans[i], o, d) < 0)
			rc = -1;
	tree_clear(&t);
	if (chain_has_root(c) && root_check(c, o, d) < 0)
		rc = -1;
	return rc;
}

static int prepare(struct build *b)
{
	if (agent_read(&b->agent, b->diag) < 0 || add_initrd_files(b) < 0 ||
		open_supplies(b) < 0)
		return -1;
	if (chain_has_root(b->chain) && root_open(&b->root, b->chain, b->supplies,
						b->options, b->arena, b->diag) < 0)
		return -1;
	compute_key(b, b->key);
	return 0;
}

/* The host files that had a say in the base. */
static void list_inputs(struct build *b, struct base *base)
{
	size_t count = 0, room = b->tree.input_count + b->root.input_count +
				 b->chain->count + b->chain->input_count + 1;
	const char **list = arena_alloc(b->arena, room * sizeof(*list));

	for (size_t i = 0; i < b->tree.input_count; i++)
		list[count++] = arena_strdup(b->arena, b->tree.inputs[i]);
	for (size_t i = 0; i < b->root.input_count; i++)
		list[count++] = b->root.inputs[i];
	for (size_t i = 0; i < b->chain->count; i++)
		list[count++] = arena_strdup(b->arena, b->supplies[i].lock_path);
	for (size_t i = 0; i < b->chain->input_count; i++)
		list[count++] = arena_strdup(b->arena, b->chain->inputs[i]);
	list[count++] = arena_strdup(b->arena, b->agent.path);
	base->inputs = list;
	base->input_count = count;
}

int base_build(const struct chain *c, const struct base_options *o, struct base *base,
	struct arena *a, struct diag *d)
{
	struct build b = {
		.chain = c, .options = o, .tree = {.spool = -1}, .arena = a, .diag = d};
	int rc;

	*base = (struct base){0};
	if (chain_is_disk(c))
		return diskbase_build(c, o, base, a, d);
	if (store_open(&b.store, d) < 0)
		return -1;
	rc = prepare(&b);
	if (rc == 0)
		rc = find_or_build(&b, base);
	for (size_t i = 0; rc == 0 && i < c->count; i++)
		rc = supply_keep_lock(&b.supplies[i], d);
	if (rc == 0)
		list_inputs(&b, base);
	for (size_t i = 0; i < b.supply_count; i++)
		supply_close(&b.supplies[i]);
	root_close(&b.root);
	tree_clear(&b.tree);
	agent_clear(&b.agent);
	store_close(&b.store);
	return rc;
}
