/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanned.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#include "common/digest.h"
#include "compiler/oci.h"
#include "compiler/oci_fetch.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define CONFIG "application/vnd.oci.image.config.v1+json"
#define LAYER "application/vnd.oci.image.layer.v1.tar"

struct member {
	const char *path;
	unsigned type; /* AE_IF… , or 0: a hard link to `text` */
	unsigned mode;
	const char *text;
};

/* An image as it is made: each blob gets its name and goes to the scratch folder. */
struct image {
	struct scratch *s;
	struct buffer layers, diffs;
};

static void put_member(struct archive *a, const struct member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t size = m->type == AE_IFREG && m->text ? strlen(m->text) : 0;

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_mode(e, (mode_t)(m->type ? m->type : AE_IFREG) | m->mode);
	if (m->type == AE_IFREG)
		archive_entry_set_size(e, (la_int64_t)size);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->text);
	if (m->type == 0)
		archive_entry_set_hardlink(e, m->text);
	if (m->type == AE_IFCHR)
		archive_entry_set_rdev(e, m->text ? makedev(1, 3) : 0);
	if (strncmp(m->path, "marked", 6) == 0) {
		archive_entry_xattr_add_entry(e, "security.selinux", "1", 1);
		archive_entry_xattr_add_entry(e, "security.capability", "2", 1);
		archive_entry_xattr_add_entry(e, "user.a", "3", 1);
		archive_entry_xattr_add_entry(e, "trusted.overlay.metacopy", "4", 1);
		archive_entry_set_uid(e, 100000);
		archive_entry_set_gid(e, 7);
		archive_entry_set_mtime(e, 1500000000, 25);
	}
	if (archive_write_header(a, e) < ARCHIVE_WARN)
		fail_msg("%s: %s", m->path, archive_error_string(a));
	if (size)
		assert_int_equal(archive_write_data(a, m->text, size), size);
	archive_entry_free(e);
}

static void put_blob(
	struct scratch *s, const void *bytes, size_t size, char hex[DIGEST_HEX])
{
	struct arena a = {0};

	digest_of_bytes(bytes, size, hex);
	scratch_write(s, arena_printf(&a, "blobs/sha256/%s", hex), bytes, size);
	arena_clear(&a);
}

static void image_start(struct image *i, struct scratch *s)
{
	*i = (struct image){.s = s};
	scratch_folder(s, "blobs");
	scratch_folder(s, "blobs/sha256");
}

/* A layer of these bytes, of which `diff` is the digest once they are unpacked. */
static void image_add_bytes(
	struct image *i, const void *bytes, size_t size, const char *diff)
{
	char hex[DIGEST_HEX];

	put_blob(i->s, bytes, size, hex);
	buffer_printf(&i->layers,
		"%s{\"mediaType\":\"" LAYER "\",\"digest\":\"sha256:%s\",\"size\":%zu}",
		i->layers.size ? "," : "", hex, size);
	buffer_printf(&i->diffs, "%s\"sha256:%s\"", i->diffs.size ? "," : "", diff);
}

