/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "supply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_recipe.h"
#include "common/quantity.h"
#include "control.h"
#include "package.h"
#include "place.h"

#define BATCH_COUNT 24
#define BATCH_BYTES (UINT64_C(8) << 20)

void supply_say(const struct base_options *o, int warning, const char *fmt, ...)
{
	va_list args;
	char *text;

	if (!o->say)
		return;
	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	o->say(o->say_context, warning, text);
	free(text);
}

const char *supply_place(const struct pin *pin, struct arena *a)
{
	return arena_printf(a, "packages/%s.deb", pin->sha256);
}

const char *supply_label(const struct pin *pin, struct arena *a)
{
	return arena_printf(a, "%s %s", pin->name, pin->version);
}

const struct pin *supply_find(const struct supply *s, const char *asked)
{
	return lock_find(&s->lock, PIN_MEMBERS, asked);
}

/* The base is called by its name where that leads to its recipe. */
static int has_name(const struct supply *s)
{
	struct diag ignored = {0};
	char *path = base_recipe_path(s->plan->name, NULL, &ignored);
	struct stat known, ours;
	int same = path && stat(path, &known) == 0 &&
		   stat(s->plan->recipe_path, &ours) == 0 &&
		   known.st_ino == ours.st_ino && known.st_dev == ours.st_dev;

	free(path);
	diag_clear(&ignored);
	return same;
}

/* The words that name this base on a command line. */
static const char *called(const struct supply *s)
{
	return has_name(s) ? s->plan->name : s->plan->recipe_path;
}

/* The same from the recipe's own folder: a lock is the same wherever it is made. */
static const char *called_there(const struct supply *s)
{
	const char *slash = strrchr(s->plan->recipe_path, '/');

	if (has_name(s))
		return s->plan->name;
	return arena_printf(s->arena, "./%s", slash ? slash + 1 : s->plan->recipe_path);
}

const char *supply_advice(const struct supply *s)
{
	return arena_printf(
		s->arena, "`wuc base build --update %s` renews the lock", called(s));
}

/* The mirror is asked for one thing after the other, and opened for the first. */
static int need_mirror(struct supply *s, struct diag *d)
{
	if (s->mirror_is_open)
		return 0;
	s->mirror_is_open = 1;
	return mirror_open(&s->mirror, s->store, s->plan->suite, d);
}

/* One line: what was needed, why it cannot be had, what to do. Takes why's lines. */
static int fail_offline(
	const struct supply *s, const char *needed, struct diag *why, struct diag *d)
{
	diag_fail(d,
		"base %s needs %s, which cannot be fetched: %s; connect to the "
		"network, or name a mirror in WU_DEBIAN_MIRROR, and try again",
		s->plan->name, needed, why->count > 0 ? why->lines[0].text : "?");
	diag_clear(why);
	return -1;
}

int supply_ask_archive(struct supply *s, const char *needed, struct diag *d)
{
	struct diag why = {0};

	if (need_mirror(s, d) < 0)
		return -1;
	if (s->mirror.updated)
		return 0;
	supply_say(s->options, 0, "reading the indexes of %s at %s", s->plan->suite,
		s->mirror.root);
	if (mirror_update(&s->mirror, &why) == 0)
		return 0;
	if (why.count > 0 && strstr(why.lines[0].text, "does not have a Release file"))
		return place_fail_all(d, &s->plan->place, &why);
	return fail_offline(s, needed, &why, d);
}

static int find_newest(
	struct supply *s, const char *asked, struct pin *pin, struct diag *d)
{
	const char *wanted = s->plan->kernel_package;
	int kernel = wanted && strcmp(asked, wanted) == 0;

	if (supply_ask_archive(s, asked, d) < 0)
		return -1;
	return mirror_find(&s->mirror, asked, kernel, pin, s->arena, d);
}

