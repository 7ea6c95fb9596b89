/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list: for tests: the tree of a container image, or of a folder with all that it is, as
 * mtree text; what an image says of running it; a registry's image brought to the store.
 * usage: oci-list IMAGE[:TAG] | --folder DIR | --config IMAGE[:TAG] | --fetch REFERENCE
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/oci.h"
#include "compiler/oci_fetch.h"
#include "compiler/scan.h"
#include "compiler/stream.h"

static void print(void *context, const char *text, size_t size)
{
	fwrite(text, 1, size, context);
}

static int list(struct tree *t, struct diag *d)
{
	tree_finish(t);
	if (stream_files(t, &(struct stream_options){0}, NULL, d) < 0)
		return -1;
	tree_list(t, 1, print, stdout);
	return 0;
}

static int list_folder(const char *path, struct diag *d)
{
	const struct item item = {
		.kind = ITEM_PATH,
		.dest = "",
		.source = path,
		.mode = -1,
		.keep = KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS |
			KEEP_DEVICES,
	};
	const struct items items = {.list = &item, .count = 1};
	struct tree t;
	int rc;

	tree_init(&t, 0);
	rc = scan_items(&t, "", &items, &(struct scan_options){.folder = "/"}, d);
	if (rc == 0)
		rc = list(&t, d);
	tree_clear(&t);
	return rc;
}

static void print_config(const struct oci_image *o)
{
	printf("digest %s\n", o->digest);
	for (size_t i = 0; i < o->config.environment_count; i++)
		printf("environment %s\n", o->config.environment[i]);
	printf("user %s\nfolder %s\n", o->config.user, o->config.folder);
	for (size_t i = 0; i < o->config.command_count; i++)
		printf("command %s\n", o->config.command[i]);
	for (size_t i = 0; i < o->config.warning_count; i++)
		printf("warning %s\n", o->config.warnings[i]);
}

static int list_image(const char *reference, int config, struct diag *d)
{
	struct arena a = {0};
	const char *path, *tag = oci_split("/", reference, &path, &a);
	struct oci_image o;
	struct tree t;
	int rc;

	tree_init(&t, 0);
	rc = oci_open(&o, path, tag, "image", NULL, &a, d);
	if (rc == 0 && config)
		print_config(&o);
	else if (rc == 0)
		rc = oci_add_layers(&o, &t, NULL, d) < 0 ? -1 : list(&t, d);
	oci_close(&o);
	tree_clear(&t);
	arena_clear(&a);
	return rc;
}

static int fetch(const char *reference, struct diag *d)
{
	const struct base_options o = {0};
	char digest[DIGEST_HEX];
	const char *path = NULL;
	struct arena a = {0};
	struct store s;

	if (store_open(&s, d) < 0)
		return -1;
	if (oci_fetch_named(reference, digest) ||
		oci_fetch_ask(reference, NULL, &o, digest, d) == 0)
		path = oci_fetch(reference, digest, &s, NULL, &o, &a, d);
	if (path)
		printf("%s\n%s\n", digest, path);
	arena_clear(&a);
	store_close(&s);
	return path ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct diag d = {0};
	int rc;

	if (argc == 3 && strcmp(argv[1], "--folder") == 0)
		rc = list_folder(argv[2], &d);
	else if (argc == 3 && strcmp(argv[1], "--config") == 0)
		rc = list_image(argv[2], 1, &d);
	else if (argc == 3 && strcmp(argv[1], "--fetch") == 0)
		rc = fetch(argv[2], &d);
	else if (argc == 2)
		rc = list_image(argv[1], 0, &d);
	else
		return 2;
	diag_print(&d, stderr, "oci-list");
	diag_clear(&d);
	return rc < 0 || fflush(stdout) != 0;
}
