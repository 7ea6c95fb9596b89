/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flake: Eric Haines's sphereflake: a sphere that carries nine spheres of a third its
 * size, each of which carries nine more, and so on. */
#ifndef FLAKE_H
#define FLAKE_H

#include "vector.h"

#define FLAKE_CHILDREN 9
#define FLAKE_DEPTH 4 /* 1 + 9 + 81 + 729 spheres */

struct sphere {
	struct vector centre;
	double radius;
	int depth;
	int next; /* the sphere to look at where nothing of this one can be hit */
};

struct flake {
	struct sphere *spheres; /* in the order of a walk: a sphere, then its children */
	int count;
};

struct hit {
	double distance;
	const struct sphere *sphere;
};

/* Returns 0, or -1 where memory is out. */
int flake_make(struct flake *f, struct vector centre, double radius);
void flake_free(struct flake *f);

/* The nearest sphere that the ray meets before `limit`; 1 where there is one. */
int flake_hit(const struct flake *f, struct vector from, struct vector direction,
	double limit, struct hit *hit);

/* 1 where anything is in the ray's way. */
int flake_blocks(const struct flake *f, struct vector from, struct vector direction);

#endif
