/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror_apt: what the parts of the mirror share: apt's programs and their records. */
#ifndef COMPILER_MIRROR_APT_H
#define COMPILER_MIRROR_APT_H

#include "control.h"
#include "mirror.h"

#define APT_HELPER "/usr/lib/apt/apt-helper"
#define APT_GET "/usr/bin/apt-get"
#define APT_CACHE "/usr/bin/apt-cache"

/* Runs one of apt's programs with our configuration. `about` is what messages start with.
 * 0, or -1 with apt's own reason. */
int mirror_run(struct mirror *m, const char *const argv[], const char *about,
	struct buffer *out, struct diag *d);
/* Adds "about: apt's last reason". Returns -1. */
int mirror_fail(const char *about, const struct buffer *err, struct diag *d);

/* apt's records of packages: those that it would install, or all versions. Returns their
 * number or -1; 0 where there is no such package. */
long mirror_read_records(struct mirror *m, const char *const names[], size_t count,
	int all, struct control_stanza **records, struct arena *a, struct diag *d);
/* Makes a pin of a record; `asked` is the name where it is NULL. */
int mirror_read_pin(const struct control_stanza *s, const char *archive, struct pin *pin,
	struct diag *d);
/* "debian" of "…/debian/pool/…": the part before the pool. NULL where it is neither
 * archive. */
const char *mirror_archive_in(const char *uri);

#endif
