/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "compiler/debian_check.h"
#include "compiler/debian_closure.h"
#include "compiler/debian_contents.h"
#include "compiler/debian_host.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A recipe's plan, what its lock pins, and its layer. */
struct side {
	struct base_plan plan;
	struct base_options options;
	struct supply supply;
	struct debian_layer layer;
};

struct fixture {
	struct arena arena;
	struct side below, above;
};

static void init_side(
	struct side *b, const char *name, struct side *below, struct arena *a)
{
	*b = (struct side){
		.plan = {.name = name, .suite = "bookworm", .epoch = 946684800}};
	b->supply = (struct supply){.plan = &b->plan, .options = &b->options, .arena = a};
	b->supply.lock.suite = "bookworm";
	b->supply.lock.packages = "";
	b->layer = (struct debian_layer){
		.supply = &b->supply, .below = below ? &below->layer : NULL};
}

static void pin(struct lock *l, enum pin_step step, const char *name, const char *version,
	const char *sha256, struct arena *a)
{
	struct pin p = {.step = step,
		.asked = name,
		.name = name,
		.version = version,
		.architecture = "amd64",
		.archive = "debian",
		.path = "pool/x.deb",
		.size_bytes = 7};

	memcpy(p.sha256, sha256, DIGEST_HEX);
	lock_set(l, &p, a);
}

static int set_up(void **state)
{
	struct fixture *f = memory_alloc(sizeof(*f));
	struct lock *below, *above;

	init_side(&f->below, "below", NULL, &f->arena);
	init_side(&f->above, "above", &f->below, &f->arena);
	below = &f->below.supply.lock;
	above = &f->above.supply.lock;
	pin(below, PIN_MEMBERS, "linux-image", "6.1", SHA_A, &f->arena);
	pin(below, PIN_ESSENTIAL, "libc6", "2.36-9", SHA_A, &f->arena);
	pin(below, PIN_ESSENTIAL, "bash", "5.2", SHA_A, &f->arena);
	pin(below, PIN_PACKAGES, "less", "590", SHA_A, &f->arena);
	below->packages = "less";
	pin(above, PIN_PACKAGES, "libc6", "2.36-10", SHA_B, &f->arena);
	pin(above, PIN_PACKAGES, "gcc", "12", SHA_A, &f->arena);
	above->packages = "gcc";
	debian_name_layer(&f->below.layer);
	debian_name_layer(&f->above.layer);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_clear(&f->arena);
	free(f);
	return 0;
}

static void expect_contents(struct fixture *f, const struct debian_layer *layer,
	enum pin_step step, const char *expected)
{
	CLEANUP(buffer_clear) struct buffer b = {0};
	struct debian_contents c;

	debian_list_contents(layer, step, &c, &f->arena);
	for (size_t i = 0; i < c.count; i++)
		buffer_printf(&b, "%s=%s ", c.pins[i]->name, c.pins[i]->version);
	assert_string_equal(b.bytes, expected);
}

static void the_upper_of_two_versions_counts(void **state)
{
	struct fixture *f = *state;

	expect_contents(f, &f->below.layer, PIN_ESSENTIAL, "bash=5.2 libc6=2.36-9 ");
	expect_contents(
		f, &f->below.layer, PIN_PACKAGES, "bash=5.2 less=590 libc6=2.36-9 ");
	expect_contents(
		f, &f->above.layer, PIN_ESSENTIAL, "bash=5.2 less=590 libc6=2.36-9 ");
	expect_contents(f, &f->above.layer, PIN_PACKAGES,
		"bash=5.2 gcc=12 less=590 libc6=2.36-10 ");
}

/* What of a layer's name a change makes another one. */
struct names {
	char essential[DIGEST_HEX], below[DIGEST_HEX], above[DIGEST_HEX];
};

static void name_all(struct fixture *f, struct names *n)
{
	debian_name_essential(&f->below.layer, n->essential);
	debian_name_layer(&f->below.layer);
	debian_name_layer(&f->above.layer);
	memcpy(n->below, f->below.layer.key, DIGEST_HEX);
	memcpy(n->above, f->above.layer.key, DIGEST_HEX);
}

static void expect_change(struct fixture *f, struct names *was, const char *changed)
{
	struct names is;
	char found[4] = "---";

	name_all(f, &is);
	if (strcmp(is.essential, was->essential) != 0)
		found[0] = 'e';
	if (strcmp(is.below, was->below) != 0)
		found[1] = 'b';
	if (strcmp(is.above, was->above) != 0)
		found[2] = 'a';
	assert_string_equal(found, changed);
	*was = is;
}

