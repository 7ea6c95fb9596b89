/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include "runtime/unit.h"
#include "unit_build.h"

const char *unit_iso_path(char path[40], const char *id)
{
	snprintf(path, 40, WU_PARAMS_FOLDER "/%s.iso", id);
	return path;
}

const char *unit_floppy_path(char path[40], const char *id)
{
	snprintf(path, 40, WU_PARAMS_FOLDER "/%s.img", id);
	return path;
}

int unit_write_app(struct build *b, int dirfd, struct diag *d)
{
	struct ext4_options o = {
		.label = WU_APP_LABEL,
		.size_bytes = b->plan->app_size_bytes,
		.epoch = b->plan->epoch,
	};

	b->app_written = 1;
	return ext4_write(dirfd, WU_APP_IMAGE, &b->tree, &o, d);
}

/* The disk is described by what was written to it, whatever was known before. */
static int rewrite_disk(struct build *b, int dirfd, struct diag *d)
{
	int rc = b->disk->role == ROLE_APP ? unit_write_app(b, dirfd, d)
					   : unit_write_disk(b, dirfd, d);

	return rc < 0 ? -1 : unit_describe(b, d);
}

static int write_output(struct build *b, int dirfd, struct diag *d)
{
	struct ext4_options o = {
		.label = WU_OUTPUT_LABEL,
		.size_bytes = b->plan->output.size_bytes,
		.epoch = b->plan->epoch,
	};
	struct tree empty;
	int rc;

	tree_init(&empty, b->plan->epoch);
	empty.root->mode =
		01777; /* docs/guest.md: so that scripts cannot replace the record */
	tree_finish(&empty);
	rc = ext4_write(dirfd, WU_OUTPUT_IMAGE, &empty, &o, d);
	tree_clear(&empty);
	return rc;
}

static int make_image(struct build *b, struct part *p, int dirfd, struct diag *d)
{
	int rc = 0;

	/* What is stored came from an old build, which --always-make does not trust. */
	if (!b->options->make_all && p->role != ROLE_DISK &&
		disks_link(&b->disks, &p->artifact, dirfd, p->artifact.path))
		return 0;
	if (p->role == ROLE_OUTPUT)
		rc = write_output(b, dirfd, d);
	else if (!b->app_written)
		rc = rewrite_disk(b, dirfd, d);
	p->fresh = p->role != ROLE_DISK;
	return rc < 0 ? -1
		      : digest_of_file(dirfd, p->artifact.path, p->artifact.sha256,
				&p->artifact.size_bytes, d);
}

static int make_part(struct build *b, struct part *p, int dirfd, struct diag *d)
{
	mode_t mode = p->role == ROLE_SCRIPT ? 0755 : 0644;
	const char *from;

	if (p->keep)
		return file_link_or_copy(
			b->site.folder, p->artifact.path, dirfd, p->artifact.path, d);
	if (p->role == ROLE_LISTING)
		return listing_write(&b->tree, dirfd, WU_APP_LISTING, WU_APP_LISTING, d);
	if (p->text)
		return file_create(
			dirfd, p->artifact.path, p->text->bytes, p->text->size, mode, d);
	if (!p->from)
		return make_image(b, p, dirfd, d);
	from = arena_printf(&b->arena, "%s/%s", b->base->folder, p->from);
	return file_link_or_copy(AT_FDCWD, from, dirfd, p->artifact.path, d);
}

static int make_iso(struct build *b, size_t i, struct iso_writer *w,
	const struct iso_file files[PARAMS_FILES], int dirfd, struct diag *d)
{
	char path[40];

	unit_iso_path(path, b->plan->sweep.instances[i].id);
	if (b->keep_iso[i])
		return file_link_or_copy(b->site.folder, path, dirfd, path, d);
	return iso_write(w, dirfd, path, files, PARAMS_FILES, b->isos[i].sha256,
		&b->isos[i].size_bytes, d);
}

static int make_floppy(struct build *b, size_t i,
	const struct iso_file files[PARAMS_FILES], int dirfd, struct diag *d)
{
	char path[40];

	unit_floppy_path(path, b->plan->sweep.instances[i].id);
	if (b->keep_floppy[i])
		return file_link_or_copy(b->site.folder, path, dirfd, path, d);
	b->floppies[i].size_bytes = FLOPPY_BYTES;
	return floppy_write(dirfd, path, WU_PARAMS_LABEL, b->plan->epoch, files,
		PARAMS_FILES, b->floppies[i].sha256, d);
}

