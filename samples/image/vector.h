/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vector: three numbers that are a point, a direction or a colour. */
#ifndef VECTOR_H
#define VECTOR_H

#include <math.h>

struct vector {
	double x, y, z;
};

static inline struct vector vector(double x, double y, double z)
{
	return (struct vector){x, y, z};
}

static inline struct vector add(struct vector a, struct vector b)
{
	return vector(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct vector subtract(struct vector a, struct vector b)
{
	return vector(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct vector scale(struct vector a, double s)
{
	return vector(a.x * s, a.y * s, a.z * s);
}

static inline struct vector tint(struct vector a, struct vector b)
{
	return vector(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline double dot(struct vector a, struct vector b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vector cross(struct vector a, struct vector b)
{
	return vector(
		a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline struct vector unit_of(struct vector a)
{
	return scale(a, 1 / sqrt(dot(a, a)));
}

static inline struct vector mix(struct vector a, struct vector b, double t)
{
	return add(scale(a, 1 - t), scale(b, t));
}

/* d thrown back by a surface with the normal n. */
static inline struct vector reflect(struct vector d, struct vector n)
{
	return subtract(d, scale(n, 2 * dot(d, n)));
}

#endif
