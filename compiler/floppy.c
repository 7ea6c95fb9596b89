/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "floppy.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define SECTOR 512
#define HOLE_BYTES ((size_t)4096)
#define FAT_SECTORS 9
#define FATS 2
#define ROOT_ENTRIES 224
#define ENTRY_BYTES 32
#define ROOT_SECTOR (1 + FATS * FAT_SECTORS)
#define DATA_SECTOR (ROOT_SECTOR + ROOT_ENTRIES * ENTRY_BYTES / SECTOR)
#define CLUSTERS (FLOPPY_BYTES / SECTOR - DATA_SECTOR)
#define FIRST_CLUSTER 2
#define LAST_IN_CHAIN 0xfff
#define MEDIA 0xf0
#define SHORT_NAME 11
#define LONG_NAME_PART 13
#define ATTRIBUTE_LABEL 0x08
#define ATTRIBUTE_ARCHIVE 0x20
#define ATTRIBUTE_LONG_NAME 0x0f

/* The image in memory, and where it is filled up to. */
struct floppy {
	unsigned char *bytes;
	size_t entries;	 /* of the root folder */
	size_t clusters; /* used ones */
	unsigned date, time;
	const char *name; /* for messages */
	struct diag *diag;
};

static void put16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)value;
	at[1] = (unsigned char)(value >> 8);
}

static void put32(unsigned char *at, uint32_t value)
{
	put16(at, value & 0xffff);
	put16(at + 2, value >> 16);
}

/* Years from 1980 to 2107 are all that FAT knows, of seconds every other. */
static void set_time(struct floppy *f, int64_t epoch)
{
	const int64_t first = 315532800, last = 4354819199;
	time_t seconds = (time_t)(epoch < first ? first : epoch > last ? last : epoch);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	f->date = (unsigned)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
	f->time = (unsigned)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

static void pad(unsigned char *at, const char *text, size_t size)
{
	size_t length = strlen(text);

	memset(at, ' ', size);
	memcpy(at, text, length < size ? length : size);
}

/* A firmware that starts it is told to go on to the next disk. */
static void write_boot_sector(struct floppy *f, const char *label)
{
	static const unsigned char jump[] = {0xeb, 0x3c, 0x90};
	static const unsigned char next_disk[] = {0xcd, 0x18, 0xf4, 0xeb, 0xfd};
	unsigned char *b = f->bytes;

	memcpy(b, jump, sizeof(jump));
	pad(b + 3, "WORKUNIT", 8);
	put16(b + 11, SECTOR);
	b[13] = 1;	  /* sectors a cluster */
	put16(b + 14, 1); /* before the first FAT */
	b[16] = FATS;
	put16(b + 17, ROOT_ENTRIES);
	put16(b + 19, FLOPPY_BYTES / SECTOR);
	b[21] = MEDIA;
	put16(b + 22, FAT_SECTORS);
	put16(b + 24, 18); /* sectors a track */
	put16(b + 26, 2);  /* heads */
	b[38] = 0x29;	   /* what follows is there */
	pad(b + 43, label, SHORT_NAME);
	pad(b + 54, "FAT12", 8);
	memcpy(b + 62, next_disk, sizeof(next_disk));
	b[510] = 0x55;
	b[511] = 0xaa;
}

static void set_fat(struct floppy *f, size_t cluster, unsigned value)
{
	for (size_t i = 0; i < FATS; i++) {
		unsigned char *at =
			f->bytes + SECTOR * (1 + i * FAT_SECTORS) + cluster + cluster / 2;

		if (cluster % 2 == 0) {
			at[0] = (unsigned char)value;
			at[1] = (unsigned char)((at[1] & 0xf0) | value >> 8);
		} else {
			at[0] = (unsigned char)((at[0] & 0x0f) | (value & 0xf) << 4);
			at[1] = (unsigned char)(value >> 4);
		}
	}
}

/* The next entry of the root folder, or NULL. */
static unsigned char *add_entry(struct floppy *f)
{
	if (f->entries == ROOT_ENTRIES)
		return NULL;
	return f->bytes + ROOT_SECTOR * SECTOR + ENTRY_BYTES * f->entries++;
}

static int has_name(const struct floppy *f, const unsigned char name[SHORT_NAME])
{
	const unsigned char *root = f->bytes + ROOT_SECTOR * SECTOR;

	for (size_t i = 0; i < f->entries; i++)
		if (root[ENTRY_BYTES * i + 11] != ATTRIBUTE_LONG_NAME &&
			memcmp(root + ENTRY_BYTES * i, name, SHORT_NAME) == 0)
			return 1;
	return 0;
}

static void put_capitals(unsigned char *at, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)toupper((unsigned char)text[i]);
}

