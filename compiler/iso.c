/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iso.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#define LIBISOFS_WITHOUT_LIBBURN
#include <libisofs/libisofs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"

#define SECTOR 2048
#define CHUNK_SECTORS 64
#define FIFO_SECTORS 64 /* at least 32 */

struct iso_writer {
	char *volume;
	int64_t epoch;
	char epoch_digits[17]; /* YYYYMMDDhhmmsscc */
	IsoWriteOpts *options;
	unsigned char *chunk;
};

static int fail(struct diag *d, const char *name, int code)
{
	const char *text = iso_error_to_msg(code);

	return diag_fail(d, "%s: %s", name, text ? text : "libisofs failed");
}

static int format_epoch(struct iso_writer *w, struct diag *d)
{
	time_t epoch = (time_t)w->epoch;
	struct tm tm;

	/* Directory records count years in a byte from 1900. */
	if (!gmtime_r(&epoch, &tm) || tm.tm_year < 0 || tm.tm_year > 255)
		return diag_fail(d,
			"expected a time between 1900 and 2155 for a CD, found %lld",
			(long long)w->epoch);
	strftime(w->epoch_digits, sizeof(w->epoch_digits), "%Y%m%d%H%M%S00", &tm);
	return 0;
}

/* Each call returns a negative code where it fails; the first of them counts. */
static int set_options(struct iso_writer *w)
{
	IsoWriteOpts *o = w->options;
	const int codes[] = {
		iso_write_opts_set_iso_level(o, 3),
		iso_write_opts_set_rockridge(o, 1),
		iso_write_opts_set_joliet(o, 0),
		iso_write_opts_set_hardlinks(o, 0),
		iso_write_opts_set_aaip(o, 0),
		iso_write_opts_set_record_md5(o, 0, 0),
		iso_write_opts_set_rr_reloc(o, NULL, 0),
		/* Linux reads both versions; this one is told in fewer bytes. */
		iso_write_opts_set_rrip_version_1_10(o, 1),
		iso_write_opts_set_dir_rec_mtime(o, 1),
		iso_write_opts_set_sort_files(o, 0),
		iso_write_opts_set_replace_mode(o, 0, 0, 1, 1),
		iso_write_opts_set_default_uid(o, 0),
		iso_write_opts_set_default_gid(o, 0),
		iso_write_opts_set_replace_timestamps(o, 2),
		iso_write_opts_set_default_timestamp(o, (time_t)w->epoch),
		iso_write_opts_set_always_gmt(o, 1),
		/* As digits, since a time of 0 would mean the clock's. */
		iso_write_opts_set_pvd_times(o, 0, 0, 0, 0, w->epoch_digits),
		iso_write_opts_set_output_charset(o, "ASCII"),
		iso_write_opts_set_tail_blocks(o, 0),
		iso_write_opts_set_fifo_size(o, FIFO_SECTORS),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i] < 0)
			return codes[i];
	}
	/* The standard knows no small letters; cloud-init once knew no others. */
	return islower((unsigned char)w->volume[0])
		       ? iso_write_opts_set_relaxed_vol_atts(o, 1)
		       : 0;
}

struct iso_writer *iso_open(const char *volume, int64_t epoch, struct diag *d)
{
	struct iso_writer *w = memory_alloc(sizeof(*w));
	char never[] = "NEVER", prefix[] = "", ascii[] = "ASCII";
	int code;

	w->volume = memory_strdup(volume);
	w->epoch = epoch;
	w->chunk = memory_alloc(CHUNK_SECTORS * SECTOR);
	if (format_epoch(w, d) < 0) {
		free(w->chunk);
		free(w->volume);
		free(w);
		return NULL;
	}
	/* Without the user's locale. */
	code = iso_init_with_flag(1);
	if (code >= 0) {
		iso_set_msgs_severities(never, never, prefix);
		iso_set_local_charset(ascii, 0);
		code = iso_write_opts_new(&w->options, 0);
	}
	if (code >= 0)
		code = set_options(w);
	if (code >= 0)
		return w;
	fail(d, "CD writer", code);
	iso_close(w);
	return NULL;
}

void iso_close(struct iso_writer *w)
{
	if (!w)
		return;
	if (w->options)
		iso_write_opts_free(w->options);
	iso_finish();
	free(w->chunk);
	free(w->volume);
	free(w);
}

/* libisofs wants writable memory but only reads it, and frees it in the end. */
static int add_file(IsoImage *image, const struct iso_file *f)
{
	unsigned char *copy = malloc(f->size ? f->size : 1);
	IsoStream *stream = NULL;
	IsoFile *node;
	int code;

	if (!copy)
		return ISO_OUT_OF_MEM;
	if (f->size)
		memcpy(copy, f->bytes, f->size);
	code = iso_memory_stream_new(copy, f->size, &stream);
	if (code < 0) {
		free(copy);
		return code;
	}
	code = iso_tree_add_new_file(iso_image_get_root(image), f->name, stream, &node);
	if (code < 0) {
		iso_stream_unref(stream);
		return code;
	}
	iso_node_set_permissions(ISO_NODE(node), f->executable ? 0555 : 0444);
	return 0;
}

