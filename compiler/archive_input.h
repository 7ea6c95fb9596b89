/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_input: an archive's file -> libarchive's reader of its members. What packs a
 * tar file is read to its end, so that its checksums count. */
#ifndef COMPILER_ARCHIVE_INPUT_H
#define COMPILER_ARCHIVE_INPUT_H

#include <archive.h>
#include <zlib.h>

struct archive_input {
	struct archive *members; /* the reader of the tar or zip file */
	struct archive *filters; /* what it reads from; NULL: the file as it is */
	gzFile gzip;		 /* what that reads from if it is gzip, else NULL */
	char *chunk;
	int fd;	      /* the caller's */
	int is_empty; /* the filters have nothing */
};

/* Opens it on a file that can seek and stays the caller's; archive_input_close() is due
 * in any case. 0, or -1 and archive_input_error(). */
int archive_input_open(struct archive_input *in, int fd);
void archive_input_close(struct archive_input *in);

/* Reads what follows the last member. 0, or -1 and archive_input_error(). */
int archive_input_finish(struct archive_input *in);

/* The file's first bytes, unpacked, as many as there are room for; -1 where they cannot
 * be read. The file stays where it is. */
la_ssize_t archive_input_peek(int fd, char *bytes, size_t room);

/* 1 where the file begins as an archive does, with a member; moves its position. */
int archive_input_has_member(int fd);

/* What the last failed call, or libarchive's for a member, found wrong. */
const char *archive_input_error(const struct archive_input *in);

#endif
