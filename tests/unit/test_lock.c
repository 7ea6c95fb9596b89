/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/lock.h"

#define SHA "3d3fdbe91d4660c873e14b092c213fe81c1da6362daa236eb25d0171eb108744"
#define HEAD "Format: workunit-lock 1\nSuite: bookworm\n"

static const struct pin busybox = {
	.asked = "busybox-static",
	.name = "busybox-static",
	.version = "1:1.35.0-4+deb12u1+b1",
	.architecture = "amd64",
	.archive = "debian",
	.path = "pool/main/b/busybox/busybox-static_1.35.0-4+deb12u1+b1_amd64.deb",
	.size_bytes = 928188,
	.sha256 = SHA,
};

static const struct pin image = {
	.asked = "linux-image-cloud-amd64",
	.name = "linux-image-6.1.0-56-cloud-amd64",
	.version = "6.1.192-2",
	.architecture = "amd64",
	.archive = "debian-security",
	.path = "pool/updates/main/l/linux/linux-image_6.1.192-2_amd64.deb",
	.size_bytes = 26713492,
	.sha256 = SHA,
};

static void assert_same_pin(const struct pin *x, const struct pin *y)
{
	assert_string_equal(x->asked, y->asked);
	assert_string_equal(x->name, y->name);
	assert_string_equal(x->version, y->version);
	assert_string_equal(x->architecture, y->architecture);
	assert_string_equal(x->archive, y->archive);
	assert_string_equal(x->path, y->path);
	assert_string_equal(x->sha256, y->sha256);
	assert_int_equal(x->size_bytes, y->size_bytes);
}

static void reads_what_it_writes(void **state)
{
	char path[] = "/tmp/lock.XXXXXX";
	struct arena a = {0};
	struct diag d = {0};
	struct lock l = {.suite = "bookworm"}, again;

	(void)state;
	lock_set(&l, &image, &a);
	lock_set(&l, &busybox, &a);
	close(mkstemp(path));
	assert_int_equal(lock_write(path, &l, "mini", &d), 0);
	assert_int_equal(lock_read(path, &again, &a, &d), 0);
	assert_string_equal(again.suite, "bookworm");
	assert_int_equal(again.count, 2);
	assert_same_pin(&again.pins[0], &busybox);
	assert_same_pin(&again.pins[1], &image);
	assert_int_equal(d.count, 0);
	unlink(path);
	arena_clear(&a);
}

static void sorts_by_what_was_asked(void **state)
{
	struct buffer x = {0}, y = {0};
	struct arena a = {0};
	struct lock l = {.suite = "bookworm"}, m = {.suite = "bookworm"};

	(void)state;
	lock_set(&l, &image, &a);
	lock_set(&l, &busybox, &a);
	lock_set(&m, &busybox, &a);
	lock_set(&m, &image, &a);
	lock_set(&m, &image, &a);
	lock_format(&l, "mini", &x);
	lock_format(&m, "mini", &y);
	assert_string_equal(x.bytes, y.bytes);
	assert_non_null(strstr(x.bytes, "wuc base build --update mini"));
	buffer_clear(&x);
	buffer_clear(&y);
	arena_clear(&a);
}

static void finds_by_what_was_asked(void **state)
{
	struct arena a = {0};
	struct lock l = {.suite = "bookworm"};

	(void)state;
	assert_null(lock_find(&l, PIN_MEMBERS, "busybox-static"));
	lock_set(&l, &busybox, &a);
	lock_set(&l, &image, &a);
	assert_same_pin(lock_find(&l, PIN_MEMBERS, "linux-image-cloud-amd64"), &image);
	assert_null(lock_find(&l, PIN_MEMBERS, "linux-image-6.1.0-56-cloud-amd64"));
	arena_clear(&a);
}

static void a_missing_file_is_an_empty_lock(void **state)
{
	struct arena a = {0};
	struct diag d = {0};
	struct lock l;

	(void)state;
	assert_int_equal(lock_read("/nonexistent/x.lock", &l, &a, &d), 0);
	assert_null(l.suite);
	assert_int_equal(l.count, 0);
	assert_int_equal(d.count, 0);
	arena_clear(&a);
}

