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
#include "iso.h"
#include "manifest.h"
#include "params.h"
#include "reasons.h"
#include "runtime/unit.h"
#include "script.h"
#include "site.h"
#include "tree.h"

/* One file of the unit: how it is found to be the same, and how it is made. */
struct part {
	struct artifact artifact;
	int keep;
	const struct buffer *text; /* a text file's bytes */
	const char *from;	   /* a base file's name in the store */
};

enum { APP, LISTING, OUTPUT, SCRIPT, BASE };
#define MOST_PARTS (BASE + 3)

struct build {
	const struct plan *plan;
	const char *recipe_sha256;
	const struct base *base;
	const struct unit_options *options;
	struct unit_report *report;
	struct arena arena;
	struct tree tree;
	struct buffer listing, script, manifest;
	struct part parts[MOST_PARTS];
	size_t part_count;
	char iso_key[DIGEST_HEX];
	struct artifact *isos;
	char *keep_iso;
	struct old_unit old;
	struct site site;
};

/* The files of the app disk. */
static int scan_app(struct build *b, struct diag *d)
{
	const struct plan *p = b->plan;
	int rc = 0;

	tree_init(&b->tree, p->epoch);
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
	tree_finish(&b->tree);
	if (rc == 0)
		rc = stream_files(&b->tree, &(struct stream_options){0}, NULL, d);
	return rc;
}

/* The digest of everything that decides an image's bytes. */
static void set_key(char key[DIGEST_HEX], const char *what, int version,
	const char *label, uint64_t size_bytes, int64_t epoch,
	const struct buffer *content)
{
	struct digest *g = digest_new();
	char *head = memory_printf("%s %d %s %llu %lld\n", what, version, label,
		(unsigned long long)size_bytes, (long long)epoch);

	digest_add(g, head, strlen(head));
	if (content)
		digest_add(g, content->bytes, content->size);
	digest_finish(g, key);
	free(head);
}

static struct part *add_part(struct build *b, const char *path)
{
	struct part *p = &b->parts[b->part_count++];

	snprintf(p->artifact.path, sizeof(p->artifact.path), "%s", path);
	return p;
}

static void add_text_part(struct build *b, const char *path, const struct buffer *text)
{
	struct part *p = add_part(b, path);

	p->text = text;
	p->artifact.size_bytes = text->size;
	digest_of_bytes(text->bytes, text->size, p->artifact.sha256);
}

/* What the base is made of, from its own description in the store. */
static int add_base_parts(struct build *b, struct diag *d)
{
	for (size_t i = 0; i < b->base->file_count; i++) {
		const struct base_file *f = &b->base->files[i];
		struct part *p;

		if (b->part_count == MOST_PARTS)
			return diag_fail(
				d, "%s: more files than a base has", b->base->folder);
		p = add_part(b, arena_printf(&b->arena, WU_BASE_FOLDER "/%s", f->name));
		p->from = f->name;
		p->artifact.size_bytes = f->size_bytes;
		memcpy(p->artifact.sha256, f->sha256, DIGEST_HEX);
	}
	return 0;
}

static int has_root_disk(const struct base *base)
{
	for (size_t i = 0; i < base->file_count; i++)
		if (strcmp(base->files[i].name, WU_ROOT_IMAGE) == 0)
			return 1;
	return 0;
}

/* Everything that the unit will be, but for the bytes of the images. */
static int plan_parts(struct build *b, struct diag *d)
{
	const struct plan *p = b->plan;

	tree_list_text(&b->tree, &b->listing);
	script_render(&b->script, p, b->base->append, has_root_disk(b->base));
	set_key(add_part(b, WU_APP_IMAGE)->artifact.key, "ext4", EXT4_WRITER_VERSION,
		WU_APP_LABEL, p->app_size_bytes, p->epoch, &b->listing);
	add_text_part(b, WU_APP_LISTING, &b->listing);
	set_key(add_part(b, WU_OUTPUT_IMAGE)->artifact.key, "ext4", EXT4_WRITER_VERSION,
		WU_OUTPUT_LABEL, p->output.size_bytes, p->epoch, NULL);
	add_text_part(b, WU_RUN_SCRIPT, &b->script);
	set_key(b->iso_key, "iso", ISO_WRITER_VERSION, WU_PARAMS_LABEL, 0, p->epoch,
		NULL);
	return add_base_parts(b, d);
}

