/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/memory.h"
#include "qmp.h"

int wake_load(const struct qemu *q, int state)
{
	json_t *capabilities = json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", 1);

	if (qmp_send(q->monitor, "qmp_capabilities", NULL, -1) < 0) {
		json_decref(capabilities);
		return -1;
	}
	if (qmp_send(q->monitor, "migrate-set-capabilities", capabilities, -1) < 0)
		return -1;
	return qmp_send(q->monitor, "migrate-incoming",
		json_pack("{s:o}", "uri", json_sprintf("fd:%d", state)), -1);
}

int wake_tell(const struct qemu *q, const char *arguments)
{
	unsigned char seed[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	struct timespec now;
	char *line;
	int rc;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed) ||
		clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -1;
	digest_to_hex(seed, hex);
	line = memory_printf("resume %" PRId64 ".%09ld %s %s\n", (int64_t)now.tv_sec,
		now.tv_nsec, hex, arguments);
	rc = file_write(q->port, line, strlen(line));
	explicit_bzero(line, strlen(line));
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(hex, sizeof(hex));
	free(line);
	return rc;
}
