/* SPDX-License-Identifier: GPL-2.0-or-later */
/* digest: SHA-256 (FIPS 180-4, by libcrypto), given as 64 lower-case hex digits and a
 * NUL. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "diag.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX 65 /* with the NUL */

struct digest; /* a running computation */

struct digest *digest_new(void);
void digest_add(struct digest *g, const void *bytes, size_t size);
/* Adds so many bytes of zeros: a hole. */
void digest_add_zeros(struct digest *g, uint64_t count);
/* Ends the computation and frees g. */
void digest_finish(struct digest *g, char hex[DIGEST_HEX]);
/* Ends the computation, in bytes, and makes g ready for the next one. */
void digest_take(struct digest *g, unsigned char bytes[DIGEST_BYTES]);
/* A second computation that goes on from where g is. */
struct digest *digest_fork(const struct digest *g);
/* Frees g without a result; NULL is fine. */
void digest_drop(struct digest *g);

/* The digest of size bytes in memory. */
void digest_of_bytes(const void *bytes, size_t size, char hex[DIGEST_HEX]);
/* The digest of a file from its start to its end, and its size (may be NULL). Leaves the
 * descriptor's offset alone. `name` is what messages call it. Returns 0 or -1. */
int digest_of_fd(int fd, const char *name, char hex[DIGEST_HEX], uint64_t *size_bytes,
	struct diag *d);
/* The same of a file by path, relative to dirfd; follows no final symlink. */
int digest_of_file(int dirfd, const char *path, char hex[DIGEST_HEX],
	uint64_t *size_bytes, struct diag *d);
void digest_to_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_HEX]);
/* 1 where text is exactly 64 lower-case hex digits. */
int digest_is_hex(const char *text);

#endif
