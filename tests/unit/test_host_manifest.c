/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "runtime/host/manifest.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FILE_A "{\"size\": 1, \"sha256\": \"" SHA_A "\"}"

static const char good[] =
	"{\"format\": \"workunit\", \"version\": 1, \"name\": \"sir\", \"machine\": {"
	"\"cpus\": 1, \"memory_bytes\": 134217728, \"time_ms\": 30000, "
	"\"network\": \"none\", \"user\": \"user\", \"append\": \"console=ttyS0\"}, "
	"\"output\": {\"size_bytes\": 8388608, \"metrics\": \"m.json\"}, \"files\": {"
	"\"app.img\": " FILE_A ", \"output.img\": " FILE_A ", \"base/kernel\": " FILE_A
	", \"base/initrd\": " FILE_A "}, \"instances\": ["
	"{\"id\": \"0123456789ab\", \"params\": {\"beta\": 1.5}, \"size\": 2, "
	"\"sha256\": \"" SHA_B "\"}, "
	"{\"id\": \"012345ffffff\", \"params\": {\"beta\": 2}, \"size\": 2, "
	"\"sha256\": \"" SHA_B "\"}]}";

/* The good one with the first occurrence of one text in place of another. */
static char *change(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	assert_non_null(at);
	return memory_printf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void reads_a_good_one(void **state)
{
	struct manifest m;
	struct diag d = {0};

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), "u", &m, &d), 0);
	assert_string_equal(m.name, "sir");
	assert_int_equal(m.cpus, 1);
	assert_int_equal(m.memory_bytes, 128 << 20);
	assert_int_equal(m.time_ms, 30000);
	assert_string_equal(m.metrics, "m.json");
	assert_int_equal(m.instance_count, 2);
	assert_string_equal(m.instances[0].cd.path, "params/0123456789ab.iso");
	assert_int_equal(manifest_find_file(&m, "base/kernel")->size_bytes, 1);
	assert_null(manifest_find_file(&m, "base/root.img"));
	manifest_clear(&m);
}

static const struct {
	const char *from, *to, *message;
} bad[] = {
	{"\"workunit\"", "\"zip\"",
		"u/unit.json: no work unit's manifest: its format is not \"workunit\""},
	{"\"version\": 1", "\"version\": 2",
		"u/unit.json: its format has version 2; this wurun (0.1.0) knows version "
		"1 "
		"only"},
	{"\"version\": 1, ", "",
		"u/unit.json: version: expected a whole number, found nothing"},
	{"\"sir\"", "\"../sir\"",
		"u/unit.json: name: expected a name without slashes or a leading dot, "
		"found a "
		"string that it cannot be"},
	{"\"sir\"", "\"..\"",
		"u/unit.json: name: expected a name without slashes or a leading dot, "
		"found a "
		"string that it cannot be"},
	{"\"sir\"", "\"a\\u001b[2Jb\"",
		"u/unit.json: name: expected a name, found a string that it cannot be"},
	{"\"sir\"", "12",
		"u/unit.json: name: expected a name, found a number that it "
		"cannot be"},
	{"\"cpus\": 1", "\"cpus\": 0",
		"u/unit.json: machine.cpus: expected a whole number from 1 to 1024, "
		"found a "
		"number that it cannot be"},
	{"\"cpus\": 1", "\"cpus\": 1.5",
		"u/unit.json: machine.cpus: expected a whole number from 1 to 1024, "
		"found a "
		"fraction"},
	{"134217728", "\"128M\"",
		"u/unit.json: machine.memory_bytes: expected a whole number from 1048576 "
		"to "
		"70368744177664, found a string that it cannot be"},
	{"30000", "-1",
		"u/unit.json: machine.time_ms: expected a whole number from 0 to "
		"316224000000, found a number that it cannot be"},
	{"\"none\"", "\"bridge\"",
		"u/unit.json: machine.network: expected \"none\" or \"user\", found a "
		"string "
		"that it cannot be"},
	{"\"user\": \"user\"", "\"user\": null",
		"u/unit.json: machine.user: expected \"base\", \"user\" or \"root\", found null"},
	{"console=ttyS0", "a\\nb",
		"u/unit.json: machine.append: expected a kernel command line without "
		"control "
		"characters, found a string that it cannot be"},
	{"\"m.json\"", "\"../m.json\"",
		"u/unit.json: output.metrics: expected a relative path without . or .., "
		"found "
		"a string that it cannot be"},
	{"\"app.img\": ", "\"../app.img\": ",
		"u/unit.json: files: \"../app.img\": expected a relative path without . "
		"or .."},
	{"\"app.img\": ", "\"/app.img\": ",
		"u/unit.json: files: \"/app.img\": expected a relative path without . or "
		".."},
	{"\"app.img\": ", "\"a//b\": ",
		"u/unit.json: files: \"a//b\": expected a relative path without . or .."},
	{"\"app.img\": ", "\"other.img\": ", "u/unit.json: files: app.img is missing"},
	{"\"base/initrd\": ", "\"x\": ", "u/unit.json: files: base/initrd is missing"},
	{"\"size\": 1, ", "\"size\": -5, ",
		"u/unit.json: files[\"app.img\"].size: expected a whole number from 0 to "
		"9223372036854775807, found a number that it cannot be"},
	{SHA_A, "AAAA",
		"u/unit.json: files[\"app.img\"].sha256: expected a SHA-256 in hex, "
		"found a "
		"string that it cannot be"},
	{"0123456789ab", "0123456789aB",
		"u/unit.json: instances[0].id: expected 12 hex digits, found a string "
		"that it "
		"cannot be"},
	{"012345ffffff", "../../../etc",
		"u/unit.json: instances[1].id: expected 12 hex digits, found a string "
		"that it "
		"cannot be"},
	{"012345ffffff", "0123456789ab", "u/unit.json: instances: id 0123456789ab twice"},
	{"{\"beta\": 1.5}", "[1.5]",
		"u/unit.json: instances[0].params: expected an object, found an array"},
	{"{\"beta\": 1.5}", "{\"beta\": [1]}",
		"u/unit.json: instances[0].params: expected texts, numbers and booleans "
		"only, "
		"found an array"},
	{"\"instances\": [", "\"instances\": [], \"more\": [",
		"u/unit.json: instances: expected an array of at least one, found an "
		"array"},
	{"\"version\": 1", "\"version\": 1, \"version\": 1",
		"u/unit.json: line 1: duplicate object key near '\"version\"'"},
	{"{\"format\"", "[\"format\"", "u/unit.json: line 1: ']' expected near ':'"},
};

