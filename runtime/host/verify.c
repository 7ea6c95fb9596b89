/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define COMPLAINTS_SHOWN 10

static int check_size(
	int unitfd, const char *unit, const struct manifest_file *f, struct diag *d)
{
	struct stat st;

	if (fstatat(unitfd, f->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return diag_fail_errno(d, "%s/%s", unit, f->path);
	if (!S_ISREG(st.st_mode))
		return diag_fail(d, "%s/%s: not a regular file", unit, f->path);
	if ((uint64_t)st.st_size != f->size_bytes)
		return diag_fail(d,
			"%s/%s: has %jd bytes, but the manifest says %" PRIu64
			": the unit is not as it was compiled",
			unit, f->path, (intmax_t)st.st_size, f->size_bytes);
	return 0;
}

static int check_digest(
	int unitfd, const char *unit, const struct manifest_file *f, struct diag *d)
{
	struct diag inner = {0};
	char hex[DIGEST_HEX];

	if (check_size(unitfd, unit, f, d) < 0)
		return -1;
	if (digest_of_file(unitfd, f->path, hex, NULL, &inner) < 0) {
		diag_move(d, &inner);
		return -1;
	}
	if (strcmp(hex, f->sha256) != 0)
		return diag_fail(d,
			"%s/%s: its SHA-256 is %.12s…, but the manifest says %.12s…: "
			"the unit is not as it was compiled",
			unit, f->path, hex, f->sha256);
	return 0;
}

static int check_all(int unitfd, const char *unit, const struct manifest *m,
	int (*check)(int, const char *, const struct manifest_file *, struct diag *),
	struct diag *d)
{
	size_t bad = 0;

	for (size_t i = 0; i < m->file_count && bad < COMPLAINTS_SHOWN; i++)
		bad += check(unitfd, unit, &m->files[i], d) < 0;
	for (size_t i = 0; i < m->instance_count && bad < COMPLAINTS_SHOWN; i++) {
		bad += check(unitfd, unit, &m->instances[i].cd, d) < 0;
		if (m->floppy)
			bad += check(unitfd, unit, &m->instances[i].floppy, d) < 0;
	}
	return bad ? -1 : 0;
}

int verify_sizes(int unitfd, const char *unit, const struct manifest *m, struct diag *d)
{
	return check_all(unitfd, unit, m, check_size, d);
}

int verify_digests(int unitfd, const char *unit, const struct manifest *m, struct diag *d)
{
	return check_all(unitfd, unit, m, check_digest, d);
}
