/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tile: renders one rectangle of a picture by ray tracing.
 *
 * usage: tile IMAGE-WIDTH IMAGE-HEIGHT LEFT TOP WIDTH HEIGHT > tile.ppm
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flake.h"

#define BOUNCES 4
#define SAMPLES 3 /* a pixel and side: 9 rays a pixel */
#define FAR 1e9

struct scene {
	struct flake flake;
	struct vector sun, eye, right, up, ahead;
};

struct area {
	int image_width, image_height, left, top, width, height;
};

/* What of the light a surface throws back as a mirror, at this angle (Schlick). */
static double mirror_part(double head_on, double cosine)
{
	double c = 1 - cosine;

	return head_on + (1 - head_on) * c * c * c * c * c;
}

static struct vector sky(const struct scene *s, struct vector d)
{
	double low = d.y > 0 ? (1 - d.y) * (1 - d.y) : 1, towards = dot(d, s->sun), glow;
	struct vector colour = mix(vector(0.05, 0.13, 0.36), vector(0.80, 0.42, 0.24),
		low * low * low * low);

	if (towards <= 0)
		return colour;
	glow = towards * towards;
	glow *= glow;
	glow *= glow;
	colour = add(colour, scale(vector(0.55, 0.30, 0.10), glow));
	glow *= glow;
	glow *= glow;
	glow *= glow;
	glow *= glow;
	return add(colour, scale(vector(1.6, 1.2, 0.7), glow));
}

static struct vector sphere_colour(int depth)
{
	static const struct vector colours[FLAKE_DEPTH] = {{0.85, 0.55, 0.22},
		{0.80, 0.26, 0.20}, {0.22, 0.48, 0.62}, {0.90, 0.86, 0.74}};

	return colours[depth];
}

static struct vector floor_colour(struct vector p)
{
	int odd = ((int)floor(p.x / 1.5) + (int)floor(p.z / 1.5)) & 1;

	return odd ? vector(0.30, 0.26, 0.22) : vector(0.04, 0.05, 0.08);
}

static struct vector trace(
	const struct scene *s, struct vector from, struct vector d, int left);

/* The light that leaves a point towards where the ray came from. */
static struct vector shade(const struct scene *s, struct vector p, struct vector d,
	struct vector n, struct vector colour, double head_on, int left)
{
	struct vector start = add(p, scale(n, 1e-6));
	double sunlight = dot(n, s->sun), mirror = mirror_part(head_on, -dot(d, n));
	struct vector light =
		mix(vector(0.16, 0.13, 0.12), vector(0.22, 0.27, 0.40), 0.5 + 0.5 * n.y);
	struct vector out;

	if (sunlight > 0 && !flake_blocks(&s->flake, start, s->sun))
		light = add(light, scale(vector(1.35, 1.10, 0.80), sunlight));
	out = scale(tint(colour, light), 1 - mirror);
	if (left > 0)
		out = add(out, scale(trace(s, start, reflect(d, n), left - 1), mirror));
	return out;
}

static struct vector trace(
	const struct scene *s, struct vector from, struct vector d, int left)
{
	double floor_at = d.y < -1e-6 ? -from.y / d.y : FAR;
	struct vector p, n;
	struct hit hit;

	if (flake_hit(&s->flake, from, d, floor_at, &hit)) {
		p = add(from, scale(d, hit.distance));
		n = scale(subtract(p, hit.sphere->centre), 1 / hit.sphere->radius);
		return shade(s, p, d, n, sphere_colour(hit.sphere->depth), 0.25, left);
	}
	if (floor_at < FAR) {
		double haze = floor_at / (floor_at + 60);

		p = add(from, scale(d, floor_at));
		n = vector(0, 1, 0);
		return mix(shade(s, p, d, n, floor_colour(p), 0.12, left),
			sky(s, vector(d.x, 0, d.z)), haze * haze);
	}
	return sky(s, d);
}

static int scene_make(struct scene *s)
{
	s->sun = unit_of(vector(-0.80, 0.50, -0.10));
	s->eye = vector(2.4, 3.0, -6.6);
	s->ahead = unit_of(subtract(vector(0, 1.30, 0), s->eye));
	s->right = unit_of(cross(vector(0, 1, 0), s->ahead));
	s->up = cross(s->ahead, s->right);
	return flake_make(&s->flake, vector(0, 1.35, 0), 1);
}

static struct vector look(const struct scene *s, const struct area *a, double x, double y)
{
	double across = (2 * x - a->image_width) / a->image_height * 0.37;
	double down = (2 * y - a->image_height) / a->image_height * 0.37;
	struct vector d =
		add(s->ahead, subtract(scale(s->right, across), scale(s->up, down)));

	return trace(s, s->eye, unit_of(d), BOUNCES);
}

static struct vector pixel(const struct scene *s, const struct area *a, int x, int y)
{
	struct vector sum = {0};

	for (int i = 0; i < SAMPLES * SAMPLES; i++)
		sum = add(sum, look(s, a, x + (i % SAMPLES + 0.5) / SAMPLES,
				       y + (i / SAMPLES + 0.5) / SAMPLES));
	return scale(sum, 1.0 / (SAMPLES * SAMPLES));
}

/* Light of any strength -> a byte, by the film curve of the Academy as Krzysztof
 * Narkowicz fitted it, then the screen's gamma. */
static unsigned char tone(double light)
{
	double film =
		light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14);

	return (unsigned char)(255 * pow(film > 1 ? 1 : film, 1 / 2.2) + 0.5);
}

/* The comment says where in which picture the tile lies, for join. */
static int render(const struct scene *s, const struct area *a)
{
	printf("P6\n# %d %d %d %d\n%d %d\n255\n", a->image_width, a->image_height,
		a->left, a->top, a->width, a->height);
	for (int y = a->top; y < a->top + a->height; y++)
		for (int x = a->left; x < a->left + a->width; x++) {
			struct vector c = pixel(s, a, x, y);
			unsigned char bytes[3] = {tone(c.x), tone(c.y), tone(c.z)};

			if (fwrite(bytes, 1, 3, stdout) != 3)
				return -1;
		}
	return fflush(stdout);
}

static int read_number(const char *text, int least, int *number)
{
	char *end;
	long value = strtol(text, &end, 10);

	*number = (int)value;
	return *text && !*end && value >= least && value <= 32768 ? 0 : -1;
}

static int read_area(char **argv, struct area *a)
{
	int *fields[] = {&a->image_width, &a->image_height, &a->left, &a->top, &a->width,
		&a->height};

	for (int i = 0; i < 6; i++)
		if (read_number(argv[i], i == 2 || i == 3 ? 0 : 1, fields[i]) < 0)
			return -1;
	return a->left + a->width <= a->image_width &&
			       a->top + a->height <= a->image_height
		       ? 0
		       : -1;
}

int main(int argc, char **argv)
{
	struct scene scene;
	struct area area;
	int rc;

	if (argc != 7 || read_area(argv + 1, &area) < 0) {
		fputs("usage: tile IMAGE-WIDTH IMAGE-HEIGHT LEFT TOP WIDTH HEIGHT\n",
			stderr);
		return 2;
	}
	if (scene_make(&scene) < 0) {
		perror("tile");
		return 1;
	}
	rc = render(&scene, &area);
	if (rc < 0)
		perror("tile: standard output");
	flake_free(&scene.flake);
	return rc < 0;
}
