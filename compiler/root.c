/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "archive.h"
#include "base_recipe.h"
#include "common/file.h"
#include "ext4.h"
#include "host.h"
#include "known.h"
#include "oci_fetch.h"
#include "overlay.h"
#include "place.h"
#include "runtime/unit.h"
#include "scan.h"
#include "stream.h"

#define KEEP_ALL (KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS | KEEP_DEVICES)
#define EXECUTABLES "/app/bin:" /* what scripts find before all else */

static const struct base_plan *plan_at(const struct root *r, size_t i)
{
	return r->chain->plans[i];
}

static const struct base_plan *lowest(const struct root *r)
{
	return plan_at(r, r->chain->root);
}

static void add_input(struct root *r, const char *path)
{
	const char **grown = arena_alloc(r->arena, (r->input_count + 1) * sizeof(*grown));

	if (r->input_count > 0)
		memcpy(grown, r->inputs, r->input_count * sizeof(*grown));
	grown[r->input_count++] = arena_strdup(r->arena, path);
	r->inputs = grown;
}

/* What the recipe of a plan may read. */
static int set_scan_options(struct root *r, const struct base_plan *plan,
	struct scan_options *o, struct diag *d)
{
	*o = (struct scan_options){
		.folder = base_recipe_folder(plan, r->arena, d),
		.allowed = r->options->allowed,
		.allowed_count = r->options->allowed_count,
		.keep_special_modes = 1,
		.witness = &r->seen,
	};
	return o->folder ? 0 : -1;
}

static int scan(struct root *r, struct tree *t, const char *top,
	const struct base_plan *plan, const struct items *items, struct diag *d)
{
	struct scan_options o;

	if (set_scan_options(r, plan, &o, d) < 0)
		return -1;
	return scan_items(t, top, items, &o, d);
}

/* The host path that a recipe's words mean, links resolved, in the arena; NULL with a
 * message. */
static const char *resolve(struct root *r, const struct base_plan *plan,
	const struct item *item, const char *wanted, struct diag *d)
{
	struct scan_options o;
	struct host h = {.options = &o, .item = item, .diag = d};
	const char *path = NULL;

	if (set_scan_options(r, plan, &o, d) < 0)
		return NULL;
	path = item->source[0] == '/'
		       ? item->source
		       : arena_printf(r->arena, "%s/%s", o.folder, item->source);
	path = host_open(&h) < 0 ? NULL : host_resolve(&h, wanted, path, item->source);
	path = path ? arena_strdup(r->arena, path) : NULL;
	host_close(&h);
	return path;
}

/* The folders and archives, described, in the arena. */
static int describe_contents(struct root *r, struct diag *d)
{
	struct scan_options o;

	if (set_scan_options(r, lowest(r), &o, d) < 0 ||
		contents_describe(&r->contents, &lowest(r)->contents, &o, r->arena, d) <
			0)
		return -1;
	for (size_t i = 0; !r->seen.sealed && i < r->contents.folder_count; i++)
		add_input(r, r->contents.folders[i]);
	return 0;
}

/* Archives count by their own digests: nothing has to be unpacked to know the key. */
static int note_archive(struct root *r, const struct item *item, struct diag *d)
{
	const char *path = resolve(r, lowest(r), item, "an archive", d);
	CLEANUP(file_close)
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	char sha256[DIGEST_HEX];
	struct stat st;

	if (!path)
		return -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return diag_fail_errno(d, "%s", path);
	if (r->seen.sealed)
		return witness_saw(&r->seen, &st)
			       ? 0
			       : witness_fail(&item->place, item->source, d);
	if (digest_of_fd(fd, path, sha256, NULL, d) < 0)
		return -1;
	witness_add(&r->seen, &st);
	buffer_printf(&r->sources, "archive %s mode %d keep %u strip %u to %s\n", sha256,
		item->mode, item->keep, item->strip, item->dest);
	add_input(r, path);
	return 0;
}

/* Lists items below a top of their own: on the disk they may come to lie in folders that
 * links of other items lead to, so that none of them may hide another here. What hard
 * links lead to may be of any layer, and counts by itself. */
static int list_items(struct root *r, struct tree *listed, const struct base_plan *plan,
	const struct items *items, struct diag *d)
{
	size_t part = listed->root->folder ? listed->root->folder->count : 0;
	struct item *list = arena_alloc(r->arena, (items->count + 1) * sizeof(*list));
	struct items all = {.list = list};

	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->list[i];

		if (item->kind != ITEM_HARDLINK)
			list[all.count++] = *item;
		else if (!r->seen.sealed)
			buffer_printf(&r->sources, "hardlink %s to %s\n",
				item->dest ? item->dest : "", item->source);
	}
	return scan(r, listed, arena_printf(r->arena, "disk.%zu", part), plan, &all, d);
}

