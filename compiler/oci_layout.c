/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_layout.h"

#include <jansson.h>
#include <string.h>

#include "oci_config.h"

#define DEPTH_MAX 4
#define LAYERS_MAX 1024
#define REF_NAME "org.opencontainers.image.ref.name"
#define IMAGE_NAME "io.containerd.image.name"

struct layout {
	struct oci_layers *layers;
	struct arena *arena;
	struct diag *diag;
	const char **config;
	size_t *config_size;
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static json_t *parse(
	struct layout *l, const char *text, size_t size, const char *what, int is_array)
{
	json_error_t error;
	json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	if (is_array ? json_is_array(j) : json_is_object(j))
		return j;
	oci_fail(&l->layers->blobs, l->diag, "%s: expected %s in JSON%s%s", what,
		is_array ? "a list" : "an object", j ? "" : ": ", j ? "" : error.text);
	json_decref(j);
	return NULL;
}

static int read_descriptor(
	struct layout *l, const json_t *j, const char *what, struct oci_descriptor *of)
{
	json_int_t size = json_integer_value(json_object_get(j, "size"));

	*of = (struct oci_descriptor){
		.size = size < 0 ? 0 : (uint64_t)size,
		.media_type = arena_strdup(l->arena, text_of(j, "mediaType")),
	};
	if (!oci_read_digest(text_of(j, "digest"), of->digest))
		return oci_fail(&l->layers->blobs, l->diag,
			"%s: expected the name of a blob as sha256:HEX, found \"%s\"",
			what, text_of(j, "digest"));
	if (size < 0 || !json_is_integer(json_object_get(j, "size")))
		return oci_fail(
			&l->layers->blobs, l->diag, "%s: expected a blob's size", what);
	return 0;
}

static int is_one_of(const char *text, const char *const *list)
{
	while (*list && strcmp(*list, text) != 0)
		list++;
	return *list != NULL;
}

static int is_index(const char *media_type)
{
	static const char *const types[] = {"application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json", NULL};

	return is_one_of(media_type, types);
}

static int is_manifest(const char *media_type)
{
	static const char *const types[] = {"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json", NULL};

	return is_one_of(media_type, types);
}

static int is_config(const char *media_type)
{
	static const char *const types[] = {"application/vnd.oci.image.config.v1+json",
		"application/vnd.docker.container.image.v1+json", NULL};

	return is_one_of(media_type, types);
}

static int is_layer(const char *media_type)
{
	static const char *const types[] = {"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", NULL};

	return is_one_of(media_type, types);
}

/* Where an entry says what it is for. */
static int suits_us(const json_t *entry)
{
	const json_t *platform = json_object_get(entry, "platform");
	const char *type = text_of(entry, "mediaType");

	if (!is_manifest(type) && !is_index(type))
		return 0;
	return !json_is_object(platform) ||
	       (strcmp(text_of(platform, "os"), "linux") == 0 &&
		       strcmp(text_of(platform, "architecture"), "amd64") == 0);
}

/* A tag is the whole name, or what follows a colon or slash in it. */
static int is_tagged(const char *name, const char *tag)
{
	size_t size = strlen(name), end = strlen(tag);

	if (end == 0 || end > size || strcmp(name + size - end, tag) != 0)
		return 0;
	return end == size || strchr(":/", name[size - end - 1]) != NULL;
}

static const char *tag_of(const json_t *entry)
{
	const json_t *notes = json_object_get(entry, "annotations");
	const char *name = text_of(notes, REF_NAME);

	return *name ? name : text_of(notes, IMAGE_NAME);
}

static int has_tag(const json_t *entry, const char *tag)
{
	const json_t *notes = json_object_get(entry, "annotations");

	return is_tagged(text_of(notes, REF_NAME), tag) ||
	       is_tagged(text_of(notes, IMAGE_NAME), tag);
}

static void add_tag(struct buffer *tags, const char *name)
{
	if (*name)
		buffer_printf(tags, "%s%s", tags->size ? ", " : "", name);
}

/* The message of a choice that could not be made. */
static int fail_choice(
	struct layout *l, const char *tag, size_t found, struct buffer *tags)
{
	const char *list = tags->size ? tags->bytes : "none";

