/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "debian_bootstrap.h"
#include "debian_check.h"
#include "debian_closure.h"
#include "debian_contents.h"
#include "debian_host.h"
#include "place.h"

#define LAYER "layer.tar"

/* One of the layer's steps, as it is made. */
struct step {
	struct debian_layer *layer;
	enum pin_step step;
	const char *key;
	int below; /* the tar that it goes on from, or -1 */
	struct workdir folder;
};

const char *debian_place(const struct debian_layer *layer, struct arena *a)
{
	return arena_printf(a, "layers/%s.tar", layer->key);
}

/* What the recipe asks for, by spaces; NULL with a message where that is no name. apt
 * takes a hyphen at the end for a wish to remove. */
static const char *list_asked(struct supply *s, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer b = {0};
	const struct base_plan *plan = s->plan;

	buffer_add(&b, "", 0);
	for (size_t i = 0; i < plan->package_count; i++) {
		const char *name = plan->packages[i];

		if (!lock_is_name(name) || name[strlen(name) - 1] == '-') {
			place_fail(d, &plan->place,
				"packages: expected the name of a Debian package, got "
				"\"%s\"",
				name);
			return NULL;
		}
		buffer_printf(&b, "%s%s", i ? " " : "", name);
	}
	return arena_strdup(s->arena, b.bytes);
}

/* Without the lock's help: what is to be done, or why nothing is. */
static int pin_anew(struct debian_layer *layer, const char *asked, struct diag *d)
{
	struct supply *s = layer->supply;

	if (s->options->find_only) {
		s->incomplete = 1;
		return 0;
	}
	if (s->options->locked)
		return diag_fail(d,
			"%s: does not pin the packages of base %s's root disk as its "
			"recipe asks for them, and --locked allows no other",
			s->lock_path, s->plan->name);
	if (supply_check_lock(s, d) < 0)
		return -1;
	s->lock_is_new = 1;
	return debian_resolve(layer, asked, d);
}

int debian_pin(struct supply *s, struct debian_layer *below, struct debian_layer *layer,
	struct diag *d)
{
	const char *asked = list_asked(s, d);

	*layer = (struct debian_layer){.supply = s, .below = below};
	if (!asked)
		return -1;
	if (below && below->supply->incomplete)
		s->incomplete = 1;
	if (s->incomplete)
		return 0;
	if (!s->options->update && debian_fits_lock(layer, asked))
		debian_take_lock(layer);
	else if (pin_anew(layer, asked, d) < 0)
		return -1;
	if (!s->incomplete)
		debian_name_layer(layer);
	/* Pinned upon packages that the lock below does not pin. */
	if (below && below->supply->substituted)
		s->substituted = 1;
	return 0;
}

/* Gives the folder the packages of the step, and their index. */
static int fill_repository(
	struct step *w, const struct debian_contents *c, struct diag *d)
{
	CLEANUP(file_close) int fd = -1;
	CLEANUP(buffer_clear) struct buffer index = {0};
	struct supply *s = w->layer->supply;

