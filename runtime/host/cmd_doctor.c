/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "accel.h"
#include "clock.h"
#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "host.h"
#include "manifest.h"
#include "runtime/unit.h"
#include "verify.h"

static const char help[] =
	"usage: wurun doctor [UNIT]\n"
	"\n"
	"Looks whether this machine can run work units: QEMU, an accelerator that a "
	"guest\n"
	"really boots with, memory, disk space. Each line says ok, or what to do.\n"
	"The guest is UNIT's base, or one that wuc built here.\n"
	"\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0, or 1 where something is to be done.\n";

#define PROBE_MEMORY_BYTES (128u << 20)
#define TCG_PROBE_MS 120000
#define NEEDED_MEMORY_BYTES (256ull << 20)
#define NEEDED_DISK_BYTES (1ull << 30)

struct patient {
	FILE *out;
	const char *unit; /* whose base is booted, or NULL: one of the store's */
	int ill;	  /* something is to be done */
	struct qemu_program program;
};

static void say_ok(const struct patient *p, const char *what, const char *text)
{
	fprintf(p->out, "%-12s ok: %s\n", what, text);
}

static void say_to_do(struct patient *p, const char *what, const char *text)
{
	p->ill = 1;
	fprintf(p->out, "%-12s to do: %s\n", what, text);
}

static int look_at_qemu(struct patient *p)
{
	struct diag d = {0};
	char *text;

	if (qemu_find(&p->program, &d) < 0) {
		say_to_do(p, "qemu", d.lines[0].text);
		diag_clear(&d);
		return -1;
	}
	text = memory_printf("%s (%s%s)", p->program.version, p->program.path,
		p->program.sandbox ? ", with its own sandbox" : "");
	say_ok(p, "qemu", text);
	free(text);
	return 0;
}

/* The first base in the store; the caller frees. */
static char *find_base(void)
{
	struct diag ignored = {0};
	char *cache = file_cache_folder(&ignored);
	char *pattern = cache ? memory_printf("%s/bases/*/" WU_INITRD, cache) : NULL;
	char *folder = NULL;
	glob_t found;

	if (pattern && glob(pattern, 0, NULL, &found) == 0) {
		folder = memory_strdup(found.gl_pathv[0]);
		*strrchr(folder, '/') = '\0';
		globfree(&found);
	}
	diag_clear(&ignored);
	free(pattern);
	free(cache);
	return folder;
}

/* Boots it; returns 1 where it answered, and how long it took. */
static int boots(
	struct patient *p, int kernel, int initrd, enum accelerator a, uint64_t *took_ms)
{
	struct qemu_machine m = QEMU_MACHINE_NONE;
	struct diag d = {0};
	uint64_t start = clock_now_ms();
	int rc;

	m.accelerator = a;
	m.cpus = 1;
	m.memory_bytes = PROBE_MEMORY_BYTES;
	m.append = "console=ttyS0 quiet panic=-1";
	m.kernel = kernel;
	m.initrd = initrd;
	rc = accel_probe(&p->program, &m,
		a == ACCELERATOR_KVM ? ACCEL_PROBE_MS : TCG_PROBE_MS, -1, &d);
	*took_ms = clock_now_ms() - start;
	diag_clear(&d);
	return rc == 1;
}

static void say_accelerator(struct patient *p, enum accelerator a, uint64_t took_ms)
{
	char time[QUANTITY_TEXT];
	char *text = memory_printf("%s: a guest boots and ends in %s%s",
		a == ACCELERATOR_KVM ? "KVM" : "TCG", quantity_format_time(took_ms, time),
		a == ACCELERATOR_KVM ? ""
		: accel_has_kvm() ? " (KVM is there, but a guest does not boot with it)"
				  : " (KVM would be faster: /dev/kvm is not there, or "
				    "not for you)");

	accel_remember(&p->program, a);
	say_ok(p, "accelerator", text);
	free(text);
}