static int note_contents(struct root *r, struct tree *listed, struct diag *d)
{
	const struct items *items = &r->contents.items;

	for (size_t i = 0; i < items->count; i++) {
		const struct items one = {.list = &items->list[i], .count = 1};

		if (one.list->kind == ITEM_ARCHIVE
				? note_archive(r, one.list, d) < 0
				: list_items(r, listed, lowest(r), &one, d) < 0)
			return -1;
		if (!r->seen.sealed)
			buffer_printf(&r->sources, "then\n");
	}
	return 0;
}

/* Digests what earlier builds do not know of. */
static int digest_files(struct tree *listed, const char *recipe,
	const struct timespec *started, struct diag *d)
{
	struct known known;
	int rc;

	known_open(&known, recipe);
	known_apply(&known, listed);
	rc = stream_files(listed, &(struct stream_options){0}, NULL, d);
	if (rc == 0)
		known_save(&known, listed, started);
	known_close(&known);
	return rc;
}

/* Folders and files, as they are put on the disk; tree_clear() is due in any case. */
static int list_files(struct root *r, struct tree *listed, struct diag *d)
{
	int rc = 0;

	tree_init(listed, r->chain->boot.epoch);
	listed->replaces = 1;
	if (lowest(r)->root == ROOT_ITEMS)
		rc = describe_contents(r, d);
	if (rc == 0 && lowest(r)->root == ROOT_ITEMS)
		rc = note_contents(r, listed, d);
	for (size_t i = r->chain->root; i < r->chain->count; i++)
		if (list_items(r, listed, plan_at(r, i), &plan_at(r, i)->files, d) < 0)
			rc = -1;
	tree_finish(listed);
	return rc;
}

static int note_files(struct root *r, struct diag *d)
{
	struct tree listed;
	struct timespec started;
	int rc;

	clock_gettime(CLOCK_REALTIME, &started);
	rc = list_files(r, &listed, d);
	if (rc == 0)
		rc = digest_files(&listed, r->chain->boot.recipe_path, &started, d);
	if (rc == 0) {
		tree_list_text(&listed, &r->sources);
		witness_add_tree(&r->seen, &listed);
		witness_seal(&r->seen);
	}
	for (size_t i = 0; i < listed.input_count; i++)
		add_input(r, listed.inputs[i]);
	tree_clear(&listed);
	return rc;
}

static int pin_packages(struct root *r, struct diag *d)
{
	for (size_t i = r->chain->root; i < r->chain->count; i++) {
		struct debian_layer *below = r->layer;

		if (plan_at(r, i)->root != ROOT_PACKAGES)
			continue;
		r->layer = arena_alloc(r->arena, sizeof(*r->layer));
		if (debian_pin(&r->supplies[i], below, r->layer, d) < 0)
			return -1;
	}
	return 0;
}

/* An image of the host: it is opened to know what it is. */
static int note_image(struct root *r, struct diag *d)
{
	const struct base_plan *plan = lowest(r);
	const char *folder = base_recipe_folder(plan, r->arena, d);
	struct item item = {.place = plan->place};
	const char *tag, *path;

	if (!folder)
		return -1;
	tag = oci_split(folder, plan->image, &item.source, r->arena);
	path = resolve(r, plan, &item, "a container image", d);
	if (!path || oci_open(&r->image, path, tag, item.source, &plan->place, r->arena,
			     d) < 0)
		return -1;
	add_input(r, r->image.input);
	buffer_printf(&r->sources, "image %s\n", r->image.digest);
	return 0;
}

/* What a registry's reference means, by itself or by the lock; asks the registry where
 * neither says. */
static int pin_image(struct root *r, struct supply *s, struct diag *d)
{
	const struct base_plan *plan = lowest(r);
	const struct base_options *o = s->options;

	if (oci_fetch_named(plan->image, r->registry))
		return 0;
	s->lock.image = plan->image;
	if (!o->update && s->old.image && strcmp(s->old.image, plan->image) == 0) {
		memcpy(r->registry, s->old.image_sha256, DIGEST_HEX);
	} else if (o->find_only) {
		s->incomplete = 1;
	} else if (o->locked) {
		return diag_fail(d, "%s: does not pin %s, and --locked allows no other",
			s->lock_path, plan->image);
	} else {
		if (supply_check_lock(s, d) < 0 ||
			oci_fetch_ask(plan->image, &plan->place, o, r->registry, d) < 0)
			return -1;
		s->lock_is_new = 1;
	}
	memcpy(s->lock.image_sha256, r->registry, DIGEST_HEX);
	return 0;
}

