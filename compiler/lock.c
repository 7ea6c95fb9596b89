/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/workdir.h"
#include "control.h"

#define FORMAT "workunit-lock 1"
#define FILE_LIMIT_BYTES (1024 * 1024)
#define PACKAGE_LIMIT_BYTES (UINT64_C(4) << 30)

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int made_of(const char *text, const char *bytes)
{
	return text[0] != '\0' && strlen(text) <= 255 &&
	       text[strspn(text, bytes)] == '\0';
}

int lock_is_name(const char *text)
{
	return made_of(text, LOWER DIGITS "+.-") && strspn(text, LOWER DIGITS) > 0;
}

static int is_version(const char *text)
{
	return made_of(text, LOWER UPPER DIGITS "+.~:-") && strspn(text, DIGITS) > 0;
}

static int is_pool_path(const char *text)
{
	return made_of(text, LOWER UPPER DIGITS "+.~:%_/-") &&
	       strncmp(text, "pool/", 5) == 0 && !strstr(text, "..");
}

const char *lock_check_pin(const struct pin *pin)
{
	if (!lock_is_name(pin->name))
		return "Package: expected the name of a Debian package";
	if (!lock_is_name(pin->asked))
		return "For: expected the name of a Debian package";
	if (!is_version(pin->version))
		return "Version: expected the version of a Debian package";
	if (strcmp(pin->architecture, "amd64") != 0 &&
		strcmp(pin->architecture, "all") != 0)
		return "Architecture: expected amd64 or all";
	if (strcmp(pin->archive, "debian") != 0 &&
		strcmp(pin->archive, "debian-security") != 0)
		return "Archive: expected debian or debian-security";
	if (!is_pool_path(pin->path))
		return "Filename: expected a path below pool/";
	if (pin->size_bytes == 0 || pin->size_bytes > PACKAGE_LIMIT_BYTES)
		return "Size: expected a number of bytes up to 4 GiB";
	if (!digest_is_hex(pin->sha256))
		return "SHA256: expected 64 hex digits";
	return NULL;
}

const char *lock_path(const char *recipe_path, struct arena *a)
{
	const char *slash = strrchr(recipe_path, '/');
	const char *dot = strrchr(recipe_path, '.');

	if (!dot || (slash && dot < slash + 2) || dot == recipe_path)
		dot = recipe_path + strlen(recipe_path);
	return arena_printf(a, "%.*s.lock", (int)(dot - recipe_path), recipe_path);
}

static int compare(const struct pin *p, enum pin_step step, const char *asked)
{
	if (p->step != step)
		return p->step < step ? -1 : 1;
	return strcmp(p->asked, asked);
}

/* The index of the first pin that is not before this one. */
static size_t find_index(const struct lock *l, enum pin_step step, const char *asked)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&l->pins[middle], step, asked) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct pin *lock_find(const struct lock *l, enum pin_step step, const char *asked)
{
	size_t i = find_index(l, step, asked);

	return i < l->count && compare(&l->pins[i], step, asked) == 0 ? &l->pins[i]
								      : NULL;
}

static void make_room(struct lock *l, struct arena *a)
{
	struct pin *pins;

	if (l->count < l->room)
		return;
	l->room = l->room ? 2 * l->room : 16;
	pins = arena_alloc(a, l->room * sizeof(*pins));
	if (l->count > 0)
		memcpy(pins, l->pins, l->count * sizeof(*pins));
	l->pins = pins;
}

void lock_set(struct lock *l, const struct pin *pin, struct arena *a)
{
	size_t i = find_index(l, pin->step, pin->asked);

	if (i == l->count || compare(&l->pins[i], pin->step, pin->asked) != 0) {
		make_room(l, a);
		memmove(&l->pins[i + 1], &l->pins[i], (l->count - i) * sizeof(*l->pins));
		l->count++;
	}
	l->pins[i] = *pin;
}

void lock_drop(struct lock *l, enum pin_step step)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (l->pins[i].step != step)
			l->pins[kept++] = l->pins[i];
	}
	l->count = kept;
}

/* Where a field is missing the pin gets a text that lock_check_pin() refuses. */
static const char *value_or_empty(const struct control_stanza *s, const char *name)
{
	const char *value = control_value(s, name);

	return value ? value : "";
}

static uint64_t read_size(const char *text)
{
	return strlen(text) <= 12 && made_of(text, DIGITS) ? strtoull(text, NULL, 10) : 0;
}

/* By enum pin_step; the first is what a pin without the field is for. */
static const char *const steps[] = {NULL, "essential", "packages"};

/* Fields that lock_check_pin() does not see. */
static const char *read_step(const struct control_stanza *s, enum pin_step *step)
{
	const char *text = control_value(s, "Step");

	*step = PIN_MEMBERS;
	for (int i = PIN_ESSENTIAL; text && i <= PIN_PACKAGES; i++) {
		if (strcmp(text, steps[i]) == 0)
			*step = (enum pin_step)i;
	}
	return text && *step == PIN_MEMBERS ? "Step: expected essential or packages"
					    : NULL;
}

