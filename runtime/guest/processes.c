/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "say.h"
#include "text.h"

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

/* The parent's id, or 0. The name in brackets may hold anything, brackets too. */
static pid_t parent_of(pid_t pid)
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
	return end && strlen(end) > 4 ? atoi(end + 4) : 0;
}

/* The bound keeps a chain that changes under our eyes from being followed for ever. */
static int descends_from_us(pid_t pid)
{
	for (int steps = 0; pid > 1 && steps < 4096; steps++) {
		pid = parent_of(pid);
		if (pid == getpid())
			return 1;
	}
	return 0;
}

static void signal_descendants(int number)
{
	char name[FOLDER_NAME] = "";
	int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t pid;

	if (folder < 0)
		return;
	while (folder_next(folder, name, name) > 0)
		if (!text_parse_number(name, &pid) && descends_from_us((pid_t)pid))
			kill((pid_t)pid, number);
	close(folder);
}

void processes_signal(int number)
{
	if (getpid() == 1)
		kill(-1, number);
	else
		signal_descendants(number);
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