static void lies_beside_the_recipe(void **state)
{
	static const char *const cases[][2] = {
		{"mini.lua", "mini.lock"},
		{"recipes/mini.lua", "recipes/mini.lock"},
		{"a.b/mini", "a.b/mini.lock"},
		{"a.b/.mini", "a.b/.mini.lock"},
		{"my.base.lua", "my.base.lock"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(lock_path(cases[i][0], &a), cases[i][1]);
	arena_clear(&a);
}

static void keeps_steps_apart(void **state)
{
	CLEANUP(buffer_clear) struct buffer x = {0}, y = {0};
	struct arena a = {0};
	struct diag d = {0};
	struct lock l = {.suite = "bookworm", .packages = "bash less", .below = SHA};
	struct lock again;
	struct pin bash = busybox;

	(void)state;
	bash.asked = bash.name = "bash";
	for (int step = PIN_PACKAGES; step >= PIN_MEMBERS; step--) {
		bash.step = (enum pin_step)step;
		bash.size_bytes = (uint64_t)step + 1;
		lock_set(&l, &bash, &a);
	}
	assert_int_equal(l.count, 3);
	lock_format(&l, "mini", &x);
	assert_non_null(strstr(x.bytes, "\nPackages: bash less\nBelow: " SHA "\n\n"));
	assert_int_equal(lock_parse(x.bytes, x.size, "x.lock", &again, &a, &d), 0);
	lock_format(&again, "mini", &y);
	assert_string_equal(x.bytes, y.bytes);
	for (int step = PIN_MEMBERS; step <= PIN_PACKAGES; step++)
		assert_int_equal(
			lock_find(&again, (enum pin_step)step, "bash")->size_bytes,
			step + 1);
	lock_drop(&again, PIN_ESSENTIAL);
	assert_null(lock_find(&again, PIN_ESSENTIAL, "bash"));
	assert_non_null(lock_find(&again, PIN_PACKAGES, "bash"));
	assert_int_equal(again.count, 2);
	arena_clear(&a);
}

/* A root disk that nothing is added to is not the same as no root disk. */
static void tells_nothing_from_no_packages(void **state)
{
	CLEANUP(buffer_clear) struct buffer x = {0};
	struct arena a = {0};
	struct diag d = {0};
	struct lock l = {.suite = "bookworm", .packages = ""}, again;

	(void)state;
	lock_format(&l, "mini", &x);
	assert_int_equal(lock_parse(x.bytes, x.size, "x.lock", &again, &a, &d), 0);
	assert_string_equal(again.packages, "");
	assert_null(again.below);
	assert_int_equal(lock_parse(HEAD, strlen(HEAD), "x.lock", &again, &a, &d), 0);
	assert_null(again.packages);
	arena_clear(&a);
}

/* Parses the text; it must fail with exactly this line. */
static void assert_refused(const char *text, size_t size, const char *message)
{
	struct arena a = {0};
	struct diag d = {0};
	struct lock l;

	assert_int_equal(lock_parse(text, size, "x.lock", &l, &a, &d), -1);
	assert_int_equal(d.count, 1);
	assert_string_equal(d.lines[0].text, message);
	diag_clear(&d);
	arena_clear(&a);
}

static void refuses_what_is_no_lock(void **state)
{
	(void)state;
	assert_refused("", 0, "x.lock:1: expected \"Format: workunit-lock 1\" first");
	assert_refused("\n\n# hello\n", 10,
		"x.lock:1: expected \"Format: workunit-lock 1\" first");
	assert_refused("hello\n", 6, "x.lock:1: expected a line \"Field: value\"");
	assert_refused(" folded\n", 8, "x.lock:1: expected a line \"Field: value\"");
	assert_refused("Format: workunit-lock 2\nSuite: bookworm\n", 40,
		"x.lock:1: expected \"Format: workunit-lock 1\" first");
	assert_refused("Format: workunit-lock 1\n", 24,
		"x.lock:1: Suite: expected a Debian release's name");
	assert_refused(HEAD "\0x: y\n", sizeof(HEAD) + 5,
		"x.lock:3: expected a line \"Field: value\"");
}

static void refuses_a_pin_twice(void **state)
{
	struct buffer text = {0}, one = {0};
	struct arena a = {0};
	struct lock l = {.suite = "bookworm"};
	const char *stanza;

	(void)state;
	lock_set(&l, &busybox, &a);
	lock_format(&l, "mini", &one);
	stanza = strstr(one.bytes, "\nPackage:");
	buffer_printf(&text, HEAD "%s%s", stanza, stanza);
	assert_refused(
		text.bytes, text.size, "x.lock:12: busybox-static is pinned twice");
	buffer_clear(&text);
	buffer_clear(&one);
	arena_clear(&a);
}

/* Each of these would become an argument, a file name or a URI. */
static void refuses_hostile_fields(void **state)
{
	static const struct {
		const char *field, *value;
	} cases[] = {
		{"Package", "-oDir::Etc=/tmp"},
		{"Package", "../busybox"},
		{"Package", "Busybox"},
		{"Package", ""},
		{"For", "--help"},
		{"Version", "$(id)"},
		{"Version", "-1"},
		{"Version", "1.0 2"},
		{"Architecture", "arm64"},
		{"Size", "0"},
		{"Size", "-1"},
		{"Size", "99999999999999999999"},
		{"Size", "12 "
			 "34"},
		{"SHA256", "3d3f"},
		{"SHA256", "3D3FDBE91D4660C873E14B092C213FE81C1DA6362DAA236EB25D0171EB108"
			   "744"},
		{"Archive", "ubuntu"},
		{"Filename", "/etc/passwd"},
		{"Filename", "pool/../../x.deb"},
		{"Filename", "pool/x y.deb"},
		{"Filename", "http://elsewhere/pool/x.deb"},
		{"Step", "members"},
		{"Step", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static const char *const fields[][2] = {{"Package", "busybox"},
			{"For", "busybox"}, {"Version", "1"}, {"Architecture", "all"},
			{"Size", "7"}, {"SHA256", SHA}, {"Archive", "debian"},
			{"Filename", "pool/x.deb"}, {"Step", "packages"}};
		struct buffer text = {0};
		struct arena a = {0};
		struct diag d = {0};
		struct lock l;

		buffer_add_text(&text, HEAD "\n");
		for (size_t f = 0; f < sizeof(fields) / sizeof(*fields); f++)
			buffer_printf(&text, "%s: %s\n", fields[f][0],
				strcmp(fields[f][0], cases[i].field) == 0 ? cases[i].value
									  : fields[f][1]);
		assert_int_equal(
			lock_parse(text.bytes, text.size, "x.lock", &l, &a, &d), -1);
		assert_int_equal(d.count, 1);
		/* The message is about that field, not about one that is fine. */
		assert_ptr_equal(strstr(d.lines[0].text, cases[i].field),
			d.lines[0].text + strlen("x.lock:4: "));
		diag_clear(&d);
		arena_clear(&a);
		buffer_clear(&text);
	}
}

static void takes_comments_and_crlf(void **state)
{
	static const char text[] =
		"# c\r\n" HEAD "\r\n# about it\nPackage: busybox\r\n# in it\n"
		"Version: 1\nArchitecture: all\nSize: 7\nSHA256: " SHA
		"\nArchive: debian\nFilename: pool/x.deb\nNote: a later field\n and more";
	struct arena a = {0};
	struct diag d = {0};
	struct lock l;

	(void)state;
	assert_int_equal(lock_parse(text, sizeof(text) - 1, "x.lock", &l, &a, &d), 0);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.pins[0].asked, "busybox");
	assert_int_equal(l.pins[0].size_bytes, 7);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(sorts_by_what_was_asked),
		cmocka_unit_test(finds_by_what_was_asked),
		cmocka_unit_test(a_missing_file_is_an_empty_lock),
		cmocka_unit_test(lies_beside_the_recipe),
		cmocka_unit_test(keeps_steps_apart),
		cmocka_unit_test(tells_nothing_from_no_packages),
		cmocka_unit_test(refuses_what_is_no_lock),
		cmocka_unit_test(refuses_a_pin_twice),
		cmocka_unit_test(refuses_hostile_fields),
		cmocka_unit_test(takes_comments_and_crlf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
