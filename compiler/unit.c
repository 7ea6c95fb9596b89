/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/workdir.h"
#include "ext4.h"
#include "iso.h"
#include "manifest.h"
#include "params.h"
#include "reasons.h"
#include "runtime/unit.h"
#include "script.h"
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
	int old_fd;    /* the unit's folder as it is, or -1 */
	int parent_fd; /* the folder that holds it */
	const char *path, *name;
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

	tree_list(&b->tree, &b->listing);
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

	return fstatat(b->old_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size_bytes;
}

static void find_kept_parts(struct build *b)
{
	for (size_t i = 0; i < b->part_count; i++) {
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
	for (size_t i = 0; same_key && i < s->instance_count; i++)
		b->keep_iso[i] = old_unit_iso(&b->old, s->instances[i].id, &b->isos[i]) &&
				 is_there(b, iso_path(path, s->instances[i].id),
					 b->isos[i].size_bytes);
}

static int open_places(struct build *b, struct diag *d)
{
	char *slash = strrchr(b->path, '/');
	const char *parent =
		slash ? arena_printf(&b->arena, "%.*s",
				slash == b->path ? 1 : (int)(slash - b->path), b->path)
		      : ".";

	b->name = slash ? slash + 1 : b->path;
	if (!b->options->dry_run && file_make_folders(parent, d) < 0)
		return -1;
	b->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->parent_fd < 0 && !(b->options->dry_run && errno == ENOENT))
		return diag_fail_errno(d, "%s", parent);
	b->old_fd = openat(b->parent_fd, b->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->old_fd < 0 && errno != ENOENT && b->parent_fd >= 0)
		return diag_fail_errno(d, "%s", b->path);
	return 0;
}

/* 1 where the folder holds nothing at all. */
static int is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int entries = 0;

	if (!dir) {
		file_close(&copy);
		return 0;
	}
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries <= 2;
}

