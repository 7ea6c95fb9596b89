/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "place.h"
#include "process.h"
#include "supply.h"

#define SCHEME "docker://"
#define DIGEST_MARK "@sha256:"
#define REFERENCE_MAX 1024
#define REFERENCE_BYTES                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/@"

/* One fetch, and all that it allocates. */
struct fetch {
	const char *reference;
	const char *name; /* the reference without tag and digest */
	const struct place *place;
	struct arena *arena;
	struct diag *diag;
};

static int fail(struct fetch *f, const char *what)
{
	return place_fail(f->diag, f->place, "%s: %s", f->reference, what);
}

int oci_fetch_is_meant(const char *reference)
{
	return strncmp(reference, SCHEME, strlen(SCHEME)) == 0;
}

int oci_fetch_named(const char *reference, char digest[DIGEST_HEX])
{
	const char *mark = strstr(reference, DIGEST_MARK);

	if (!mark || !digest_is_hex(mark + strlen(DIGEST_MARK)))
		return 0;
	memcpy(digest, mark + strlen(DIGEST_MARK), DIGEST_HEX);
	return 1;
}

/* Checks the reference and cuts off its tag and digest. */
static int prepare(struct fetch *f)
{
	const char *text = f->reference + strlen(SCHEME), *slash;
	char digest[DIGEST_HEX], *name, *end;

	if (strlen(text) > REFERENCE_MAX || !*text ||
		text[strspn(text, REFERENCE_BYTES)] ||
		(strchr(text, '@') && !oci_fetch_named(text, digest)))
		return fail(f, "expected docker://HOST/NAME[:TAG][@sha256:DIGEST]");
	name = arena_strdup(f->arena, text);
	name[strcspn(name, "@")] = '\0';
	slash = strrchr(name, '/');
	end = strrchr(slash ? slash : name, ':');
	if (end)
		*end = '\0';
	f->name = name;
	return 0;
}

static const char *find_skopeo(struct fetch *f)
{
	const char *path = process_find("skopeo", f->arena);

	if (!path)
		fail(f, "needs skopeo to fetch it, which is not installed (Debian: "
			"apt-get install skopeo)");
	return path;
}

/* The last message in what skopeo wrote: time="…" level=fatal msg="…". */
static const char *reason(struct fetch *f, struct buffer *err)
{
	char *text = NULL, *out, *at = err->bytes;
	char *result;

	while (at && (at = strstr(at, "msg=\""))) {
		at += strlen("msg=\"");
		text = at;
	}
	if (!text)
		return "skopeo gave no reason";
	result = out = arena_strdup(f->arena, text);
	while (*text && *text != '"') {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text++;
	}
	*out = '\0';
	/* skopeo says so of whatever goes wrong with a name that it could parse. */
	if (strncmp(result, "Error parsing image name", 24) == 0 &&
		(at = strstr(result, "\": ")))
		result = at + 3;
	return result;
}

static int run(struct fetch *f, const char *const argv[], int dirfd, struct buffer *out)
{
	struct buffer err = {0};
	int status = process_run(argv, dirfd, out, &err, f->diag);

	if (status > 0)
		fail(f, arena_printf(f->arena, "skopeo: %s", reason(f, &err)));
	buffer_clear(&err);
	return status == 0 ? 0 : -1;
}

int oci_fetch_ask(const char *reference, const struct place *place,
	const struct base_options *o, char digest[DIGEST_HEX], struct diag *d)
{
	CLEANUP(file_close) int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct arena a = {0};
	struct fetch f = {.reference = reference, .place = place, .arena = &a, .diag = d};
	const char *skopeo = prepare(&f) == 0 ? find_skopeo(&f) : NULL;
	const char *const argv[] = {skopeo, "inspect", "--raw", reference, NULL};
	struct buffer out = {0};
	int rc = -1;

	if (skopeo) {
		supply_say(o, 0, "asking the registry for %s", reference);
		rc = run(&f, argv, top, &out);
	}
	if (rc == 0 && out.size == 0)
		rc = fail(&f, "the registry gave an empty manifest");
	if (rc == 0)
		digest_of_bytes(out.bytes, out.size, digest);
	buffer_clear(&out);
	arena_clear(&a);
	return rc;
}

static const char *place_of(const char digest[DIGEST_HEX], struct arena *a)
{
	return arena_printf(a, "images/%s", digest);
}

const char *oci_fetch_find(
	const struct store *s, const char digest[DIGEST_HEX], struct arena *a)
{
	const char *path = arena_printf(a, "%s/%s/layout", s->path, place_of(digest, a));

	return access(path, F_OK) == 0 ? path : NULL;
}

/* skopeo compares the digests of all that the manifest names. */
static int copy(struct fetch *f, const char *digest, int dirfd)
{
	const char *skopeo = find_skopeo(f);
	const char *from =
		arena_printf(f->arena, SCHEME "%s" DIGEST_MARK "%s", f->name, digest);
	const char *const argv[] = {skopeo, "--override-os", "linux", "--override-arch",
		"amd64", "copy", "--quiet", from, "oci:layout", NULL};
	struct buffer out = {0};
	int rc = skopeo ? run(f, argv, dirfd, &out) : -1;

	buffer_clear(&out);
	if (rc == 0 && syncfs(dirfd) < 0)
		rc = fail(f, strerror(errno));
	return rc;
}

static int fetch_into(struct fetch *f, struct store *s, const char *digest)
{
	struct workdir w;
	int rc;

	if (mkdirat(s->fd, "images", 0777) < 0 && errno != EEXIST)
		return diag_fail_errno(f->diag, "%s/images", s->path);
	if (store_make_folder(s, &w, f->diag) < 0)
		return -1;
	rc = copy(f, digest, w.fd);
	if (rc == 0)
		rc = store_keep_folder(s, &w, place_of(digest, f->arena), f->diag);
	if (rc == 0)
		workdir_close(&w);
	else
		workdir_drop(&w);
	return rc;
}

const char *oci_fetch(const char *reference, const char digest[DIGEST_HEX],
	struct store *s, const struct place *place, const struct base_options *o,
	struct arena *a, struct diag *d)
{
	struct fetch f = {.reference = reference, .place = place, .arena = a, .diag = d};
	const char *path = oci_fetch_find(s, digest, a);

	if (path) {
		store_touch(s, place_of(digest, a));
		return path;
	}
	if (prepare(&f) < 0)
		return NULL;
	supply_say(o, 0, "fetching %s", reference);
	return fetch_into(&f, s, digest) < 0 ? NULL : oci_fetch_find(s, digest, a);
}
