/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diskformat.h"

#include <endian.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "magic.h"
#include "partitions.h"
#include "place.h"
#include "process.h"

#define HEAD_BYTES 512
#define QEMU_IMG "qemu-img"
/* qemu-img check's own. */
#define CHECK_LEAKS 3
#define CHECK_UNKNOWN 63

static const struct process_limits limits = {
	.seconds = 300, .memory_bytes = (uint64_t)4 << 30};

static int fail(const struct diskformat *f, struct diag *d, const char *what)
{
	return place_fail(d, f->place, "%s: %s", f->name, what);
}

static int fail_behind(
	const struct diskformat *f, const char *kind, const char *file, struct diag *d)
{
	return place_fail(d, f->place,
		"%s: expected an image that is complete in itself, found one with a %s "
		"file%s%s (`qemu-img convert` makes one of both)",
		f->name, kind, file ? ": " : "", file ? file : "");
}

static uint64_t be64_at(const char *head, size_t at)
{
	uint64_t value;

	memcpy(&value, head + at, sizeof(value));
	return be64toh(value);
}

static uint32_t be32_at(const char *head, size_t at)
{
	uint32_t value;

	memcpy(&value, head + at, sizeof(value));
	return be32toh(value);
}

static uint64_t le64_at(const char *head, size_t at)
{
	uint64_t value;

	memcpy(&value, head + at, sizeof(value));
	return le64toh(value);
}

static uint32_t le32_at(const char *head, size_t at)
{
	uint32_t value;

	memcpy(&value, head + at, sizeof(value));
	return le32toh(value);
}

/* What an image's first bytes tell, by their layout in QEMU's docs/interop. */
struct head {
	const struct diskformat *format;
	const char *bytes;
	uint64_t file_size;
};

static int look_at_qcow2(const struct head *h, struct diag *d)
{
	uint64_t incompatible = be32_at(h->bytes, 4) >= 3 ? be64_at(h->bytes, 72) : 0;

	if (be64_at(h->bytes, 8))
		return fail_behind(h->format, "backing", NULL, d);
	if (be32_at(h->bytes, 32))
		return fail(h->format, d, "expected an image that is not encrypted");
	if (incompatible & 4)
		return fail_behind(h->format, "data", NULL, d);
	if (incompatible & 3)
		return fail(h->format, d,
			"expected an image that was left clean (`qemu-img check -r all` "
			"repairs one)");
	return 0;
}

static int look_at_qcow(const struct head *h, struct diag *d)
{
	if (be64_at(h->bytes, 8))
		return fail_behind(h->format, "backing", NULL, d);
	if (be32_at(h->bytes, 36))
		return fail(h->format, d, "expected an image that is not encrypted");
	return 0;
}

static int look_at_qed(const struct head *h, struct diag *d)
{
	uint64_t features = le64_at(h->bytes, 16);

	if (features & 1)
		return fail_behind(h->format, "backing", NULL, d);
	if (features & 2)
		return fail(h->format, d, "expected an image that was left clean");
	return 0;
}

/* Without a capacity QEMU takes the description in it for the image. */
static int look_at_vmdk(const struct head *h, struct diag *d)
{
	if (memcmp(h->bytes, "KDMV", 4) != 0 || le64_at(h->bytes, 12) == 0)
		return fail_behind(h->format, "data", NULL, d);
	return 0;
}

static int look_at_vdi(const struct head *h, struct diag *d)
{
	uint32_t kind = le32_at(h->bytes, 76);
	uint64_t data = le32_at(h->bytes, 344), block = le32_at(h->bytes, 376),
		 blocks = le32_at(h->bytes, 388);

	if (kind != 1 && kind != 2)
		return fail_behind(h->format, "backing", NULL, d);
	if (data + block * blocks > h->file_size)
		return fail(h->format, d, "is cut off: expected more bytes");
	return 0;
}

