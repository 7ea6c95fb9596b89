/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu_machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "runtime/unit.h"

#define EMPTY_DISK_BYTES (UINT64_C(1) << 46)

/* A machine without a kernel of ours boots what its firmware finds. */
static int is_firmware(const struct qemu_machine *m)
{
	return m->kernel < 0;
}

static void add(struct qemu_arguments *a, const char *text)
{
	if (a->count < QEMU_ARGUMENT_LIMIT - 1)
		a->list[a->count++] = arena_strdup(&a->arena, text);
}

static void __attribute__((format(printf, 3, 4)))
add_option(struct qemu_arguments *a, const char *option, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	add(a, option);
	add(a, text);
	free(text);
}

static void pass(struct qemu_arguments *a, int fd)
{
	a->passed[a->passed_count++] = fd;
}

uint64_t qemu_round_memory(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20 << 20;
}

/* Private, a mapping keeps what the guest writes to itself. QEMU opens the file anew. */
static void add_memory(struct qemu_arguments *a, const struct qemu_machine *m)
{
	uint64_t mib = qemu_round_memory(m->memory_bytes) >> 20;

	add_option(a, "-m", "%" PRIu64, mib);
	if (m->start == QEMU_COLD)
		return;
	pass(a, m->memory);
	add_option(a, "-object",
		"memory-backend-file,id=ram,size=%" PRIu64
		"M,mem-path=/proc/self/fd/%d,share=%s,merge=off",
		mib, m->memory, m->start == QEMU_SAVED ? "on" : "off");
}

/* What a restored machine runs is in its memory already. */
static void add_kernel(struct qemu_arguments *a, const struct qemu_machine *m)
{
	if (m->start == QEMU_RESTORED) {
		pass(a, m->state);
		add_option(a, "-incoming", "defer");
		return;
	}
	if (is_firmware(m))
		return;
	add_option(a, "-kernel", "/proc/self/fd/%d", m->kernel);
	add_option(a, "-initrd", "/proc/self/fd/%d", m->initrd);
	add_option(a, "-append", "%s", m->append);
	pass(a, m->kernel);
	pass(a, m->initrd);
}

static void add_machine(struct qemu_arguments *a, const struct qemu_program *p,
	const struct qemu_machine *m)
{
	add(a, p->path);
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-no-reboot");
	if (p->sandbox)
		add_option(a, "-sandbox",
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			"resourcecontrol=deny");
	add_option(a, "-display", "none");
	add_option(a, "-machine", "%s,accel=%s%s", is_firmware(m) ? "pc" : "q35",
		qemu_accelerator_name(m->accelerator),
		m->start == QEMU_COLD ? "" : ",memory-backend=ram");
	if (p->bios && !is_firmware(m))
		add_option(a, "-bios", "%s", p->bios);
	/* TCG copies by `rep movsb` byte for byte; told that it is not fast, a kernel
	 * copies eight at a time, and boots in 5 % less. */
	add_option(
		a, "-cpu", m->accelerator == ACCELERATOR_KVM ? "host" : "max,erms=off");
	add_option(a, "-smp", "%u", m->cpus);
	add_memory(a, m);
	add_kernel(a, m);
}

/* What a descriptor holds, as a node: no path, no lock, and no second open in another
 * mode. A disk that is written is a scratch copy that is synced when it was unpacked:
 * QEMU need not flush it. */
static void add_node(struct qemu_arguments *a, const char *name, int fd, int writable)
{
	pass(a, fd);
	add_option(a, "-add-fd", "fd=%d,set=%d", fd, fd);
	add_option(a, "-blockdev",
		"driver=raw,node-name=%s,read-only=%s%s,file.driver=file,"
		"file.filename=/dev/fdset/%d,file.locking=off",
		name, writable ? "off" : "on",
		writable ? ",cache.no-flush=on,discard=unmap" : "", fd);
}

static void add_disk(struct qemu_arguments *a, const char *name, int fd, int writable)
{
	if (fd < 0)
		return;
	add_node(a, name, fd, writable);
	add_option(a, "-device", "virtio-blk-pci,drive=%s%s", name,
		writable ? ",werror=report,rerror=report" : "");
}

/* What stands for a disk that is still to come: larger than any, so that a guest which
 * remembers this size never misses a part of that one. */
static void add_empty_disk(struct qemu_arguments *a, const char *name)
{
	add_option(a, "-blockdev",
		"driver=null-co,node-name=%s,size=%" PRIu64
		",read-zeroes=on,read-only=on",
		name, EMPTY_DISK_BYTES);
	add_option(a, "-device", "virtio-blk-pci,drive=%s", name);
}

static void add_monitor(struct qemu_arguments *a, int monitor)
{
	pass(a, monitor);
	add_option(a, "-chardev", "socket,id=monitor,fd=%d", monitor);
	add_option(a, "-mon", "chardev=monitor,mode=control");
}

