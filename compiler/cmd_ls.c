/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "command.h"
#include "common/text.h"
#include "diskimage.h"

static const char help[] =
	"usage: wuc ls [OPTIONS] IMAGE[:PART] [PATH]\n"
	"\n"
	"Lists a folder, by default the root, or shows one file of an ext2, ext3 or ext4 "
	"file\n"
	"system of a raw disk image: mode, owner, group, size, time (UTC), name, link.\n"
	"\n"
	"  --json        an array of objects\n"
	"  -h, --help    this text\n"
	"\n"
	"PART is the partition's number; 0 is the whole image. It may be left out where "
	"there\n"
	"is but one.\n"
	"Exit status: 0 done, 1 failed, 2 bad usage.\n";

struct ls_arguments {
	struct arguments common;
	const char *image, *path;
	int json;
};

static int read_arguments(int argc, char **argv, struct ls_arguments *a, struct diag *d)
{
	enum { JSON = ARGUMENT_OWN };
	static const struct option options[] = {
		{"json", no_argument, NULL, JSON},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == JSON)
			a->json = 1;
		else
			rc = arguments_take(&a->common, c, optarg, help, d);
	}
	if (rc == 0 && (argc - optind < 1 || argc - optind > 2))
		return diag_fail(d, "ls: expected an image, and at most one path in it");
	if (rc == 0) {
		a->image = argv[optind];
		a->path = argc - optind == 2 ? argv[optind + 1] : "/";
	}
	return rc;
}

/* One line of the listing. */
struct line {
	const char *name;
	struct ext2_inode_large inode;
	char target[EXT2DISK_TARGET_MAX]; /* "" where it is no symlink */
};

static const struct {
	unsigned type;
	char letter;
	const char *name;
} types[] = {
	{LINUX_S_IFREG, '-', "file"},
	{LINUX_S_IFDIR, 'd', "folder"},
	{LINUX_S_IFLNK, 'l', "symlink"},
	{LINUX_S_IFCHR, 'c', "character device"},
	{LINUX_S_IFBLK, 'b', "block device"},
	{LINUX_S_IFIFO, 'p', "fifo"},
	{LINUX_S_IFSOCK, 's', "socket"},
};

#define TYPES (sizeof(types) / sizeof(*types))

static size_t type_of(const struct ext2_inode_large *i)
{
	size_t n = 0;

	while (n < TYPES && types[n].type != (i->i_mode & LINUX_S_IFMT))
		n++;
	return n;
}

/* "-rwsr-xr-t" */
static void format_mode(const struct ext2_inode_large *i, char text[11])
{
	static const char letters[] = "rwxrwxrwx";
	size_t type = type_of(i);

	text[0] = type < TYPES ? types[type].letter : '?';
	for (int bit = 0; bit < 9; bit++)
		text[1 + bit] = i->i_mode & (0400 >> bit) ? letters[bit] : '-';
	if (i->i_mode & LINUX_S_ISUID)
		text[3] = i->i_mode & 0100 ? 's' : 'S';
	if (i->i_mode & LINUX_S_ISGID)
		text[6] = i->i_mode & 0010 ? 's' : 'S';
	if (i->i_mode & LINUX_S_ISVTX)
		text[9] = i->i_mode & 0001 ? 't' : 'T';
	text[10] = '\0';
}

static void format_time(const struct ext2_inode_large *i, char text[32])
{
	time_t seconds = ext2disk_mtime(i).tv_sec;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, 32, "@%lld", (long long)seconds);
}

/* A device's numbers, as the kernel reads them from an inode. */
static void format_size(const struct ext2_inode_large *i, char text[32])
{
	uint32_t old = i->i_block[0], n = i->i_block[1];
	int is_device = LINUX_S_ISCHR(i->i_mode) || LINUX_S_ISBLK(i->i_mode);

	if (is_device && old)
		snprintf(text, 32, "%u,%u", old >> 8 & 0xff, old & 0xff);
	else if (is_device)
		snprintf(text, 32, "%u,%u", n >> 8 & 0xfff,
			(n & 0xff) | (n >> 12 & 0xfff00));
	else
		snprintf(text, 32, "%llu",
			(unsigned long long)EXT2_I_SIZE((const struct ext2_inode *)i));
}

/* A name so that no other is shown alike: a backslash is two. The caller frees. */
static char *show_name(const char *name)
{
	struct buffer b = {0};

	buffer_add(&b, "", 0);
	while (*name) {
		size_t plain = strcspn(name, "\\\t");

		text_add_visible(&b, name, plain);
		name += plain;
		if (*name)
			buffer_add_text(&b, *name++ == '\t' ? "\\x09" : "\\\\");
	}
	return b.bytes;
}