static int look_at_vpc(const struct head *h, struct diag *d)
{
	return be32_at(h->bytes, 60) == 4 ? fail_behind(h->format, "backing", NULL, d)
					  : 0;
}

/* The formats that QEMU runs guests from; what looks at the first bytes may be NULL. */
static const struct known {
	const char *name;
	int (*look)(const struct head *h, struct diag *d);
} formats[] = {
	{"raw", NULL},
	{"qcow2", look_at_qcow2},
	{"vmdk", look_at_vmdk},
	{"vdi", look_at_vdi},
	{"vpc", look_at_vpc},
	{"vhdx", NULL},
	{"qcow", look_at_qcow},
	{"qed", look_at_qed},
	{"parallels", NULL},
	{"bochs", NULL},
};

static const struct known *find_known(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static int fail_unknown(const struct diskformat *f, const char *said, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		buffer_printf(&text, "%s%s", i ? " or " : "", formats[i].name);
	return place_fail(d, f->place, "%s: expected the format %s, found \"%s\"",
		f->name, text.bytes, said);
}

/* A fixed image of vpc has its name at its end alone: there the recipe's word counts. */
static int agrees(const char *said, const char *found)
{
	if (!found)
		return strcmp(said, "raw") == 0 || strcmp(said, "vpc") == 0;
	return strcmp(said, found) == 0;
}

const char *diskformat_find(
	const struct diskformat *f, int fd, const char *said, struct diag *d)
{
	char bytes[HEAD_BYTES] = "";
	struct head head = {.format = f, .bytes = bytes};
	const struct known *known;
	const char *found;
	struct stat st;

	if (magic_of_image(fd, &found) < 0 || fstat(fd, &st) < 0 ||
		file_read_at(fd, bytes, sizeof(bytes), 0) < 0) {
		diag_fail_errno(d, "%s", f->name);
		return NULL;
	}
	if (said && !find_known(said)) {
		fail_unknown(f, said, d);
		return NULL;
	}
	if (said && !agrees(said, found)) {
		place_fail(d, f->place,
			"%s: expected an image of the format %s, found %s by its first "
			"bytes",
			f->name, said, found ? found : "a raw one");
		return NULL;
	}
	known = find_known(said ? said : found ? found : "raw");
	if (!known) {
		fail(f, d, "expected an image of a format that guests run from");
		return NULL;
	}
	head.file_size = (uint64_t)st.st_size;
	if (head.file_size < HEAD_BYTES) {
		fail(f, d, "expected a disk image, found a file of less than a sector");
		return NULL;
	}
	return known->look && known->look(&head, d) < 0 ? NULL : known->name;
}

/* The last line of what qemu-img wrote, without its own name. */
static const char *last_line(struct buffer *text)
{
	char *line;

	if (text->size == 0)
		return "it gave no reason";
	while (text->size > 0 && text->bytes[text->size - 1] == '\n')
		text->bytes[--text->size] = '\0';
	line = strrchr(text->bytes, '\n');
	line = line ? line + 1 : text->bytes;
	return strncmp(line, QEMU_IMG ": ", strlen(QEMU_IMG) + 2) == 0
		       ? line + strlen(QEMU_IMG) + 2
		       : line;
}

/* The first line says what is wrong, those below how much. */
static const char *first_line(struct buffer *text)
{
	char *line = text->size > 0 ? text->bytes + strspn(text->bytes, "\n") : NULL;

	if (!line || !*line)
		return "it gave no reason";
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int fail_run(
	const struct diskformat *f, int status, struct buffer *err, struct diag *d)
{
	if (status > 128)
		return place_fail(d, f->place,
			"%s: qemu-img was ended by signal %d: the image takes too long "
			"or too much memory",
			f->name, status - 128);
	return place_fail(d, f->place, "%s: qemu-img: %s", f->name, last_line(err));
}

/* Only the image itself may be among what a vmdk is made of. */
static int check_extents(const struct diskformat *f, const char *file,
	const json_t *extents, struct diag *d)
{
	const json_t *extent;
	size_t i;

	json_array_foreach(extents, i, extent)
	{
		const char *name = json_string_value(json_object_get(extent, "filename"));

		if (!name || strcmp(name, file) != 0)
			return fail_behind(f, "data", name, d);
	}
	return 0;
}

static int check_info(
	const struct diskformat *f, const char *file, const json_t *info, struct diag *d)
{
	const json_t *specific =
		json_object_get(json_object_get(info, "format-specific"), "data");
	const char *behind = json_string_value(json_object_get(info, "backing-filename"));
	const char *data = json_string_value(json_object_get(specific, "data-file"));

	if (behind)
		return fail_behind(f, "backing", behind, d);
	if (data)
		return fail_behind(f, "data", data, d);
	if (json_is_true(json_object_get(info, "encrypted")))
		return fail(f, d, "expected an image that is not encrypted");
	if (json_is_true(json_object_get(info, "dirty-flag")) ||
		json_is_true(json_object_get(specific, "corrupt")))
		return fail(f, d,
			"expected an image that was left clean (`qemu-img check -r all` "
			"repairs one)");
	return check_extents(f, file, json_object_get(specific, "extents"), d);
}

static int ask_info(const struct diskformat *f, const char *program, int dirfd,
	const char *file, const char *format, struct diag *d)
{
	const char *const argv[] = {
		program, "info", "-f", format, "--output=json", "--", file, NULL};
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	int status = process_run_within(argv, dirfd, &limits, &out, &err, d), rc;
	json_t *info;

	if (status != 0)
		return status < 0 ? -1 : fail_run(f, status, &err, d);
	info = json_loadb(out.bytes, out.size, 0, NULL);
	rc = info ? check_info(f, file, info, d)
		  : fail(f, d, "qemu-img info gave no JSON");
	json_decref(info);
	return rc;
}

static int ask_check(const struct diskformat *f, const char *program, int dirfd,
	const char *file, const char *format, struct diag *d)
{
	const char *const argv[] = {program, "check", "-f", format, "--", file, NULL};
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	int status = process_run_within(argv, dirfd, &limits, &out, &err, d);

	if (status == 0 || status == CHECK_LEAKS || status == CHECK_UNKNOWN)
		return 0;
	if (status < 0 || status > 128)
		return status < 0 ? -1 : fail_run(f, status, &err, d);
	return place_fail(d, f->place, "%s: is damaged or cut off: qemu-img check: %s",
		f->name, first_line(err.size ? &err : &out));
}

static int check_raw(
	const struct diskformat *f, int dirfd, const char *file, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP(arena_clear) struct arena a = {0};
	struct diag problems = {0};
	struct partitions table;

	if (fd < 0)
		return diag_fail_errno(d, "%s", f->name);
	if (partitions_read(&table, fd, f->name, &a, &problems) < 0)
		return place_fail_all(d, f->place, &problems);
	for (size_t i = 0; i < table.count; i++) {
		const struct partition *p = &table.list[i];

		if (p->size > table.size || p->offset > table.size - p->size)
			return place_fail(d, f->place,
				"%s: is cut off: partition %d reaches over its end",
				f->name, p->number);
	}
	return 0;
}

int diskformat_check(const struct diskformat *f, int dirfd, const char *file,
	const char *format, struct diag *d)
{
	CLEANUP(arena_clear) struct arena a = {0};
	const char *program;

	if (strcmp(format, "raw") == 0)
		return check_raw(f, dirfd, file, d);
	program = process_find(QEMU_IMG, &a);
	if (!program)
		return fail(f, d,
			"needs qemu-img to look at it, which is not installed (Debian: "
			"apt-get install qemu-utils)");
	if (ask_info(f, program, dirfd, file, format, d) < 0)
		return -1;
	return ask_check(f, program, dirfd, file, format, d);
}
