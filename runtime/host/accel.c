/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/workdir.h"
#include "console.h"
#include "runtime/unit.h"

#define VERDICT_LIMIT_BYTES 4096

int accel_parse_wish(const char *text, enum accel_wish *wish)
{
	if (strcmp(text, "auto") == 0)
		*wish = ACCEL_AUTO;
	else if (strcmp(text, "kvm") == 0)
		*wish = ACCEL_KVM;
	else if (strcmp(text, "tcg") == 0)
		*wish = ACCEL_TCG;
	else
		return -1;
	return 0;
}

int accel_has_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

/* The caller frees; NULL where there is no place for it. */
static char *verdict_path(void)
{
	struct diag ignored = {0};
	char *folder = file_cache_folder(&ignored);
	struct utsname host;
	char *path = NULL;

	if (folder && uname(&host) == 0 && !strchr(host.nodename, '/') &&
		!strchr(host.release, '/'))
		path = memory_printf(
			"%s/accel-%s-%s", folder, host.nodename, host.release);
	diag_clear(&ignored);
	free(folder);
	return path;
}

/* Returns 1 where this very QEMU was judged on this host before. */
static int recall(const struct qemu_program *p, enum accelerator *a)
{
	char *path = verdict_path();
	struct diag ignored = {0};
	char *text = path ? file_read(AT_FDCWD, path, VERDICT_LIMIT_BYTES, NULL, &ignored)
			  : NULL;
	int known = 0;

	if (text) {
		text[strcspn(text, "\n")] = '\0';
		known = strncmp(text, "kvm ", 4) == 0 || strncmp(text, "tcg ", 4) == 0;
		known = known && strcmp(text + 4, p->version) == 0;
		*a = text[0] == 'k' ? ACCELERATOR_KVM : ACCELERATOR_TCG;
	}
	diag_clear(&ignored);
	free(text);
	free(path);
	return known;
}

void accel_remember(const struct qemu_program *p, enum accelerator a)
{
	struct diag ignored = {0};
	char *folder = file_cache_folder(&ignored);
	char *path = verdict_path();
	char *text = memory_printf("%s %s\n", qemu_accelerator_name(a), p->version);

	if (path && file_make_folders(folder, &ignored) == 0)
		workdir_replace_file(AT_FDCWD, path, text, strlen(text), 0644, &ignored);
	diag_clear(&ignored);
	free(text);
	free(path);
	free(folder);
}

/* Reads what is there. Returns 0 at its end. */
static int drain_console(int fd, struct console *c)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		console_feed(c, chunk, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Waits for QEMU's end, or for an answer. Returns 1 then, 0 at the limit, -1 at stop. */
static int watch(
	struct qemu *q, struct console *c, int until_answer, uint64_t limit_ms, int stop)
{
	uint64_t deadline = clock_now_ms() + limit_ms;

	for (;;) {
		struct pollfd fds[] = {{.fd = q->pidfd, .events = POLLIN},
			{.fd = q->console, .events = POLLIN},
			{.fd = stop, .events = POLLIN}};
		int n = poll(fds, 3, clock_poll_timeout(deadline));

		if (n == 0)
			return 0;
		if (fds[2].revents)
			return -1;
		if (q->console >= 0 && fds[1].revents && !drain_console(q->console, c))
			file_close(&q->console);
		if (fds[0].revents || (until_answer && c->answered))
			return 1;
	}
}

int accel_probe(const struct qemu_program *p, const struct qemu_machine *m,
	uint64_t limit_ms, int stop, struct diag *d)
{
	struct qemu_machine bare;
	struct console console = {0};
	struct qemu q;
	int is_firmware = m->kernel < 0, ended, status, rc;
	char *append = memory_printf("%s " WU_ARG_PROBE, m->append);

	bare = QEMU_MACHINE_NONE;
	bare.accelerator = m->accelerator;
	bare.cpus = m->cpus;
	bare.memory_bytes = m->memory_bytes;
	bare.append = append;
	bare.kernel = m->kernel;
	bare.initrd = m->initrd;
	rc = qemu_start(p, &bare, &q, d);
	free(append);
	if (rc < 0)
		return -1;
	ended = watch(&q, &console, is_firmware, limit_ms, stop);
	if (ended != 1 || is_firmware)
		qemu_kill(&q);
	status = qemu_reap(&q);
	if (q.console >= 0)
		drain_console(q.console, &console);
	rc = ended < 0 ? -1
		       : ended && console.answered &&
				 (is_firmware ||
					 (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	console_clear(&console);
	qemu_close(&q);
	return rc;
}

static int choose_by_probe(const struct qemu_program *p, const struct qemu_machine *m,
	int stop, enum accelerator *chosen, struct diag *d)
{
	struct qemu_machine machine = *m;
	int boots;

	machine.accelerator = ACCELERATOR_KVM;
	boots = accel_probe(p, &machine, ACCEL_PROBE_MS, stop, d);
	if (boots < 0)
		return -1;
	*chosen = boots ? ACCELERATOR_KVM : ACCELERATOR_TCG;
	accel_remember(p, *chosen);
	return 0;
}

int accel_choose(enum accel_wish wish, const struct qemu_program *p,
	const struct qemu_machine *m, int stop, enum accelerator *chosen, int *probed,
	struct diag *d)
{
	*probed = 0;
	*chosen = ACCELERATOR_TCG;
	if (wish == ACCEL_TCG || (wish == ACCEL_AUTO && !accel_has_kvm()))
		return 0;
	if (wish == ACCEL_KVM) {
		*chosen = ACCELERATOR_KVM;
		if (accel_has_kvm())
			return 0;
		return diag_fail_errno(d, "/dev/kvm");
	}
	if (recall(p, chosen))
		return 0;
	*probed = 1;
	return choose_by_probe(p, m, stop, chosen, d);
}