	if (tag && found)
		oci_fail(&l->layers->blobs, l->diag,
			"expected one image of the tag \"%s\", found %zu", tag, found);
	else if (tag)
		oci_fail(&l->layers->blobs, l->diag,
			"no image for linux/amd64 has the tag \"%s\" (tags: %s)", tag,
			list);
	else if (found)
		oci_fail(&l->layers->blobs, l->diag,
			"expected one image, found %zu: name one by its tag, as in "
			"\"PATH:TAG\" (tags: %s)",
			found, list);
	else
		oci_fail(&l->layers->blobs, l->diag,
			"expected an image for linux/amd64, found none");
	buffer_clear(tags);
	return -1;
}

/* The one image of that tag, or the only one. */
static int choose_tagged(
	struct layout *l, const json_t *index, const char *tag, struct oci_descriptor *of)
{
	const json_t *entries = json_object_get(index, "manifests"), *chosen = NULL;
	struct buffer tags = {0};
	size_t i, found = 0;
	json_t *entry;

	json_array_foreach(entries, i, entry)
	{
		if (!suits_us(entry))
			continue;
		add_tag(&tags, tag_of(entry));
		if (tag && !has_tag(entry, tag))
			continue;
		if (chosen &&
			strcmp(text_of(chosen, "digest"), text_of(entry, "digest")) == 0)
			continue;
		chosen = entry;
		found++;
	}
	if (found != 1)
		return fail_choice(l, tag, found, &tags);
	buffer_clear(&tags);
	return read_descriptor(l, chosen, "index.json", of);
}

/* The first for us of a nested index. */
static int choose_platform(
	struct layout *l, const json_t *index, struct oci_descriptor *of)
{
	const json_t *entries = json_object_get(index, "manifests");
	struct buffer tags = {0};
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		if (suits_us(entry))
			return read_descriptor(l, entry, "the image's index", of);
	}
	return fail_choice(l, NULL, 0, &tags);
}

static const char *blob_path(struct layout *l, const struct oci_descriptor *of)
{
	return arena_printf(l->arena, "blobs/sha256/%s", of->digest);
}

static int read_layer(struct layout *l, const json_t *j, struct oci_layer *layer)
{
	struct oci_descriptor *of = arena_alloc(l->arena, sizeof(*of));

	if (read_descriptor(l, j, "a layer of the image's manifest", of) < 0)
		return -1;
	if (!is_layer(of->media_type))
		return oci_fail(&l->layers->blobs, l->diag,
			"expected a layer of files, found one of the type \"%s\"",
			of->media_type);
	*layer = (struct oci_layer){.path = blob_path(l, of), .of = of};
	return 0;
}

static int make_layers(struct layout *l, const json_t *array)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count > LAYERS_MAX)
		return oci_fail(&l->layers->blobs, l->diag,
			"the image's manifest: expected a list of at most %d layers",
			LAYERS_MAX);
	l->layers->list = arena_alloc(l->arena, (count + 1) * sizeof(*l->layers->list));
	l->layers->count = count;
	return 0;
}

static int read_manifest(struct layout *l, const json_t *manifest)
{
	const json_t *array = json_object_get(manifest, "layers");
	struct oci_descriptor config;
	size_t i;
	json_t *j;

	if (read_descriptor(l, json_object_get(manifest, "config"),
		    "the configuration of the image's manifest", &config) < 0)
		return -1;
	if (!is_config(config.media_type))
		return oci_fail(&l->layers->blobs, l->diag,
			"expected a container image, found something of the type \"%s\"",
			config.media_type);
	if (make_layers(l, array) < 0)
		return -1;
	json_array_foreach(array, i, j)
	{
		if (read_layer(l, j, &l->layers->list[i]) < 0)
			return -1;
	}
	*l->config_size = config.size;
	*l->config = oci_blobs_read_blob(&l->layers->blobs, &config, l->arena, l->diag);
	return *l->config ? 0 : -1;
}