static void look_at_accelerator(struct patient *p)
{
	char *base = p->unit ? memory_printf("%s/" WU_BASE_FOLDER, p->unit) : find_base();
	char *kernel_path = base ? memory_printf("%s/" WU_KERNEL, base) : NULL;
	char *initrd_path = base ? memory_printf("%s/" WU_INITRD, base) : NULL;
	CLEANUP(file_close)
	int kernel = base ? open(kernel_path, O_RDONLY | O_CLOEXEC) : -1;
	CLEANUP(file_close)
	int initrd = base ? open(initrd_path, O_RDONLY | O_CLOEXEC) : -1;
	uint64_t took_ms;

	free(base);
	free(kernel_path);
	free(initrd_path);
	if (kernel < 0 || initrd < 0)
		say_to_do(p, "accelerator",
			"no base to boot: name a unit (wurun doctor UNIT), or build one "
			"(wuc base build mini)");
	else if (accel_has_kvm() && boots(p, kernel, initrd, ACCELERATOR_KVM, &took_ms))
		say_accelerator(p, ACCELERATOR_KVM, took_ms);
	else if (boots(p, kernel, initrd, ACCELERATOR_TCG, &took_ms))
		say_accelerator(p, ACCELERATOR_TCG, took_ms);
	else
		say_to_do(p, "accelerator",
			p->unit ? "a guest boots neither with KVM nor with TCG: is the "
				  "unit whole? wurun verify UNIT"
				: "a guest boots neither with KVM nor with TCG: is the "
				  "base whole? wuc base build mini");
}

static void look_at_memory(struct patient *p)
{
	uint64_t available = host_read_available_memory();
	char size[QUANTITY_TEXT];
	char *text = memory_printf("%s available", quantity_format_size(available, size));

	if (available >= NEEDED_MEMORY_BYTES)
		say_ok(p, "memory", text);
	else
		say_to_do(p, "memory", "less than 256 MiB are available: end something");
	free(text);
}

static void look_at_disk(struct patient *p)
{
	struct statvfs s;
	char size[QUANTITY_TEXT];
	uint64_t free_bytes;
	char *text;

	if (statvfs(".", &s) < 0) {
		say_to_do(p, "disk", strerror(errno));
		return;
	}
	free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
	text = memory_printf("%s free here", quantity_format_size(free_bytes, size));
	if (free_bytes >= NEEDED_DISK_BYTES)
		say_ok(p, "disk", text);
	else
		say_to_do(p, "disk", "less than 1 GiB is free here: make room");
	free(text);
}

static int check_unit(const char *path, struct diag *d)
{
	CLEANUP(file_close) int unit = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct manifest m;
	int rc;

	if (unit < 0)
		return diag_fail_errno(d, "%s", path);
	if (manifest_load(unit, path, &m, d) < 0)
		return -1;
	rc = verify_sizes(unit, path, &m, d);
	manifest_clear(&m);
	return rc;
}

static int examine(const char *unit, FILE *out)
{
	struct patient p = {.out = out, .unit = unit};

	if (look_at_qemu(&p) == 0)
		look_at_accelerator(&p);
	else
		say_to_do(&p, "accelerator", "QEMU comes first");
	look_at_memory(&p);
	look_at_disk(&p);
	qemu_forget(&p.program);
	return p.ill ? EXIT_FAILED : 0;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c != 'h')
			return command_refuse_option(&cmd_doctor, argv, d);
		fputs(help, stdio->out);
		return 0;
	}
	if (argc > optind + 1) {
		diag_fail(d, "doctor: expected one unit at most: wurun doctor [UNIT]");
		return EXIT_USAGE;
	}
	if (argv[optind] && check_unit(argv[optind], d) < 0)
		return EXIT_HOST_FAILED;
	return examine(argv[optind], stdio->out);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "look whether this machine can run units",
	.help = help,
	.run = run,
};