/* Before the work, not after it: can the lock be written where it belongs? */
int supply_check_lock(const struct supply *s, struct diag *d)
{
	const char *slash = strrchr(s->lock_path, '/');
	const char *folder = slash ? arena_memdup(s->arena, s->lock_path,
					     (size_t)(slash - s->lock_path) + 1)
				   : ".";

	if (faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) == 0)
		return 0;
	return diag_fail_errno(d,
		"%s: the lock has its place beside the recipe; copy the recipe to a "
		"folder of your own: %s",
		s->lock_path, folder);
}

/* Keeps the pin that the old lock has for this package, or finds the newest. */
static int pin_package(
	struct supply *s, const char *asked, const struct place *place, struct diag *d)
{
	const struct pin *known =
		s->options->update ? NULL : lock_find(&s->old, PIN_MEMBERS, asked);
	struct diag why = {0};
	struct pin pin;

	if (supply_find(s, asked))
		return 0;
	if (!lock_is_name(asked))
		return place_fail(d, place,
			"expected the name of a Debian package, got \"%s\"", asked);
	if (!known && s->options->find_only) {
		s->incomplete = 1;
		return 0;
	}
	if (!known && s->options->locked)
		return diag_fail(d, "%s: does not pin %s, and --locked allows no other",
			s->lock_path, asked);
	if (known) {
		pin = *known;
	} else {
		if (supply_check_lock(s, d) < 0 || supply_ask_archive(s, asked, d) < 0)
			return -1;
		if (find_newest(s, asked, &pin, &why) < 0)
			return place_fail_all(d, place, &why);
		s->lock_is_new = 1;
	}
	lock_set(&s->lock, &pin, s->arena);
	return 0;
}

static int pin_all(struct supply *s, struct diag *d)
{
	const struct items *items = &s->plan->initrd;
	const char *kernel = s->plan->kernel_package;

	if (kernel && pin_package(s, kernel, &s->plan->place, d) < 0)
		return -1;
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->list[i];

		if (item->kind == ITEM_PACKAGE_FILE &&
			pin_package(s, item->package, &item->place, d) < 0)
			return -1;
	}
	return 0;
}

/* A lock that cannot be read is as good as none to who renews it. */
static int read_old(struct supply *s, struct diag *d)
{
	CLEANUP(diag_clear) struct diag why = {0};
	const struct diag_line *first;

	if (lock_read(s->lock_path, &s->old, s->arena, &why) == 0)
		return 0;
	first = &why.lines[0];
	if (s->options->update) {
		supply_say(s->options, 1, "%s; the lock is renewed", first->text);
		s->old = (struct lock){0};
		s->lock_is_new = 1;
		return 0;
	}
	if (!first->placed)
		return diag_fail(d, "%s", first->text);
	return diag_fail_text(d, arena_printf(s->arena, "%s; restore the file, or %s",
					 first->text, supply_advice(s)));
}

int supply_open(struct supply *s, struct store *store, const struct base_plan *plan,
	const struct base_options *o, struct arena *a, struct diag *d)
{
	*s = (struct supply){.plan = plan, .options = o, .store = store, .arena = a};
	s->mirror.folder = WORKDIR_NONE;
	s->lock_path = lock_path(plan->recipe_path, a);
	s->lock.suite = plan->suite;
	if (!lock_is_name(plan->suite))
		return place_fail(d, &plan->place,
			"suite: expected the name of a Debian release, got \"%s\"",
			plan->suite);
	if (o->locked && o->update)
		return diag_fail(d, "--locked and --update exclude each other");
	if (read_old(s, d) < 0)
		return -1;
	if (s->old.suite && strcmp(s->old.suite, plan->suite) != 0) {
		if (o->locked)
			return diag_fail(d, "%s: pins packages of %s, the recipe says %s",
				s->lock_path, s->old.suite, plan->suite);
		s->old = (struct lock){0};
	}
	return pin_all(s, d);
}

void supply_close(struct supply *s)
{
	if (s->mirror_is_open)
		mirror_close(&s->mirror);
	s->mirror_is_open = 0;
}

