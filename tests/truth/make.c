/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage: truth-make KIND ARCHIVE
 * Writes a tree of that kind as a tar file, by libarchive, and prints what whoever reads
 * it from a disk must find. It needs no rights and leaves no files but the archive. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

#define BLOCK ((uint64_t)LISTING_BLOCK)

static void make_sizes(struct tree *t)
{
	static const uint64_t sizes[] = {0, 1, 59, 60, 1024, 4095, 4096, 4097, 1048577};

	tree_add_folder(t, "sizes", 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		tree_add_full(
			t, listing_text("sizes/%ju", (uintmax_t)sizes[i]), sizes[i]);
}

/* More runs than an inode, and than one block of extents, holds. */
static void make_comb(struct tree *t)
{
	enum { TEETH = 1500 };
	static struct segment s[TEETH];

	for (size_t i = 0; i < TEETH; i++)
		s[i] = (struct segment){i * 2 * BLOCK, 10, 0};
	tree_add_file(t, "holes/comb", &(struct file){s, TEETH, TEETH * 2 * BLOCK});
}

#define ADD_SPARSE(t, path, size, ...)                                                   \
	tree_add_file((t), (path),                                                       \
		&(struct file){(struct segment[]){__VA_ARGS__},                          \
			sizeof((struct segment[]){__VA_ARGS__}) /                        \
				sizeof(struct segment),                                  \
			(size)})

static void make_holes(struct tree *t)
{
	const uint64_t g = 1024 * 1024 * 1024;

	tree_add_folder(t, "holes", 0);
	tree_add_file(t, "holes/only", &(struct file){NULL, 0, g});
	ADD_SPARSE(t, "holes/start", 9000000, {8000000, 1000000, 0});
	ADD_SPARSE(t, "holes/middle", 9000000, {0, 100, 0}, {8999000, 1000, 0});
	ADD_SPARSE(t, "holes/end", 9000000, {0, 5000, 0});
	ADD_SPARSE(t, "holes/written out", 40 * BLOCK, {0, 10 * BLOCK, 0},
		{10 * BLOCK, 20 * BLOCK, 1}, {30 * BLOCK, 10 * BLOCK, 0});
	ADD_SPARSE(t, "holes/big", 5 * g, {0, 5000, 0}, {4 * g - 3000, 6000, 0},
		{5 * g - 1, 1, 0});
	make_comb(t);
}

static void make_links(struct tree *t)
{
	static const char *const names[] = {"links/b", "links/sub/a", "names of it"};
	size_t first;

	tree_add_folder(t, "links", 1);
	tree_add_folder(t, "links/sub", 0);
	tree_add_full(t, "links/a", 7000);
	first = t->listing.count - 1;
	t->listing.list[first].links = 4;
	for (size_t i = 0; i < 3; i++)
		tree_add_name(t, names[i], first);
	tree_add_link(t, "links/short", "a");
	tree_add_link(t, "links/out", "../../outside");
	tree_add_link(t, "links/59", tree_repeat('x', 59));
	tree_add_link(t, "links/60", tree_repeat('y', 60));
	tree_add_link(t, "links/4095", tree_repeat('z', 4095));
	tree_add_link(t, "links/odd", "no\nplace \xff");
}

static void make_names(struct tree *t)
{
	static const char *const names[] = {"-rf", "a b", "new\nline", "tab\there",
		"bell\a", "\177", "\xff\xfe", "back\\slash", "quo\"te'", "*?[a]{b}",
		"...", ".hidden", "~", "#comment",
		"gr\xc3\xbc\xc3\x9f"
		"e",
		"gr\xfc\xdf"
		"e",
		"\xf0\x9f\x98\x80", "\xed\xa0\x80", "$(id)", "%s%n"};

	tree_add_folder(t, "names", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		tree_add_full(t, listing_text("names/%s", names[i]), i);
	tree_add_full(t, listing_text("names/%s", tree_repeat('n', 255)), 100);
	tree_add_full(t, listing_text("names/%s", tree_repeat('\xff', 255)), 100);
	tree_add_folder(t, listing_text("names/%s", tree_repeat('\n', 255)), 0);
}

static void add_with_mode(struct tree *t, const char *path, mode_t mode)
{
	tree_write_entry(t, tree_add(t, path, mode));
}

static void add_with_owner(struct tree *t, const char *path, uint32_t uid, uint32_t gid)
{
	struct entry *e = tree_add(t, path, S_IFREG | 0640);

	e->uid = uid;
	e->gid = gid;
	tree_write_entry(t, e);
}

static void add_with_time(struct tree *t, const char *path, int64_t seconds, uint32_t ns)
{
	struct entry *e = tree_add(t, path, S_IFREG | 0644);

	e->mtime = seconds;
	e->mtime_ns = ns;
	tree_write_entry(t, e);
}

static void make_modes(struct tree *t)
{
	tree_add_folder(t, "modes", 3);
	add_with_mode(t, "modes/0000", S_IFREG | 0000);
	add_with_mode(t, "modes/0777", S_IFREG | 0777);
	add_with_mode(t, "modes/4755", S_IFREG | 04755);
	add_with_mode(t, "modes/2755", S_IFREG | 02755);
	add_with_mode(t, "modes/7777", S_IFREG | 07777);
	add_with_mode(t, "modes/d1777", S_IFDIR | 01777);
	add_with_mode(t, "modes/d2750", S_IFDIR | 02750);
	add_with_mode(t, "modes/d0000", S_IFDIR | 0000);
	tree_add_folder(t, "owners", 0);
	add_with_owner(t, "owners/user", 1000, 100);
	add_with_owner(t, "owners/16 bits", 65535, 65536);
	add_with_owner(t, "owners/most", 4294967294u, 4294967294u);
	add_with_owner(t, "owners/mixed", 0x12345678, 0x89abcdef);
}

/* libarchive and GNU tar disagree about fractions of a time before 1970. */
static void make_times(struct tree *t)
{
	struct entry *e;

	tree_add_folder(t, "times", 1);
	add_with_time(t, "times/1901", -2147483648, 0);
	add_with_time(t, "times/1902", -2145916800, 0);
	add_with_time(t, "times/1969", -1, 0);
	add_with_time(t, "times/1970", 0, 0);
	add_with_time(t, "times/2038", 2147483647, 999999999);
	add_with_time(t, "times/2038 later", 2147483648, 500000000);
	add_with_time(t, "times/2106", 4294967296, 7);
	add_with_time(t, "times/2242", 8589934592, 8);
	add_with_time(t, "times/2446", 15032385535, 999999999);
	e = tree_add(t, "times/folder", S_IFDIR | 0755);
	e->mtime = -86400;
	e->mtime_ns = 0;
	tree_write_entry(t, e);
}

static void add_device(
	struct tree *t, const char *path, mode_t type, unsigned major, unsigned minor)
{
	struct entry *e = tree_add(t, path, type | 0660);

	e->major = major;
	e->minor = minor;
	tree_write_entry(t, e);
}

static void make_devices(struct tree *t)
{
	tree_add_folder(t, "devices", 0);
	add_device(t, "devices/null", S_IFCHR, 1, 3);
	add_device(t, "devices/disk", S_IFBLK, 8, 17);
	add_device(t, "devices/wide", S_IFBLK, 259, 65535);
	add_device(t, "devices/widest", S_IFCHR, 4095, 1048575);
	add_with_mode(t, "devices/fifo", S_IFIFO | 0622);
}

/* What a test gives a file, in the order of the names. */
struct attribute {
	const char *name;
	const char *value; /* NULL: a text of `size` bytes */
	size_t size;
};

static char *value_of(size_t size)
{
	char *value = tree_repeat('v', size);

	for (size_t i = 0; i < size; i++)
		value[i] = tree_byte_at(i);
	return value;
}

static void add_with_xattrs(struct tree *t, const char *path, mode_t mode,
	const struct attribute *list, size_t count)
{
	struct entry *e = tree_add(t, path, mode);
	struct archive_entry *a;

	if (S_ISLNK(mode)) {
		e->target = listing_text("target");
		e->size = 6;
	}
	a = tree_header_of(e);
	for (size_t i = 0; i < count; i++) {
		const char *value =
			list[i].value ? list[i].value : value_of(list[i].size);

		archive_entry_xattr_add_entry(a, list[i].name, value, list[i].size);
		listing_add_xattr(&e->xattrs, list[i].name, value, list[i].size);
	}
	tree_write_header(t, a);
}

#define ADD_XATTRS(t, path, mode, ...)                                                   \
	add_with_xattrs((t), (path), (mode), (struct attribute[]){__VA_ARGS__},          \
		sizeof((struct attribute[]){__VA_ARGS__}) / sizeof(struct attribute))

/* cap_net_raw, effective: revision 2 of the kernel's struct vfs_cap_data. */
#define CAPABILITY "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void make_xattrs(struct tree *t)
{
	tree_add_folder(t, "xattrs", 1);
	ADD_XATTRS(t, "xattrs/small", S_IFREG | 0644, {"user.small", "tiny", 4});
	ADD_XATTRS(t, "xattrs/empty", S_IFREG | 0644, {"user.empty", "", 0});
	ADD_XATTRS(t, "xattrs/binary", S_IFREG | 0644, {"user.b", "\0\1\xff\n", 4});
	ADD_XATTRS(t, "xattrs/large", S_IFREG | 0644, {"user.large", NULL, 3000});
	ADD_XATTRS(t, "xattrs/as large", S_IFREG | 0644, {"user.large", NULL, 3000});
	ADD_XATTRS(t, "xattrs/both", S_IFREG | 0644, {"user.a", NULL, 20},
		{"user.b", NULL, 2000}, {"user.c", NULL, 30}, {"user.d", NULL, 1500});
	ADD_XATTRS(t, "xattrs/names", S_IFREG | 0644, {"security.test", "s", 1},
		{"trusted.test", "t", 1}, {"user.test", "u", 1});
	ADD_XATTRS(t, "xattrs/capability", S_IFREG | 0755,
		{"security.capability", CAPABILITY, 20});
	ADD_XATTRS(t, "xattrs/capability and more", S_IFREG | 0755,
		{"security.capability", CAPABILITY, 20}, {"user.more", NULL, 200});
	ADD_XATTRS(t, "xattrs/folder", S_IFDIR | 0755, {"user.of.a.folder", "f", 1});
	ADD_XATTRS(t, "xattrs/link", S_IFLNK | 0777, {"trusted.of.a.link", "l", 1});
	ADD_XATTRS(t, "xattrs/fifo", S_IFIFO | 0644, {"trusted.of.a.fifo", NULL, 900});
}

struct acl_part {
	int tag, kernel_tag, permissions, id;
};

/* A user, a group and a mask beside the mode's three, as the kernel lists them. */
static const struct acl_part acl_parts[] = {
	{ARCHIVE_ENTRY_ACL_USER_OBJ, 1, 7, -1},
	{ARCHIVE_ENTRY_ACL_USER, 2, 5, 1000},
	{ARCHIVE_ENTRY_ACL_USER, 2, 0, 70000},
	{ARCHIVE_ENTRY_ACL_GROUP_OBJ, 4, 4, -1},
	{ARCHIVE_ENTRY_ACL_GROUP, 8, 6, 2000000000},
	{ARCHIVE_ENTRY_ACL_MASK, 16, 5, -1},
	{ARCHIVE_ENTRY_ACL_OTHER, 32, 1, -1},
};
#define ACL_PARTS (sizeof(acl_parts) / sizeof(*acl_parts))

static void put_acl(struct entry *e, struct archive_entry *a, const char *name, int type)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, permissions;
			uint32_t id;
		} parts[ACL_PARTS];
	} value = {.version = htole32(2)};

	for (size_t i = 0; i < ACL_PARTS; i++) {
		const struct acl_part *p = &acl_parts[i];

		archive_entry_acl_add_entry(a, type, p->permissions, p->tag, p->id, NULL);
		value.parts[i].tag = htole16((uint16_t)p->kernel_tag);
		value.parts[i].permissions = htole16((uint16_t)p->permissions);
		value.parts[i].id = htole32((uint32_t)p->id);
	}
	listing_add_xattr(&e->xattrs, name, &value, sizeof(value));
}

