/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "launch.h"
#include "mounts.h"
#include "runtime/unit.h"

static void tell_start(struct port *p, const char *name)
{
	char bytes[PORT_LINE];
	struct text t = port_message(bytes, "started ");

	text_add_word(&t, name);
	port_open(p);
	port_send(p, &t);
}

static void tell_end(struct port *p, const struct result *r)
{
	char bytes[PORT_LINE];
	struct text t = port_message(bytes, "exited ");

	text_add_word(&t, r->name);
	text_add(&t, r->signal ? " signal " : " status ");
	text_add_number(&t, (uint64_t)(r->signal ? r->signal : r->exit_status));
	port_open(p);
	port_send(p, &t);
}

static void fail(struct record *r, const char *class, const struct result *result,
	const char *reason)
{
	record_fail(r, class, result->name);
	text_add(&r->reason, reason);
}

static void fail_at_limit(struct scripts *run, const struct result *result)
{
	fail(run->record, WU_CLASS_TIME_LIMIT, result, "ended at the time limit of ");
	text_add_number(&run->record->reason, run->manner->time_ms);
	text_add(&run->record->reason, " ms");
}

static void fail_by_itself(struct record *r, const struct result *result, int exec_errno)
{
	fail(r, WU_CLASS_APP_FAILED, result, "");
	if (exec_errno) {
		text_add(&r->reason, "cannot be executed: ");
		text_add(&r->reason, strerror(exec_errno));
		return;
	}
	text_add(&r->reason, result->signal ? "signal " : "exit status ");
	text_add_number(&r->reason,
		(uint64_t)(result->signal ? result->signal : result->exit_status));
	if (result->signal) {
		text_add(&r->reason, " (");
		text_add(&r->reason, strsignal(result->signal));
		text_add(&r->reason, ")");
	}
}

/* Each class has one cause; docs/guest.md has their order. Returns 0 where the next
 * script may run. */
static int judge(struct scripts *run, const struct result *result, int exec_errno)
{
	struct record *r = run->record;
	struct output *o = run->watch.output;
	int failed = result->exit_status != 0;

	if (run->watch.interrupted)
		fail(r, WU_CLASS_INTERRUPTED, result, "the agent was told to end");
	else if (run->watch.timed_out)
		fail_at_limit(run, result);
	else if (failed && processes_oom_kills() > run->oom_kills)
		fail(r, WU_CLASS_OUT_OF_MEMORY, result, "the guest's memory ran out");
	else if (o->lost_errno && o->lost_errno != ENOSPC)
		fail(r, WU_CLASS_HOST_ERROR, result, strerror(o->lost_errno));
	else if (o->lost_errno)
		fail(r, WU_CLASS_DISK_FULL, result,
			"the output disk is full, its output could not be kept");
	else if (failed && output_is_full(o, !run->manner->user->id))
		fail(r, WU_CLASS_DISK_FULL, result, "the output disk is full");
	else if (failed)
		fail_by_itself(r, result, exec_errno);
	else
		return 0;
	return -1;
}

static void fill_result(struct result *result, const struct watch *w, uint64_t start_ms)
{
	/* What could not even be killed counts as killed. */
	int status = w->ended ? w->status : SIGKILL;

	result->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->wall_ms = w->ended_at_ms - start_ms;
	result->cpu_ms = w->used.cpu_us / 1000;
	result->peak_bytes = w->used.peak_bytes;
}

static int start(struct scripts *run, const char *path, int *exec_errno)
{
	struct watch *w = &run->watch;
	struct launch l = {
		.path = path,
		.environment = run->manner->environment,
		.folder = run->manner->folder,
		.user = run->manner->user,
	};

	if (relay_open(&w->relay) < 0)
		return -1;
	l.out = w->relay.write[OUTPUT_STDOUT];
	l.err = w->relay.write[OUTPUT_STDERR];
	w->pid = launch_script(&l, exec_errno);
	if (w->pid < 0)
		return -1;
	relay_hand_over(&w->relay);
	return 0;
}

/* Returns 0 where the next script may run. */
static int run_script(struct scripts *run, const char *name)
{
	char path_bytes[sizeof(MOUNT_SCRIPTS) + FOLDER_NAME];
	struct text path = TEXT_IN(path_bytes);
	struct watch *w = &run->watch;
	struct result result;
	uint64_t start_ms = clock_now_ms();
	int exec_errno = 0;

	if (run->record->ran)
		run->oom_kills = processes_oom_kills();
	strcpy(result.name, name);
	text_add(&path, MOUNT_SCRIPTS "/");
	text_add(&path, name);
	tell_start(w->port, name);
	if (!run->record->ran && run->manner->time_ms)
		w->limit_at_ms = start_ms + run->manner->time_ms;
	if (start(run, path.bytes, &exec_errno) < 0) {
		fail(run->record, WU_CLASS_HOST_ERROR, &result, strerror(errno));
		relay_finish(&w->relay, w->output, w->port);
		return -1;
	}
	watch_script(w);
	fill_result(&result, w, start_ms);
	tell_end(w->port, &result);
	record_add(run->record, &result);
	return judge(run, &result, exec_errno);
}

static int is_script(int folder, const char *name)
{
	struct stat s;

	return fstatat(folder, name, &s, 0) == 0 && S_ISREG(s.st_mode) &&
	       (s.st_mode & 0111);
}

void scripts_init(struct scripts *s)
{
	watch_init(&s->watch);
}

int scripts_prepare(struct scripts *s, struct output *o, struct port *p)
{
	s->oom_kills = processes_oom_kills();
	return watch_open(&s->watch, o, p);
}

static void fail_at_all(struct record *r, const char *why)
{
	record_fail(r, WU_CLASS_HOST_ERROR, NULL);
	text_add(&r->reason, MOUNT_SCRIPTS ": ");
	text_add(&r->reason, why);
}

void scripts_run(struct scripts *s, const struct manner *m, struct record *r)
{
	char name[FOLDER_NAME] = "";
	int folder = open(MOUNT_SCRIPTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int found;

	s->manner = m;
	s->watch.control.manner = m;
	s->record = r;
	if (folder < 0) {
		fail_at_all(r, strerror(errno));
		return;
	}
	while ((found = folder_next(folder, name, name)) > 0)
		if (is_script(folder, name) && run_script(s, name) < 0)
			break;
	close(folder);
	if (found < 0 || (!found && !r->ran))
		fail_at_all(r, found ? strerror(errno) : "no script to run");
}

void scripts_finish(struct scripts *s)
{
	watch_close(&s->watch);
}