static void refuses_bad_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *text = change(bad[i].from, bad[i].to);
		struct manifest m;
		struct diag d = {0};

		assert_int_equal(manifest_parse(text, strlen(text), "u", &m, &d), -1);
		assert_int_equal(d.count, 1);
		assert_string_equal(d.lines[0].text, bad[i].message);
		diag_clear(&d);
		free(text);
	}
}

/* --- disks that boot --- */

#define DISK                                                                               \
	"\"layout\": \"single\", \"disk\": {\"file\": \"disk.img\", \"format\": \"raw\", " \
	"\"output\": {\"offset\": 32256, \"size\": 967744, \"folder\": "                   \
	"\"/home/auto/output\"}}, \"results\": \"out/here\", \"floppy\": true, "           \
	"\"output\": {"
#define BASE_DISK                                                                          \
	"\"disk\": {\"file\": \"base/disk.img\", \"format\": \"qcow2\"}, \"seed\": true, " \
	"\"output\": {"
#define FLOPPY "\"size\": 2, \"floppy\": {\"size\": 1474560, \"sha256\": \"" SHA_A "\"}"

/* Every occurrence of one text becomes another; frees the first. */
static char *replace_all(char *text, const char *from, const char *to)
{
	struct buffer b = {0};
	const char *rest = text, *at;

	assert_non_null(strstr(text, from));
	for (; (at = strstr(rest, from)); rest = at + strlen(from)) {
		buffer_add(&b, rest, (size_t)(at - rest));
		buffer_add_text(&b, to);
	}
	buffer_add_text(&b, rest);
	free(text);
	return b.bytes;
}

static char *make_single(void)
{
	char *text = change("\"output\": {", DISK);

	text = replace_all(text, "\"size\": 2", FLOPPY);
	text = replace_all(text, "\"app.img\": " FILE_A,
		"\"disk.img\": {\"size\": 1000000, \"sha256\": \"" SHA_A "\"}");
	text = replace_all(text, "\"output.img\": " FILE_A ", ", "");
	return replace_all(
		text, ", \"base/kernel\": " FILE_A ", \"base/initrd\": " FILE_A, "");
}

