/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian_contents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Raise it with any change of what the same packages give. */
#define DEBIAN_BUILDER_VERSION 4

static int compare_names(const void *a, const void *b)
{
	const struct pin *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void debian_list_step(const struct supply *s, enum pin_step step,
	struct debian_contents *c, struct arena *a)
{
	c->count = 0;
	c->pins = arena_alloc(a, (s->lock.count + 1) * sizeof(*c->pins));
	for (size_t i = 0; i < s->lock.count; i++) {
		if (s->lock.pins[i].step == step)
			c->pins[c->count++] = &s->lock.pins[i];
	}
	qsort(c->pins, c->count, sizeof(*c->pins), compare_names);
}

/* Both are sorted; where both have a package, the upper one replaced the other. */
static void put_upon(
	struct debian_contents *c, const struct debian_contents *upper, struct arena *a)
{
	const struct pin **pins =
		arena_alloc(a, (c->count + upper->count + 1) * sizeof(*pins));
	size_t i = 0, k = 0, count = 0;

	while (i < c->count || k < upper->count) {
		int order = i == c->count ? 1
			    : k == upper->count
				    ? -1
				    : compare_names(&c->pins[i], &upper->pins[k]);

		pins[count++] = order < 0 ? c->pins[i] : upper->pins[k];
		i += order <= 0;
		k += order >= 0;
	}
	*c = (struct debian_contents){.pins = pins, .count = count};
}

void debian_list_contents(const struct debian_layer *layer, enum pin_step step,
	struct debian_contents *c, struct arena *a)
{
	struct debian_contents upper;

	if (layer->below)
		debian_list_contents(layer->below, PIN_PACKAGES, c, a);
	else
		debian_list_step(layer->supply, PIN_ESSENTIAL, c, a);
	if (step != PIN_PACKAGES)
		return;
	debian_list_step(layer->supply, PIN_PACKAGES, &upper, a);
	put_upon(c, &upper, a);
}

void debian_digest_contents(const struct debian_contents *c, char digest[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_add_text(&text, "workunit-packages 1\n");
	for (size_t i = 0; i < c->count; i++)
		buffer_printf(&text, "%s %s %s\n", c->pins[i]->name, c->pins[i]->version,
			c->pins[i]->sha256);
	digest_of_bytes(text.bytes, text.size, digest);
}

/* The digest of a step and of what came before it. */
static void name_step(const struct supply *s, enum pin_step step, const char *below,
	char key[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_printf(&text, "workunit-layer %d\nsuite %s\nepoch %lld\n",
		DEBIAN_BUILDER_VERSION, s->plan->suite, (long long)s->plan->epoch);
	if (below)
		buffer_printf(&text, "below %s\nasked %s\n", below, s->lock.packages);
	for (size_t i = 0; i < s->lock.count; i++) {
		const struct pin *pin = &s->lock.pins[i];

		if (pin->step == step)
			buffer_printf(&text, "package %s %s %s %s\n", pin->name,
				pin->version, pin->architecture, pin->sha256);
	}
	digest_of_bytes(text.bytes, text.size, key);
}

void debian_name_essential(const struct debian_layer *layer, char key[DIGEST_HEX])
{
	name_step(layer->supply, PIN_ESSENTIAL, NULL, key);
}

void debian_name_layer(struct debian_layer *layer)
{
	struct arena a = {0};
	struct debian_contents c;

	debian_list_contents(layer, PIN_PACKAGES, &c, &a);
	debian_digest_contents(&c, layer->contents);
	if (layer->below)
		memcpy(layer->key, layer->below->key, DIGEST_HEX);
	else
		debian_name_essential(layer, layer->key);
	debian_list_step(layer->supply, PIN_PACKAGES, &c, &a);
	/* Without packages of its own it is what is below. */
	if (c.count > 0)
		name_step(layer->supply, PIN_PACKAGES, layer->key, layer->key);
	arena_clear(&a);
}

/* Adds the package's control file, ended by one newline: fields may follow. */
static int add_control(
	struct supply *s, const struct pin *pin, struct buffer *b, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	if (supply_read_control(s, pin, &text, d) < 0)
		return -1;
	while (text.size > 0 && strchr(" \t\r\n", text.bytes[text.size - 1]))
		text.size--;
	buffer_add(b, text.bytes, text.size);
	buffer_add_text(b, "\n");
	return 0;
}

int debian_add_status(struct supply *s, const struct debian_contents *c, struct buffer *b,
	struct diag *d)
{
	for (size_t i = 0; i < c->count; i++) {
		if (add_control(s, c->pins[i], b, d) < 0)
			return -1;
		buffer_add_text(b, "Status: install ok installed\n\n");
	}
	return 0;
}

int debian_add_index(struct supply *s, const struct debian_contents *c, struct buffer *b,
	struct diag *d)
{
	for (size_t i = 0; i < c->count; i++) {
		if (add_control(s, c->pins[i], b, d) < 0)
			return -1;
		buffer_printf(b,
			"Filename: ./%s.deb\n"
			"Size: %" PRIu64 "\n"
			"SHA256: %s\n\n",
			c->pins[i]->sha256, c->pins[i]->size_bytes, c->pins[i]->sha256);
	}
	return 0;
}
