/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "ext4.h"
#include "floppy.h"
#include "iso.h"
#include "listing.h"
#include "params.h"
#include "place.h"
#include "reasons.h"
#include "runtime/unit.h"
#include "script.h"
#include "single.h"
#include "unit_build.h"

/* The files of the app disk. */
static int scan_app(struct build *b, struct diag *d)
{
	const struct plan *p = b->plan;
	int rc = 0;

	tree_init(&b->tree, p->epoch);
	b->tree.notes_inputs = b->options->tell_inputs;
	/* The three folders are there even where nothing is in them. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const tops[] = {"app", "input", WU_SCRIPTS_FOLDER};

		if (!tree_add(&b->tree, tops[i], NODE_FOLDER, 0755, NULL, d))
			return -1;
	}
	if (scan_items(&b->tree, "app", &p->app, &b->options->scan, d) < 0)
		rc = -1;
	if (scan_items(&b->tree, "input", &p->input, &b->options->scan, d) < 0)
		rc = -1;
	for (size_t i = 0; i < p->script_count; i++) {
		const char *path = arena_printf(
			&b->arena, WU_SCRIPTS_FOLDER "/%s", p->scripts[i].name);

		if (!tree_add_text(&b->tree, path, p->scripts[i].text,
			    strlen(p->scripts[i].text), 0755, NULL, d))
			rc = -1;
	}
	if (p->layout == LAYOUT_SINGLE && single_add(&b->tree, p, d) < 0)
		rc = -1;
	tree_finish(&b->tree);
	return rc;
}

/* The digest of everything that decides an image's bytes. */
static void set_key(char key[DIGEST_HEX], const char *what, int version,
	const char *label, uint64_t size_bytes, int64_t epoch, const char *content)
{
	char *text = memory_printf("%s %d %s %llu %lld\n%s", what, version, label,
		(unsigned long long)size_bytes, (long long)epoch, content);

	digest_of_bytes(text, strlen(text), key);
	free(text);
}

static struct part *add_part(struct build *b, enum role role, const char *path)
{
	struct part *p = &b->parts[b->part_count++];

	p->role = role;
	snprintf(p->artifact.path, sizeof(p->artifact.path), "%s", path);
	return p;
}

static void add_text_part(struct build *b, const char *path, const struct buffer *text)
{
	struct part *p = add_part(b, ROLE_SCRIPT, path);

	p->text = text;
	p->artifact.size_bytes = text->size;
	digest_of_bytes(text->bytes, text->size, p->artifact.sha256);
}

/* One disk has all that it needs but the CD that brings what starts it. */
static int needs_base_file(const struct build *b, const char *name)
{
	return b->plan->layout == LAYOUT_DISKS ||
	       (b->plan->layout == LAYOUT_SINGLE && strcmp(name, WU_SEED_IMAGE) == 0);
}

/* What the base is made of, from its own description in the store. */
static int add_base_parts(struct build *b, struct diag *d)
{
	for (size_t i = 0; i < b->base->file_count; i++) {
		const struct base_file *f = &b->base->files[i];
		struct part *p;

		if (!needs_base_file(b, f->name))
			continue;
		if (b->part_count == MOST_PARTS)
			return diag_fail(
				d, "%s: more files than a base has", b->base->folder);
		p = add_part(b, ROLE_BASE,
			arena_printf(&b->arena, WU_BASE_FOLDER "/%s", f->name));
		p->from = f->name;
		p->artifact.size_bytes = f->size_bytes;
		memcpy(p->artifact.sha256, f->sha256, DIGEST_HEX);
	}
	return 0;
}

int unit_describe(struct build *b, struct diag *d)
{
	struct artifact *listing = &b->listing->artifact;

	listing_describe(&b->tree, listing);
	if (b->plan->layout != LAYOUT_DISKS)
		return unit_describe_disk(b, d);
	set_key(b->disk->artifact.key, "ext4", EXT4_WRITER_VERSION, WU_APP_LABEL,
		b->plan->app_size_bytes, b->plan->epoch, listing->sha256);
	return 0;
}

static int plan_disks(struct build *b, struct diag *d)
{
	const struct plan *p = b->plan;
	struct part *output;

	if (p->layout == LAYOUT_DISKS)
		b->disk = add_part(b, ROLE_APP, WU_APP_IMAGE);
	else
		b->disk = add_part(b, ROLE_DISK, WU_DISK_IMAGE);
	b->listing = add_part(b, ROLE_LISTING, WU_APP_LISTING);
	if (unit_describe(b, d) < 0)
		return -1;
	if (p->layout != LAYOUT_DISKS)
		return 0;
	output = add_part(b, ROLE_OUTPUT, WU_OUTPUT_IMAGE);
	set_key(output->artifact.key, "ext4", EXT4_WRITER_VERSION, WU_OUTPUT_LABEL,
		p->output.size_bytes, p->epoch, "");
	return 0;
}

/* Everything that the unit will be, but for the bytes of the images. */
static int plan_parts(struct build *b, struct diag *d)
{
	const struct plan *p = b->plan;

	script_render(&b->script, p, b->base);
	if (plan_disks(b, d) < 0)
		return -1;
	add_text_part(b, WU_RUN_SCRIPT, &b->script);
	set_key(b->iso_key, "iso", ISO_WRITER_VERSION, WU_PARAMS_LABEL, 0, p->epoch, "");
	set_key(b->floppy_key, "fat12", FLOPPY_WRITER_VERSION, WU_PARAMS_LABEL, 0,
		p->epoch, "");
	return add_base_parts(b, d);
}

/* Whether the old unit's file is there with the size that its manifest has. */
static int is_there(const struct build *b, const char *path, uint64_t size_bytes)
{
	struct stat st;

	return fstatat(b->site.folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size_bytes;
}

/* Whether the old unit has a file that the new one could keep. */
static int has_old(const struct build *b, const char *path, struct artifact *old)
{
	return !b->options->make_all && old_unit_artifact(&b->old, path, old) &&
	       is_there(b, path, old->size_bytes);
}

static void find_kept_parts(struct build *b)
{
	for (size_t i = 0; i < b->part_count; i++) {
		struct part *p = &b->parts[i];
		struct artifact old;

		if (!has_old(b, p->artifact.path, &old))
			continue;
		p->keep = p->artifact.key[0]
				  ? strcmp(p->artifact.key, old.key) == 0
				  : strcmp(p->artifact.sha256, old.sha256) == 0;
		if (p->role == ROLE_DISK && !unit_find_disk(b))
			p->keep = 0;
		if (p->keep && p->artifact.key[0]) {
			p->artifact.size_bytes = old.size_bytes;
			memcpy(p->artifact.sha256, old.sha256, DIGEST_HEX);
		}
	}
}

static void find_kept_isos(struct build *b)
{
	const struct sweep *s = &b->plan->sweep;
	int same_key = strcmp(old_unit_text(&b->old, NULL, "iso_key"), b->iso_key) == 0;
	char path[40];

	b->isos = arena_alloc(&b->arena, (s->instance_count + 1) * sizeof(*b->isos));
	b->keep_iso = arena_alloc(&b->arena, s->instance_count + 1);
	for (size_t i = 0; same_key && !b->options->make_all && i < s->instance_count;
		i++)
		b->keep_iso[i] = old_unit_iso(&b->old, s->instances[i].id, &b->isos[i]) &&
				 is_there(b, unit_iso_path(path, s->instances[i].id),
					 b->isos[i].size_bytes);
}

static void find_kept_floppies(struct build *b)
{
	const struct sweep *s = &b->plan->sweep;
	int same_key =
		strcmp(old_unit_text(&b->old, NULL, "floppy_key"), b->floppy_key) == 0;
	char path[40];

	b->keep_floppy = arena_alloc(&b->arena, s->instance_count + 1);
	if (!b->plan->floppy)
		return;
	b->floppies =
		arena_alloc(&b->arena, (s->instance_count + 1) * sizeof(*b->floppies));
	for (size_t i = 0; same_key && !b->options->make_all && i < s->instance_count;
		i++)
		b->keep_floppy[i] =
			old_unit_floppy(&b->old, s->instances[i].id, &b->floppies[i]) &&
			is_there(b, unit_floppy_path(path, s->instances[i].id),
				b->floppies[i].size_bytes);
}

/* A folder that is no unit is somebody's: it is not ours to replace. */
static int check_old_folder(struct build *b, struct diag *d)
{
	if (b->site.folder < 0)
		return 0;
	old_unit_read(&b->old, b->site.folder);
	if (b->old.root || site_is_empty(&b->site) ||
		faccessat(b->site.folder, WU_MANIFEST, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return diag_fail(d,
		"%s: exists and is no unit: remove it, or name another place with -o",
		b->site.path);
}

static int is_unknown(struct node *n, void *context)
{
	(void)context;
	return n->type == NODE_FILE && !n->measured;
}

/* What the files hold, each read once at most: by the app disk's writer where no old disk
 * could be kept, else only where it is not known, to find out whether it can. */
static int read_contents(struct build *b, struct diag *d)
{
	struct artifact old;

	known_open(&b->known, b->site.path);
	if (b->options->dry_run || b->plan->layout != LAYOUT_DISKS ||
		has_old(b, WU_APP_IMAGE, &old)) {
		known_apply(&b->known, &b->tree);
		if (!tree_walk(&b->tree, is_unknown, NULL))
			return 0;
		return stream_files(&b->tree, &(struct stream_options){0}, NULL, d);
	}
	if (unit_begin(b, d) < 0)
		return -1;
	return unit_write_app(b, b->workdir.fd, d);
}

/* 1 where the old unit is already what the plan asks for, byte for byte. */
static int is_up_to_date(struct build *b)
{
	struct diag ignored = {0};
	size_t size = 0;
	char *old;
	int same;

	for (size_t i = 0; i < b->part_count; i++)
		if (!b->parts[i].keep)
			return 0;
	for (size_t i = 0; i < b->plan->sweep.instance_count; i++)
		if (!b->keep_iso[i] || (b->floppies && !b->keep_floppy[i]))
			return 0;
	unit_render_manifest(b);
	old = file_read(b->site.folder, WU_MANIFEST, b->manifest.size, &size, &ignored);
	same = old && size == b->manifest.size &&
	       memcmp(old, b->manifest.bytes, size) == 0;
	free(old);
	diag_clear(&ignored);
	buffer_clear(&b->manifest);
	return same;
}

static void report_reasons(struct build *b)
{
	struct buffer *reasons = &b->report->reasons, listing = {0};
	struct reasons_input in = {
		.plan = b->plan,
		.base = b->base,
		.old = &b->old,
		.old_fd = b->site.folder,
		.listing = &listing,
	};

	if (!b->base->folder)
		buffer_printf(reasons,
			"base %s: not in the store; it would be built first, and then more "
			"files may have to be made\n",
			b->base->name);
	if (b->options->make_all) {
		buffer_add_text(reasons, "every file: --always-make asks for it\n");
		return;
	}
	if (b->old.root && !b->disk->keep)
		tree_list_text(&b->tree, &listing);
	for (size_t i = 0; i < b->part_count; i++)
		if (!b->parts[i].keep)
			reasons_add_part(reasons, &in, &b->parts[i].artifact);
	reasons_add_isos(reasons, &in, b->keep_iso, b->iso_key);
	if (b->floppies)
		reasons_add_floppies(reasons, &in, b->keep_floppy, b->floppy_key);
	buffer_clear(&listing);
}

static void report_build(struct build *b)
{
	struct unit_report *r = b->report;

	for (size_t i = 0; i < b->part_count; i++)
		r->kept += (size_t)b->parts[i].keep;
	for (size_t i = 0; i < b->plan->sweep.instance_count; i++)
		r->kept += (size_t)b->keep_iso[i] + (size_t)b->keep_floppy[i];
	r->made = b->part_count - r->kept +
		  b->plan->sweep.instance_count * (b->floppies ? 2 : 1);
	r->input_count = b->tree.input_count;
	r->inputs = arena_alloc(&r->arena, (r->input_count + 1) * sizeof(*r->inputs));
	for (size_t i = 0; i < r->input_count; i++)
		r->inputs[i] = arena_strdup(&r->arena, b->tree.inputs[i]);
	report_reasons(b);
}

static int build(struct build *b, const char *path, struct diag *d)
{
	if (scan_app(b, d) < 0 ||
		site_open(&b->site, path, b->options->dry_run, &b->arena, d) < 0)
		return -1;
	if (!b->options->dry_run)
		disks_open(&b->disks); /* removes what builds that died left there */
	if (check_old_folder(b, d) < 0 || read_contents(b, d) < 0 || plan_parts(b, d) < 0)
		return -1;
	find_kept_parts(b);
	find_kept_isos(b);
	find_kept_floppies(b);
	report_build(b);
	if (is_up_to_date(b)) {
		if (!b->options->dry_run)
			unit_set_time(b, b->site.folder);
		return 0;
	}
	if (b->report->made == 0 && b->report->reasons.size == 0)
		buffer_add_text(&b->report->reasons,
			WU_MANIFEST ": what it says of the unit changed\n");
	b->report->made++;
	return b->options->dry_run ? 0 : unit_make(b, d);
}

/* A unit without a command runs what its base brings. Not built yet (a dry run), that is
 * not known. */
static int complete_plan(struct build *b, struct plan *p, struct diag *d)
{
	struct script *script = arena_alloc(&b->arena, sizeof(*script));
	struct buffer text = {0};

	*p = *b->plan;
	b->plan = p;
	if (p->script_count > 0 || !b->base->folder)
		return 0;
	if (b->base->command_count == 0)
		return place_fail(d, &p->place,
			"expected a command, found nothing (command = \"…\"), and the base "
			"%s brings none",
			b->base->name);
	script_render_command(&text, b->base->command, b->base->command_count);
	*script = (struct script){"10-main", arena_strdup(&b->arena, text.bytes)};
	buffer_clear(&text);
	p->scripts = script;
	p->script_count = 1;
	return 0;
}

int unit_build(const struct plan *plan, const char *recipe_sha256,
	const struct base *base, const char *path, const struct unit_options *o,
	struct unit_report *report, struct diag *d)
{
	struct build b = {
		.plan = plan,
		.recipe_sha256 = recipe_sha256,
		.base = base,
		.options = o,
		.report = report,
		.site = SITE_NONE,
		.disks = {.fd = -1},
		.workdir = WORKDIR_NONE,
	};
	struct plan complete;
	int rc;

	*report = (struct unit_report){0};
	rc = unit_check_layout(plan, base->disk != NULL, d);
	if (rc == 0)
		rc = complete_plan(&b, &complete, d);
	if (rc == 0)
		rc = build(&b, path, d);
	if (rc == 0 && !o->dry_run)
		known_save(&b.known, &b.tree, &o->started);
	if (b.workdir.fd >= 0)
		workdir_drop(&b.workdir);
	known_close(&b.known);
	disks_close(&b.disks);
	site_close(&b.site);
	old_unit_clear(&b.old);
	buffer_clear(&b.script);
	buffer_clear(&b.manifest);
	tree_clear(&b.tree);
	arena_clear(&b.arena);
	return rc;
}

void unit_report_clear(struct unit_report *report)
{
	buffer_clear(&report->reasons);
	arena_clear(&report->arena);
	*report = (struct unit_report){0};
}
