/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit: what compiler, runtime and guest agent must agree on: names, labels, versions and
 * statuses. docs/unit-format.md and docs/guest.md explain them; no code here. */
#ifndef RUNTIME_UNIT_H
#define RUNTIME_UNIT_H

#define WU_VERSION "0.1.0"

/* The unit's folder. */
#define WU_MANIFEST "unit.json"
#define WU_MANIFEST_FORMAT "workunit"
#define WU_MANIFEST_VERSION 1
#define WU_APP_IMAGE "app.img"
#define WU_APP_LISTING "app.mtree"
#define WU_OUTPUT_IMAGE "output.img"
#define WU_PARAMS_FOLDER "params"
#define WU_RUN_SCRIPT "run.sh"
#define WU_BASE_FOLDER "base"
#define WU_KERNEL "kernel"
#define WU_INITRD "initrd"
#define WU_ROOT_IMAGE "root.img"
#define WU_DISK_IMAGE "disk.img" /* a disk to boot from: the unit's, or in base/ */
#define WU_SEED_IMAGE "seed.iso" /* in base/: a second CD for the guest */
#define WU_LAYOUT_DISKS "disks"
#define WU_LAYOUT_SINGLE "single"
#define WU_LAYOUT_BOOTABLE "bootable"
#define WU_ID_DIGITS 12

/* Disks, found by label. */
#define WU_APP_LABEL "wu-app"
#define WU_OUTPUT_LABEL "wu-output"
#define WU_ROOT_LABEL "wu-root"
#define WU_PARAMS_LABEL "WU_PARAMS"

/* The guest. */
#define WU_SCRIPTS_FOLDER "scripts" /* on the app disk */
#define WU_ENVIRONMENT_PREFIX "WU_"
#define WU_PORT "org.workunit.0"
#define WU_PROTOCOL_VERSION 1
#define WU_CONTROL_PORT "org.workunit.1" /* put, get and exec while scripts run */
#define WU_CONTROL_VERSION 1
#define WU_CONTROL_CHUNK 16384 /* bytes that may follow a line of its messages */
#define WU_CONTROL_TOKEN 32    /* hex digits */
#define WU_CONTROL_DEPTH 64    /* of folders that it carries */
#define WU_DROPPED_FOLDER "/var/lib/workunit/scripts" /* polled by wuguest --serve */
#define WU_USER_ID 1000
#define WU_GROUP_ID 1000

/* Kernel command line arguments that the agent reads. */
#define WU_ARG_TIME                                                                      \
	"wu.time_ms="	       /* the limit on all scripts together; 0 or absent: none */
#define WU_ARG_USER "wu.user=" /* whom scripts run as; absent: whom the base says */
#define WU_USER_USER "user"    /* WU_USER_ID */
#define WU_USER_ROOT "root"
#define WU_USER_BASE "base" /* in the manifest: no argument */
#define WU_ARG_PROBE                                                                     \
	"wu.probe=1"		/* print WU_PROBE_ANSWER on the console, reboot at once */
#define WU_ARG_WARM "wu.warm=1" /* after `ready`, wait for the host's `resume` */
#define WU_ARG_OFF "wu.off=1"	/* end by switching the machine off, not by a reboot */
#define WU_ARG_NEXT                                                                      \
	"wu.next=1" /* in `resume`: after `done`, wait for another one, no reboot */
#define WU_PROBE_ANSWER "wuguest: probe ok"

/* What the agent must know of the base, in the initrd; absent: nothing. */
#define WU_GUEST_BASE "etc/base"
#define WU_GUEST_BASE_BYTES 65536 /* it has fewer */
#define WU_GUEST_BASE_VARIABLES 512

/* On the output disk. */
#define WU_RECORD_FOLDER ".wu"
#define WU_RECORD ".wu/result.json"
#define WU_STDOUT ".wu/stdout"
#define WU_STDERR ".wu/stderr"
#define WU_RECORD_FORMAT "workunit-result"
#define WU_RECORD_VERSION 1

/* How a run ends: exactly one of these. The guest's record knows all but panic,
 * no-boot and no-result; the runtime all. */
#define WU_CLASS_OK "ok"
#define WU_CLASS_APP_FAILED "app-failed"
#define WU_CLASS_TIME_LIMIT "time-limit"
#define WU_CLASS_OUT_OF_MEMORY "out-of-memory"
#define WU_CLASS_PANIC "panic"
#define WU_CLASS_NO_BOOT "no-boot"
#define WU_CLASS_NO_RESULT "no-result"
#define WU_CLASS_DISK_FULL "disk-full"
#define WU_CLASS_INTERRUPTED "interrupted"
#define WU_CLASS_HOST_ERROR "host-error"

#endif