/* The group's bits of a mode with a list are its mask's. */
static void make_acls(struct tree *t)
{
	struct archive_entry *a;
	struct entry *e;

	tree_add_folder(t, "acls", 1);
	e = tree_add(t, "acls/file", S_IFREG | 0751);
	a = tree_header_of(e);
	put_acl(e, a, "system.posix_acl_access", ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
	tree_write_header(t, a);
	e = tree_add(t, "acls/folder", S_IFDIR | 0751);
	a = tree_header_of(e);
	put_acl(e, a, "system.posix_acl_access", ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
	put_acl(e, a, "system.posix_acl_default", ARCHIVE_ENTRY_ACL_TYPE_DEFAULT);
	tree_write_header(t, a);
}

static void make_everything(struct tree *t)
{
	make_sizes(t);
	make_holes(t);
	make_links(t);
	make_names(t);
	make_modes(t);
	make_times(t);
	make_devices(t);
	make_xattrs(t);
	make_acls(t);
}

/* What mke2fs -d can keep as well: for comparing the two writers. */
static void make_plain(struct tree *t)
{
	make_sizes(t);
	tree_add_folder(t, "holes", 0);
	make_comb(t);
	make_links(t);
	make_names(t);
}

/* Folders in one another, and at the end a file, whose path is as long as that. */
static void make_deep(struct tree *t, const char *top, size_t name_size, size_t longest)
{
	char *path = listing_text("%s", top);
	size_t size = strlen(path);

	while (longest - size > 256 || size + name_size + 3 <= longest) {
		char *longer = listing_text("%s/%s", path, tree_repeat('d', name_size));

		tree_add_folder(t, path, 1);
		free(path);
		path = longer;
		size = strlen(path);
	}
	tree_add_folder(t, path, 0);
	tree_add_full(
		t, listing_text("%s/%s", path, tree_repeat('f', longest - size - 1)), 5);
}

static void add_brief(struct tree *t, const char *path, mode_t mode)
{
	struct entry *e = tree_add(t, path, mode);

	e->brief = 1;
	tree_write_entry(t, e);
}

/* Any bytes in names of any length: what is looked up by a hash must have it right. */
static void make_bytes(struct tree *t)
{
	enum { NAMES = 3000 };
	uint32_t random = 99;

	tree_add_folder(t, "many/bytes", 0);
	for (int i = 0; i < NAMES; i++) {
		char name[256], *end = name;
		size_t size = (size_t)i % 250;

		while (size-- > 0) {
			random = random * 1664525 + 1013904223;
			*end = (char)(random >> 24);
			end += *end && *end != '/';
		}
		snprintf(end, 6, "%05d", i);
		add_brief(t, listing_text("many/bytes/%s", name), S_IFREG | 0600);
	}
}

static void make_many(struct tree *t)
{
	enum { FILES = 200000, FOLDERS = 70000 };

	tree_add_folder(t, "many", 3);
	make_bytes(t);
	tree_add_folder(t, "many/files", 0);
	for (int i = 0; i < FILES; i++)
		add_brief(t, listing_text("many/files/name-%06d", i), S_IFREG | 0644);
	tree_add_folder(t, "many/folders", FOLDERS);
	for (int i = 0; i < FOLDERS; i++)
		add_brief(t, listing_text("many/folders/%d", i), S_IFDIR | 0755);
}

/* FILES empty files in FOLDERS folders, 0: at the top. Without a listing. */
static void make_flat(struct tree *t, unsigned long files, unsigned long folders)
{
	struct archive_entry *a = archive_entry_new();
	char path[64];

	archive_entry_set_mtime(a, 1000000000, 0);
	archive_entry_set_size(a, 0);
	archive_entry_set_mode(a, S_IFREG | 0644);
	for (unsigned long i = 0; i < files; i++) {
		if (folders)
			snprintf(path, sizeof(path), "%lu/file %lu",
				i / ((files + folders - 1) / folders), i);
		else
			snprintf(path, sizeof(path), "file %lu", i);
		archive_entry_set_pathname(a, path);
		tree_check(t, archive_write_header(t->archive, a));
	}
	archive_entry_free(a);
}

/* The only kind that no archive has. */
static int make_socket(const char *path)
{
	if (mknod(path, S_IFSOCK | 0640, 0) < 0)
		listing_die(path);
	return 0;
}

/* What ext4 cannot hold, each beside a file that it can. */
static int make_bad(struct tree *t, const char *what)
{
	enum { NAMES = 65001 };
	struct entry *e;

	tree_add_full(t, "good", 100);
	if (strcmp(what, "large-xattr") == 0) {
		ADD_XATTRS(t, "bad", S_IFREG | 0644, {"user.large", NULL, 5000});
	} else if (strcmp(what, "many-xattrs") == 0) {
		ADD_XATTRS(t, "bad", S_IFREG | 0644, {"user.a", NULL, 2500},
			{"user.b", NULL, 2500});
	} else if (strcmp(what, "xattr-namespace") == 0) {
		ADD_XATTRS(t, "bad", S_IFREG | 0644, {"strange.name", "v", 1});
	} else if (strcmp(what, "late") == 0) {
		add_with_time(t, "bad", 15032385536, 0);
	} else if (strcmp(what, "early") == 0) {
		add_with_time(t, "bad", -2147483649, 0);
	} else if (strcmp(what, "names") == 0) {
		for (int i = 1; i < NAMES; i++)
			tree_add_name(t, listing_text("name %d", i), 0);
	} else if (strcmp(what, "name") == 0) {
		tree_add_full(t, tree_repeat('n', 256), 1);
	} else if (strcmp(what, "target") == 0) {
		tree_add_link(t, "bad", tree_repeat('t', 4096));
	} else if (strcmp(what, "owner") == 0) {
		e = tree_add(t, "bad", S_IFREG | 0644);
		e->uid = 4294967295;
		tree_write_entry(t, e);
	} else {
		return -1;
	}
	return 0;
}

static int make(struct tree *t, char **arguments)
{
	const char *kind = arguments[0];

	if (strcmp(kind, "everything") == 0)
		make_everything(t);
	else if (strcmp(kind, "plain") == 0)
		make_plain(t);
	else if (strcmp(kind, "bad") == 0 && arguments[2])
		return make_bad(t, arguments[2]);
	else if (strcmp(kind, "many") == 0)
		make_many(t);
	else if (strcmp(kind, "deep") == 0 && arguments[2]) {
		make_deep(t, "deep", 1, strtoul(arguments[2], NULL, 10));
		make_deep(t, "long", 200, strtoul(arguments[2], NULL, 10));
	} else if (strcmp(kind, "flat") == 0 && arguments[2] && arguments[3])
		make_flat(t, strtoul(arguments[2], NULL, 10),
			strtoul(arguments[3], NULL, 10));
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct tree t = {.archive = archive_write_new()};
	int rc = argc > 2 ? 0 : -1;

	if (argc == 3 && strcmp(argv[1], "socket") == 0)
		return make_socket(argv[2]);
	if (rc == 0) {
		tree_check(&t, archive_write_set_format_pax(t.archive));
		tree_check(&t, archive_write_set_options(t.archive, "hdrcharset=BINARY"));
		tree_check(&t, archive_write_add_filter_zstd(t.archive));
		tree_check(
			&t, archive_write_set_options(t.archive, "compression-level=1"));
		tree_check(&t, archive_write_open_filename(t.archive, argv[2]));
		rc = make(&t, argv + 1);
		tree_check(&t, archive_write_close(t.archive));
		archive_write_free(t.archive);
	}
	if (rc < 0) {
		fprintf(stderr, "usage: truth-make everything|plain|many ARCHIVE\n"
				"       truth-make deep ARCHIVE LONGEST\n"
				"       truth-make bad ARCHIVE WHAT\n"
				"       truth-make socket PATH\n"
				"       truth-make flat ARCHIVE FILES FOLDERS\n");
		return 2;
	}
	return listing_print(&t.listing) == 0 ? 0 : 2;
}
