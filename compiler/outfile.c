/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "host.h"

#define PREFIX_NAME_MAX 200 /* of the name's bytes: the whole must be a name too */

static int find_place(struct outfile *f, struct arena *a, struct diag *d)
{
	char real[PATH_MAX];
	/* A link stays, and the file that it names is replaced. */
	char *full = arena_strdup(a, realpath(f->path, real) ? real : f->path);
	char *slash = strrchr(full, '/');
	const char *folder = !slash ? "." : slash == full ? "/" : full;

	f->name = slash ? slash + 1 : full;
	if (!*f->name)
		return diag_fail(d, "%s: expected the name of a file", f->path);
	if (slash)
		*slash = '\0';
	if (!realpath(folder, real))
		return diag_fail_errno(d, "%s", f->path);
	f->folder = arena_strdup(a, real);
	f->parent = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->parent < 0 ? diag_fail_errno(d, "%s", f->path) : 0;
}

int outfile_open(struct outfile *f, const char *path, struct arena *a, struct diag *d)
{
	struct stat st;

	*f = OUTFILE_NONE;
	f->path = path;
	if (strcmp(path, "-") == 0)
		return diag_fail(d, "-: expected the name of a file (a file of this name "
				    "is ./-)");
	if (stat(path, &st) < 0) {
		if (lstat(path, &st) == 0)
			return diag_fail(
				d, "%s: a link to nothing, which would be lost", path);
	} else if (!S_ISREG(st.st_mode)) {
		return diag_fail(d, "%s: expected a file or nothing there, found %s",
			path, host_kind_name(st.st_mode));
	}
	return find_place(f, a, d);
}

int outfile_begin(struct outfile *f, struct diag *d)
{
	char *prefix = memory_printf(".%.*s.wuc-", PREFIX_NAME_MAX, f->name);
	struct diag why = {0};
	int rc = workdir_make(&f->work, f->parent, prefix, &why);

	if (rc < 0)
		diag_fail(d, "%s: cannot be made: %s", f->path, why.lines[0].text);
	diag_clear(&why);
	free(prefix);
	return rc;
}

static int sync_made(struct outfile *f)
{
	CLEANUP(file_close)
	int fd = openat(f->work.fd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	if (fd < 0 || fchmod(fd, 0666 & ~mask) < 0 || fstat(fd, &st) < 0)
		return -1;
	f->size_bytes = (uint64_t)st.st_size;
	return fsync(fd);
}

int outfile_publish(struct outfile *f, struct diag *d)
{
	if (sync_made(f) < 0 || renameat(f->work.fd, f->name, f->parent, f->name) < 0)
		return diag_fail_errno(d, "%s", f->path);
	workdir_drop(&f->work);
	return fsync(f->parent) < 0 ? diag_fail_errno(d, "%s", f->path) : 0;
}

void outfile_close(struct outfile *f)
{
	workdir_drop(&f->work);
	file_close(&f->parent);
}
