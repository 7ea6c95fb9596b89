/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_spool.h"

#include <unistd.h>

#include "common/file.h"

static int fail(const char *name, struct diag *d)
{
	return diag_fail_errno(d, "the temporary file for the contents of %s", name);
}

int archive_spool_add(struct tree *t, struct archive *a, const char *name,
	uint64_t *offset, uint64_t *size, struct diag *d)
{
	uint64_t start = t->spool_size, end = 0;
	const void *bytes;
	la_int64_t at;
	size_t count;
	int rc;

	if (tree_open_spool(t, d) < 0)
		return -1;
	while ((rc = archive_read_data_block(a, &bytes, &count, &at)) == ARCHIVE_OK) {
		if (file_write_at(t->spool, bytes, count, (off_t)(start + (uint64_t)at)) <
			0)
			return fail(name, d);
		if ((uint64_t)at + count > end)
			end = (uint64_t)at + count;
	}
	if (rc != ARCHIVE_EOF)
		return 1;
	if (end > *size)
		*size = end;
	/* Blocks of one file begin with a block of the spool: its holes can be holes. */
	t->spool_size = (start + *size + TREE_BLOCK - 1) / TREE_BLOCK * TREE_BLOCK;
	if (ftruncate(t->spool, (off_t)t->spool_size) < 0)
		return fail(name, d);
	*offset = start;
	return 0;
}
