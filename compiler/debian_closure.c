/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian_closure.h"

#include <string.h>

#include "place.h"

/* Two ways to have /bin as a link to /usr/bin. Some releases let one choose: the second
 * does not bring Perl. The links are there from the start (debian_bootstrap.c). */
#define MERGES_USR "usrmerge"
#define MERGED_USR "usr-is-merged"

static int same(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

int debian_fits_lock(const struct debian_layer *layer, const char *asked)
{
	const struct lock *old = &layer->supply->old;
	int essential = 0;

	for (size_t i = 0; i < old->count; i++)
		essential |= old->pins[i].step == PIN_ESSENTIAL;
	return same(old->packages, asked) &&
	       same(old->below, layer->below ? layer->below->contents : NULL) &&
	       essential == !layer->below;
}

static void take_step(struct supply *s, enum pin_step step)
{
	for (size_t i = 0; i < s->old.count; i++) {
		if (s->old.pins[i].step == step)
			lock_set(&s->lock, &s->old.pins[i], s->arena);
	}
}

void debian_take_lock(struct debian_layer *layer)
{
	struct supply *s = layer->supply;

	s->lock.packages = s->old.packages;
	s->lock.below = s->old.below;
	take_step(s, PIN_ESSENTIAL);
	take_step(s, PIN_PACKAGES);
}

static int fail_unknown(struct supply *s, const char *unknown, struct diag *d)
{
	return place_fail(d, &s->plan->place,
		"packages: Debian's %s has no package of the name %s", s->plan->suite,
		unknown);
}

/* Pins what apt would install for these words where `have` is installed. */
static int resolve_step(struct supply *s, enum pin_step step,
	const struct debian_contents *have, const char *const words[], size_t count,
	struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer status = {0};
	struct diag why = {0};
	const char *unknown;
	struct pin *pins;
	size_t pin_count;

	lock_drop(&s->lock, step);
	buffer_add(&status, "", 0);
	if (debian_add_status(s, have, &status, d) < 0)
		return -1;
	if (mirror_resolve(&s->mirror, words, count, &status, &pins, &pin_count, &unknown,
		    s->arena, &why) < 0) {
		if (unknown)
			fail_unknown(s, unknown, d);
		else
			diag_move(d, &why);
		diag_clear(&why);
		return -1;
	}
	for (size_t i = 0; i < pin_count; i++) {
		pins[i].step = step;
		lock_set(&s->lock, &pins[i], s->arena);
	}
	return 0;
}

/* 1 where the old lock's essential packages can still be had, and may stay. */
static int can_keep_essential(struct supply *s, struct diag *d)
{
	struct supply old = {.lock = s->old};
	struct debian_contents c;

	debian_list_step(&old, PIN_ESSENTIAL, &c, s->arena);
	if (s->options->update || c.count == 0)
		return 0;
	return mirror_lists(&s->mirror, c.pins, c.count, d);
}

static int resolve_essential(struct supply *s, struct diag *d)
{
	static const char *const words[] = {"?essential", MERGED_USR};
	struct debian_contents nothing = {0};
	int keep = can_keep_essential(s, d), merged;

	if (keep < 0)
		return -1;
	lock_drop(&s->lock, PIN_ESSENTIAL);
	if (keep) {
		take_step(s, PIN_ESSENTIAL);
		return 0;
	}
	if (resolve_step(s, PIN_ESSENTIAL, &nothing, words, 1, d) < 0)
		return -1;
	if (!lock_find(&s->lock, PIN_ESSENTIAL, MERGES_USR))
		return 0;
	merged = mirror_has(&s->mirror, MERGED_USR, d);
	if (merged <= 0)
		return merged;
	return resolve_step(s, PIN_ESSENTIAL, &nothing, words, 2, d);
}

static int fetch_resolved(struct supply *s, enum pin_step step, struct diag *d)
{
	const struct pin *gone;

	if (supply_fetch_step(s, step, &gone, d) < 0)
		return -1;
	if (gone)
		return diag_fail(d, "%s: the archive lists it and does not have it",
			supply_label(gone, s->arena));
	return 0;
}

static int resolve_packages(struct debian_layer *layer, struct diag *d)
{
	struct supply *s = layer->supply;
	const struct base_plan *plan = s->plan;
	struct debian_contents have;

	lock_drop(&s->lock, PIN_PACKAGES);
	if (plan->package_count == 0)
		return 0;
	debian_list_contents(layer, PIN_ESSENTIAL, &have, s->arena);
	return resolve_step(
		s, PIN_PACKAGES, &have, plan->packages, plan->package_count, d);
}

/* All that is below, whose control files apt needs. */
static int fetch_below(struct debian_layer *layer, struct diag *d)
{
	if (layer->below && fetch_below(layer->below, d) < 0)
		return -1;
	return debian_fetch(layer, !layer->below, d);
}

int debian_resolve(struct debian_layer *layer, const char *asked, struct diag *d)
{
	struct supply *s = layer->supply;

	if (supply_ask_archive(s, "the packages of its root disk", d) < 0)
		return -1;
	if (!layer->below &&
		(resolve_essential(s, d) < 0 || fetch_resolved(s, PIN_ESSENTIAL, d) < 0))
		return -1;
	if (layer->below && fetch_below(layer->below, d) < 0)
		return -1;
	if (resolve_packages(layer, d) < 0)
		return -1;
	s->lock.packages = asked;
	s->lock.below =
		layer->below ? arena_strdup(s->arena, layer->below->contents) : NULL;
	return 0;
}

static int substitute(struct debian_layer *layer, const struct pin *gone, struct diag *d)
{
	struct supply *s = layer->supply;

	if (s->options->locked)
		return diag_fail(d,
			"%s: %s has left the archive, and --locked allows no other: %s",
			s->lock_path, supply_label(gone, s->arena), supply_advice(s));
	supply_say(s->options, 1,
		"%s: %s has left the archive; building from the newest packages, so "
		"digests differ; %s",
		s->lock_path, supply_label(gone, s->arena), supply_advice(s));
	s->substituted = 1;
	return debian_resolve(layer, s->lock.packages, d);
}

int debian_fetch(struct debian_layer *layer, int essential, struct diag *d)
{
	struct supply *s = layer->supply;
	const struct pin *gone = NULL;

	if (essential && supply_fetch_step(s, PIN_ESSENTIAL, &gone, d) < 0)
		return -1;
	if (!gone && supply_fetch_step(s, PIN_PACKAGES, &gone, d) < 0)
		return -1;
	if (!gone)
		return 0;
	if (substitute(layer, gone, d) < 0)
		return -1;
	debian_name_layer(layer);
	return fetch_resolved(s, PIN_PACKAGES, d);
}