/* From a descriptor through nested indexes to the manifest. */
static int read_descended(struct layout *l, struct oci_descriptor *of)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const char *text =
			oci_blobs_read_blob(&l->layers->blobs, of, l->arena, l->diag);
		json_t *j;
		int rc, done = !is_index(of->media_type);

		j = text ? parse(l, text, of->size, blob_path(l, of), 0) : NULL;
		if (!j)
			return -1;
		rc = done ? read_manifest(l, j) : choose_platform(l, j, of);
		json_decref(j);
		if (done || rc < 0)
			return rc;
	}
	return oci_fail(&l->layers->blobs, l->diag, "indexes in indexes, too many");
}

static int read_index(struct layout *l, const char *text, size_t size, const char *tag)
{
	json_t *j = parse(l, text, size, "index.json", 0);
	struct oci_descriptor of;
	int rc = j ? choose_tagged(l, j, tag, &of) : -1;

	json_decref(j);
	return rc < 0 ? -1 : read_descended(l, &of);
}

/* Docker's list of images: 1 where this one is meant. */
static int is_meant(const json_t *entry, const char *tag, struct buffer *tags)
{
	const json_t *names = json_object_get(entry, "RepoTags");
	int meant = !tag;
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		add_tag(tags, text ? text : "");
		if (tag && text && is_tagged(text, tag))
			meant = 1;
	}
	return meant;
}

/* "HEX.json" or "blobs/sha256/HEX" is named by its digest. */
static int check_named(struct layout *l, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char named[DIGEST_HEX] = {0}, found[DIGEST_HEX];

	memcpy(named, base, strnlen(base, DIGEST_HEX - 1));
	digest_of_bytes(*l->config, *l->config_size, found);
	if (!digest_is_hex(named) || strcmp(named, found) == 0)
		return 0;
	return oci_fail(&l->layers->blobs, l->diag,
		"%s: its contents have another digest, %s", path, found);
}

static int read_docker_image(struct layout *l, const json_t *entry)
{
	const json_t *array = json_object_get(entry, "Layers");
	const char *path = text_of(entry, "Config");
	size_t i, before = l->diag->count;
	json_t *j;

	*l->config = oci_blobs_read(
		&l->layers->blobs, path, l->config_size, l->arena, l->diag);
	if (!*l->config)
		return l->diag->count > before
			       ? -1
			       : oci_fail(&l->layers->blobs, l->diag,
					 "manifest.json names the configuration \"%s\", "
					 "which is not there",
					 path);
	if (check_named(l, path) < 0 || make_layers(l, array) < 0)
		return -1;
	json_array_foreach(array, i, j)
	{
		const char *text = json_string_value(j);

		if (!text || !*text)
			return oci_fail(&l->layers->blobs, l->diag,
				"manifest.json: expected the names of layers");
		l->layers->list[i].path = arena_strdup(l->arena, text);
	}
	return 0;
}

static int read_docker(struct layout *l, const char *text, size_t size, const char *tag)
{
	json_t *list = parse(l, text, size, "manifest.json", 1), *entry, *chosen = NULL;
	struct buffer tags = {0};
	size_t i, found = 0;
	int rc;

	if (!list)
		return -1;
	json_array_foreach(list, i, entry)
	{
		if (!is_meant(entry, tag, &tags))
			continue;
		chosen = entry;
		found++;
	}
	rc = found == 1 ? read_docker_image(l, chosen)
			: fail_choice(l, tag, found, &tags);
	buffer_clear(&tags);
	json_decref(list);
	return rc;
}

int oci_layout_read(struct oci_layers *layers, const char *tag, const char **config,
	size_t *config_size, struct arena *a, struct diag *d)
{
	struct layout l = {
		.layers = layers,
		.arena = a,
		.diag = d,
		.config = config,
		.config_size = config_size,
	};
	size_t size, before = d->count;
	const char *text = NULL;

	/* Docker's own list has the names that its users know; where both are there they
	 * lead to the same files. */
	if (layers->blobs.tree)
		text = oci_blobs_read(&layers->blobs, "manifest.json", &size, a, d);
	if (text)
		return read_docker(&l, text, size, tag);
	if (d->count == before)
		text = oci_blobs_read(&layers->blobs, "index.json", &size, a, d);
	if (text)
		return read_index(&l, text, size, tag);
	if (d->count > before)
		return -1;
	return oci_fail(&layers->blobs, d,
		"expected an OCI image layout or what `docker save` writes, found neither "
		"index.json nor manifest.json in it");
}