static int note_registry(struct root *r, struct diag *d)
{
	if (pin_image(r, &r->supplies[r->chain->root], d) < 0)
		return -1;
	buffer_printf(&r->sources, "registry %s\n", r->registry);
	return 0;
}

/* Images of registries are fetched only to build. */
static int fetch_image(struct root *r, struct diag *d)
{
	const struct base_plan *plan = lowest(r);
	const char *path = oci_fetch(plan->image, r->registry,
		r->supplies[r->chain->root].store, &plan->place, r->options, r->arena, d);

	return path ? oci_open(&r->image, path, NULL, plan->image, &plan->place, r->arena,
			      d)
		    : -1;
}

int root_open(struct root *r, const struct chain *c, struct supply *supplies,
	const struct base_options *o, struct arena *a, struct diag *d)
{
	int rc = 0;

	*r = (struct root){.chain = c, .supplies = supplies, .options = o, .arena = a};
	buffer_printf(&r->sources, "ext4 %d\n", EXT4_WRITER_VERSION);
	if (lowest(r)->root == ROOT_PACKAGES)
		rc = pin_packages(r, d);
	else if (lowest(r)->root == ROOT_IMAGE)
		rc = oci_fetch_is_meant(lowest(r)->image) ? note_registry(r, d)
							  : note_image(r, d);
	r->pinned_size = r->sources.size;
	r->pinned_inputs = r->input_count;
	return rc == 0 ? note_files(r, d) : -1;
}

int root_look_again(struct root *r, struct diag *d)
{
	r->sources.size = r->pinned_size;
	r->input_count = r->pinned_inputs;
	witness_clear(&r->seen);
	return note_files(r, d);
}

int root_check(const struct chain *c, const struct base_options *o, struct diag *d)
{
	struct arena a = {0};
	struct root r = {.chain = c, .options = o, .arena = &a};
	struct tree listed;
	int rc = list_files(&r, &listed, d);

	tree_clear(&listed);
	if (lowest(&r)->root == ROOT_IMAGE && !oci_fetch_is_meant(lowest(&r)->image) &&
		note_image(&r, d) < 0)
		rc = -1;
	root_close(&r);
	arena_clear(&a);
	return rc;
}

int root_make_layers(struct root *r, struct diag *d)
{
	return r->layer ? debian_build(r->layer, d) : 0;
}

void root_add_key(const struct root *r, struct buffer *text)
{
	if (r->layer)
		buffer_printf(text, "packages %s\n", r->layer->key);
	if (r->sources.size > 0)
		buffer_add(text, r->sources.bytes, r->sources.size);
}

void root_close(struct root *r)
{
	if (r->image.layers)
		oci_close(&r->image);
	buffer_clear(&r->sources);
	witness_clear(&r->seen);
}

static int add_packages(struct root *r, struct tree *t, struct diag *d)
{
	static const struct item item = {
		.kind = ITEM_ARCHIVE, .mode = -1, .keep = KEEP_ALL};
	const char *place = debian_place(r->layer, r->arena);
	const char *path =
		arena_printf(r->arena, "%s/%s", r->supplies[0].store->path, place);

	return archive_add(t, "", path, place, &item, 1, d);
}

static int add_image(struct root *r, struct tree *t, struct diag *d)
{
	const struct oci_config *c = &r->image.config;

	if (r->registry[0] && fetch_image(r, d) < 0)
		return -1;
	for (size_t i = 0; i < c->warning_count; i++)
		supply_say(r->options, 1, "%s", c->warnings[i]);
	return oci_add_layers(&r->image, t, &lowest(r)->place, d);
}

static int fill(struct root *r, struct tree *t, struct diag *d)
{
	const struct base_plan *plan = lowest(r);
	int rc;

	if (plan->root == ROOT_PACKAGES)
		rc = add_packages(r, t, d);
	else if (plan->root == ROOT_IMAGE)
		rc = add_image(r, t, d);
	else
		rc = scan(r, t, "", lowest(r), &r->contents.items, d);
	for (size_t i = r->chain->root; rc == 0 && i < r->chain->count; i++)
		rc = scan(r, t, "", plan_at(r, i), &plan_at(r, i)->files, d);
	return rc;
}

static int tell_user(struct root *r, struct tree *t, struct buffer *guest, struct diag *d)
{
	struct diag problems = {0};
	struct account account;

	if (!r->image.config.user || !*r->image.config.user)
		return 0;
	if (account_find(&account, t, r->image.config.user, &problems) < 0)
		return place_fail_all(d, &lowest(r)->place, &problems);
	buffer_printf(guest, "user %u %u", account.uid, account.gid);
	for (size_t i = 0; i < account.group_count; i++)
		buffer_printf(guest, " %u", account.groups[i]);
	buffer_printf(guest, "\n");
	return 0;
}

