/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci.h"

#include <string.h>
#include <sys/stat.h>

#include "oci_config.h"
#include "oci_layers.h"
#include "oci_layout.h"

static int is_there(const char *folder, const char *path)
{
	struct arena a = {0};
	struct stat st;
	int found = stat(*path == '/' ? path : arena_printf(&a, "%s/%s", folder, path),
			    &st) == 0;

	arena_clear(&a);
	return found;
}

/* Where the digest "sha256:…" of a manifest begins, or NULL. */
static const char *find_digest(const char *reference)
{
	const char *at = strrchr(reference, '@');
	char hex[DIGEST_HEX];

	return at && oci_read_digest(at + 1, hex) ? at + 1 : NULL;
}

const char *oci_split(
	const char *folder, const char *reference, const char **path, struct arena *a)
{
	const char *end = reference + strlen(reference), *last = NULL,
		   *digest = find_digest(reference);

	*path = reference;
	if (is_there(folder, reference))
		return NULL;
	if (digest) {
		*path = arena_memdup(a, reference, (size_t)(digest - 1 - reference));
		return digest;
	}
	while (end > reference) {
		if (*--end != ':')
			continue;
		*path = arena_memdup(a, reference, (size_t)(end - reference));
		if (is_there(folder, *path))
			return end + 1;
		if (!last)
			last = end;
	}
	/* Nothing is there: what looks like a tag is one. */
	*path = reference;
	if (!last || strchr(last, '/'))
		return NULL;
	*path = arena_memdup(a, reference, (size_t)(last - reference));
	return last + 1;
}

static int match_layers(
	struct oci_layers *l, const struct oci_diffs *diffs, struct diag *d)
{
	if (diffs->count != l->count)
		return oci_fail(&l->blobs, d,
			"its manifest names %zu layers, its configuration %zu", l->count,
			diffs->count);
	for (size_t i = 0; i < l->count; i++)
		l->list[i].diff_id = diffs->list[i];
	return 0;
}

int oci_open(struct oci_image *o, const char *path, const char *tag, const char *name,
	const struct place *place, struct arena *a, struct diag *d)
{
	struct oci_layers *l = arena_alloc(a, sizeof(*l));
	struct oci_diffs diffs;
	const char *config;
	size_t size;

	*o = (struct oci_image){.layers = l, .input = path};
	l->blobs.name = name;
	l->blobs.place = place;
	if (oci_blobs_open(&l->blobs, path, a, d) < 0 ||
		oci_layout_read(l, tag, &config, &size, a, d) < 0 ||
		oci_config_read(&l->blobs, config, size, &o->config, &diffs, a, d) < 0 ||
		match_layers(l, &diffs, d) < 0)
		return -1;
	if (!l->blobs.tree)
		o->input = arena_printf(a, "%s/index.json", path);
	digest_of_bytes(config, size, o->digest);
	return 0;
}

void oci_close(struct oci_image *o)
{
	if (o->layers)
		oci_blobs_close(&o->layers->blobs);
	o->layers = NULL;
}

int oci_add_layers(
	struct oci_image *o, struct tree *t, const struct place *place, struct diag *d)
{
	return oci_layers_add(o->layers, t, place, d);
}