static struct pin read_pin(const struct control_stanza *s)
{
	const char *sha256 = value_or_empty(s, "SHA256");
	const char *asked = control_value(s, "For");
	struct pin pin = {
		.name = value_or_empty(s, "Package"),
		.version = value_or_empty(s, "Version"),
		.architecture = value_or_empty(s, "Architecture"),
		.archive = value_or_empty(s, "Archive"),
		.path = value_or_empty(s, "Filename"),
		.size_bytes = read_size(value_or_empty(s, "Size")),
	};

	pin.asked = asked ? asked : pin.name;
	if (digest_is_hex(sha256))
		memcpy(pin.sha256, sha256, DIGEST_HEX);
	return pin;
}

static int read_image(
	const struct control_stanza *s, const char *path, struct lock *l, struct diag *d)
{
	const char *sha256 = value_or_empty(s, "Image-SHA256");

	l->image = control_value(s, "Image");
	if (!l->image)
		return 0;
	if (!digest_is_hex(sha256))
		return diag_fail_at(
			d, path, s->line, "Image-SHA256: expected 64 hex digits");
	memcpy(l->image_sha256, sha256, DIGEST_HEX);
	return 0;
}

static int read_pins(const struct control_stanza *s, size_t count, const char *path,
	struct lock *l, struct arena *a, struct diag *d)
{
	for (size_t i = 0; i < count; i++) {
		struct pin pin = read_pin(&s[i]);
		const char *wrong = lock_check_pin(&pin);

		if (!wrong)
			wrong = read_step(&s[i], &pin.step);
		if (wrong)
			return diag_fail_at(d, path, s[i].line, "%s", wrong);
		if (lock_find(l, pin.step, pin.asked))
			return diag_fail_at(
				d, path, s[i].line, "%s is pinned twice", pin.asked);
		lock_set(l, &pin, a);
	}
	return 0;
}

int lock_parse(const char *text, size_t size, const char *path, struct lock *l,
	struct arena *a, struct diag *d)
{
	struct control_stanza *s;
	long count = control_parse(text, size, path, &s, a, d);
	const char *format, *suite;

	*l = (struct lock){0};
	if (count < 0)
		return -1;
	format = count > 0 ? control_value(&s[0], "Format") : NULL;
	if (!format || strcmp(format, FORMAT) != 0)
		return diag_fail_at(d, path, count > 0 ? s[0].line : 1,
			"expected \"Format: " FORMAT "\" first");
	suite = control_value(&s[0], "Suite");
	if (!suite || !lock_is_name(suite))
		return diag_fail_at(
			d, path, s[0].line, "Suite: expected a Debian release's name");
	l->suite = suite;
	l->packages = control_value(&s[0], "Packages");
	l->below = control_value(&s[0], "Below");
	if (read_image(&s[0], path, l, d) < 0)
		return -1;
	return read_pins(s + 1, (size_t)count - 1, path, l, a, d);
}

int lock_read(const char *path, struct lock *l, struct arena *a, struct diag *d)
{
	size_t size;
	char *text;
	int rc;

	*l = (struct lock){0};
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	text = file_read(AT_FDCWD, path, FILE_LIMIT_BYTES, &size, d);
	if (!text)
		return -1;
	rc = lock_parse(text, size, path, l, a, d);
	free(text);
	return rc;
}

void lock_format(const struct lock *l, const char *base_name, struct buffer *b)
{
	buffer_printf(b,
		"# The Debian packages that the base is built from.\n"
		"# Renew: wuc base build --update %s\n"
		"Format: " FORMAT "\n"
		"Suite: %s\n",
		base_name, l->suite);
	if (l->packages)
		buffer_printf(b, "Packages:%s%s\n", *l->packages ? " " : "", l->packages);
	if (l->below)
		buffer_printf(b, "Below: %s\n", l->below);
	if (l->image)
		buffer_printf(
			b, "Image: %s\nImage-SHA256: %s\n", l->image, l->image_sha256);
	for (size_t i = 0; i < l->count; i++) {
		const struct pin *pin = &l->pins[i];

		buffer_printf(b, "\nPackage: %s\n", pin->name);
		if (strcmp(pin->asked, pin->name) != 0)
			buffer_printf(b, "For: %s\n", pin->asked);
		if (pin->step != PIN_MEMBERS)
			buffer_printf(b, "Step: %s\n", steps[pin->step]);
		buffer_printf(b,
			"Version: %s\n"
			"Architecture: %s\n"
			"Size: %" PRIu64 "\n"
			"SHA256: %s\n"
			"Archive: %s\n"
			"Filename: %s\n",
			pin->version, pin->architecture, pin->size_bytes, pin->sha256,
			pin->archive, pin->path);
	}
}

int lock_write(
	const char *path, const struct lock *l, const char *base_name, struct diag *d)
{
	struct buffer text = {0};
	int rc;

	lock_format(l, base_name, &text);
	rc = workdir_replace_file(AT_FDCWD, path, text.bytes, text.size, 0644, d);
	buffer_clear(&text);
	return rc;
}