static char *make_disk_base(void)
{
	char *text = change("\"output\": {", BASE_DISK);

	text = replace_all(text, "\"base/kernel\"", "\"base/disk.img\"");
	return replace_all(text, "\"base/initrd\"", "\"base/seed.iso\"");
}

static void expect_key(
	const struct manifest *m, const struct manifest_instance *i, const char *text)
{
	char key[DIGEST_HEX], wanted[DIGEST_HEX];

	manifest_instance_key(m, i, key);
	digest_of_bytes(text, strlen(text), wanted);
	assert_string_equal(key, wanted);
}

static void reads_a_single_disk(void **state)
{
	char *text = make_single();
	struct manifest m;
	struct diag d = {0};

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), "u", &m, &d), 0);
	assert_int_equal(m.layout, LAYOUT_SINGLE);
	assert_string_equal(m.disk.file->path, "disk.img");
	assert_string_equal(m.disk.format, "raw");
	assert_int_equal(m.disk.output_offset, 32256);
	assert_int_equal(m.disk.output_bytes, 967744);
	assert_string_equal(m.disk.output_folder, "/home/auto/output");
	assert_string_equal(m.results, "out/here");
	assert_string_equal(m.instances[1].floppy.path, "params/012345ffffff.img");
	assert_int_equal(m.instances[1].floppy.size_bytes, 1474560);
	expect_key(&m, &m.instances[0],
		"workunit-instance 1\nbase " SHA_A "\napp \noutput \nparams " SHA_B
		"\nmachine 1 134217728 30000 none user console=ttyS0\nmetrics m.json\n"
		"disk single raw 32256 967744 /home/auto/output\nfloppy " SHA_A "\n");
	manifest_clear(&m);
	free(text);
}

static void reads_a_disk_base(void **state)
{
	char *text = make_disk_base();
	struct manifest m;
	struct diag d = {0};

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), "u", &m, &d), 0);
	assert_int_equal(m.layout, LAYOUT_DISKS);
	assert_string_equal(m.disk.file->path, "base/disk.img");
	assert_string_equal(m.disk.format, "qcow2");
	assert_int_equal(m.seed, 1);
	assert_null(m.instances[0].floppy.path);
	expect_key(&m, &m.instances[0],
		"workunit-instance 1\nbase " SHA_A "\napp " SHA_A "\noutput " SHA_A
		"\nparams " SHA_B
		"\nmachine 1 134217728 30000 none user console=ttyS0\nmetrics m.json\n"
		"disk disks qcow2\nseed " SHA_A "\n");
	manifest_clear(&m);
	free(text);
}

static const struct {
	int is_base; /* of make_disk_base(), not make_single() */
	const char *from, *to, *message;
} bad_disks[] = {
	{0, "\"single\"", "\"folders\"",
		"u/unit.json: layout: expected \"disks\", \"single\" or \"bootable\", found a "
		"string that it cannot be"},
	{0, "\"disk\":", "\"disc\":",
		"u/unit.json: disk: expected an object, found nothing"},
	{0, "\"file\": \"disk.img\"", "\"file\": \"base/disk.img\"",
		"u/unit.json: disk.file: expected disk.img, found a string that it cannot "
		"be"},
	{0, "\"disk.img\": {", "\"disk2.img\": {",
		"u/unit.json: files: disk.img is missing"},
	{0, "\"raw\"", "\"qcow2\"",
		"u/unit.json: disk.format: expected \"raw\", found a string that it cannot "
		"be"},
	{1, "\"qcow2\"", "\"http\"",
		"u/unit.json: disk.format: expected a disk image's format, found a string "
		"that it cannot be"},
	{0, "32256", "1000001",
		"u/unit.json: disk.output.offset: expected a whole number from 0 to 1000000, "
		"found a number that it cannot be"},
	{0, "967744", "967745",
		"u/unit.json: disk.output.size: expected a whole number from 1 to 967744, "
		"found a number that it cannot be"},
	{0, "967744", "0",
		"u/unit.json: disk.output.size: expected a whole number from 1 to 967744, "
		"found a number that it cannot be"},
	{0, "/home/auto/output", "home",
		"u/unit.json: disk.output.folder: expected an absolute path without . or .., "
		"found a string that it cannot be"},
	{0, "/home/auto/output", "/home/../etc",
		"u/unit.json: disk.output.folder: expected an absolute path without . or .., "
		"found a string that it cannot be"},
	{0, "out/here", "../here",
		"u/unit.json: results: expected a relative path without . or .., found a "
		"string that it cannot be"},
	{0, "out/here", "/tmp",
		"u/unit.json: results: expected a relative path without . or .., found a "
		"string that it cannot be"},
	{0, "\"floppy\": true", "\"floppy\": 1",
		"u/unit.json: floppy: expected true or false, found a number that it cannot "
		"be"},
	{0, "\"floppy\": {", "\"flop\": {",
		"u/unit.json: instances[0].floppy: expected an object, found nothing"},
	{0, "1474560", "-1",
		"u/unit.json: instances[0].floppy.size: expected a whole number from 0 to "
		"9223372036854775807, found a number that it cannot be"},
	{1, "\"base/seed.iso\"", "\"x\"", "u/unit.json: files: base/seed.iso is missing"},
	{1, "\"app.img\"", "\"x\"", "u/unit.json: files: app.img is missing"},
	{1, "\"seed\": true", "\"seed\": \"yes\"",
		"u/unit.json: seed: expected true or false, found a string that it cannot "
		"be"},
};

