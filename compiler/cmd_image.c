/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "common/quantity.h"
#include "common/text.h"
#include "image.h"

static const char help[] =
	"usage: wuc image DIR|ARCHIVE… -o FILE [OPTIONS]\n"
	"\n"
	"Makes an ext4 image of folders, tar and zip files, which are merged. Files keep "
	"their\n"
	"modes, owners, times and extended attributes; the same files give the same "
	"bytes.\n"
	"\n"
	"  -o FILE       the image; an old one is replaced when the new one is whole\n"
	"  --size SIZE   of the image, such as 64M (default: as small as holds the files)\n"
	"  --label TEXT  the file system's label, at most 16 bytes\n"
	"  --uuid UUID   its UUID (default: made from all that the image holds)\n"
	"  --epoch TIME  every time stamp, in seconds since 1970\n"
	"  --all-root    every file belongs to root\n"
	"  --mtree FILE  write a listing with every file's SHA-256 too; - prints it\n"
	"  -q, --quiet   say nothing but errors\n"
	"  -h, --help    this text\n"
	"\n"
	"SOURCE_DATE_EPOCH in the environment is a --epoch, which wins.\n"
	"Exit status: 0 made, 1 failed, 2 bad usage.\n";

struct image_arguments {
	struct arguments common;
	struct image_options image;
	unsigned char uuid[EXT4_UUID_BYTES];
};

/* "7e2ea9dc-…", as blkid prints it. */
static int parse_uuid(const char *text, unsigned char uuid[EXT4_UUID_BYTES])
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	unsigned digits = 0;

	if (strlen(text) != sizeof(form) - 1)
		return -1;
	for (size_t i = 0; text[i]; i++) {
		unsigned char c = (unsigned char)text[i];
		int value = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;

		if (form[i] == '-' ? c != '-' : !isxdigit(c))
			return -1;
		if (c == '-')
			continue;
		uuid[digits / 2] = (unsigned char)(uuid[digits / 2] << 4 | value);
		digits++;
	}
	return 0;
}

static int read_uuid(struct image_arguments *a, const char *text, struct diag *d)
{
	a->image.ext4.uuid = a->uuid;
	if (parse_uuid(text, a->uuid) == 0)
		return 0;
	return diag_fail(d,
		"--uuid: expected a UUID of 32 hex digits, such as "
		"7e2ea9dc-1d3c-4f0b-8a52-6f5e0c9d4b17, found \"%s\" (without --uuid "
		"it is made from what the image holds)",
		text);
}

/* Whole blocks, as mke2fs takes it. */
static int read_size(struct image_arguments *a, const char *text, struct diag *d)
{
	uint64_t *size = &a->image.ext4.size_bytes;

	if (quantity_parse_size(text, size) < 0 || *size < TREE_BLOCK)
		return diag_fail(
			d, "--size: expected a size such as 64M, found \"%s\"", text);
	*size -= *size % TREE_BLOCK;
	return 0;
}

static int read_label(struct image_arguments *a, const char *text, struct diag *d)
{
	a->image.ext4.label = text;
	if (strlen(text) <= EXT4_LABEL_MAX)
		return 0;
	return diag_fail(d, "--label: expected at most %d bytes, found %zu",
		EXT4_LABEL_MAX, strlen(text));
}

static int read_arguments(
	int argc, char **argv, struct image_arguments *a, struct diag *d)
{
	enum { SIZE = ARGUMENT_OWN, LABEL, UUID, EPOCH, ALL_ROOT, MTREE };
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"size", required_argument, NULL, SIZE},
		{"label", required_argument, NULL, LABEL},
		{"uuid", required_argument, NULL, UUID},
		{"epoch", required_argument, NULL, EPOCH},
		{"all-root", no_argument, NULL, ALL_ROOT},
		{"mtree", required_argument, NULL, MTREE},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct image_options *o = &a->image;
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->path = optarg;
			break;
		case SIZE:
			rc = read_size(a, optarg, d);
			break;
		case LABEL:
			rc = read_label(a, optarg, d);
			break;
		case UUID:
			rc = read_uuid(a, optarg, d);
			break;
		case EPOCH:
			rc = arguments_read_epoch(
				&a->common, "--epoch", optarg + (*optarg == '@'), d);
			break;
		case ALL_ROOT:
			o->keep &= ~(unsigned)KEEP_OWNERS;
			break;
		case MTREE:
			o->listing = optarg;
			break;
		default:
			rc = arguments_take(&a->common, c, optarg, help, d);
		}
	}
	o->sources = (const char *const *)&argv[optind];
	o->source_count = (size_t)(argc - optind);
	if (rc == 0 && o->source_count == 0)
		rc = diag_fail(d, "image: expected folders or archives, found none");
	if (rc == 0 && (!o->path || !*o->path))
		rc = diag_fail(d, "image: expected a name for the image, with -o FILE");
	return rc;
}

static void settle(struct image_arguments *a)
{
	struct image_options *o = &a->image;

	if (a->common.recipe.epoch >= 0) {
		o->epoch = a->common.recipe.epoch;
		o->keep &= ~(unsigned)KEEP_TIMES;
	}
	o->ext4.epoch = o->epoch;
	o->ext4.stream.no_whole = !o->listing;
}

static void print_summary(const struct image_options *o, const struct image_report *r)
{
	/* Standard output may be the listing's. */
	FILE *out = o->listing && strcmp(o->listing, "-") == 0 ? stderr : stdout;
	char size[QUANTITY_TEXT];
	char *path = text_visible(o->path);

	fprintf(out, "%s: %zu file%s, %s\n", path, r->files, r->files == 1 ? "" : "s",
		quantity_format_size(r->size_bytes, size));
	free(path);
}

int command_image(int argc, char **argv, struct diag *d)
{
	struct image_arguments a = {
		.image.ext4.label = "",
		.image.keep = KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS |
			      KEEP_DEVICES,
	};
	struct image_report report;
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc image", d);
	settle(&a);
	rc = image_build(&a.image, &report, d);
	if (rc == 0 && !a.common.quiet)
		print_summary(&a.image, &report);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