static void a_layer_is_named_by_itself_and_what_is_below(void **state)
{
	struct fixture *f = *state;
	struct lock *below = &f->below.supply.lock, *above = &f->above.supply.lock;
	struct names was;

	name_all(f, &was);
	expect_change(f, &was, "---");
	pin(above, PIN_PACKAGES, "gcc", "13", SHA_B, &f->arena);
	expect_change(f, &was, "--a");
	pin(below, PIN_PACKAGES, "less", "591", SHA_B, &f->arena);
	expect_change(f, &was, "-ba");
	pin(below, PIN_ESSENTIAL, "bash", "5.3", SHA_B, &f->arena);
	expect_change(f, &was, "eba");
	pin(below, PIN_MEMBERS, "linux-image", "6.2", SHA_B, &f->arena);
	expect_change(f, &was, "---");
	f->above.plan.epoch++;
	expect_change(f, &was, "--a");
	f->below.plan.suite = "trixie";
	expect_change(f, &was, "eba");
}

static void without_packages_of_its_own_it_is_what_is_below(void **state)
{
	struct fixture *f = *state;
	char essential[DIGEST_HEX];

	lock_drop(&f->above.supply.lock, PIN_PACKAGES);
	debian_name_layer(&f->above.layer);
	assert_string_equal(f->above.layer.key, f->below.layer.key);
	assert_string_equal(f->above.layer.contents, f->below.layer.contents);
	lock_drop(&f->below.supply.lock, PIN_PACKAGES);
	debian_name_layer(&f->below.layer);
	debian_name_essential(&f->below.layer, essential);
	assert_string_equal(f->below.layer.key, essential);
}

static void a_lock_fits_what_is_asked_and_what_is_below(void **state)
{
	struct fixture *f = *state;
	struct lock *old = &f->above.supply.old;

	*old = f->above.supply.lock;
	assert_false(debian_fits_lock(&f->above.layer, "gcc"));
	old->below = f->below.layer.contents;
	assert_true(debian_fits_lock(&f->above.layer, "gcc"));
	assert_false(debian_fits_lock(&f->above.layer, "gcc make"));
	old->below = SHA_A;
	assert_false(debian_fits_lock(&f->above.layer, "gcc"));
	old->below = f->below.layer.contents;
	old->packages = NULL;
	assert_false(debian_fits_lock(&f->above.layer, ""));
	/* With nothing below it must have a system of its own. */
	f->below.supply.old = f->below.supply.lock;
	assert_true(debian_fits_lock(&f->below.layer, "less"));
	lock_drop(&f->below.supply.old, PIN_ESSENTIAL);
	assert_false(debian_fits_lock(&f->below.layer, "less"));
}

#define BASH "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\n"
#define LIBC "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\n"

static void a_layer_has_what_is_pinned_and_no_more(void **state)
{
	static const struct {
		const char *status, *message;
	} cases[] = {
		{BASH LIBC, NULL},
		{BASH, "x: has 1 packages; 2 are pinned"},
		{"", "x: has 0 packages; 2 are pinned"},
		{"Package: bash\nStatus: install ok unpacked\nVersion: 5.2\n\n" LIBC,
			"x: bash 5.2 is not completely installed: \"install ok unpacked\""},
		{"Package: bash\nStatus: install ok installed\nVersion: 5.1\n\n" LIBC,
			"x: has bash 5.1, which is not pinned"},
		{BASH LIBC "\nPackage: vi\nStatus: install ok installed\nVersion: 1\n",
			"x: has vi 1, which is not pinned"},
		{"Package: bash\n\n" LIBC, "x: dpkg's status is damaged"},
		{"bash\n", "x:1: expected a line \"Field: value\""},
	};
	struct fixture *f = *state;
	struct debian_contents c;

	debian_list_contents(&f->below.layer, PIN_ESSENTIAL, &c, &f->arena);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct diag d = {0};
		const char *status = cases[i].status;
		int rc = debian_check_status(status, strlen(status), "x", &c, &d);

		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (cases[i].message)
			scratch_expect(&d, cases[i].message);
		scratch_expect_none(&d);
	}
}

static void a_range_of_ids_is_the_users_and_large_enough(void **state)
{
	static const struct {
		const char *text;
		int has;
	} cases[] = {
		{"", 0},
		{"ann:100000:65536\n", 1},
		{"bob:1:65536\nann:100000:65536", 1},
		{"1001:100000:65536\n", 1},
		{"ann:100000:65535\n", 0},
		{"anna:100000:65536\n", 0},
		{"an:100000:65536\n", 0},
		{"10011:100000:65536\n", 0},
		{"ann:100000\n", 0},
		{"ann\n:::\n\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(
			debian_has_ids(cases[i].text, "ann", 1001), cases[i].has);
	assert_true(debian_has_ids("1001:1:65536\n", NULL, 1001));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_upper_of_two_versions_counts),
		TEST(a_layer_is_named_by_itself_and_what_is_below),
		TEST(without_packages_of_its_own_it_is_what_is_below),
		TEST(a_lock_fits_what_is_asked_and_what_is_below),
		TEST(a_layer_has_what_is_pinned_and_no_more),
		TEST(a_range_of_ids_is_the_users_and_large_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
