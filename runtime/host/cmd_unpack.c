/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "unpack.h"

static const char help[] =
	"usage: wurun unpack [OPTION…] IMAGE DIR\n"
	"\n"
	"Unpacks an instance's output disk into DIR, which must be empty or not exist.\n"
	"With --offset or --folder it may be any disk image with an ext2, ext3 or ext4\n"
	"filesystem that was left clean.\n"
	"The image is never mounted. Devices, fifos, sockets and symbolic links that "
	"lead\n"
	"out of DIR are left out; set-id bits, owners and extended attributes too.\n"
	"\n"
	"      --offset N     the filesystem begins N bytes into the image (default 0)\n"
	"      --folder PATH  unpack this folder of it only (default /)\n"
	"  -q, --quiet        say nothing where all goes well\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0; 1 where some of the disk could not be read or is over a limit;\n"
	"125 where DIR could not be written.\n";

/* Opens DIR, which it makes where it is not there. */
static int open_empty_folder(const char *path, int *made, struct diag *d)
{
	int fd, entries = 0;
	DIR *dir;
	struct stat st;

	*made = stat(path, &st) < 0 && errno == ENOENT;
	if (file_make_folders(path, d) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	if (!dir) {
		diag_fail_errno(d, "%s", path);
		file_close(&fd);
		return -1;
	}
	while (readdir(dir))
		entries++;
	closedir(dir);
	if (entries > 2) {
		close(fd);
		return diag_fail(d, "%s: not empty", path);
	}
	return fd;
}

static int wait_for(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (fd >= 0 && poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return -1;
	return 0;
}

struct options {
	struct image_place place; /* its size is to be filled in */
	int quiet;
};

static void print_list(FILE *out, const char *what, const json_t *list, uint64_t count)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		fprintf(out, "%s: %s\n", what,
			json_string_value(json_array_get(list, i)));
	if (count > json_array_size(list))
		fprintf(out, "%s: and %" PRIu64 " more\n", what,
			count - json_array_size(list));
}

static int report(const struct unpack *u, const char *path, const struct options *o,
	const struct stdio *stdio, struct diag *d)
{
	char *loss = unpack_describe_loss(u);
	char size[QUANTITY_TEXT];

	print_list(stdio->err, "left out", u->skipped, u->skipped_count);
	print_list(stdio->err, "over a limit", u->limited, u->limited_count);
	/* A disk that is none has one thing to say, and main.c says it. */
	if (!u->is_no_disk)
		print_list(stdio->err, "damaged", u->damaged, u->damaged_count);
	if (!o->quiet && !u->is_no_disk)
		fprintf(stdio->out, "%s: %" PRIu64 " files, %s\n", path, u->totals.files,
			quantity_format_size(u->totals.bytes, size));
	if (u->host_failure)
		diag_fail(d, "%s: %s", path, u->host_failure);
	else if (loss)
		diag_fail(d, "%s%s", loss,
			u->is_no_disk && !o->place.folder
				? " (a disk that is no unit's output takes --offset or "
				  "--folder)"
				: "");
	free(loss);
	if (u->host_failure)
		return EXIT_HOST_FAILED;
	return u->damaged_count || u->limited_count || !u->complete ? EXIT_FAILED : 0;
}

static int unpack(const char *image_path, const char *path, const struct options *o,
	const struct stdio *stdio, struct diag *d)
{
	struct image_place place = o->place;
	CLEANUP(file_close)
	int image = open(image_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(file_close) int dest = -1;
	struct unpack u;
	struct stat st;
	int status = EXIT_HOST_FAILED, made;

	if (image < 0 || fstat(image, &st) < 0)
		return diag_fail_errno(d, "%s", image_path), EXIT_HOST_FAILED;
	if (!S_ISREG(st.st_mode))
		return diag_fail(d, "%s: not a regular file", image_path),
		       EXIT_HOST_FAILED;
	if (place.offset && place.offset >= (uint64_t)st.st_size)
		return diag_fail(d, "%s: it ends before the offset %" PRIu64, image_path,
			       place.offset),
		       EXIT_HOST_FAILED;
	place.size_bytes = (uint64_t)st.st_size - place.offset;
	dest = open_empty_folder(path, &made, d);
	if (dest < 0)
		return EXIT_HOST_FAILED;
	if (unpack_start(&u, image, &place, dest, d) == 0) {
		while (unpack_read(&u))
			wait_for(u.socket);
		if (u.pid > 0) {
			file_close(&u.socket);
			unpack_reap(&u);
		}
		status = report(&u, path, o, stdio, d);
		if (u.is_no_disk && made)
			rmdir(path); /* empty; nothing is lost where it stays */
	}
	unpack_clear(&u);
	return status;
}

enum { OPTION_OFFSET = 256, OPTION_FOLDER };

static int parse_offset(const char *text, uint64_t *offset, struct diag *d)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > INT64_MAX / 2)
		return diag_fail(d,
			"unpack: --offset: expected a number of bytes, found \"%s\"",
			text);
	*offset = value;
	return 0;
}

static int parse_folder(const char *text, const char **folder, struct diag *d)
{
	if (*text != '/')
		return diag_fail(d,
			"unpack: --folder: expected an absolute path, found \"%s\"",
			text);
	*folder = text;
	return 0;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{"offset", required_argument, NULL, OPTION_OFFSET},
		{"folder", required_argument, NULL, OPTION_FOLDER}, {0}};
	struct options o = {.place = {.pristine = -1}};
	int c;

	while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			o.quiet = 1;
			break;
		case OPTION_OFFSET:
			if (parse_offset(optarg, &o.place.offset, d) < 0)
				return EXIT_USAGE;
			o.place.folder = o.place.folder ? o.place.folder : "/";
			break;
		case OPTION_FOLDER:
			if (parse_folder(optarg, &o.place.folder, d) < 0)
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(help, stdio->out);
			return 0;
		default:
			return command_refuse_option(&cmd_unpack, argv, d);
		}
	}
	if (argc - optind != 2) {
		diag_fail(d,
			"unpack: expected an image and a folder: wurun unpack IMAGE DIR");
		return EXIT_USAGE;
	}
	return unpack(argv[optind], argv[optind + 1], &o, stdio, d);
}

const struct command cmd_unpack = {
	.name = "unpack",
	.summary = "unpack an output disk into a folder",
	.help = help,
	.run = run,
};
