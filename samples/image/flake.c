/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flake.h"

#include <stdlib.h>

/* A sphere and all that it carries lies within twice its radius: 1 + 2/3 + 2/9 + … = 2.
 */
#define BOUND 2
#define CLOSEST 1e-7

static const double pi = 3.14159265358979323846;

static struct vector on_axes(struct vector local, struct vector up)
{
	struct vector side = fabs(up.y) < 0.9 ? vector(0, 1, 0) : vector(1, 0, 0);
	struct vector x = unit_of(cross(side, up)), z = cross(x, up);

	return add(add(scale(x, local.x), scale(up, local.y)), scale(z, local.z));
}

/* Six children round the equator, three nearer to the pole. */
static struct vector child_direction(int i, struct vector up)
{
	double around = i < 6 ? i * pi / 3 : (i - 6) * 2 * pi / 3 + pi / 6;
	double height = i < 6 ? 0.0 : pi / 3;

	return on_axes(
		vector(cos(around) * cos(height), sin(height), sin(around) * cos(height)),
		up);
}

static void grow(
	struct flake *f, struct vector centre, double radius, struct vector up, int depth)
{
	struct sphere *s = &f->spheres[f->count++];

	*s = (struct sphere){.centre = centre, .radius = radius, .depth = depth};
	for (int i = 0; i < FLAKE_CHILDREN && depth + 1 < FLAKE_DEPTH; i++) {
		struct vector out = child_direction(i, up);

		grow(f, add(centre, scale(out, radius * 4 / 3)), radius / 3, out,
			depth + 1);
	}
	s->next = f->count;
}

int flake_make(struct flake *f, struct vector centre, double radius)
{
	size_t count = 0;

	for (int depth = 0; depth < FLAKE_DEPTH; depth++)
		count = 1 + count * FLAKE_CHILDREN;
	f->spheres = calloc(count, sizeof(*f->spheres));
	f->count = 0;
	if (!f->spheres)
		return -1;
	grow(f, centre, radius, vector(0, 1, 0), 0);
	return 0;
}

void flake_free(struct flake *f)
{
	free(f->spheres);
}

/* How far along the ray the sphere of this radius is met from outside; 0: it is not. */
static double meet(double across, double along, double radius)
{
	double half = radius * radius - across;
	double distance;

	if (half <= 0)
		return 0;
	distance = along - sqrt(half);
	return distance > CLOSEST ? distance : 0;
}

/* Walks the flake; stops at the first hit where any will do. */
static int walk(const struct flake *f, struct vector from, struct vector direction,
	double limit, int any, struct hit *hit)
{
	int found = 0, i = 0;

	hit->distance = limit;
	while (i < f->count) {
		const struct sphere *s = &f->spheres[i];
		struct vector to = subtract(s->centre, from);
		double along = dot(to, direction), square = dot(to, to);
		double across = square - along * along, bound = s->radius * BOUND;
		double distance;

		if (across > bound * bound || along < -bound ||
			along - bound > hit->distance) {
			i = s->next;
			continue;
		}
		distance = meet(across, along, s->radius);
		if (distance > 0 && distance < hit->distance) {
			*hit = (struct hit){distance, s};
			found = 1;
			if (any)
				return 1;
		}
		i++;
	}
	return found;
}

int flake_hit(const struct flake *f, struct vector from, struct vector direction,
	double limit, struct hit *hit)
{
	return walk(f, from, direction, limit, 0, hit);
}

int flake_blocks(const struct flake *f, struct vector from, struct vector direction)
{
	struct hit ignored;

	return walk(f, from, direction, 1e9, 1, &ignored);
}