/* Whether the old unit's file is there with the size that its manifest has. */
static int is_there(const struct build *b, const char *path, uint64_t size_bytes)
{
	struct stat st;

	return fstatat(b->site.folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size_bytes;
}

static void find_kept_parts(struct build *b)
{
	for (size_t i = 0; !b->options->make_all && i < b->part_count; i++) {
		struct part *p = &b->parts[i];
		struct artifact old;

		if (!old_unit_artifact(&b->old, p->artifact.path, &old) ||
			!is_there(b, p->artifact.path, old.size_bytes))
			continue;
		p->keep = p->artifact.key[0]
				  ? strcmp(p->artifact.key, old.key) == 0
				  : strcmp(p->artifact.sha256, old.sha256) == 0;
		if (p->keep && p->artifact.key[0]) {
			p->artifact.size_bytes = old.size_bytes;
			memcpy(p->artifact.sha256, old.sha256, DIGEST_HEX);
		}
	}
}

static const char *iso_path(char path[40], const char *id)
{
	snprintf(path, 40, WU_PARAMS_FOLDER "/%s.iso", id);
	return path;
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
				 is_there(b, iso_path(path, s->instances[i].id),
					 b->isos[i].size_bytes);
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

static int make_image(struct build *b, struct part *p, int dirfd, struct diag *d)
{
	int is_app = p == &b->parts[APP];
	struct ext4_options o = {
		.label = is_app ? WU_APP_LABEL : WU_OUTPUT_LABEL,
		.size_bytes =
			is_app ? b->plan->app_size_bytes : b->plan->output.size_bytes,
		.epoch = b->plan->epoch,
	};
	struct tree empty;
	int rc;

	tree_init(&empty, b->plan->epoch);
	empty.root->mode =
		01777; /* docs/guest.md: so that scripts cannot replace the record */
	tree_finish(&empty);
	rc = ext4_write(dirfd, p->artifact.path, is_app ? &b->tree : &empty, &o, d);
	tree_clear(&empty);
	if (rc < 0)
		return -1;
	return digest_of_file(
		dirfd, p->artifact.path, p->artifact.sha256, &p->artifact.size_bytes, d);
}

static int make_part(struct build *b, struct part *p, int dirfd, struct diag *d)
{
	mode_t mode = p == &b->parts[SCRIPT] ? 0755 : 0644;
	const char *from;

	if (p->keep)
		return file_link_or_copy(
			b->site.folder, p->artifact.path, dirfd, p->artifact.path, d);
	if (p->text)
		return file_create(
			dirfd, p->artifact.path, p->text->bytes, p->text->size, mode, d);
	if (!p->from)
		return make_image(b, p, dirfd, d);
	from = arena_printf(&b->arena, "%s/%s", b->base->folder, p->from);
	return file_link_or_copy(AT_FDCWD, from, dirfd, p->artifact.path, d);
}

static int make_iso(
	struct build *b, size_t i, struct iso_writer *w, int dirfd, struct diag *d)
{
	const struct sweep *s = &b->plan->sweep;
	struct iso_file files[PARAMS_FILES];
	struct arena scratch = {0};
	char path[40];
	int rc;

	iso_path(path, s->instances[i].id);
	if (b->keep_iso[i])
		return file_link_or_copy(b->site.folder, path, dirfd, path, d);
	params_render_files(s, &s->instances[i], &scratch, files);
	rc = iso_write(w, dirfd, path, files, PARAMS_FILES, b->isos[i].sha256,
		&b->isos[i].size_bytes, d);
	arena_clear(&scratch);
	return rc;
}

static int make_isos(struct build *b, int dirfd, struct diag *d)
{
	struct iso_writer *w = iso_open(WU_PARAMS_LABEL, b->plan->epoch, d);
	int rc = w ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < b->plan->sweep.instance_count; i++)
		rc = make_iso(b, i, w, dirfd, d);
	iso_close(w);
	return rc;
}

static int compare_artifacts(const void *a, const void *b)
{
	const struct artifact *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void render_manifest(struct build *b)
{
	struct artifact sorted[MOST_PARTS];
	struct manifest m = {
		.plan = b->plan,
		.recipe_sha256 = b->recipe_sha256,
		.base = b->base,
		.artifacts = sorted,
		.artifact_count = b->part_count,
		.isos = b->isos,
	};

	for (size_t i = 0; i < b->part_count; i++)
		sorted[i] = b->parts[i].artifact;
	qsort(sorted, b->part_count, sizeof(*sorted), compare_artifacts);
	memcpy(m.iso_key, b->iso_key, DIGEST_HEX);
	manifest_render(&m, &b->manifest);
}

static int make_folders(int dirfd, struct diag *d)
{
	static const char *const names[] = {WU_PARAMS_FOLDER, WU_BASE_FOLDER};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names);
		i++) /* whatever the umask */
		if (mkdirat(dirfd, names[i], 0755) < 0 ||
			fchmodat(dirfd, names[i], 0755, 0) < 0)
			return diag_fail_errno(d, "%s", names[i]);
	return 0;
}

