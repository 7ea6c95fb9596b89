/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/memory.h"
#include "ext4_checksum.h"
#include "ext4_image.h"

static void add(void *context, const char *text, size_t size)
{
	digest_add(context, text, size);
}

/* A value that follows from the digest so far, for one purpose. */
static void derive(const struct ext4_image *m, const char *purpose, unsigned char *bytes,
	size_t size)
{
	unsigned char sha256[DIGEST_BYTES];
	struct digest *g = digest_fork(m->digest);

	digest_add(g, purpose, strlen(purpose));
	digest_take(g, sha256);
	digest_drop(g);
	memcpy(bytes, sha256, size);
}

/* Contents are left out: how folders are shared among blocks follows from the seed, and
 * must be known before anything is written. */
void ext4_ids_start(struct ext4_image *m)
{
	const struct ext4_options *o = m->options;
	struct buffer b = {0};

	m->digest = digest_new();
	buffer_printf(&b, "ext4 %d\nsize %llu\nepoch %lld\nlabel %s\n",
		EXT4_WRITER_VERSION, (unsigned long long)o->size_bytes,
		(long long)o->epoch, o->label);
	digest_add(m->digest, b.bytes, b.size);
	buffer_clear(&b);
	tree_list(m->tree, 0, add, m->digest);
	derive(m, "hash seed", (unsigned char *)m->hash_seed, sizeof(m->hash_seed));
}

void ext4_ids_finish(struct ext4_image *m)
{
	if (m->options->uuid) {
		memcpy(m->uuid, m->options->uuid, sizeof(m->uuid));
	} else {
		/* Version 8 of RFC 9562, "custom". */
		derive(m, "uuid", m->uuid, sizeof(m->uuid));
		m->uuid[6] = (m->uuid[6] & 0x0f) | 0x80;
		m->uuid[8] = (m->uuid[8] & 0x3f) | 0x80;
	}
	m->checksum_seed = ext2fs_crc32c_le(~0U, m->uuid, sizeof(m->uuid));
}