static void image_add(struct image *i, const struct member *list, size_t count)
{
	static char bytes[16 << 20];
	struct archive *a = archive_write_new();
	char hex[DIGEST_HEX];
	size_t size = 0;

	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	assert_int_equal(
		archive_write_open_memory(a, bytes, sizeof(bytes), &size), ARCHIVE_OK);
	for (size_t k = 0; k < count; k++)
		put_member(a, &list[k]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	digest_of_bytes(bytes, size, hex);
	image_add_bytes(i, bytes, size, hex);
}

#define ADD(i, ...)                                                                      \
	do {                                                                             \
		const struct member list_[] = {__VA_ARGS__};                             \
		image_add(i, list_, sizeof(list_) / sizeof(list_[0]));                   \
	} while (0)

/* `config` is what stands in it besides the digests of layers: "\"os\":\"linux\",". */
static void image_end(struct image *i, const char *config)
{
	struct buffer text = {0};
	char hex[DIGEST_HEX];

	buffer_printf(&text, "{%s\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		config, i->diffs.size ? i->diffs.bytes : "");
	put_blob(i->s, text.bytes, text.size, hex);
	buffer_add_text(&i->layers, "");
	char *manifest = memory_printf(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" CONFIG
		"\",\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[%s]}",
		hex, text.size, i->layers.bytes);
	put_blob(i->s, manifest, strlen(manifest), hex);
	buffer_clear(&text);
	buffer_printf(&text,
		"{\"manifests\":[{\"mediaType\":\"" MANIFEST
		"\",\"digest\":\"sha256:%s\",\"size\":%zu}]}",
		hex, strlen(manifest));
	scratch_text(i->s, "index.json", text.bytes);
	free(manifest);
	buffer_clear(&text);
	buffer_clear(&i->layers);
	buffer_clear(&i->diffs);
}

static int apply(struct scratch *s, struct tree *t, struct diag *d)
{
	struct oci_image o;
	struct arena a = {0};
	int rc;

	tree_init(t, 0);
	rc = oci_open(&o, s->path, NULL, "i", NULL, &a, d);
	if (rc == 0)
		rc = oci_add_layers(&o, t, NULL, d);
	oci_close(&o);
	arena_clear(&a);
	tree_finish(t);
	return rc;
}

static void expect(struct image *i, const char *text)
{
	struct diag d = {0};
	struct tree t;
	int rc;

	image_end(i, "");
	rc = apply(i->s, &t, &d);
	scratch_expect_none(&d);
	assert_int_equal(rc, 0);
	scanned_expect_tree(&t, text);
	tree_clear(&t);
}

/* One line that ends so. */
static void expect_failure(struct image *i, const char *text)
{
	struct diag d = {0};
	struct tree t;

	image_end(i, "");
	assert_int_equal(apply(i->s, &t, &d), -1);
	assert_int_equal(d.count, 1);
	if (!strstr(d.lines[0].text, text))
		fail_msg("expected \"%s\" in: %s", text, d.lines[0].text);
	diag_clear(&d);
	tree_clear(&t);
}

static void test_kinds(void **state)
{
	struct image i;

	image_start(&i, *state);
	ADD(&i, {"./", AE_IFDIR, 0711, NULL}, {"/absolute", AE_IFREG, 0644, "x"},
		{"a/../b/./c", AE_IFREG, 04755, "xy"}, {"null", AE_IFCHR, 0666, "x"},
		{"nought", AE_IFCHR, 0600, NULL}, {"pipe", AE_IFIFO, 01622, NULL},
		{"marked", AE_IFREG, 0640, "xyz"}, {"link", AE_IFLNK, 0777, "../b/c"},
		{"again", 0, 0, "link"}, {"second", 0, 0, "./b/c"});
	ADD(&i, {"third", 0, 0, "/second"}, {"fourth", 0, 0, "pipe"},
		{"marked", AE_IFDIR, 02750, NULL});
	expect(&i,
		"f0644 absolute 1\n"
		"l0777 again -> ../b/c\n"
		"d0755 b\n"
		"f4755 b/c 2\n"
		"p1622 fourth\n"
		"l0777 link -> ../b/c\n"
		"d2750 marked 100000:7 @1500000000.000000025 security.capability user.a\n"
		"c0600 nought 0,0\n"
		"c0666 null 1,3\n"
		"p1622 pipe\n"
		"=4755 second = b/c\n"
		"=4755 third = b/c\n");
}

static void test_whiteouts(void **state)
{
	struct image i;

	image_start(&i, *state);
	ADD(&i, {"a/low", AE_IFREG, 0644, "1"}, {"a/sub/low", AE_IFREG, 0644, "1"},
		{"b/low", AE_IFREG, 0644, "1"}, {"b/sub/low", AE_IFREG, 0644, "1"},
		{"c", AE_IFREG, 0644, "1"}, {"d", AE_IFREG, 0644, "1"},
		{"e/low", AE_IFREG, 0644, "1"}, {"kept", 0, 0, "e/low"},
		{"to-a", AE_IFLNK, 0777, "a"});
	ADD(&i, {"a/new", AE_IFREG, 0644, "22"}, {"a/sub/new", AE_IFREG, 0644, "22"},
		{"to-a/.wh..wh..opq", AE_IFREG, 0644, NULL}, {".wh.b", AE_IFREG, 0, NULL},
		{"b/new", AE_IFREG, 0644, "22"}, {"c", AE_IFREG, 0644, "22"},
		{".wh.c", AE_IFREG, 0, NULL}, {".wh.d", AE_IFREG, 0, NULL},
		{"d", AE_IFDIR, 0700, NULL}, {".wh.e", AE_IFCHR, 0, NULL},
		{".wh.none", AE_IFREG, 0, NULL}, {"none/.wh.x", AE_IFREG, 0, NULL},
		{"none/.wh..wh..opq", AE_IFREG, 0, NULL}, {"c/.wh.x", AE_IFREG, 0, NULL});
	expect(&i, "d0755 a\n"
		   "f0644 a/new 2\n"
		   "d0755 a/sub\n"
		   "f0644 a/sub/new 2\n"
		   "d0755 b\n"
		   "f0644 b/new 2\n"
		   "f0644 c 2\n"
		   "d0700 d\n"
		   "f0644 kept 1\n"
		   "l0777 to-a -> a\n");
}

/* What a layer brings stays, before and after, however often it says so; the next layer
 * says it anew. */
static void test_opaque(void **state)
{
	struct image i;

	image_start(&i, *state);
	ADD(&i, {"a/low", AE_IFREG, 0644, "1"}, {"a/sub/low", AE_IFREG, 0644, "1"},
		{"b/low", AE_IFREG, 0644, "1"});
	ADD(&i, {"a/before", AE_IFREG, 0644, "22"}, {"a/.wh..wh..opq", AE_IFREG, 0, NULL},
		{"a/after", AE_IFREG, 0644, "22"}, {"a/sub/after", AE_IFREG, 0644, "22"},
		{"a/.wh..wh..opq", AE_IFREG, 0, NULL}, {".wh.a", AE_IFREG, 0, NULL},
		{"b/.wh..wh..opq", AE_IFREG, 0, NULL});
	ADD(&i, {"b/second", AE_IFREG, 0644, "333"});
	ADD(&i, {"a/sub/third", AE_IFREG, 0644, "333"},
		{"a/.wh..wh..opq", AE_IFREG, 0, NULL},
		{"b/.wh..wh..opq", AE_IFREG, 0, NULL},
		{"b/third", AE_IFREG, 0644, "333"});
	expect(&i, "d0755 a\n"
		   "d0755 a/sub\n"
		   "f0644 a/sub/third 3\n"
		   "d0755 b\n"
		   "f0644 b/third 3\n");
}

/* 100,000 folders, and 20,000 times the word that all else in them goes. */
static void test_many_opaque(void **state)
{
	enum { WAYS = 200, DEPTH = 500, TIMES = 20000 };
	struct member *list = memory_alloc((WAYS + TIMES) * sizeof(*list));
	char way[2 * DEPTH + 1] = {0};
	struct arena a = {0};
	struct diag d = {0};
	struct image i;
	struct tree t;
	int rc;

	for (size_t k = 0; k < DEPTH; k++)
		memcpy(way + 2 * k, "/a", 2);
	for (size_t k = 0; k < WAYS; k++)
		list[k] = (struct member){
			arena_printf(&a, "d/%zu%s", k, way), AE_IFREG, 0644, NULL};
	for (size_t k = WAYS; k < WAYS + TIMES; k++)
		list[k] = (struct member){"d/.wh..wh..opq", AE_IFREG, 0, NULL};
	image_start(&i, *state);
	image_add(&i, list, WAYS + TIMES);
	image_end(&i, "");
	alarm(30);
	rc = apply(i.s, &t, &d);
	alarm(0);
	scratch_expect_none(&d);
	assert_int_equal(rc, 0);
	assert_non_null(tree_find(&t, list[0].path));
	tree_clear(&t);
	arena_clear(&a);
	free(list);
}

static void test_replaced(void **state)
{
	struct image i;

	image_start(&i, *state);
	ADD(&i, {"usr/lib/low", AE_IFREG, 0644, "1"}, {"lib", AE_IFLNK, 0777, "/usr/lib"},
		{"up", AE_IFLNK, 0777, "../../.."}, {"was-link", AE_IFLNK, 0777, "usr"},
		{"dangling", AE_IFLNK, 0777, "to/come"}, {"f", AE_IFREG, 0644, "1"},
		{"g", 0, 0, "f"}, {"folder/in", AE_IFREG, 0644, "1"});
	ADD(&i, {"lib/new", AE_IFREG, 0644, "22"}, {"up/top", AE_IFREG, 0644, "22"},
		{"was-link", AE_IFDIR, 0700, NULL}, {"dangling/x", AE_IFREG, 0644, "22"},
		{"f", AE_IFREG, 0600, "new"}, {"h", 0, 0, "lib/low"},
		{"folder", AE_IFLNK, 0777, "usr"}, {"folder/via", AE_IFREG, 0644, "22"});
	expect(&i, "l0777 dangling -> to/come\n"
		   "f0600 f 3\n"
		   "l0777 folder -> usr\n"
		   "f0644 g 1\n"
		   "=0644 h = usr/lib/low\n"
		   "l0777 lib -> /usr/lib\n"
		   "d0755 to\n"
		   "d0755 to/come\n"
		   "f0644 to/come/x 2\n"
		   "f0644 top 2\n"
		   "l0777 up -> ../../..\n"
		   "d0755 usr\n"
		   "d0755 usr/lib\n"
		   "f0644 usr/lib/low 1\n"
		   "f0644 usr/lib/new 2\n"
		   "f0644 usr/via 2\n"
		   "d0700 was-link\n");
}

/* A layer that changes nothing may be no bytes at all; both digests count as ever. */
static void test_empty_layers(void **state)
{
	static const unsigned char packed[] = {
		0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct scratch *s = *state;
	char none[DIGEST_HEX], other[DIGEST_HEX];
	struct image i;

	digest_of_bytes("", 0, none);
	digest_of_bytes("x", 1, other);
	image_start(&i, s);
	image_add_bytes(&i, "", 0, none);
	image_add_bytes(&i, packed, sizeof(packed), none);
	ADD(&i, {"a", AE_IFREG, 0644, "x"});
	image_add_bytes(&i, packed, sizeof(packed), none);
	expect(&i, "f0644 a 1\n");
	image_add_bytes(&i, packed, sizeof(packed), other);
	expect_failure(&i, "expected the unpacked digest");
	image_add_bytes(&i, "", 0, other);
	expect_failure(&i, "expected the unpacked digest");
	image_add_bytes(&i, packed, sizeof(packed) - 9, none);
	expect_failure(&i, "the gzip data end too early");
}

static void test_bad_members(void **state)
{
	static const struct {
		struct member member;
		const char *text;
	} bad[] = {
		{{"../x", AE_IFREG, 0644, "x"}, "layer 2 (blobs/sha256/"},
		{{"../x", AE_IFREG, 0644, "x"},
			"../x: expected a path inside the image's root"},
		{{"a/../../x", AE_IFREG, 0644, "x"}, "expected a path inside"},
		{{".", AE_IFLNK, 0777, "x"}, "expected a folder as the root"},
		{{"f/x", AE_IFREG, 0644, "x"},
			"f/x: a file that is no folder on the way"},
		{{"loop/x", AE_IFREG, 0644, "x"},
			"loop/x: too many symbolic links on the way"},
		{{".wh.", AE_IFREG, 0, NULL}, "a whiteout without a name"},
		{{"d/.wh...", AE_IFREG, 0, NULL}, "a whiteout without a name"},
		{{"h", 0, 0, "nowhere"}, "h: a hard link to nowhere, which is not there"},
		{{"h", 0, 0, "../f"}, "h: a hard link to ../f, which is not there"},
		{{"h", 0, 0, "d"}, "h: a hard link to d, which is a folder"},
		{{"f", 0, 0, "f"}, "f: a hard link to f, which is not there"},
	};

	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		void *scratch;
		struct image i;

		(void)state;
		scratch_setup(&scratch);
		image_start(&i, scratch);
		ADD(&i, {"f", AE_IFREG, 0644, "1"}, {"d", AE_IFDIR, 0755, NULL},
			{"loop", AE_IFLNK, 0777, "loop"});
		image_add(&i, &bad[k].member, 1);
		expect_failure(&i, bad[k].text);
		scratch_teardown(&scratch);
	}
}

static void expect_config(const char *config, const char *text)
{
	struct arena a = {0};
	struct diag d = {0};
	struct oci_image o;
	struct image i;
	void *scratch;
	int rc;

	scratch_setup(&scratch);
	image_start(&i, scratch);
	image_end(&i, config);
	rc = oci_open(&o, i.s->path, NULL, "i", NULL, &a, &d);
	if (text) {
		assert_int_equal(rc, -1);
		scratch_expect(&d, text);
	} else {
		scratch_expect_none(&d);
		assert_int_equal(rc, 0);
	}
	oci_close(&o);
	arena_clear(&a);
	scratch_teardown(&scratch);
}

static void test_configs(void **state)
{
	(void)state;
	expect_config("\"config\":{},", NULL);
	expect_config("\"config\":null,", NULL);
	expect_config("\"config\":{\"Env\":null,\"Cmd\":null,\"User\":\"\"},", NULL);
	expect_config("\"config\":{\"Env\":[\"A=\"],\"WorkingDir\":\"/\"},", NULL);
	expect_config("\"os\":\"windows\",\"architecture\":\"amd64\",",
		"i: expected an image for linux/amd64, found windows/amd64");
	expect_config("\"config\":[],",
		"i: the image's configuration: config: expected an object");
	expect_config("\"config\":{\"Env\":[\"=x\"]},",
		"i: the image's configuration: Env: expected NAME=VALUE");
	expect_config("\"config\":{\"Env\":\"A=b\"},",
		"i: the image's configuration: Env: expected a list of texts");
	expect_config("\"config\":{\"Env\":[\"A=\\u0000\"]},",
		"i: the image's configuration: expected an object in JSON: \\u0000 is "
		"not allowed without JSON_ALLOW_NUL near '\"A=\\u0000\"'");
	expect_config("\"config\":{\"User\":\"a\\nb\"},",
		"i: the image's configuration: User: expected a text of one line");
	expect_config("\"config\":{\"User\":7},",
		"i: the image's configuration: User: expected a text");
	expect_config("\"config\":{\"Entrypoint\":[\"\"]},",
		"i: the image's configuration: Entrypoint: expected a program's name");
}

/* What is understood, a line each. */
static void expect_running(const char *config, const char *text)
{
	struct arena a = {0};
	struct diag d = {0};
	struct buffer b = {0};
	struct oci_image o;
	struct image i;
	void *scratch;

	scratch_setup(&scratch);
	image_start(&i, scratch);
	image_end(&i, config);
	assert_int_equal(oci_open(&o, i.s->path, NULL, "i", NULL, &a, &d), 0);
	scratch_expect_none(&d);
	buffer_add_text(&b, "");
	for (size_t k = 0; k < o.config.environment_count; k++)
		buffer_printf(&b, "%s\n", o.config.environment[k]);
	if (*o.config.folder)
		buffer_printf(&b, "in %s\n", o.config.folder);
	for (size_t k = 0; k < o.config.warning_count; k++)
		buffer_printf(&b, "! %s\n", o.config.warnings[k]);
	assert_string_equal(b.bytes, text);
	buffer_clear(&b);
	oci_close(&o);
	arena_clear(&a);
	scratch_teardown(&scratch);
}

static void test_running(void **state)
{
	(void)state;
	expect_running("\"config\":{\"WorkingDir\":\"home/a\"},", "in /home/a\n");
	expect_running("\"config\":{\"Env\":[\"B=\\r=\",\"FOO\",\"A=1\\n2\",\"C\\nD=1\","
		       "\"B C=\"]},",
		"B=\r=\nB C=\n"
		"! i: the image's configuration: Env: FOO is left out: it has no value\n"
		"! i: the image's configuration: Env: A is left out: it has more than "
		"one line\n"
		"! i: the image's configuration: Env: C is left out: it has more than "
		"one line\n");
	expect_running("\"config\":{\"Env\":[\"PATH=\"]},", "");
	expect_running("\"config\":{\"Env\":[\"PATH=/a\",\"A=1\",\"PATH=\"]},", "A=1\n");
	expect_running("\"config\":{\"Env\":[\"PATH=\",\"PATH=/b\"]},", "PATH=/b\n");
}

static void test_left_out(void **state)
{
	struct buffer config = {0}, text = {0};

	(void)state;
	for (char name = 'a'; name < 'l'; name++)
		buffer_printf(&config, "\"%c\",", name);
	for (char name = 'a'; name < 'k'; name++)
		buffer_printf(&text,
			"! i: the image's configuration: Env: %c is left out: it has no "
			"value\n",
			name);
	buffer_add_text(
		&text, "! i: the image's configuration: Env: and 2 more left out\n");
	char *whole = memory_printf("\"config\":{\"Env\":[%s\"x\"]},", config.bytes);
	expect_running(whole, text.bytes);
	free(whole);
	buffer_clear(&config);
	buffer_clear(&text);
}

/* A list of that many texts of that many bytes, as "config":{FIELD: … */
static char *make_list(const char *field, size_t count, int bytes)
{
	struct buffer b = {0};

	buffer_printf(&b, "\"config\":{\"%s\":[", field);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&b, "%s\"A=%0*zu\"", i ? "," : "", bytes - 2, i);
	buffer_printf(&b, "]},");
	return b.bytes;
}

static void expect_list(const char *field, size_t count, int bytes, const char *text)
{
	char *config = make_list(field, count, bytes);

	expect_config(config, text);
	free(config);
}

/* A working folder of that many bytes, which a missing '/' adds one to. */
static void expect_folder(const char *start, int bytes, const char *text)
{
	char *config = memory_printf("\"config\":{\"WorkingDir\":\"%s%0*d\"},", start,
		bytes - (int)strlen(start), 0);

	expect_config(config, text);
	free(config);
}

static void test_limits(void **state)
{
	static const char folder[] =
		"i: the image's configuration: WorkingDir: expected at most 4095 bytes";

	(void)state;
	expect_folder("/", 4095, NULL);
	expect_folder("/", 4096, folder);
	expect_folder("", 4094, NULL);
	expect_folder("", 4095, folder);
	expect_list("Env", 512, 8, NULL);
	expect_list("Env", 513, 8,
		"i: the image's configuration: Env: expected at most 512 variables");
	expect_list("Env", 1, 32768, NULL);
	expect_list("Env", 1, 32769,
		"i: the image's configuration: Env: expected at most 32768 bytes");
	expect_list("Cmd", 4, 32767, NULL);
	expect_list("Cmd", 5, 32767,
		"i: the image's configuration: Entrypoint and Cmd: expected at most "
		"131072 bytes in all");
}

static void expect_split(
	struct scratch *s, const char *reference, const char *path, const char *tag)
{
	struct arena a = {0};
	const char *found, *found_tag = oci_split(s->path, reference, &found, &a);

	assert_string_equal(found, path);
	if (tag)
		assert_string_equal(found_tag, tag);
	else
		assert_null(found_tag);
	arena_clear(&a);
}

static void test_split(void **state)
{
	struct scratch *s = *state;

	scratch_text(s, "image.tar", "");
	scratch_text(s, "with:colon", "");
	expect_split(s, "image.tar", "image.tar", NULL);
	expect_split(s, "image.tar:1.0", "image.tar", "1.0");
	expect_split(s, "image.tar:lab/app:1.0", "image.tar", "lab/app:1.0");
	expect_split(s, "with:colon", "with:colon", NULL);
	expect_split(s, "with:colon:1", "with:colon", "1");
	expect_split(s, "none:1", "none", "1");
	expect_split(s, "no:ne/x", "no:ne/x", NULL);
	expect_split(s, "none", "none", NULL);
}

static void test_references(void **state)
{
	char digest[DIGEST_HEX];

	(void)state;
	assert_true(oci_fetch_is_meant("docker://debian"));
	assert_false(oci_fetch_is_meant("docker:/debian"));
	assert_false(oci_fetch_named("docker://debian:12", digest));
	assert_false(oci_fetch_named("docker://debian@sha256:12", digest));
	assert_true(oci_fetch_named("docker://debian@sha256:"
				    "00000000000000000000000000000000"
				    "00000000000000000000000000000001",
		digest));
	assert_int_equal(digest[63], '1');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_kinds, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_whiteouts, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_opaque, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_many_opaque, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_replaced, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_empty_layers, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_bad_members),
		cmocka_unit_test(test_configs),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_limits),
		cmocka_unit_test_setup_teardown(
			test_split, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