static int make_image(const struct iso_writer *w, const struct iso_file *files,
	size_t count, IsoImage **image)
{
	int code = iso_image_new(w->volume, image);

	if (code < 0)
		return code;
	iso_image_set_publisher_id(*image, "");
	iso_image_set_data_preparer_id(*image, "");
	iso_image_set_application_id(*image, "");
	iso_image_set_system_id(*image, "");
	iso_image_set_volset_id(*image, "");
	iso_node_set_permissions(ISO_NODE(iso_image_get_root(*image)), 0555);
	for (size_t i = 0; i < count && code >= 0; i++)
		code = add_file(*image, &files[i]);
	return code;
}

/* Writes the runs of sectors that are not all zeros. */
static int put_chunk(int fd, const unsigned char *bytes, size_t size, uint64_t offset,
	uint64_t *written)
{
	size_t i = 0;

	while (i < size) {
		size_t start;

		while (i < size && memory_is_zero(bytes + i, SECTOR))
			i += SECTOR;
		start = i;
		while (i < size && !memory_is_zero(bytes + i, SECTOR))
			i += SECTOR;
		if (i > start && file_write_at(fd, bytes + start, i - start,
					 (off_t)(offset + start)) < 0)
			return -1;
		if (i > start)
			*written = offset + i;
	}
	return 0;
}

/* libisofs writes from a thread of its own into a queue that we read. Waking each other
 * at every sector costs more than all the rest: an image that fits into the queue is
 * waited for, and (stay_here) both stay on one processor. */
static void await_image(IsoImage *image, uint64_t size)
{
	if (size > FIFO_SECTORS * SECTOR)
		return;
	while (iso_image_generator_is_running(image))
		sched_yield();
}

static int copy_image(struct iso_writer *w, struct burn_source *source, int fd,
	const char *path, struct digest *g, uint64_t *size_bytes, struct diag *d)
{
	uint64_t total = (uint64_t)source->get_size(source), written = 0;

	for (uint64_t at = 0; at < total;) {
		uint64_t left = total - at;
		int part = left < CHUNK_SECTORS * SECTOR ? (int)left
							 : CHUNK_SECTORS * SECTOR;

		if (part % SECTOR != 0 || source->read_xt(source, w->chunk, part) != part)
			return diag_fail(d, "%s: libisofs ended early", path);
		digest_add(g, w->chunk, (size_t)part);
		if (put_chunk(fd, w->chunk, (size_t)part, at, &written) < 0)
			return diag_fail_errno(d, "%s", path);
		at += (uint64_t)part;
	}
	if (written < total && ftruncate(fd, (off_t)total) < 0)
		return diag_fail_errno(d, "%s", path);
	*size_bytes = total;
	return 0;
}

static int write_to(struct iso_writer *w, int fd, const char *path,
	const struct iso_file *files, size_t count, char sha256[65], uint64_t *size_bytes,
	struct diag *d)
{
	struct digest *g = digest_new();
	struct burn_source *source = NULL;
	IsoImage *image = NULL;
	int code, rc = -1;

	code = make_image(w, files, count, &image);
	if (code >= 0)
		code = iso_image_create_burn_source(image, w->options, &source);
	if (code < 0) {
		fail(d, path, code);
	} else {
		await_image(image, (uint64_t)source->get_size(source));
		rc = copy_image(w, source, fd, path, g, size_bytes, d);
		if (rc < 0)
			source->cancel(source);
		source->free_data(source);
		free(source);
	}
	if (image)
		iso_image_unref(image);
	if (rc == 0)
		digest_finish(g, sha256);
	else
		digest_drop(g);
	return rc;
}

static int stay_here(cpu_set_t *before)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof(*before), before) < 0)
		return 0;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	return sched_setaffinity(0, sizeof(here), &here) == 0;
}

/* Most often there is nothing to change, and looking is cheaper. */
static int set_mode(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	return (st.st_mode & 07777) == 0644 ? 0 : fchmod(fd, 0644);
}

int iso_write(struct iso_writer *w, int dirfd, const char *path,
	const struct iso_file *files, size_t count, char sha256[65], uint64_t *size_bytes,
	struct diag *d)
{
	int fd = openat(
		dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	cpu_set_t before;
	int rc, pinned;

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	pinned = stay_here(&before);
	rc = write_to(w, fd, path, files, count, sha256, size_bytes, d);
	if (pinned)
		sched_setaffinity(0, sizeof(before), &before);
	if (rc == 0 && set_mode(fd) < 0)
		rc = diag_fail_errno(d, "%s", path);
	if (close(fd) < 0 && rc == 0)
		rc = diag_fail_errno(d, "%s", path);
	if (rc < 0)
		unlinkat(dirfd, path, 0);
	return rc;
}
