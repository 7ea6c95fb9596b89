/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trail.h"

void trail_begin(struct trail *t)
{
	t->path = TEXT_IN(t->path_bytes);
	t->problem = TEXT_IN(t->problem_bytes);
}

size_t trail_enter(struct trail *t, const char *name)
{
	size_t size = t->path.size;

	if (size && t->path.bytes[size - 1] != '/')
		text_add(&t->path, "/");
	text_add(&t->path, name);
	return size;
}

void trail_leave(struct trail *t, size_t size)
{
	text_cut_back(&t->path, size);
}

void trail_note(struct trail *t, const char *why)
{
	if (t->problem.size)
		return;
	text_add(&t->problem, t->path.bytes);
	/* Full, it may be cut. */
	if (t->path.size == t->path.room - 1)
		text_add(&t->problem, "…");
	text_add(&t->problem, ": ");
	text_add(&t->problem, why);
}