/* 1 where the store has it whole; what is damaged counts as not there. */
static int is_in_store(struct supply *s, const struct pin *pin)
{
	const char *place = supply_place(pin, s->arena);
	struct diag ignored = {0};
	char sha256[DIGEST_HEX];
	uint64_t size;
	int whole = 0;

	if (digest_of_file(s->store->fd, place, sha256, &size, &ignored) == 0) {
		whole = strcmp(sha256, pin->sha256) == 0;
		if (whole)
			store_touch(s->store, place);
		else
			supply_say(s->options, 1, "%s/%s is damaged; fetching %s again",
				s->store->path, place, pin->name);
	}
	diag_clear(&ignored);
	return whole;
}

static int download(struct supply *s, const struct pin *pin, struct diag *d)
{
	char size[QUANTITY_TEXT];

	supply_say(s->options, 0, "fetching %s (%s)", supply_label(pin, s->arena),
		quantity_format_size(pin->size_bytes, size));
	return mirror_download(&s->mirror, &pin, 1, NULL, d);
}

static int substitute(struct supply *s, struct pin *pin, struct diag *d)
{
	struct pin newest;

	if (find_newest(s, pin->asked, &newest, d) < 0)
		return -1;
	if (s->options->locked)
		return diag_fail(d,
			"%s: %s has left the archive, which has %s now; --locked allows "
			"no "
			"other: %s",
			s->lock_path, supply_label(pin, s->arena),
			supply_label(&newest, s->arena), supply_advice(s));
	supply_say(s->options, 1,
		"%s: %s has left the archive; building from %s, so digests differ; %s",
		s->lock_path, supply_label(pin, s->arena),
		supply_label(&newest, s->arena), supply_advice(s));
	*pin = newest;
	s->substituted = 1;
	if (is_in_store(s, pin))
		return 0;
	return download(s, pin, d);
}

/* Debian never gives one version two contents: such a lock was not made by us. -1 with a
 * message where the archive has the pin's version with another digest. */
static int check_version(struct supply *s, const struct pin *pin, struct diag *d)
{
	struct diag ignored = {0};
	struct pin now;
	int found = mirror_find(&s->mirror, pin->name, 0, &now, s->arena, &ignored);

	diag_clear(&ignored);
	if (found < 0 || strcmp(now.version, pin->version) != 0)
		return 0;
	return diag_fail(d,
		"%s: %s is not what the archive has under that version: its SHA-256 is "
		"%s; %s",
		s->lock_path, supply_label(pin, s->arena), now.sha256, supply_advice(s));
}

/* A failed download has one of three causes: no network, a package that is gone, or a
 * mirror that gives something else. The indexes tell which: 1 where it is gone, else -1
 * with a message. Takes why's lines. */
static int explain(
	struct supply *s, const struct pin *pin, struct diag *why, struct diag *d)
{
	const char *label = supply_label(pin, s->arena);
	struct diag update = {0};
	int listed;

	if (mirror_update(&s->mirror, &update) < 0) {
		diag_clear(&update);
		return fail_offline(s, label, why, d);
	}
	listed = mirror_lists(&s->mirror, &pin, 1, d);
	if (listed > 0)
		diag_fail(d, "base %s needs %s: %s", s->plan->name, label,
			why->count > 0 ? why->lines[0].text : "?");
	diag_clear(why);
	if (listed != 0)
		return -1;
	return check_version(s, pin, d) < 0 ? -1 : 1;
}

static int fetch(struct supply *s, struct pin *pin, struct diag *d)
{
	struct diag why = {0};

	if (is_in_store(s, pin))
		return 0;
	if (need_mirror(s, d) < 0)
		return -1;
	if (download(s, pin, &why) == 0)
		return 0;
	return explain(s, pin, &why, d) < 0 ? -1 : substitute(s, pin, d);
}