	if (mkdirat(w->folder.fd, "tmp", 0755) < 0 ||
		mkdirat(w->folder.fd, "repository", 0755) < 0)
		return diag_fail_errno(d, "%s/tmp", s->store->path);
	fd = openat(w->folder.fd, "repository", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return diag_fail_errno(d, "%s/tmp", s->store->path);
	for (size_t i = 0; i < c->count; i++) {
		const char *name = arena_printf(s->arena, "%s.deb", c->pins[i]->sha256);

		if (file_link_or_copy(s->store->fd, supply_place(c->pins[i], s->arena),
			    fd, name, d) < 0)
			return -1;
	}
	if (debian_add_index(s, c, &index, d) < 0)
		return -1;
	return file_create(fd, "Packages", index.bytes, index.size, 0644, d);
}

/* The digest beside the tar tells a damaged one. Who sees the tar finds it. */
static int keep(struct step *w, struct diag *d)
{
	struct supply *s = w->layer->supply;
	char line[DIGEST_HEX + 1];

	if (digest_of_file(w->folder.fd, LAYER, line, NULL, d) < 0)
		return -1;
	strcat(line, "\n");
	if (file_create(w->folder.fd, "digest", line, strlen(line), 0444, d) < 0 ||
		store_keep_file(s->store, &w->folder, "digest",
			arena_printf(s->arena, "layers/%s.sha256", w->key), d) < 0)
		return -1;
	return store_keep_file(s->store, &w->folder, LAYER,
		arena_printf(s->arena, "layers/%s.tar", w->key), d);
}

static int make_layer(struct step *w, struct diag *d)
{
	struct supply *s = w->layer->supply;
	struct debian_contents own, all;
	struct debian_bootstrap b = {
		.supply = s,
		.folder = &w->folder,
		.below = w->below,
		.label = w->below < 0 ? "the essential packages" : "its packages",
	};

	debian_list_step(s, w->step, &own, s->arena);
	debian_list_contents(w->layer, w->step, &all, s->arena);
	b.count = own.count;
	supply_say(s->options, 0, "installing %zu %spackage%s for base %s", own.count,
		w->below < 0 ? "essential " : "", own.count == 1 ? "" : "s",
		s->plan->name);
	if (fill_repository(w, &own, d) < 0 || debian_run_bootstrap(&b, LAYER, d) < 0 ||
		debian_check_layer(w->folder.fd, LAYER, s->plan->name, &all, d) < 0)
		return -1;
	return keep(w, d);
}

static int make_step(struct step *w, struct diag *d)
{
	struct supply *s = w->layer->supply;
	struct diag ignored = {0};
	int rc;

	if (debian_check_host(s->plan->name, d) < 0)
		return -1;
	debian_remove_abandoned(s->store->tmp, STORE_PREFIX);
	if (store_make_folder(s->store, &w->folder, d) < 0)
		return -1;
	/* Open to all, whatever the umask: packages' scripts become other users. */
	rc = fchmod(w->folder.fd, 0755) < 0 ? diag_fail_errno(d, "%s", w->folder.name)
					    : make_layer(w, d);
	debian_remove_folder(s->store->tmp, w->folder.name, &ignored);
	diag_clear(&ignored);
	workdir_close(&w->folder);
	return rc;
}

/* 1 where the store has it whole, 0 where not; a damaged one is taken away. */
static int has_layer(struct supply *s, const char *key, struct diag *d)
{
	const char *place = arena_printf(s->arena, "layers/%s.tar", key);
	const char *beside = arena_printf(s->arena, "layers/%s.sha256", key);
	char sha256[DIGEST_HEX];
	struct diag ignored = {0};
	size_t size = 0;
	char *line;
	int whole;

	if (faccessat(s->store->fd, place, F_OK, 0) < 0)
		return errno == ENOENT
			       ? 0
			       : diag_fail_errno(d, "%s/%s", s->store->path, place);
	line = file_read(s->store->fd, beside, DIGEST_HEX, &size, &ignored);
	whole = line && size == DIGEST_HEX &&
		digest_of_file(s->store->fd, place, sha256, NULL, &ignored) == 0 &&
		strncmp(sha256, line, DIGEST_HEX - 1) == 0;
	free(line);
	diag_clear(&ignored);
	if (whole) {
		store_touch(s->store, place);
		store_touch(s->store, beside);
		return 1;
	}
	supply_say(s->options, 1, "%s/%s is damaged; building it again", s->store->path,
		place);
	return store_remove(s->store, place, d);
}

/* Makes a step of the layer on top of the one whose key is `below`, or NULL. */
static int need_step(struct debian_layer *layer, enum pin_step step, const char *key,
	const char *below, struct diag *d)
{
	CLEANUP(file_close) int fd = -1;
	struct supply *s = layer->supply;
	struct step w = {.layer = layer, .step = step, .key = key};
	const char *place;

	if (below) {
		place = arena_printf(s->arena, "layers/%s.tar", below);
		fd = openat(s->store->fd, place, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return diag_fail_errno(d, "%s/%s", s->store->path, place);
	}
	w.below = fd;
	return make_step(&w, d);
}

/* Where a layer has none below, its essential step comes first. Gives that one's key, and
 * whether it is still to be made. */
static int look_for_essential(const struct debian_layer *layer, char key[DIGEST_HEX],
	int *missing, struct diag *d)
{
	int found;

	*missing = 0;
	if (layer->below) {
		memcpy(key, layer->below->key, DIGEST_HEX);
		return 0;
	}
	debian_name_essential(layer, key);
	found = has_layer(layer->supply, key, d);
	*missing = found == 0;
	return found < 0 ? -1 : 0;
}

/* The layer's steps; what is below is there. */
static int build_steps(struct debian_layer *layer, struct diag *d)
{
	char first[DIGEST_HEX];
	int missing, found;

	if (look_for_essential(layer, first, &missing, d) < 0 ||
		debian_fetch(layer, missing, d) < 0)
		return -1;
	/* Newer packages may have led to other layers. */
	found = has_layer(layer->supply, layer->key, d);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (look_for_essential(layer, first, &missing, d) < 0)
		return -1;
	if (missing && need_step(layer, PIN_ESSENTIAL, first, NULL, d) < 0)
		return -1;
	if (strcmp(first, layer->key) == 0)
		return 0;
	return need_step(layer, PIN_PACKAGES, layer->key, first, d);
}

/* What is below may have got other packages than this layer was pinned upon. */
static int follow_below(struct debian_layer *layer, struct diag *d)
{
	struct supply *s = layer->supply;

	if (!layer->below ||
		(s->lock.below && strcmp(s->lock.below, layer->below->contents) == 0))
		return 0;
	s->substituted = 1;
	if (debian_resolve(layer, s->lock.packages, d) < 0)
		return -1;
	debian_name_layer(layer);
	return 0;
}

int debian_build(struct debian_layer *layer, struct diag *d)
{
	struct supply *s = layer->supply;
	int found = has_layer(s, layer->key, d);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (layer->below && debian_build(layer->below, d) < 0)
		return -1;
	if (follow_below(layer, d) < 0)
		return -1;
	found = has_layer(s, layer->key, d);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return build_steps(layer, d);
}