static void print_name(const char *name)
{
	char *shown = show_name(name);

	fputs(shown, stdout);
	free(shown);
}

static void print_line(const struct line *l)
{
	const struct ext2_inode_large *i = &l->inode;
	const struct ext2_inode *small = (const struct ext2_inode *)i;
	char mode[11], size[32], when[32];

	format_mode(i, mode);
	format_size(i, size);
	format_time(i, when);
	printf("%s %5u %5u %12s %s ", mode, inode_uid(*small), inode_gid(*small), size,
		when);
	print_name(l->name);
	if (*l->target) {
		fputs(" -> ", stdout);
		print_name(l->target);
	}
	putchar('\n');
}

/* Bytes that are no UTF-8 are no text of JSON. */
static json_t *name_json(const char *name)
{
	json_t *j = json_string(name);
	char *shown;

	if (j)
		return j;
	shown = show_name(name);
	j = json_string(shown);
	free(shown);
	return j;
}

static json_t *line_json(const struct line *l)
{
	const struct ext2_inode_large *i = &l->inode;
	const struct ext2_inode *small = (const struct ext2_inode *)i;
	size_t type = type_of(i);
	json_t *j = json_object();

	json_object_set_new(j, "name", name_json(l->name));
	json_object_set_new(
		j, "type", json_string(type < TYPES ? types[type].name : "unknown"));
	json_object_set_new(j, "mode", json_sprintf("%04o", i->i_mode & 07777u));
	json_object_set_new(j, "uid", json_integer(inode_uid(*small)));
	json_object_set_new(j, "gid", json_integer(inode_gid(*small)));
	json_object_set_new(j, "size", json_integer((json_int_t)EXT2_I_SIZE(small)));
	json_object_set_new(j, "mtime", json_integer(ext2disk_mtime(i).tv_sec));
	if (*l->target)
		json_object_set_new(j, "target", name_json(l->target));
	return j;
}

/* Prints it, or adds it to the array. A link without a target is shown without one. */
static int show(struct diskimage *m, ext2_ino_t ino, const char *name, json_t *array,
	struct diag *d)
{
	struct line l = {.name = name};
	struct diag unread = {0};

	if (ext2disk_read_inode(&m->disk, ino, name, &l.inode, d) < 0)
		return -1;
	if (LINUX_S_ISLNK(l.inode.i_mode) &&
		ext2disk_read_target(&m->disk, ino, name, l.target, &unread) < 0) {
		*l.target = '\0';
		diag_clear(&unread);
	}
	if (array)
		json_array_append_new(array, line_json(&l));
	else
		print_line(&l);
	return 0;
}

static int list_folder(struct diskimage *m, const struct ls_arguments *a, ext2_ino_t ino,
	json_t *array, struct diag *d)
{
	struct ext2disk_entry *list;
	size_t count;
	int listed = ext2disk_list(&m->disk, ino, a->path, &m->arena, &list, &count, d);
	int rc = listed == 0 ? 0 : -1;

	/* What is damaged hides no more than itself. */
	for (size_t i = 0; i < count; i++)
		if (show(m, list[i].ino, list[i].name, array, d) < 0)
			rc = -1;
	return rc;
}

static int list(
	struct diskimage *m, const struct ls_arguments *a, json_t *array, struct diag *d)
{
	struct ext2_inode_large i;
	ext2_ino_t ino;
	int rc = ext2disk_find(&m->disk, a->path, 0, &ino, d);

	if (rc == 1)
		rc = ext2disk_read_inode(&m->disk, ino, a->path, &i, d) < 0 ? -1 : 1;
	if (rc < 0)
		return -1;
	if (rc == 0)
		return diag_fail(d, "%s: %s: there is none", m->name, a->path);
	if (LINUX_S_ISDIR(i.i_mode))
		return list_folder(m, a, ino, array, d);
	return show(m, ino, a->path, array, d);
}

int command_ls(int argc, char **argv, struct diag *d)
{
	struct ls_arguments a = {0};
	struct diskimage m;
	json_t *array = NULL;
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc ls", d);
	if (a.json)
		array = json_array();
	rc = diskimage_open(&m, a.image, 0, d);
	if (rc == 0)
		rc = list(&m, &a, array, d);
	if (array) {
		if (rc == 0 || json_array_size(array) > 0) {
			/* Names drive no terminal. */
			json_dumpf(array, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
			putchar('\n');
		}
		json_decref(array);
	}
	diskimage_close(&m);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