/* "params.json" -> "PARAMS~1JSO"; 0, or -1 where all such names are taken. */
static int make_short_name(
	const struct floppy *f, const char *name, unsigned char out[SHORT_NAME])
{
	size_t base = strcspn(name, "."), rest = strlen(name) - base;
	size_t extension = rest > 0 ? rest - 1 : 0;

	memset(out, ' ', SHORT_NAME);
	put_capitals(out, name, base < 8 ? base : 8);
	put_capitals(out + 8, name + base + (rest > 0), extension < 3 ? extension : 3);
	if (base <= 8 && extension <= 3 && !has_name(f, out))
		return 0;
	for (char digit = '1'; digit <= '9'; digit++) {
		size_t at = base < 6 ? base : 6;

		out[at] = '~';
		out[at + 1] = (unsigned char)digit;
		if (!has_name(f, out))
			return 0;
	}
	return -1;
}

static unsigned char checksum(const unsigned char name[SHORT_NAME])
{
	unsigned sum = 0;

	for (size_t i = 0; i < SHORT_NAME; i++)
		sum = (((sum & 1) << 7) + (sum >> 1) + name[i]) & 0xff;
	return (unsigned char)sum;
}

/* One entry of the parts of a long name, which stand in reverse. */
static void write_name_part(unsigned char *e, const char *name, size_t part, int is_last,
	const unsigned char short_name[SHORT_NAME])
{
	static const unsigned char places[LONG_NAME_PART] = {
		1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	size_t length = strlen(name);

	e[0] = (unsigned char)((part + 1) | (is_last ? 0x40 : 0));
	e[11] = ATTRIBUTE_LONG_NAME;
	e[13] = checksum(short_name);
	for (size_t i = 0; i < LONG_NAME_PART; i++) {
		size_t at = part * LONG_NAME_PART + i;

		put16(e + places[i], at < length    ? (unsigned char)name[at]
				     : at == length ? 0
						    : 0xffff);
	}
}

static int write_names(
	struct floppy *f, const char *name, const unsigned char short_name[SHORT_NAME])
{
	size_t parts = (strlen(name) + LONG_NAME_PART - 1) / LONG_NAME_PART;

	for (size_t part = parts; part-- > 0;) {
		unsigned char *e = add_entry(f);

		if (!e)
			return -1;
		write_name_part(e, name, part, part + 1 == parts, short_name);
	}
	return 0;
}

static unsigned char *write_entry(
	struct floppy *f, const unsigned char name[SHORT_NAME], int attribute)
{
	unsigned char *e = add_entry(f);

	if (!e)
		return NULL;
	memcpy(e, name, SHORT_NAME);
	e[11] = (unsigned char)attribute;
	put16(e + 22, f->time);
	put16(e + 24, f->date);
	return e;
}

/* The first cluster of what now holds the bytes; 0 where there are none. */
static size_t write_contents(struct floppy *f, const struct iso_file *file)
{
	size_t count = (file->size + SECTOR - 1) / SECTOR;
	size_t first = FIRST_CLUSTER + f->clusters;

	if (count == 0)
		return 0;
	memcpy(f->bytes + SECTOR * (DATA_SECTOR + f->clusters), file->bytes, file->size);
	for (size_t i = 0; i < count; i++)
		set_fat(f, first + i,
			i + 1 < count ? (unsigned)(first + i + 1) : LAST_IN_CHAIN);
	f->clusters += count;
	return first;
}

static int is_name(const char *name)
{
	size_t base = strcspn(name, ".");
	const char *extension = name + base + (name[base] == '.');

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return 0;
	return base > 0 && strlen(name) < 200 && !strchr(extension, '.') &&
	       (name[base] == '\0' || *extension);
}

static int fail_full(const struct floppy *f)
{
	return diag_fail(f->diag,
		"%s: expected files that a floppy has room for (%zu bytes), found more",
		f->name, CLUSTERS * SECTOR);
}

static int add_file(struct floppy *f, const struct iso_file *file)
{
	unsigned char short_name[SHORT_NAME], *e;
	size_t first;

	if (!is_name(file->name) || make_short_name(f, file->name, short_name) < 0)
		return diag_fail(f->diag, "%s: expected a name that FAT knows, found %s",
			f->name, file->name);
	if (file->size > (CLUSTERS - f->clusters) * SECTOR)
		return fail_full(f);
	first = write_contents(f, file);
	if (write_names(f, file->name, short_name) < 0 ||
		!(e = write_entry(f, short_name, ATTRIBUTE_ARCHIVE)))
		return fail_full(f);
	put16(e + 26, (unsigned)first);
	put32(e + 28, (uint32_t)file->size);
	return 0;
}

/* The serial number comes from all that is there. */
static void set_serial(struct floppy *f)
{
	char hex[DIGEST_HEX];

	digest_of_bytes(f->bytes, SECTOR * (DATA_SECTOR + f->clusters), hex);
	hex[8] = '\0';
	put32(f->bytes + 39, (uint32_t)strtoul(hex, NULL, 16));
}

static int fill(
	struct floppy *f, const char *label, const struct iso_file *files, size_t count)
{
	unsigned char name[SHORT_NAME];

	write_boot_sector(f, label);
	set_fat(f, 0, 0xf00 | MEDIA);
	set_fat(f, 1, LAST_IN_CHAIN);
	pad(name, label, SHORT_NAME);
	write_entry(f, name, ATTRIBUTE_LABEL);
	for (size_t i = 0; i < count; i++)
		if (add_file(f, &files[i]) < 0)
			return -1;
	set_serial(f);
	return 0;
}

static int write_image(const struct floppy *f, int fd)
{
	for (size_t at = 0; at < FLOPPY_BYTES; at += HOLE_BYTES)
		if (!memory_is_zero(f->bytes + at, HOLE_BYTES) &&
			file_write_at(fd, f->bytes + at, HOLE_BYTES, (off_t)at) < 0)
			return -1;
	return ftruncate(fd, (off_t)FLOPPY_BYTES) < 0 ? -1 : fchmod(fd, 0644);
}

int floppy_write(int dirfd, const char *path, const char *label, int64_t epoch,
	const struct iso_file *files, size_t count, char sha256[DIGEST_HEX],
	struct diag *d)
{
	struct floppy f = {.bytes = memory_alloc(FLOPPY_BYTES), .name = path, .diag = d};
	CLEANUP(file_close) int fd = -1;
	int rc;

	set_time(&f, epoch);
	rc = fill(&f, label, files, count);
	if (rc == 0) {
		fd = openat(dirfd, path,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0 || write_image(&f, fd) < 0)
			rc = diag_fail_errno(d, "%s", path);
	}
	if (rc == 0)
		digest_of_bytes(f.bytes, FLOPPY_BYTES, sha256);
	else if (fd >= 0)
		unlinkat(dirfd, path, 0);
	free(f.bytes);
	return rc;
}
