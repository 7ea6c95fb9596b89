/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "seed.h"

#include "embed.h"
#include "iso.h"
#include "script.h"

#define ID_DIGITS 12

/* A guest that has already been through this seed, or another, takes it for a new one
 * where the agent is. */
static void add_meta_data(struct buffer *b, const struct agent *agent)
{
	buffer_printf(b, "instance-id: workunit-%.*s\nlocal-hostname: workunit\n",
		ID_DIGITS, agent->sha256);
}

static void add_autorun(struct buffer *b, const char *home)
{
	const char *rest = embed_begin(b, "seed.sh.in");

	script_add_setting(b, "AUTORUN_HOME", home);
	buffer_add_text(b, rest);
}

static void add_user_data(struct buffer *b)
{
	size_t size;
	const char *text = embed_find("seed.yaml.in", &size);

	buffer_add(b, text, size);
}

int seed_write(int dirfd, const char *file, const struct agent *agent, const char *home,
	int64_t epoch, char sha256[DIGEST_HEX], uint64_t *size_bytes, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer autorun = {0};
	CLEANUP(buffer_clear) struct buffer meta = {0};
	CLEANUP(buffer_clear) struct buffer user = {0};
	struct iso_writer *w = iso_open(SEED_LABEL, epoch, d);
	int rc;

	if (!w)
		return -1;
	add_autorun(&autorun, home);
	add_meta_data(&meta, agent);
	add_user_data(&user);
	struct iso_file files[] = {
		{"autorun.sh", autorun.bytes, autorun.size, 1},
		{"meta-data", meta.bytes, meta.size, 0},
		{"user-data", user.bytes, user.size, 0},
		{"wuguest", agent->bytes, agent->size, 1},
	};
	rc = iso_write(w, dirfd, file, files, sizeof(files) / sizeof(*files), sha256,
		size_bytes, d);
	iso_close(w);
	return rc;
}