/* make(1) goes by time: what changes from when the build started is newer than the unit.
 */
static void set_time(const struct build *b, int dirfd)
{
	const struct timespec times[] = {b->options->started, b->options->started};

	(void)!utimensat(dirfd, WU_MANIFEST, times, 0);
}

static int make_all(struct build *b, int dirfd, struct diag *d)
{
	if (fchmod(dirfd, 0755) < 0 || make_folders(dirfd, d) < 0)
		return -1;
	for (size_t i = 0; i < b->part_count; i++)
		if (make_part(b, &b->parts[i], dirfd, d) < 0)
			return -1;
	if (make_isos(b, dirfd, d) < 0)
		return -1;
	render_manifest(b);
	if (file_create(
		    dirfd, WU_MANIFEST, b->manifest.bytes, b->manifest.size, 0644, d) < 0)
		return -1;
	set_time(b, dirfd);
	/* One syncfs for thousands of small files; it reports their write errors too. */
	return syncfs(dirfd) < 0 ? diag_fail_errno(d, "%s", b->site.path) : 0;
}

static int make_unit(struct build *b, struct diag *d)
{
	struct workdir w;
	int rc = site_make(&b->site, &w, d);

	if (rc < 0)
		return -1;
	rc = make_all(b, w.fd, d);
	if (rc == 0)
		rc = site_publish(&b->site, &w, d);
	if (rc == 0)
		workdir_close(&w);
	else
		workdir_drop(&w);
	return rc;
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
		if (!b->keep_iso[i])
			return 0;
	render_manifest(b);
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
	struct buffer *reasons = &b->report->reasons;
	struct reasons_input in = {
		.plan = b->plan,
		.base = b->base,
		.old = &b->old,
		.old_fd = b->site.folder,
		.listing = &b->listing,
	};

	if (b->options->make_all) {
		buffer_add_text(reasons, "every file: --always-make asks for it\n");
		return;
	}
	for (size_t i = 0; i < b->part_count; i++)
		if (!b->parts[i].keep)
			reasons_add_part(reasons, &in, &b->parts[i].artifact);
	reasons_add_isos(reasons, &in, b->keep_iso, b->iso_key);
}

static void report_build(struct build *b)
{
	struct unit_report *r = b->report;

	for (size_t i = 0; i < b->part_count; i++)
		r->kept += (size_t)b->parts[i].keep;
	for (size_t i = 0; i < b->plan->sweep.instance_count; i++)
		r->kept += (size_t)b->keep_iso[i];
	r->made = b->part_count + b->plan->sweep.instance_count - r->kept;
	r->input_count = b->tree.input_count;
	r->inputs = arena_alloc(&r->arena, (r->input_count + 1) * sizeof(*r->inputs));
	for (size_t i = 0; i < r->input_count; i++)
		r->inputs[i] = arena_strdup(&r->arena, b->tree.inputs[i]);
	report_reasons(b);
}

static int build(struct build *b, const char *path, struct diag *d)
{
	if (scan_app(b, d) < 0 ||
		site_open(&b->site, path, b->options->dry_run, &b->arena, d) < 0 ||
		check_old_folder(b, d) < 0 || plan_parts(b, d) < 0)
		return -1;
	find_kept_parts(b);
	find_kept_isos(b);
	report_build(b);
	if (is_up_to_date(b)) {
		if (!b->options->dry_run)
			set_time(b, b->site.folder);
		return 0;
	}
	if (b->report->made == 0 && b->report->reasons.size == 0)
		buffer_add_text(&b->report->reasons,
			WU_MANIFEST ": what it says of the unit changed\n");
	b->report->made++;
	return b->options->dry_run ? 0 : make_unit(b, d);
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
	};
	int rc;

	*report = (struct unit_report){0};
	rc = build(&b, path, d);
	site_close(&b.site);
	old_unit_clear(&b.old);
	buffer_clear(&b.listing);
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