/* What a package says of itself must be one stanza, and what its pin says. */
static int check_control(const struct supply *s, const struct buffer *text,
	const struct pin *pin, struct diag *d)
{
	struct control_stanza *is;
	const char *label = supply_label(pin, s->arena), *name, *version, *architecture;
	long count = control_parse(text->bytes, text->size, label, &is, s->arena, d);

	if (count < 0)
		return -1;
	name = count == 1 ? control_value(is, "Package") : NULL;
	version = count == 1 ? control_value(is, "Version") : NULL;
	architecture = count == 1 ? control_value(is, "Architecture") : NULL;
	if (!name || !version || !architecture)
		return diag_fail(d, "%s: the package does not say what it is", label);
	if (strcmp(name, pin->name) == 0 && strcmp(version, pin->version) == 0 &&
		strcmp(architecture, pin->architecture) == 0)
		return 0;
	return diag_fail(d,
		"%s: pins %s (%s), but the package of that SHA-256 is %s %s (%s); %s",
		s->lock_path, label, pin->architecture, name, version, architecture,
		supply_advice(s));
}

int supply_read_control(
	struct supply *s, const struct pin *pin, struct buffer *b, struct diag *d)
{
	if (package_read_control(s->store->fd, supply_place(pin, s->arena),
		    supply_label(pin, s->arena), b, d) < 0)
		return -1;
	return check_control(s, b, pin, d);
}

static int check_package(struct supply *s, const struct pin *pin, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	return supply_read_control(s, pin, &text, d);
}

int supply_fetch(struct supply *s, struct diag *d)
{
	for (size_t i = 0; i < s->lock.count; i++) {
		struct pin *pin = &s->lock.pins[i];

		if (pin->step == PIN_MEMBERS &&
			(fetch(s, pin, d) < 0 || check_package(s, pin, d) < 0))
			return -1;
	}
	return 0;
}

/* How many of the pins one call of apt fetches: it takes a while to start, but says
 * nothing while it works. */
static size_t measure_batch(const struct pin *const pins[], size_t count, uint64_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	while (n < count && n < BATCH_COUNT && (n == 0 || *bytes < BATCH_BYTES))
		*bytes += pins[n++]->size_bytes;
	return n;
}

static int fetch_batches(struct supply *s, const struct pin *const pins[], size_t count,
	const struct pin **gone, struct diag *d)
{
	char size[QUANTITY_TEXT];
	struct diag why = {0};
	size_t n, failed;
	uint64_t bytes;

	for (size_t i = 0; i < count; i += n) {
		n = measure_batch(pins + i, count - i, &bytes);
		supply_say(s->options, 0, "fetching %zu of %zu packages: %s%s (%s)",
			i + n, count, supply_label(pins[i], s->arena),
			n > 1 ? " and others" : "", quantity_format_size(bytes, size));
		if (mirror_download(&s->mirror, pins + i, n, &failed, &why) == 0)
			continue;
		if (explain(s, pins[i + failed], &why, d) < 0)
			return -1;
		*gone = pins[i + failed];
		return 0;
	}
	return 0;
}

int supply_fetch_step(
	struct supply *s, enum pin_step step, const struct pin **gone, struct diag *d)
{
	const struct pin **missing =
		arena_alloc(s->arena, (s->lock.count + 1) * sizeof(*missing));
	size_t count = 0;

	*gone = NULL;
	for (size_t i = 0; i < s->lock.count; i++) {
		const struct pin *pin = &s->lock.pins[i];

		if (pin->step == step && !is_in_store(s, pin))
			missing[count++] = pin;
	}
	if (count == 0)
		return 0;
	return need_mirror(s, d) < 0 ? -1 : fetch_batches(s, missing, count, gone, d);
}

int supply_keep_lock(struct supply *s, struct diag *d)
{
	if (!s->lock_is_new || s->substituted)
		return 0;
	if (lock_write(s->lock_path, &s->lock, called_there(s), d) < 0)
		return -1;
	if (s->lock.image)
		supply_say(s->options, 0, "%s pins %s", s->lock_path, s->lock.image);
	if (s->lock.count > 0)
		supply_say(s->options, 0, "%s pins %zu package%s", s->lock_path,
			s->lock.count, s->lock.count == 1 ? "" : "s");
	return 0;
}
