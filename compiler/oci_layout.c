/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_layout.h"

#include <jansson.h>
#include <string.h>

#include "oci_config.h"

#define DEPTH_MAX 4
#define INDEXES_MAX 16 /* that are read on the way to a manifest */
#define LAYERS_MAX 1024
#define NAMES_SHOWN 20
#define NAME_SHOWN_BYTES 400 /* a registry's host, a name and a tag are shorter */
#define REF_NAME "org.opencontainers.image.ref.name"
#define IMAGE_NAME "io.containerd.image.name"

struct layout {
	struct oci_layers *layers;
	struct arena *arena;
	struct diag *diag;
	const char **config;
	size_t *config_size;
	unsigned indexes; /* read so far */
};

/* A list of them for a message. */
struct names {
	struct buffer text;
	size_t count; /* also of those that the text leaves out */
};

/* What images there are, for the message of a choice that could not be made. */
struct choice {
	struct names tags;    /* with the platform, where it is another's */
	struct names digests; /* of ours without a tag */
	size_t found;	      /* of ours that are meant */
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

static int is_image(const json_t *entry)
{
	const char *type = text_of(entry, "mediaType");

	return is_manifest(type) || is_index(type);
}

/* Where an entry says what it is for. */
static int suits_us(const json_t *entry)
{
	const json_t *platform = json_object_get(entry, "platform");

	if (!is_image(entry))
		return 0;
	return !json_is_object(platform) ||
	       (strcmp(text_of(platform, "os"), "linux") == 0 &&
		       strcmp(text_of(platform, "architecture"), "amd64") == 0);
}

static int is_digest(const char *tag)
{
	char hex[DIGEST_HEX];

	return oci_read_digest(tag, hex);
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

/* Its digest names it, too. */
static int has_tag(const json_t *entry, const char *tag)
{
	const json_t *notes = json_object_get(entry, "annotations");

	return strcmp(text_of(entry, "digest"), tag) == 0 ||
	       is_tagged(text_of(notes, REF_NAME), tag) ||
	       is_tagged(text_of(notes, IMAGE_NAME), tag);
}

/* With the platform, where one is given. */
static void add_name(struct names *names, const char *name, const json_t *platform)
{
	if (!*name || names->count++ >= NAMES_SHOWN)
		return;
	buffer_printf(&names->text, "%s%.*s", names->text.size ? ", " : "",
		NAME_SHOWN_BYTES, name);
	if (platform)
		buffer_printf(&names->text, " for %.*s/%.*s", NAME_SHOWN_BYTES,
			text_of(platform, "os"), NAME_SHOWN_BYTES,
			text_of(platform, "architecture"));
}

static void end_names(struct names *names)
{
	if (names->count > NAMES_SHOWN)
		buffer_printf(&names->text, " and %zu more", names->count - NAMES_SHOWN);
}

static void note_entry(struct choice *c, const json_t *entry)
{
	const char *tag = tag_of(entry);
	int is_ours = suits_us(entry);

	if (!*tag && is_ours)
		add_name(&c->digests, text_of(entry, "digest"), NULL);
	add_name(&c->tags, tag, is_ours ? NULL : json_object_get(entry, "platform"));
}

static void choice_clear(struct choice *c)
{
	buffer_clear(&c->tags.text);
	buffer_clear(&c->digests.text);
}

/* Several, without a tag or of it. */
static int fail_many(struct layout *l, const char *tag, const struct choice *c)
{
	const struct oci_blobs *b = &l->layers->blobs;

	if (tag)
		return oci_fail(b, l->diag,
			"expected one image of the tag \"%s\", found %zu", tag, c->found);
	if (c->tags.count)
		return oci_fail(b, l->diag,
			"expected one image, found %zu: name one by its tag, as in "
			"\"PATH:TAG\" (tags: %s)",
			c->found, c->tags.text.bytes);
	if (c->digests.count)
		return oci_fail(b, l->diag,
			"expected one image, found %zu without tags: name one by its "
			"digest, as in \"PATH@sha256:HEX\" (%s)",
			c->found, c->digests.text.bytes);
	return oci_fail(b, l->diag,
		"expected one image, found %zu without tags: save one by its name, as "
		"in `docker save NAME:TAG`",
		c->found);
}

/* The message of a choice that could not be made. */
static int fail_choice(struct layout *l, const char *tag, struct choice *c)
{
	const struct oci_blobs *b = &l->layers->blobs;
	const char *tags;

	end_names(&c->tags);
	end_names(&c->digests);
	tags = c->tags.text.bytes;
	if (c->found)
		fail_many(l, tag, c);
	else if (tag)
		oci_fail(b, l->diag,
			"no image for linux/amd64 has the %s \"%s\" (tags: %s)",
			is_digest(tag) ? "digest" : "tag", tag, tags ? tags : "none");
	else
		oci_fail(b, l->diag,
			"expected an image for linux/amd64, found none%s%s%s",
			tags ? " (tags: " : "", tags ? tags : "", tags ? ")" : "");
	choice_clear(c);
	return -1;
}

/* The one image of that tag, or the only one. */
static int choose_tagged(
	struct layout *l, const json_t *index, const char *tag, struct oci_descriptor *of)
{
	const json_t *entries = json_object_get(index, "manifests"), *chosen = NULL;
	struct choice c = {0};
	size_t i;
	json_t *entry;

	json_array_foreach(entries, i, entry)
	{
		if (is_image(entry))
			note_entry(&c, entry);
		if (!suits_us(entry) || (tag && !has_tag(entry, tag)))
			continue;
		if (chosen &&
			strcmp(text_of(chosen, "digest"), text_of(entry, "digest")) == 0)
			continue;
		chosen = entry;
		c.found++;
	}
	if (c.found != 1)
		return fail_choice(l, tag, &c);
	choice_clear(&c);
	return read_descriptor(l, chosen, "index.json", of);
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

static int descend(struct layout *l, const struct oci_descriptor *of, int depth);

/* The first for us of a nested index. */
static int descend_index(struct layout *l, const json_t *index, int depth)
{
	const json_t *entries = json_object_get(index, "manifests");
	struct oci_descriptor of;
	json_t *entry;
	int rc = 0;
	size_t i;

	if (depth == DEPTH_MAX || ++l->indexes > INDEXES_MAX)
		return oci_fail(
			&l->layers->blobs, l->diag, "indexes in indexes, too many");
	json_array_foreach(entries, i, entry)
	{
		if (!suits_us(entry))
			continue;
		rc = read_descriptor(l, entry, "the image's index", &of) < 0
			     ? -1
			     : descend(l, &of, depth + 1);
		if (rc != 0)
			break;
	}
	return rc;
}

/* From a descriptor through nested indexes to the manifest, which is read: 1, or 0 where
 * there is none for us. */
static int descend(struct layout *l, const struct oci_descriptor *of, int depth)
{
	const char *text = oci_blobs_read_blob(&l->layers->blobs, of, l->arena, l->diag);
	json_t *j = text ? parse(l, text, of->size, blob_path(l, of), 0) : NULL;
	int rc = -1;

	if (j && is_index(of->media_type))
		rc = descend_index(l, j, depth);
	else if (j)
		rc = read_manifest(l, j) < 0 ? -1 : 1;
	json_decref(j);
	return rc;
}

static int read_index(struct layout *l, const char *text, size_t size, const char *tag)
{
	json_t *j = parse(l, text, size, "index.json", 0);
	struct oci_descriptor of;
	int rc = j ? choose_tagged(l, j, tag, &of) : -1;

	json_decref(j);
	if (rc == 0)
		rc = descend(l, &of, 0);
	return rc == 0 ? fail_choice(l, NULL, &(struct choice){0}) : rc < 0 ? -1 : 0;
}

/* Docker's list of images: 1 where this one is meant. */
static int is_meant(const json_t *entry, const char *tag, struct choice *c)
{
	const json_t *names = json_object_get(entry, "RepoTags");
	int meant = !tag;
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		add_name(&c->tags, text ? text : "", NULL);
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
	struct choice c = {0};
	size_t i;
	int rc;

	if (!list)
		return -1;
	json_array_foreach(list, i, entry)
	{
		if (!is_meant(entry, tag, &c))
			continue;
		chosen = entry;
		c.found++;
	}
	rc = c.found == 1 ? read_docker_image(l, chosen) : fail_choice(l, tag, &c);
	choice_clear(&c);
	json_decref(list);
	return rc;
}

/* There is no list that could be read. */
static int fail_layout(struct layout *l)
{
	const struct oci_blobs *b = &l->layers->blobs;
	struct oci_blob blob;
	int found = oci_blobs_find(b, "manifest.json", &blob, l->diag);

	if (found < 0)
		return -1;
	if (found == 0)
		return oci_fail(b, l->diag,
			"expected an OCI image layout or what `docker save` writes, "
			"found neither index.json nor manifest.json in it");
	oci_blob_close(&blob);
	return oci_fail(b, l->diag,
		"found manifest.json but no index.json in it: what `docker save` writes "
		"is taken as a tar, not unpacked");
}

/* 1 where the list is there and has the image, 0 where there is no such list. */
static int try_list(struct layout *l, const char *name, const char *tag,
	int (*read)(struct layout *l, const char *text, size_t size, const char *tag))
{
	size_t size, before = l->diag->count;
	const char *text =
		oci_blobs_read(&l->layers->blobs, name, &size, l->arena, l->diag);

	if (!text)
		return l->diag->count > before ? -1 : 0;
	return read(l, text, size, tag) < 0 ? -1 : 1;
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
	int is_archive = layers->blobs.tree != NULL, rc = 0;
	int by_digest = tag && is_digest(tag);

	/* Docker's own list has the names that its users know, but no digests; where both
	 * are there they lead to the same files. */
	if (is_archive && !by_digest)
		rc = try_list(&l, "manifest.json", tag, read_docker);
	if (rc == 0)
		rc = try_list(&l, "index.json", tag, read_index);
	if (rc == 0 && is_archive && by_digest)
		rc = try_list(&l, "manifest.json", tag, read_docker);
	if (rc == 0)
		return fail_layout(&l);
	return rc < 0 ? -1 : 0;
}
