/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "folder.h"
#include "say.h"
#include "text.h"

#define END_MS 1000 /* what does not die of SIGKILL by then hangs in the kernel */

void processes_adopt(void)
{
	int fd;

	if (getpid() == 1)
		return;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		say("orphans", "cannot adopt them", strerror(errno));
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "-1000", 5) < 0)
		say("oom_score_adj", strerror(errno), NULL);
	if (fd >= 0)
		close(fd);
}

static void add_usage(struct usage *used, const struct rusage *r)
{
	uint64_t peak = (uint64_t)r->ru_maxrss * 1024;

	used->cpu_us += (uint64_t)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000 +
			(uint64_t)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
	if (peak > used->peak_bytes)
		used->peak_bytes = peak;
}

int processes_reap(pid_t main, int *main_ended, int *status, struct usage *used)
{
	struct rusage r;
	pid_t pid;
	int s;

	while ((pid = wait4(-1, &s, WNOHANG, &r)) > 0) {
		add_usage(used, &r);
		if (pid != main)
			continue;
		*main_ended = 1;
		*status = s;
	}
	/* Every descendant hangs on a child of ours: without children there are none. */
	return pid == 0;
}

/* The parent's id, or 0, and the state. The name in brackets may hold anything, brackets
 * too. */
static pid_t parent_of(pid_t pid, char *state)
{
	char path[48], bytes[512];
	struct text t = TEXT_IN(path);
	const char *end;

	text_add(&t, "/proc/");
	text_add_number(&t, (uint64_t)pid);
	text_add(&t, "/stat");
	if (folder_read_file(AT_FDCWD, path, bytes, sizeof(bytes)) < 0)
		return 0;
	end = strrchr(bytes, ')');
	/* ") S 123": the state, then the parent */
	*state = end && end[1] ? end[2] : 'X';
	return end && strlen(end) > 4 ? atoi(end + 4) : 0;
}

static int is_spared(pid_t pid, const pid_t *spared)
{
	for (int i = 0; i < PROCESSES_SPARED; i++)
		if (pid == spared[i])
			return 1;
	return 0;
}

/* 1 where pid, or who it descends from, is `top`, and nobody before it is spared. The
 * bound keeps a chain that changes under our eyes from being followed for ever. */
static int descends_from(pid_t pid, pid_t top, const pid_t *spared)
{
	char state;

	for (int steps = 0; pid > 0 && steps < 4096; steps++) {
		if (pid == top)
			return 1;
		if (spared && is_spared(pid, spared))
			return 0;
		pid = parent_of(pid, &state);
	}
	return 0;
}

static int is_dead(pid_t pid)
{
	char state = 'X';

	parent_of(pid, &state);
	return state == 'Z' || state == 'X';
}

/* Returns how many live. The top itself is left out. */
static int signal_below(pid_t top, int number, const pid_t *spared)
{
	char name[FOLDER_NAME] = "";
	int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	uint64_t pid;

	if (folder < 0)
		return 0;
	while (folder_next(folder, name, name) > 0)
		if (!text_parse_number(name, &pid) && (pid_t)pid != top &&
			descends_from((pid_t)pid, top, spared) && !is_dead((pid_t)pid))
			count += kill((pid_t)pid, number) == 0;
	close(folder);
	return count;
}

void processes_signal(int number, const pid_t spared[PROCESSES_SPARED])
{
	int spares = 0;

	for (int i = 0; i < PROCESSES_SPARED; i++)
		spares |= spared[i] > 0;
	if (getpid() == 1 && !spares)
		kill(-1, number);
	else
		signal_below(getpid(), number, spared);
}

/* wait4(2) passes over children that end with no signal, unless it is asked for them. */
pid_t processes_split(void)
{
	pid_t parent = getpid(), pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		_exit(1);
	return 0;
}

void processes_end_children(void)
{
	uint64_t end = clock_now_ms() + END_MS;

	/* Orphans come back to us: without children there is nothing left. */
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if ((pid < 0 && errno != EINTR) || clock_now_ms() >= end)
			return;
		if (pid == 0 && signal_below(getpid(), SIGKILL, NULL))
			clock_sleep_ms(1);
	}
}

/* What is being born while we look is found the next time. */
void processes_end(pid_t copy)
{
	uint64_t end = clock_now_ms() + END_MS;

	kill(copy, SIGTERM);
	do {
		if (waitpid(copy, NULL, __WCLONE | WNOHANG) == copy)
			return;
		clock_sleep_ms(5);
	} while (clock_now_ms() < end);
	end += END_MS;
	/* What it starts from now on would be missed: it starts nothing any more. */
	kill(copy, SIGSTOP);
	while (signal_below(copy, SIGKILL, NULL) && clock_now_ms() < end)
		clock_sleep_ms(1);
	kill(copy, SIGKILL);
	while (waitpid(copy, NULL, __WCLONE) < 0 && errno == EINTR)
		;
}

uint64_t processes_oom_kills(void)
{
	char bytes[16384];
	const char *at;

	if (folder_read_file(AT_FDCWD, "/proc/vmstat", bytes, sizeof(bytes)) < 0)
		return 0;
	at = strstr(bytes, "\noom_kill ");
	return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}