/* The ports that a restored machine has are those of the saved one, connected or not. */
static void add_ports(struct qemu_arguments *a, const struct qemu_machine *m, int port)
{
	if (port < 0)
		return;
	pass(a, port);
	add_option(a, "-chardev", "socket,id=port,fd=%d", port);
	if (m->control >= 0) {
		pass(a, m->control);
		add_option(a, "-chardev", "socket,id=control,fd=%d,server=on,wait=off",
			m->control);
	} else {
		add_option(a, "-chardev", "null,id=control");
	}
	add_option(a, "-device", "virtio-serial-pci");
	add_option(a, "-device", "virtserialport,chardev=port,name=" WU_PORT);
	add_option(a, "-device", "virtserialport,chardev=control,name=" WU_CONTROL_PORT);
}

/* The disk that the firmware boots, where old and new systems find it; a host without
 * room is an error for the guest, which else would stop and wait. What is written
 * to it goes into QEMU's own temporary file, or into the image, which is a copy. */
static void add_boot_disk(struct qemu_arguments *a, const struct qemu_machine *m)
{
	if (m->disk < 0)
		return;
	if (m->scratch < 0) {
		add_node(a, "disk", m->disk, 1);
	} else {
		pass(a, m->scratch);
		a->scratch = arena_printf(&a->arena, "/proc/self/fd/%d", m->scratch);
		pass(a, m->disk);
		add_option(a, "-add-fd", "fd=%d,set=%d", m->disk, m->disk);
		add_option(a, "-drive",
			"if=none,id=disk,snapshot=on,driver=%s,file.driver=file,"
			"file.filename=/dev/fdset/%d,file.locking=off,"
			"cache.no-flush=on,discard=unmap",
			m->disk_format, m->disk);
	}
	add_option(a, "-device",
		"ide-hd,drive=disk,bus=ide.0,unit=0,bootindex=0,werror=report,rerror=report");
}

static void add_cds(struct qemu_arguments *a, const struct qemu_machine *m)
{
	if (m->params >= 0) {
		add_node(a, QEMU_PARAMS, m->params, 0);
		add_option(a, "-device",
			"ide-cd,id=" QEMU_CD ",drive=" QEMU_PARAMS ",bus=ide.1,unit=0");
	}
	if (m->seed >= 0) {
		add_node(a, "seed", m->seed, 0);
		add_option(a, "-device", "ide-cd,drive=seed,bus=ide.1,unit=1");
	}
}

/* SCSI disks can be taken out of a running machine and put in without its help. */
static void add_scsi_disks(struct qemu_arguments *a, const struct qemu_machine *m)
{
	if (m->app < 0)
		return;
	add_option(a, "-device", "virtio-scsi-pci,id=scsi");
	add_node(a, "app", m->app, 0);
	add_option(a, "-device", "scsi-hd,drive=app,bus=scsi.0,scsi-id=0");
	add_node(a, QEMU_OUTPUT, m->output, 1);
	add_option(a, "-device",
		"scsi-hd,id=" QEMU_OUTPUT ",drive=" QEMU_OUTPUT ",bus=" QEMU_OUTPUT_BUS
		",scsi-id=%d,werror=report,rerror=report",
		QEMU_OUTPUT_UNIT);
}

/* A system that brings its own boot loader may want a screen. */
static void add_firmware_disks(struct qemu_arguments *a, const struct qemu_machine *m)
{
	add_option(a, "-boot", "strict=on");
	add_option(a, "-device", "VGA");
	add_boot_disk(a, m);
	add_cds(a, m);
	add_scsi_disks(a, m);
	if (m->floppy < 0)
		return;
	add_node(a, "floppy", m->floppy, 0);
	add_option(a, "-device", "floppy,unit=0,drive=floppy,drive-type=144");
}

static void add_disks(struct qemu_arguments *a, const struct qemu_machine *m)
{
	add_disk(a, "app", m->app, 0);
	if (m->start == QEMU_SAVED && m->params < 0)
		add_empty_disk(a, "params");
	else
		add_disk(a, "params", m->params, 0);
	add_disk(a, "output", m->output, 1);
	add_disk(a, "root", m->root, 0);
}

/* The firmware's own words are all that a machine without a disk has to say. */
static void add_console(
	struct qemu_arguments *a, const struct qemu_machine *m, int console)
{
	int is_bare = is_firmware(m) && m->disk < 0;

	pass(a, console);
	add_option(a, "-chardev", "socket,id=console,fd=%d", console);
	add_option(a, "-device", "%s,chardev=console",
		is_bare ? "isa-debugcon,iobase=0x402" : "isa-serial");
}

static void add_devices(struct qemu_arguments *a, const struct qemu_machine *m,
	const struct qemu_channels *c)
{
	add_console(a, m, c->console);
	add_option(a, "-object", "rng-builtin,id=rng");
	add_option(a, "-device", "virtio-rng-pci,rng=rng");
	if (is_firmware(m))
		add_firmware_disks(a, m);
	else
		add_disks(a, m);
	add_ports(a, m, c->port);
	if (m->network) {
		add_option(a, "-netdev", "user,id=net");
		add_option(a, "-device", "virtio-net-pci,netdev=net,romfile=");
	}
}

void qemu_describe(struct qemu_arguments *a, const struct qemu_program *p,
	const struct qemu_machine *m, const struct qemu_channels *c)
{
	add_machine(a, p, m);
	add_devices(a, m, c);
	if (c->monitor >= 0)
		add_monitor(a, c->monitor);
}