static int tell_environment(struct root *r, struct buffer *guest, struct diag *d)
{
	const struct oci_config *c = &r->image.config;

	if (c->environment_count > WU_GUEST_BASE_VARIABLES)
		return place_fail(d, &lowest(r)->place,
			"expected an image with at most %d variables in its environment, "
			"found %zu",
			WU_GUEST_BASE_VARIABLES, c->environment_count);
	for (size_t i = 0; i < c->environment_count; i++) {
		const char *variable = c->environment[i];

		if (strncmp(variable, "PATH=", 5) == 0)
			buffer_printf(guest, "environment PATH=" EXECUTABLES "%s\n",
				variable + 5);
		else
			buffer_printf(guest, "environment %s\n", variable);
	}
	return 0;
}

static int tell_init(struct root *r, struct tree *t, struct buffer *guest, struct diag *d)
{
	for (size_t i = r->chain->root; i < r->chain->count; i++) {
		if (!plan_at(r, i)->init)
			continue;
		if (!tree_find(t, "sbin/init"))
			return place_fail(d, &plan_at(r, i)->place,
				"init: expected a root disk with an init at /sbin/init "
				"(Debian: the package systemd-sysv), found none");
		buffer_printf(guest, "init /sbin/init\n");
		break;
	}
	return 0;
}

static int tell_agent(
	struct root *r, struct tree *t, struct buffer *guest, struct diag *d)
{
	const struct oci_config *c = &r->image.config;

	buffer_printf(guest, "root\n");
	if (tell_init(r, t, guest, d) < 0)
		return -1;
	if (c->folder && *c->folder)
		buffer_printf(guest, "folder %s\n", c->folder);
	if (tell_environment(r, guest, d) < 0 || tell_user(r, t, guest, d) < 0)
		return -1;
	if (guest->size >= WU_GUEST_BASE_BYTES)
		return place_fail(d, &lowest(r)->place,
			"expected an image whose environment, user and folder take less "
			"than %d bytes, as a guest's /" WU_GUEST_BASE
			" has them, found %zu",
			WU_GUEST_BASE_BYTES, guest->size);
	return 0;
}

static int write_image(struct root *r, struct tree *t, int dirfd, struct diag *d)
{
	struct ext4_options o = {.label = WU_ROOT_LABEL,
		.epoch = r->chain->boot.epoch,
		.stream.no_whole = 1};
	CLEANUP(file_close) int fd = -1;

	if (ext4_write(dirfd, WU_ROOT_IMAGE, t, &o, d) < 0)
		return -1;
	fd = openat(dirfd, WU_ROOT_IMAGE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchmod(fd, 0444) < 0 || fsync(fd) < 0)
		return diag_fail_errno(d, WU_ROOT_IMAGE);
	return 0;
}

/* The key was made of what was listed: it must not lead to a disk of anything else. A
 * change that was taken back shows in what was written, any other in a new list. */
static int check_unchanged(struct root *r, struct tree *written, struct diag *d)
{
	struct tree listed;
	int rc = witness_check_tree(&r->seen, written, d);

	if (rc < 0)
		return -1;
	rc = list_files(r, &listed, d);
	if (rc == 0 && !witness_is_shape(&r->seen, &listed))
		rc = witness_fail(&lowest(r)->place, "its folders or files", d);
	tree_clear(&listed);
	return rc;
}

/* What the guest, whose root has an overlay on top, cannot see as it is. */
static void settle_overlay(struct root *r, struct tree *t)
{
	const char *first;
	size_t count = overlay_find_whiteouts(t, &first, r->arena);

	overlay_strip(t);
	if (count > 0)
		supply_say(r->options, 1,
			"base %s: /%s is a device 0:0%s, which the guest's overlay takes "
			"for a deleted file: it will not be seen",
			r->chain->boot.name, first, count > 1 ? ", as are others" : "");
}

int root_write(struct root *r, int dirfd, struct buffer *guest, struct diag *d)
{
	struct tree t;
	int rc;

	tree_init(&t, r->chain->boot.epoch);
	t.replaces = 1;
	t.notes_inputs = 0;
	rc = fill(r, &t, d);
	tree_finish(&t);
	if (rc == 0)
		settle_overlay(r, &t);
	if (rc == 0)
		rc = tell_agent(r, &t, guest, d);
	if (rc == 0 && !tree_find(&t, "bin/sh") && !tree_find(&t, "usr/bin/sh"))
		supply_say(r->options, 1,
			"base %s: its root disk has no /bin/sh, which scripts need",
			r->chain->boot.name);
	if (rc == 0)
		rc = write_image(r, &t, dirfd, d);
	if (rc == 0)
		rc = check_unchanged(r, &t, d);
	tree_clear(&t);
	return rc;
}
