/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file: whole-file reading and writing, copies, trees that go away, and where a user's
 * cache lies. All paths are relative to a directory descriptor (AT_FDCWD is fine). */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "diag.h"
#include "memory.h"

/* Closes *fd where it is one; for CLEANUP(file_close). */
void file_close(int *fd);

/* open(2) of an existing absolute path, close-on-exec, that follows no symlink in any
 * part (only the last where the kernel has no openat2). A descriptor, or -1 with errno.
 */
int file_open_plain(const char *path, int flags);

/* Writes all of it, through short writes and EINTR. Returns 0, or -1 with errno set. */
int file_write(int fd, const void *bytes, size_t size);
int file_write_at(int fd, const void *bytes, size_t size, off_t offset);

/* Reads so many bytes, through short reads and EINTR; fewer only at the file's end.
 * Returns the count, or -1 with errno set. */
ssize_t file_read_at(int fd, void *bytes, size_t size, off_t offset);

/* Reads a regular file of at most limit_bytes into memory that the caller frees; a NUL
 * follows the last byte. Returns NULL with a message when it cannot. */
char *file_read(
	int dirfd, const char *path, size_t limit_bytes, size_t *size, struct diag *d);

/* Makes a new file (it must not exist) with exactly these bytes and this mode, whatever
 * the umask. Returns 0 or -1. */
int file_create(int dirfd, const char *path, const void *bytes, size_t size, mode_t mode,
	struct diag *d);

/* Copies size bytes from one descriptor's start to another's, holes as holes: a
 * whole file by sharing its blocks, else by copy_file_range, where the system has them.
 * Returns 0 or -1 with errno set (ENODATA where the source ended early). */
int file_copy(int from, int to, uint64_t size);
/* The same, never shared, to an offset: there the file has nothing but a hole, and ends
 * with the copy.
 */
int file_copy_at(int from, int to, uint64_t to_offset, uint64_t size);

/* Gives the file a second name, or a copy with the same bytes and mode where the two
 * places are on different filesystems or links are not allowed. Returns 0 or -1. */
int file_link_or_copy(
	int from_dir, const char *from, int to_dir, const char *to, struct diag *d);

/* Makes the folder and its parents (0777 and the umask). Fine where it exists. */
int file_make_folders(const char *path, struct diag *d);

/* Removes a file or a whole tree, following no links; fine where there is none. */
int file_remove_tree(int dirfd, const char *path, struct diag *d);

/* "$XDG_CACHE_HOME/workunit" or "$HOME/.cache/workunit"; the caller frees. NULL with a
 * message where neither variable is an absolute path. */
char *file_cache_folder(struct diag *d);

/* The folder that holds the running program, links resolved; the caller frees. */
char *file_program_folder(struct diag *d);

/* NULL where a symlink with this target, `depth` folders below the top, cannot lead out
 * of the folder: it is relative, and ".." stands only at its start and climbs no higher
 * than the top. Else what it is, for a message. */
const char *file_link_fault(const char *target, unsigned depth);

#endif
