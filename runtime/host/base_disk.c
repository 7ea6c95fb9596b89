/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base_disk.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "common/file.h"

#define HEADER_BYTES 65536	  /* with a VMDK's description, from byte 512 on */
#define QCOW2_DATA_FILE (1u << 2) /* in the first of the features that must be known */
#define QED_BACKING_FILE 1u

static uint32_t get_be32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint64_t get_64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static int names_other_qcow(const unsigned char *h)
{
	return get_64(h + 8) != 0;
}

static int names_other_qcow2(const unsigned char *h)
{
	int has_features = get_be32(h + 4) >= 3;

	return get_64(h + 8) != 0 ||
	       (has_features && (be64toh(get_64(h + 72)) & QCOW2_DATA_FILE));
}

static int names_other_qed(const unsigned char *h)
{
	return (le64toh(get_64(h + 16)) & QED_BACKING_FILE) != 0;
}

/* Its description, a text in the file, names extents, where it has no sectors of its own,
 * and a parent. */
static int names_other_vmdk(const unsigned char *h)
{
	static const char parent[] = "parentFileNameHint";

	return get_64(h + 12) == 0 ||
	       memmem(h, HEADER_BYTES, parent, sizeof(parent) - 1) != NULL;
}

/* The formats that can; of the others QEMU checks the beginning itself. */
static const struct kind {
	const char *format, *magic;
	int (*names_other)(const unsigned char *header);
} kinds[] = {
	{"qcow", "QFI\xfb", names_other_qcow},
	{"qcow2", "QFI\xfb", names_other_qcow2},
	{"qed", "QED", names_other_qed},
	{"vmdk", "KDMV", names_other_vmdk},
};

int base_disk_check(int fd, const char *format, const char *name, struct diag *d)
{
	unsigned char header[HEADER_BYTES] = {0};
	const struct kind *kind = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(format, kinds[i].format) == 0)
			kind = &kinds[i];
	if (!kind)
		return 0;
	if (file_read_at(fd, header, sizeof(header), 0) < 0)
		return diag_fail_errno(d, "%s", name);
	if (memcmp(header, kind->magic, strlen(kind->magic)) != 0)
		return diag_fail(d, "%s: no %s image of one file", name, format);
	if (kind->names_other(header))
		return diag_fail(
			d, "%s: it names another file, which QEMU would open", name);
	return 0;
}