static int make_instance(
	struct build *b, size_t i, struct iso_writer *w, int dirfd, struct diag *d)
{
	const struct sweep *s = &b->plan->sweep;
	struct iso_file files[PARAMS_FILES];
	struct arena scratch = {0};
	int rc;

	if (!b->keep_iso[i] || (b->floppies && !b->keep_floppy[i]))
		params_render_files(s, &s->instances[i], &scratch, files);
	rc = make_iso(b, i, w, files, dirfd, d);
	if (rc == 0 && b->floppies)
		rc = make_floppy(b, i, files, dirfd, d);
	arena_clear(&scratch);
	return rc;
}

static int make_instances(struct build *b, int dirfd, struct diag *d)
{
	struct iso_writer *w = iso_open(WU_PARAMS_LABEL, b->plan->epoch, d);
	int rc = w ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < b->plan->sweep.instance_count; i++)
		rc = make_instance(b, i, w, dirfd, d);
	iso_close(w);
	return rc;
}

static int compare_artifacts(const void *a, const void *b)
{
	const struct artifact *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void unit_render_manifest(struct build *b)
{
	struct artifact sorted[MOST_PARTS];
	struct manifest m = {
		.plan = b->plan,
		.recipe_sha256 = b->recipe_sha256,
		.base = b->base,
		.artifacts = sorted,
		.artifact_count = b->part_count,
		.isos = b->isos,
		.floppies = b->floppies,
		.whole = b->plan->layout == LAYOUT_DISKS ? NULL : &b->whole,
	};

	for (size_t i = 0; i < b->part_count; i++)
		sorted[i] = b->parts[i].artifact;
	qsort(sorted, b->part_count, sizeof(*sorted), compare_artifacts);
	memcpy(m.iso_key, b->iso_key, DIGEST_HEX);
	memcpy(m.floppy_key, b->floppy_key, DIGEST_HEX);
	memcpy(m.loader, b->loader, DIGEST_HEX);
	manifest_render(&m, &b->manifest);
}

/* Whatever the umask. */
static int make_folder(int dirfd, const char *name, struct diag *d)
{
	if (mkdirat(dirfd, name, 0755) < 0 || fchmodat(dirfd, name, 0755, 0) < 0)
		return diag_fail_errno(d, "%s", name);
	return 0;
}

static int has_base_parts(const struct build *b)
{
	for (size_t i = 0; i < b->part_count; i++)
		if (b->parts[i].role == ROLE_BASE)
			return 1;
	return 0;
}

void unit_set_time(const struct build *b, int dirfd)
{
	const struct timespec times[] = {b->options->started, b->options->started};

	(void)!utimensat(dirfd, WU_MANIFEST, times, 0);
}

int unit_begin(struct build *b, struct diag *d)
{
	if (b->workdir.fd >= 0)
		return 0;
	if (site_make(&b->site, &b->workdir, d) < 0)
		return -1;
	if (fchmod(b->workdir.fd, 0755) < 0)
		return diag_fail_errno(d, "%s", b->site.path);
	return make_folder(b->workdir.fd, WU_PARAMS_FOLDER, d);
}

static int make_all(struct build *b, int dirfd, struct diag *d)
{
	if (has_base_parts(b) && make_folder(dirfd, WU_BASE_FOLDER, d) < 0)
		return -1;
	for (size_t i = 0; i < b->part_count; i++)
		if (make_part(b, &b->parts[i], dirfd, d) < 0)
			return -1;
	if (make_instances(b, dirfd, d) < 0)
		return -1;
	unit_render_manifest(b);
	if (file_create(
		    dirfd, WU_MANIFEST, b->manifest.bytes, b->manifest.size, 0644, d) < 0)
		return -1;
	unit_set_time(b, dirfd);
	/* One syncfs for thousands of small files; it reports their write errors too. */
	return syncfs(dirfd) < 0 ? diag_fail_errno(d, "%s", b->site.path) : 0;
}

int unit_make(struct build *b, struct diag *d)
{
	int fd;

	if (unit_begin(b, d) < 0)
		return -1;
	fd = b->workdir.fd;
	if (make_all(b, fd, d) < 0 || site_publish(&b->site, &b->workdir, d) < 0)
		return -1;
	/* Synced, as nothing else may be in the store. */
	for (size_t i = 0; i < b->part_count; i++)
		if (b->parts[i].fresh)
			disks_keep(&b->disks, &b->parts[i].artifact, fd,
				b->parts[i].artifact.path);
	workdir_close(&b->workdir);
	return 0;
}
