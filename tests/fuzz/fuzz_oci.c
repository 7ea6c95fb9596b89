/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_oci: foreign bytes as a container image. The first byte says what the others are:
 * even, a whole archive; odd, layers (tars, packed or not) with "\n--\n" between them, of
 * an image that is right otherwise. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"
#include "compiler/oci.h"

#define LAYERS_MAX 3
#define SEPARATOR "\n--\n"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static void put(struct archive *a, const char *name, const void *bytes, size_t size)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, AE_IFREG | 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_write_header(a, e);
	archive_write_data(a, bytes, size);
	archive_entry_free(e);
}

/* The digest is right for what is not packed; else the end is an error, which is enough.
 */
static void put_layers(struct archive *a, const unsigned char *bytes, size_t size)
{
	struct buffer diffs = {0}, names = {0};
	char *text, hex[DIGEST_HEX], name[8];

	for (int i = 0; i < LAYERS_MAX; i++) {
		const unsigned char *end = memmem(bytes, size, SEPARATOR, 4);
		size_t part = end ? (size_t)(end - bytes) : size;

		snprintf(name, sizeof(name), "%d.tar", i);
		put(a, name, bytes, part);
		digest_of_bytes(bytes, part, hex);
		buffer_printf(&diffs, "%s\"sha256:%s\"", i ? "," : "", hex);
		buffer_printf(&names, "%s\"%s\"", i ? "," : "", name);
		if (!end)
			break;
		size -= part + 4;
		bytes = end + 4;
	}
	text = memory_printf("{\"rootfs\":{\"diff_ids\":[%s]}}", diffs.bytes);
	put(a, "c.json", text, strlen(text));
	free(text);
	text = memory_printf("[{\"Config\":\"c.json\",\"Layers\":[%s]}]", names.bytes);
	put(a, "manifest.json", text, strlen(text));
	free(text);
	buffer_clear(&diffs);
	buffer_clear(&names);
}

static int make_image(const unsigned char *bytes, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct archive *a;

	if (size == 0 || bytes[0] % 2 == 0) {
		file_write(fd, bytes + (size > 0), size - (size > 0));
		return fd;
	}
	a = archive_write_new();
	archive_write_set_format_ustar(a);
	archive_write_open_fd(a, fd);
	put_layers(a, bytes + 1, size - 1);
	archive_write_close(a);
	archive_write_free(a);
	return fd;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	CLEANUP(file_close) int fd = make_image(bytes, size);
	struct arena a = {0};
	struct diag d = {0};
	struct buffer list = {0};
	struct oci_image o;
	struct tree t;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tree_init(&t, 0);
	rc = oci_open(&o, path, NULL, "image", NULL, &a, &d);
	if (rc == 0)
		rc = oci_add_layers(&o, &t, NULL, &d);
	/* A failure says why, a success says nothing. */
	if ((rc < 0) != (d.count > 0))
		abort();
	tree_finish(&t);
	tree_list_text(&t, &list);
	buffer_clear(&list);
	oci_close(&o);
	tree_clear(&t);
	diag_clear(&d);
	arena_clear(&a);
	return 0;
}
