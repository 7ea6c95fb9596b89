/* SPDX-License-Identifier: GPL-2.0-or-later */
#define OPENSSL_API_COMPAT 0x10100000L /* SHA256_Init() and its like */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define READ_BYTES (256 * 1024)

/* OpenSSL's older interface: the same code at the same speed, but it looks nothing up,
 * takes no memory and so cannot fail. EVP's crashes within itself where memory is out. */
struct digest {
	SHA256_CTX state;
};

struct digest *digest_new(void)
{
	struct digest *g = memory_alloc(sizeof(*g));

	SHA256_Init(&g->state);
	return g;
}

void digest_add(struct digest *g, const void *bytes, size_t size)
{
	SHA256_Update(&g->state, bytes, size);
}

void digest_to_hex(const unsigned char raw[DIGEST_BYTES], char hex[DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[2 * DIGEST_BYTES] = '\0';
}

void digest_finish(struct digest *g, char hex[DIGEST_HEX])
{
	unsigned char raw[DIGEST_BYTES];

	SHA256_Final(raw, &g->state);
	digest_to_hex(raw, hex);
	digest_drop(g);
}

void digest_take(struct digest *g, unsigned char bytes[DIGEST_BYTES])
{
	SHA256_Final(bytes, &g->state);
	SHA256_Init(&g->state);
}

struct digest *digest_fork(const struct digest *g)
{
	struct digest *copy = memory_alloc(sizeof(*copy));

	*copy = *g;
	return copy;
}

void digest_drop(struct digest *g)
{
	free(g);
}

void digest_of_bytes(const void *bytes, size_t size, char hex[DIGEST_HEX])
{
	struct digest *g = digest_new();

	digest_add(g, bytes, size);
	digest_finish(g, hex);
}

void digest_add_zeros(struct digest *g, uint64_t count)
{
	static const char zeros[READ_BYTES];

	for (; count > sizeof(zeros); count -= sizeof(zeros))
		digest_add(g, zeros, sizeof(zeros));
	digest_add(g, zeros, count);
}

/* Where the hole at this offset ends; the offset itself where there is none or nobody
 * knows. Moves the descriptor's offset. */
static uint64_t find_data(int fd, uint64_t offset)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
	struct stat st;

	if (data < 0 && errno == ENXIO && fstat(fd, &st) == 0)
		data = st.st_size; /* nothing but a hole is left */
	return data > (off_t)offset ? (uint64_t)data : offset;
}

/* Holes count as the zeros that they read as, but need no reading: empty disks are large.
 */
static ssize_t add_file(struct digest *g, int fd, uint64_t *size_bytes)
{
	char *chunk = memory_alloc(READ_BYTES);
	uint64_t offset = 0, data;
	ssize_t n;

	do {
		data = find_data(fd, offset);
		digest_add_zeros(g, data - offset);
		offset = data;
		n = pread(fd, chunk, READ_BYTES, (off_t)offset);
		if (n > 0) {
			digest_add(g, chunk, (size_t)n);
			offset += (uint64_t)n;
		}
	} while (n > 0);
	free(chunk);
	*size_bytes = offset;
	return n;
}

int digest_of_fd(int fd, const char *name, char hex[DIGEST_HEX], uint64_t *size_bytes,
	struct diag *d)
{
	struct digest *g = digest_new();
	off_t before = lseek(fd, 0, SEEK_CUR);
	uint64_t size;
	ssize_t n = add_file(g, fd, &size);

	if (n < 0)
		diag_fail_errno(d, "%s", name);
	if (before >= 0)
		(void)!lseek(fd, before, SEEK_SET);
	if (n < 0) {
		digest_drop(g);
		return -1;
	}
	digest_finish(g, hex);
	if (size_bytes)
		*size_bytes = size;
	return 0;
}

int digest_of_file(int dirfd, const char *path, char hex[DIGEST_HEX],
	uint64_t *size_bytes, struct diag *d)
{
	/* O_NONBLOCK: a fifo in a file's place must not stop us; it has no effect on
	 * files. */
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		return diag_fail(d, "%s: not a regular file", path);
	}
	rc = digest_of_fd(fd, path, hex, size_bytes, d);
	close(fd);
	return rc;
}

int digest_is_hex(const char *text)
{
	return strlen(text) == DIGEST_HEX - 1 &&
	       strspn(text, "0123456789abcdef") == DIGEST_HEX - 1;
}
