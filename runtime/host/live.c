/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "live.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "common/file.h"
#include "common/text.h"
#include "control.h"
#include "instance.h"
#include "jsontext.h"

#define SHOW_MS 1000
#define NEW_STATUS ".status.new"

void live_open(struct live *l, int folder, uint64_t limit_bytes)
{
	static const char *const names[] = {"stdout", "stderr"};

	*l = LIVE_NONE;
	l->folder = folder;
	l->limit_bytes = limit_bytes;
	l->is_stale = 1;
	for (int stream = 0; stream < 2; stream++)
		l->logs[stream] = openat(folder, names[stream],
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

/* By way of the descriptor, a path is short enough for any folder. Only its owner may
 * reach the guest, whatever the umask. */
int live_listen(int folder)
{
	struct sockaddr_un place = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(place.sun_path, sizeof(place.sun_path),
		"/proc/self/fd/%d/" CONTROL_SOCKET, folder);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&place, sizeof(place)) < 0 ||
			       fchmodat(folder, CONTROL_SOCKET, 0600, 0) < 0 ||
			       listen(fd, 1) < 0))
		file_close(&fd);
	return fd;
}

void live_hear(struct live *l)
{
	l->heard_ms = clock_now_ms();
	l->is_stale = 1;
}

/* A text that a terminal may show, cut where a character begins. */
static void set_text(char to[LIVE_TEXT_BYTES], const char *from)
{
	char *visible = text_visible(from);
	size_t end = (size_t)snprintf(to, LIVE_TEXT_BYTES, "%s", visible);

	if (end >= LIVE_TEXT_BYTES) {
		end = LIVE_TEXT_BYTES - 1;
		while (end > 0 && ((unsigned char)visible[end] & 0xc0) == 0x80)
			end--;
		to[end] = '\0';
	}
	free(visible);
}

void live_set_progress(struct live *l, double fraction, const char *text)
{
	l->fraction = fraction;
	set_text(l->text, text);
}

void live_set_script(struct live *l, const char *script)
{
	set_text(l->script, script);
}

/* A guest that floods the port fills no more of the host's disk than its own disk could.
 */
void live_add(struct live *l, int stream, const char *bytes, size_t size)
{
	uint64_t room = l->limit_bytes - l->bytes[stream];

	if (size > room)
		size = (size_t)room;
	if (l->logs[stream] < 0 || size == 0)
		return;
	l->bytes[stream] += size;
	if (file_write(l->logs[stream], bytes, size) < 0)
		file_close(&l->logs[stream]);
}

static const char *name_state(const struct instance *i)
{
	if (i->state == INSTANCE_UNPACKING)
		return "unpacking";
	if (i->state == INSTANCE_SYNCING)
		return "saving";
	if (!i->facts.hello)
		return "booting";
	return "running";
}

uint64_t live_get_silence_ms(const struct instance *i)
{
	uint64_t silence;

	if (i->state != INSTANCE_RUNNING || !i->view.heard_ms)
		return 0;
	silence = clock_now_ms() - i->view.heard_ms;
	return silence < LIVE_SILENT_MS ? 0 : silence;
}

static double now(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)(t.tv_nsec / 1000000) / 1000;
}

/* The task of a cluster's scheduler, where we run in one. */
static json_t *name_task(void)
{
	const char *job = getenv("SLURM_ARRAY_JOB_ID"), *task;

	task = getenv(job ? "SLURM_ARRAY_TASK_ID" : "SLURM_JOB_ID");
	if (!task)
		return NULL;
	return json_sprintf("%s%s%s", job ? job : "", job ? "_" : "", task);
}

static json_t *describe(const struct instance *i)
{
	const struct live *l = &i->view;
	double heard = now() - (double)(clock_now_ms() - l->heard_ms) / 1000;
	json_t *task = name_task();
	json_t *status = json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:I, s:i}", "format",
		LIVE_STATUS_FORMAT, "version", 1, "id", i->what->id, "unit",
		i->context->manifest->name, "host", i->context->host, "pid",
		(int)getpid(), "state", name_state(i), "started", (json_int_t)i->started,
		"accelerator", qemu_accelerator_name(i->accelerator), "limit_ms",
		(json_int_t)i->context->time_ms, "attempt", (int)i->attempt);

	if (l->heard_ms)
		json_object_set_new(status, "heard", json_real(heard));
	if (l->fraction >= 0) {
		json_object_set_new(status, "fraction", json_real(l->fraction));
		json_object_set_new(status, "text", json_string(l->text));
	}
	if (*l->script)
		json_object_set_new(status, "script", json_string(l->script));
	if (task)
		json_object_set_new(status, "task", task);
	return status;
}

static void write_status(const struct live *l, json_t *status)
{
	CLEANUP(file_close)
	int fd = openat(
		l->folder, NEW_STATUS, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct buffer b = {0};

	jsontext_add_line(&b, status);
	buffer_add_text(&b, "\n");
	if (fd >= 0 && file_write(fd, b.bytes, b.size) == 0)
		(void)!renameat(l->folder, NEW_STATUS, l->folder, LIVE_STATUS);
	buffer_clear(&b);
}

void live_show(struct instance *i, int force)
{
	struct live *l = &i->view;
	uint64_t at = clock_now_ms();
	json_t *status;

	if (l->folder < 0 || (!force && (!l->is_stale || at - l->written_ms < SHOW_MS)))
		return;
	l->written_ms = at;
	l->is_stale = 0;
	status = describe(i);
	write_status(l, status);
	json_decref(status);
}

void live_close(struct live *l)
{
	file_close(&l->logs[0]);
	file_close(&l->logs[1]);
	*l = LIVE_NONE;
}
