/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magic.h"

#include <endian.h>
#include <ext2fs/ext2_fs.h>
#include <string.h>

#include "common/file.h"

#define SUPERBLOCK_OFFSET 1024
#define MAGIC_MAX 24
#define HEAD_BYTES 128

struct magic {
	uint64_t at;
	const char *bytes;
	size_t size;
	const char *name;
};

/* clang-format off */
#define TEXT(at, text, name) {at, text, sizeof(text) - 1, name}
/* clang-format on */

static const struct magic images[] = {
	TEXT(0, "QFI\xfb\0\0\0\1", "qcow"),
	TEXT(0, "QFI\xfb", "qcow2"),
	TEXT(0, "QED\0", "qed"),
	TEXT(0, "KDMV", "vmdk"),
	TEXT(0, "COWD", "vmdk"),
	TEXT(0, "# Disk DescriptorFile", "vmdk"),
	TEXT(64, "\x7f\x10\xda\xbe", "vdi"),
	TEXT(0, "conectix", "vpc"),
	TEXT(0, "vhdxfile", "vhdx"),
	TEXT(0, "WithoutFreeSpace", "parallels"),
	TEXT(0, "WithouFreSpacExt", "parallels"),
	TEXT(0, "Bochs Virtual HD Image", "bochs"),
};

static const struct magic contents[] = {
	TEXT(0, "XFSB", "an XFS file system"),
	TEXT(65600, "_BHRfS_M", "a Btrfs file system"),
	TEXT(4086, "SWAPSPACE2", "swap space"),
	TEXT(4086, "SWAP-SPACE", "swap space"),
	TEXT(0, "LUKS\xba\xbe", "encrypted data (LUKS)"),
	TEXT(536, "LVM2 001", "a volume of LVM"),
	TEXT(3, "NTFS    ", "an NTFS file system"),
	TEXT(3, "EXFAT   ", "an exFAT file system"),
	TEXT(82, "FAT32   ", "a FAT file system"),
	TEXT(54, "FAT16   ", "a FAT file system"),
	TEXT(54, "FAT12   ", "a FAT file system"),
	TEXT(32769, "CD001", "an ISO 9660 file system"),
	TEXT(0, "hsqs", "a SquashFS file system"),
	TEXT(1024, "\x10\x20\xf5\xf2", "an F2FS file system"),
	TEXT(1024, "\xe2\xe1\xf5\xe0", "an EROFS file system"),
	TEXT(65588, "ReIsEr", "a ReiserFS file system"),
	TEXT(512, "EFI PART", "a partition table"),
	TEXT(0, "\x1f\x8b", "data compressed by gzip"),
	TEXT(0,
		"\xfd"
		"7zXZ",
		"data compressed by xz"),
	TEXT(0, "\x28\xb5\x2f\xfd", "data compressed by zstd"),
	TEXT(0, "BZh", "data compressed by bzip2"),
};

int magic_of_image(int fd, const char **format)
{
	char head[HEAD_BYTES] = "";
	ssize_t size = file_read_at(fd, head, sizeof(head), 0);

	*format = NULL;
	for (size_t i = 0; size > 0 && i < sizeof(images) / sizeof(*images); i++) {
		const struct magic *m = &images[i];

		if (!*format && m->at + m->size <= (size_t)size &&
			memcmp(head + m->at, m->bytes, m->size) == 0)
			*format = m->name;
	}
	return size < 0 ? -1 : 0;
}

static const char *name_ext(const struct ext2_super_block *s)
{
	if (le32toh(s->s_feature_incompat) & EXT3_FEATURE_INCOMPAT_EXTENTS)
		return "an ext4 file system";
	if (le32toh(s->s_feature_incompat) & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
		return "a journal of ext4";
	if (le32toh(s->s_feature_compat) & EXT3_FEATURE_COMPAT_HAS_JOURNAL)
		return "an ext3 file system";
	return "an ext2 file system";
}

/* For messages only: what cannot be read is not known. */
static const char *find(int fd, uint64_t offset, uint64_t size)
{
	char found[MAGIC_MAX];

	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		const struct magic *m = &contents[i];

		if (m->size <= size && m->at <= size - m->size &&
			file_read_at(fd, found, m->size, (off_t)(offset + m->at)) ==
				(ssize_t)m->size &&
			memcmp(found, m->bytes, m->size) == 0)
			return m->name;
	}
	return NULL;
}

const char *magic_of_contents(int fd, uint64_t offset, uint64_t size)
{
	struct ext2_super_block s;

	if (size >= SUPERBLOCK_OFFSET + sizeof(s) &&
		file_read_at(fd, &s, sizeof(s), (off_t)(offset + SUPERBLOCK_OFFSET)) ==
			(ssize_t)sizeof(s) &&
		le16toh(s.s_magic) == EXT2_SUPER_MAGIC)
		return name_ext(&s);
	return find(fd, offset, size);
}