static void refuses_bad_disks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_disks) / sizeof(*bad_disks); i++) {
		char *text = bad_disks[i].is_base ? make_disk_base() : make_single();
		struct manifest m;
		struct diag d = {0};

		text = replace_all(text, bad_disks[i].from, bad_disks[i].to);
		assert_int_equal(manifest_parse(text, strlen(text), "u", &m, &d), -1);
		assert_int_equal(d.count, 1);
		assert_string_equal(d.lines[0].text, bad_disks[i].message);
		diag_clear(&d);
		free(text);
	}
}

/* No prefix of the text may be taken, or read beyond its end. */
static void refuses_every_beginning(void **state)
{
	(void)state;
	for (size_t size = 0; size < strlen(good); size++) {
		char *text = malloc(size ? size : 1);
		struct manifest m;
		struct diag d = {0};

		memcpy(text, good, size);
		assert_int_equal(manifest_parse(text, size, "u", &m, &d), -1);
		diag_clear(&d);
		free(text);
	}
}

static void expect_unknown(const struct manifest *m, const char *id, const char *message)
{
	struct diag d = {0};

	assert_null(manifest_find_instance(m, id, &d));
	assert_string_equal(d.lines[0].text, message);
	diag_clear(&d);
}

static void finds_instances(void **state)
{
	struct manifest m;
	struct diag d = {0};

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), "u", &m, &d), 0);
	assert_ptr_equal(manifest_find_instance(&m, "0123456789ab", &d), &m.instances[0]);
	assert_ptr_equal(manifest_find_instance(&m, "012345f", &d), &m.instances[1]);
	expect_unknown(&m, "0123",
		"0123: more than one instance: 0123456789ab and "
		"012345ffffff");
	expect_unknown(
		&m, "", ": no instance of unit sir; it has 0123456789ab, 012345ffffff");
	expect_unknown(&m, "ff",
		"ff: no instance of unit sir; it has 0123456789ab, 012345ffffff");
	expect_unknown(&m, "01234567aaaa",
		"01234567aaaa: no instance of unit sir; the nearest is 0123456789ab");
	manifest_clear(&m);
}

static void the_key_is_the_documented_one(void **state)
{
	static const char text[] =
		"workunit-instance 1\nbase " SHA_A "," SHA_A "\napp " SHA_A
		"\noutput " SHA_A "\nparams " SHA_B
		"\nmachine 1 134217728 30000 none user console=ttyS0\nmetrics m.json\n";
	char key[DIGEST_HEX], wanted[DIGEST_HEX];
	struct manifest m;
	struct diag d = {0};

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), "u", &m, &d), 0);
	manifest_instance_key(&m, &m.instances[0], key);
	digest_of_bytes(text, strlen(text), wanted);
	assert_string_equal(key, wanted);
	manifest_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_good_one),
		cmocka_unit_test(refuses_bad_ones),
		cmocka_unit_test(refuses_every_beginning),
		cmocka_unit_test(finds_instances),
		cmocka_unit_test(the_key_is_the_documented_one),
		cmocka_unit_test(reads_a_single_disk),
		cmocka_unit_test(reads_a_disk_base),
		cmocka_unit_test(refuses_bad_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
