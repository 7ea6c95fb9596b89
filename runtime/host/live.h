/* SPDX-License-Identifier: GPL-2.0-or-later */
/* live: what a work folder tells of its instance while that runs: "status.json", replaced
 * at most once a second, and "stdout" and "stderr", as they come. It is for people who
 * look; nothing depends on it, and what cannot be written is left out. */
#ifndef HOST_LIVE_H
#define HOST_LIVE_H

#include <stddef.h>
#include <stdint.h>

#define LIVE_STATUS "status.json"
#define LIVE_STATUS_FORMAT "workunit-status"
#define LIVE_TEXT_BYTES 256
/* An agent that says nothing for so long is told from one whose scripts compute: it
 * speaks once a second. */
#define LIVE_SILENT_MS 10000

struct instance;

struct live {
	int folder; /* borrowed; -1: none */
	int logs[2];
	uint64_t bytes[2], limit_bytes; /* of each log */
	uint64_t heard_ms;		/* when the agent last spoke; 0: never */
	uint64_t written_ms;
	int is_stale;	 /* the file tells of an older state */
	double fraction; /* how far the unit says that it is; below 0: it does not say */
	char text[LIVE_TEXT_BYTES];   /* and with what */
	char script[LIVE_TEXT_BYTES]; /* that runs */
};

#define LIVE_NONE ((struct live){.folder = -1, .logs = {-1, -1}, .fraction = -1})

void live_open(struct live *l, int folder, uint64_t limit_bytes);
/* Makes the socket in the folder. One that listens, for QEMU; -1 where the folder's
 * filesystem has none: then nothing reaches the instance while it runs. */
int live_listen(int folder);
/* The agent spoke. */
void live_hear(struct live *l);
void live_set_progress(struct live *l, double fraction, const char *text);
void live_set_script(struct live *l, const char *script);
/* A part of its standard output (0) or error (1). */
void live_add(struct live *l, int stream, const char *bytes, size_t size);
/* Writes status.json where it is due, or now where `force`. */
void live_show(struct instance *i, int force);
/* How long a guest that should speak has not; 0 where that is no wonder. */
uint64_t live_get_silence_ms(const struct instance *i);
void live_close(struct live *l);

#endif
