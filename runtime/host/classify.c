/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "classify.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/unit.h"

const char *classify_get(size_t at)
{
	static const char *const known[] = {WU_CLASS_OK, WU_CLASS_APP_FAILED,
		WU_CLASS_TIME_LIMIT, WU_CLASS_OUT_OF_MEMORY, WU_CLASS_PANIC,
		WU_CLASS_NO_BOOT, WU_CLASS_NO_RESULT, WU_CLASS_DISK_FULL,
		WU_CLASS_INTERRUPTED, WU_CLASS_HOST_ERROR};

	return at < sizeof(known) / sizeof(*known) ? known[at] : NULL;
}

const char *classify_find(const char *name)
{
	const char *class;

	for (size_t i = 0; (class = classify_get(i)); i++)
		if (strcmp(name, class) == 0)
			return class;
	return NULL;
}

static void decide(struct verdict *v, const char *class, const char *reason)
{
	v->class = classify_find(class);
	snprintf(v->reason, sizeof(v->reason), "%s", reason ? reason : "");
}

static int qemu_failed(const struct facts *f)
{
	return f->stop == STOP_NONE &&
	       !(WIFEXITED(f->qemu_status) && WEXITSTATUS(f->qemu_status) == 0);
}

static void decide_qemu(const struct facts *f, struct verdict *v)
{
	v->class = WU_CLASS_HOST_ERROR;
	if (WIFSIGNALED(f->qemu_status))
		snprintf(v->reason, sizeof(v->reason), "QEMU was ended by signal %d (%s)",
			WTERMSIG(f->qemu_status), strsignal(WTERMSIG(f->qemu_status)));
	else
		snprintf(v->reason, sizeof(v->reason), "QEMU ended with status %d",
			WEXITSTATUS(f->qemu_status));
}

/* A guest that says ok but whose disk is damaged did not leave a result. */
static void decide_record(const struct facts *f, struct verdict *v)
{
	if (f->damage && strcmp(f->record_class, WU_CLASS_OK) == 0)
		decide(v, WU_CLASS_NO_RESULT, f->damage);
	else
		decide(v, f->record_class, f->record_reason);
}

static void decide_without_record(const struct facts *f, struct verdict *v)
{
	if (f->stop == STOP_TIME)
		decide(v, WU_CLASS_TIME_LIMIT,
			"the guest did not end its scripts in time; wurun ended it");
	else if (f->panicked && f->panicked_out_of_memory)
		decide(v, WU_CLASS_OUT_OF_MEMORY, f->panic);
	else if (f->panicked)
		decide(v, WU_CLASS_PANIC, f->panic);
	else if (f->stop == STOP_BOOT)
		decide(v, WU_CLASS_NO_BOOT, "the guest said nothing in time");
	else if (!f->hello && !f->is_mute)
		decide(v, WU_CLASS_NO_BOOT, "the guest ended before it said anything");
	else if (f->damage)
		decide(v, WU_CLASS_NO_RESULT, f->damage);
	else
		decide(v, WU_CLASS_NO_RESULT,
			f->record_problem ? f->record_problem
					  : "the guest ended without a record");
}

void classify_run(const struct facts *f, struct verdict *v)
{
	if (f->interrupted)
		decide(v, WU_CLASS_INTERRUPTED, "interrupted");
	else if (f->host_failure)
		decide(v, WU_CLASS_HOST_ERROR, f->host_failure);
	else if (qemu_failed(f))
		decide_qemu(f, v);
	else if (f->record_class)
		decide_record(f, v);
	else
		decide_without_record(f, v);
}

int classify_is_host_side(const char *class)
{
	return strcmp(class, WU_CLASS_HOST_ERROR) == 0 ||
	       strcmp(class, WU_CLASS_NO_BOOT) == 0 ||
	       strcmp(class, WU_CLASS_INTERRUPTED) == 0;
}

int classify_is_worth_a_retry(const char *class)
{
	return strcmp(class, WU_CLASS_HOST_ERROR) == 0 ||
	       strcmp(class, WU_CLASS_NO_BOOT) == 0 ||
	       strcmp(class, WU_CLASS_NO_RESULT) == 0;
}

int classify_is_known(const char *class)
{
	return classify_find(class) != NULL;
}

int classify_exit_status(const char *class, int exit_status, int signal)
{
	if (strcmp(class, WU_CLASS_OK) == 0)
		return 0;
	if (strcmp(class, WU_CLASS_TIME_LIMIT) == 0)
		return 124;
	if (classify_is_host_side(class) || strcmp(class, WU_CLASS_PANIC) == 0 ||
		strcmp(class, WU_CLASS_NO_RESULT) == 0)
		return 125;
	if (signal > 0)
		return 128 + signal;
	return exit_status > 0 ? exit_status : 1;
}
