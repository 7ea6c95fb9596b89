/* SPDX-License-Identifier: GPL-2.0-or-later */
/* join: the tiles of a picture -> one PNG.
 *
 * usage: join IMAGE.png TILE.ppm…
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct image {
	int width, height;
	unsigned char *rows; /* each: a filter byte for PNG, then the pixels */
	unsigned char *done; /* one for each pixel */
};

static size_t row_size(const struct image *m)
{
	return 1 + (size_t)m->width * 3;
}

static int fail(const char *path, const char *what)
{
	fprintf(stderr, "join: %s: %s\n", path, what);
	return -1;
}

static int image_make(struct image *m, int width, int height)
{
	*m = (struct image){.width = width, .height = height};
	m->rows = calloc((size_t)height, row_size(m));
	m->done = calloc((size_t)height, (size_t)width);
	return m->rows && m->done ? 0 : -1;
}

static void image_free(struct image *m)
{
	free(m->rows);
	free(m->done);
}

static int read_pixels(
	struct image *m, FILE *in, int left, int top, int width, int height)
{
	for (int y = top; y < top + height; y++) {
		unsigned char *row = m->rows + (size_t)y * row_size(m);

		if (fread(row + 1 + left * 3, 3, (size_t)width, in) != (size_t)width)
			return -1;
		memset(m->done + (size_t)y * (size_t)m->width + left, 1, (size_t)width);
	}
	return 0;
}

/* The first tile decides the picture's size. */
static int read_tile(struct image *m, const char *path, FILE *in)
{
	int image_width, image_height, left, top, width, height;

	if (fscanf(in, "P6 # %d %d %d %d %d %d 255", &image_width, &image_height, &left,
		    &top, &width, &height) != 6 ||
		fgetc(in) != '\n')
		return fail(path, "expected a tile");
	if (image_width < 1 || image_width > 32768 || image_height < 1 ||
		image_height > 32768 || left < 0 || top < 0 || width < 1 || height < 1 ||
		width > image_width - left || height > image_height - top)
		return fail(path, "expected a tile that lies within its picture");
	if (!m->rows && image_make(m, image_width, image_height) < 0)
		return fail(path, "no memory for its picture");
	if (image_width != m->width || image_height != m->height)
		return fail(path, "a tile of another picture");
	if (read_pixels(m, in, left, top, width, height) < 0)
		return fail(path, "ends too early");
	return 0;
}

static int add_tile(struct image *m, const char *path)
{
	FILE *in = fopen(path, "rb");
	int rc;

	if (!in) {
		fprintf(stderr, "join: ");
		perror(path);
		return -1;
	}
	rc = read_tile(m, path, in);
	fclose(in);
	return rc;
}

static void put32(unsigned char *bytes, unsigned long n)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(n >> (24 - 8 * i));
}

static int write_chunk(FILE *out, const char *type, const void *bytes, size_t size)
{
	unsigned char length[4], sum[4];
	unsigned long crc = crc32(crc32(0, NULL, 0), (const Bytef *)type, 4);

	if (size)
		crc = crc32(crc, bytes, (uInt)size);
	put32(length, size);
	put32(sum, crc);
	return fwrite(length, 1, 4, out) == 4 && fwrite(type, 1, 4, out) == 4 &&
			       fwrite(bytes, 1, size, out) == size &&
			       fwrite(sum, 1, 4, out) == 4
		       ? 0
		       : -1;
}

static int write_png(const struct image *m, FILE *out)
{
	static const unsigned char magic[] = {
		0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	unsigned char head[13] = {[8] = 8, [9] = 2}; /* 8 bits, red green blue */
	uLong raw = (uLong)((size_t)m->height * row_size(m)), size = compressBound(raw);
	unsigned char *packed = malloc(size);
	int rc = -1;

	put32(head, (unsigned long)m->width);
	put32(head + 4, (unsigned long)m->height);
	if (packed && compress2(packed, &size, m->rows, raw, 9) == Z_OK &&
		fwrite(magic, 1, sizeof(magic), out) == sizeof(magic) &&
		write_chunk(out, "IHDR", head, sizeof(head)) == 0 &&
		write_chunk(out, "IDAT", packed, size) == 0 &&
		write_chunk(out, "IEND", "", 0) == 0)
		rc = 0;
	free(packed);
	return rc;
}

static int write_image(const struct image *m, const char *path)
{
	size_t pixels = (size_t)m->width * (size_t)m->height;
	FILE *out;

	if (memchr(m->done, 0, pixels))
		return fail(path, "some of its tiles are missing");
	out = fopen(path, "wb");
	if (!out || write_png(m, out) < 0 || fclose(out) != 0) {
		fprintf(stderr, "join: ");
		perror(path);
		return -1;
	}
	printf("%s: %d x %d pixels\n", path, m->width, m->height);
	return 0;
}

int main(int argc, char **argv)
{
	struct image m = {0};
	int rc = 0;

	if (argc < 3) {
		fputs("usage: join IMAGE.png TILE.ppm...\n", stderr);
		return 2;
	}
	for (int i = 2; i < argc && rc == 0; i++)
		rc = add_tile(&m, argv[i]);
	if (rc == 0)
		rc = write_image(&m, argv[1]);
	image_free(&m);
	return rc < 0;
}