/* A folder that is no unit is somebody's: it is not ours to replace. */
static int check_old_folder(struct build *b, struct diag *d)
{
	if (b->old_fd < 0)
		return 0;
	old_unit_read(&b->old, b->old_fd);
	if (b->old.root || is_empty(b->old_fd) ||
		faccessat(b->old_fd, WU_MANIFEST, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return diag_fail(d,
		"%s: exists and is no unit: remove it, or name another place with -o",
		b->path);
}

static int make_image(struct build *b, struct part *p, int dirfd, struct diag *d)
{
	int is_app = p == &b->parts[APP];
	struct ext4_options o = {
		.label = is_app ? WU_APP_LABEL : WU_OUTPUT_LABEL,
		.id_seed = p->artifact.key,
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
			b->old_fd, p->artifact.path, dirfd, p->artifact.path, d);
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
		return file_link_or_copy(b->old_fd, path, dirfd, path, d);
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
	if (mkdirat(dirfd, WU_PARAMS_FOLDER, 0755) < 0 ||
		mkdirat(dirfd, WU_BASE_FOLDER, 0755) < 0)
		return diag_fail_errno(d, "%s", WU_PARAMS_FOLDER);
	return 0;
}

/* What the user put into the old folder moves along: it is not ours to delete. */
static void carry_over(struct build *b, int from, int to)
{
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir) {
		file_close(&copy);
		return;
	}
	while ((e = readdir(dir))) {
		int ours = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			   strcmp(e->d_name, WU_MANIFEST) == 0 ||
			   strcmp(e->d_name, WU_PARAMS_FOLDER) == 0 ||
			   strcmp(e->d_name, WU_BASE_FOLDER) == 0 ||
			   json_object_get(b->old.files, e->d_name);

		if (!ours)
			(void)!renameat2(
				from, e->d_name, to, e->d_name, RENAME_NOREPLACE);
	}
	closedir(dir);
}

/* Some filesystems cannot exchange two names: then the old unit steps aside first. A host
 * that dies between the two renames leaves it whole, under the hidden name. */
static int step_aside(struct build *b, struct workdir *w)
{
	char *aside = memory_printf("%s.old", w->name);
	int rc = renameat(b->parent_fd, b->name, b->parent_fd, aside);

	if (rc == 0 && renameat(w->parent, w->name, b->parent_fd, b->name) < 0) {
		(void)!renameat(b->parent_fd, aside, b->parent_fd, b->name);
		rc = -1;
	} else if (rc == 0) {
		rc = renameat(b->parent_fd, aside, w->parent, w->name);
	}
	free(aside);
	return rc;
}

/* The finished folder takes the unit's name; the old one, if any, goes. */
static int publish(struct build *b, struct workdir *w, struct diag *d)
{
	int rc = renameat2(w->parent, w->name, b->parent_fd, b->name,
		b->old_fd < 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE);

	if (rc < 0 && errno == EINVAL)
		rc = b->old_fd < 0 ? renameat(w->parent, w->name, b->parent_fd, b->name)
				   : step_aside(b, w);
	if (rc < 0)
		return diag_fail_errno(d, "%s", b->path);
	if (b->old_fd >= 0) {
		carry_over(b, b->old_fd, w->fd);
		file_remove_tree(w->parent, w->name, d);
	}
	if (fsync(b->parent_fd) < 0)
		return diag_fail_errno(d, "%s", b->path);
	return 0;
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
	/* One syncfs for thousands of small files; it reports their write errors too. */
	if (syncfs(dirfd) < 0)
		return diag_fail_errno(d, "%s", b->path);
	if (file_create(
		    dirfd, WU_MANIFEST, b->manifest.bytes, b->manifest.size, 0644, d) < 0)
		return -1;
	return fsync(dirfd) < 0 ? diag_fail_errno(d, "%s", b->path) : 0;
}

static int make_unit(struct build *b, struct diag *d)
{
	char *prefix = memory_printf(".%s.wuc-", b->name);
	struct workdir w;
	int rc = workdir_make(&w, b->parent_fd, prefix, d);

	free(prefix);
	if (rc < 0)
		return -1;
	rc = make_all(b, w.fd, d);
	if (rc == 0)
		rc = publish(b, &w, d);
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
	old = file_read(b->old_fd, WU_MANIFEST, b->manifest.size, &size, &ignored);
	same = old && size == b->manifest.size &&
	       memcmp(old, b->manifest.bytes, size) == 0;
	free(old);
	diag_clear(&ignored);
	buffer_clear(&b->manifest);
	return same;
}

static void report_build(struct build *b)
{
	struct unit_report *r = b->report;
	const struct sweep *s = &b->plan->sweep;
	struct reasons_input in = {
		.plan = b->plan,
		.base = b->base,
		.old = &b->old,
		.old_fd = b->old_fd,
		.listing = &b->listing,
	};

	for (size_t i = 0; i < b->part_count; i++) {
		r->kept += (size_t)b->parts[i].keep;
		r->made += !b->parts[i].keep;
		if (!b->parts[i].keep)
			reasons_add_part(&r->reasons, &in, &b->parts[i].artifact);
	}
	for (size_t i = 0; i < s->instance_count; i++) {
		r->kept += (size_t)b->keep_iso[i];
		r->made += !b->keep_iso[i];
	}
	reasons_add_isos(&r->reasons, &in, b->keep_iso, b->iso_key);
	r->input_count = b->tree.input_count;
	r->inputs = arena_alloc(&r->arena, (r->input_count + 1) * sizeof(*r->inputs));
	for (size_t i = 0; i < r->input_count; i++)
		r->inputs[i] = arena_strdup(&r->arena, b->tree.inputs[i]);
}

static int build(struct build *b, struct diag *d)
{
	if (scan_app(b, d) < 0 || open_places(b, d) < 0 || check_old_folder(b, d) < 0 ||
		plan_parts(b, d) < 0)
		return -1;
	find_kept_parts(b);
	find_kept_isos(b);
	report_build(b);
	if (is_up_to_date(b)) {
		/* make(1) goes by time: the unit is now as new as what it was made from.
		 */
		if (!b->options->dry_run)
			(void)!utimensat(b->old_fd, WU_MANIFEST, NULL, 0);
		return 0;
	}
	if (b->report->made == 0)
		buffer_add_text(&b->report->reasons,
			WU_MANIFEST ": what it says of the unit changed\n");
	b->report->made++;
	if (b->options->dry_run)
		return 0;
	if (make_unit(b, d) < 0)
		return -1;
	b->report->app_bytes = b->parts[APP].artifact.size_bytes;
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
		.old_fd = -1,
		.parent_fd = -1,
	};
	size_t length = strlen(path);
	int rc;

	*report = (struct unit_report){0};
	while (length > 1 && path[length - 1] == '/')
		length--;
	b.path = arena_memdup(&b.arena, path, length);
	rc = build(&b, d);
	file_close(&b.old_fd);
	file_close(&b.parent_fd);
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
