/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exchange.h"

#include <string.h>

#include "qemu.h"

#define FIRST_SET 1000 /* the command line's are numbers of descriptors */

enum { DISK, CD };

static int remove_set(const struct exchange *x, int monitor, int which)
{
	return qmp_send(monitor, "remove-fd",
		json_pack("{s:i}", "fdset-id", (int)x->sets[which]), -1);
}

static int remove_node(int monitor, const char *node)
{
	return qmp_send(
		monitor, "blockdev-del", json_pack("{s:s}", "node-name", node), -1);
}

static int send_to_cd(int monitor, const char *command)
{
	json_t *arguments = json_pack("{s:s}", "id", QEMU_CD);

	if (strcmp(command, "blockdev-open-tray") == 0)
		json_object_set_new(arguments, "force", json_true());
	return qmp_send(monitor, command, arguments, -1);
}

/* Returns 1 after the last. */
static int send_out(struct exchange *x, int monitor)
{
	switch (x->step) {
	case 0:
		x->awaited = 2; /* the disk is gone, too */
		return qmp_send(
			monitor, "device_del", json_pack("{s:s}", "id", QEMU_OUTPUT), -1);
	case 1:
		return remove_node(monitor, QEMU_OUTPUT);
	case 2:
		return remove_set(x, monitor, DISK);
	case 3:
		return send_to_cd(monitor, "blockdev-open-tray");
	case 4:
		return send_to_cd(monitor, "blockdev-remove-medium");
	case 5:
		return remove_node(monitor, QEMU_PARAMS);
	case 6:
		return remove_set(x, monitor, CD);
	default:
		return 1;
	}
}

static int add_set(struct exchange *x, int monitor, int which)
{
	x->sets[which] = FIRST_SET + x->set_count++;
	return qmp_send(monitor, "add-fd",
		json_pack("{s:i}", "fdset-id", (int)x->sets[which]), x->fds[which]);
}

static int add_node(const struct exchange *x, int monitor, int which)
{
	int is_disk = which == DISK;
	json_t *file = json_pack("{s:s, s:s, s:o}", "driver", "file", "locking", "off",
		"filename", json_sprintf("/dev/fdset/%u", x->sets[which]));
	json_t *node = json_pack("{s:s, s:s, s:b, s:o}", "driver", "raw", "node-name",
		is_disk ? QEMU_OUTPUT : QEMU_PARAMS, "read-only", !is_disk, "file", file);

	if (is_disk) {
		json_object_set_new(node, "discard", json_string("unmap"));
		json_object_set_new(node, "cache", json_pack("{s:b}", "no-flush", 1));
	}
	return qmp_send(monitor, "blockdev-add", node, -1);
}

static int add_device(int monitor)
{
	return qmp_send(monitor, "device_add",
		json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "driver", "scsi-hd",
			"id", QEMU_OUTPUT, "bus", QEMU_OUTPUT_BUS, "scsi-id",
			QEMU_OUTPUT_UNIT, "drive", QEMU_OUTPUT, "werror", "report",
			"rerror", "report"),
		-1);
}

static int send_in(struct exchange *x, int monitor)
{
	switch (x->step) {
	case 0:
		return add_set(x, monitor, DISK);
	case 1:
		return add_node(x, monitor, DISK);
	case 2:
		return add_device(monitor);
	case 3:
		return add_set(x, monitor, CD);
	case 4:
		return add_node(x, monitor, CD);
	case 5:
		return qmp_send(monitor, "blockdev-insert-medium",
			json_pack("{s:s, s:s}", "id", QEMU_CD, "node-name", QEMU_PARAMS),
			-1);
	case 6:
		return send_to_cd(monitor, "blockdev-close-tray");
	default:
		return 1;
	}
}

static int go_on(struct exchange *x, int monitor)
{
	int is_out = x->state == EXCHANGE_TAKES_OUT, rc;

	x->awaited = 1;
	rc = is_out ? send_out(x, monitor) : send_in(x, monitor);
	if (rc > 0)
		x->state = is_out ? EXCHANGE_IS_OUT : EXCHANGE_IS_IN;
	return rc < 0 ? -1 : 0;
}

/* The monitor takes commands once this one is answered. */
static int begin(struct exchange *x, int monitor, enum exchange_state state)
{
	x->state = state;
	x->step = 0;
	if (x->is_open)
		return go_on(x, monitor);
	x->awaited = 1;
	return qmp_send(monitor, "qmp_capabilities", NULL, -1);
}

int exchange_take_out(struct exchange *x, int monitor, int output, int params)
{
	if (x->set_count == 0) {
		x->sets[DISK] = (unsigned)output;
		x->sets[CD] = (unsigned)params;
	}
	return begin(x, monitor, EXCHANGE_TAKES_OUT);
}

int exchange_put_in(struct exchange *x, int monitor, int output, int params)
{
	x->fds[DISK] = output;
	x->fds[CD] = params;
	return begin(x, monitor, EXCHANGE_PUTS_IN);
}

static int is_output_gone(const struct qmp_message *m)
{
	const char *device = json_string_value(json_object_get(m->data, "device"));

	return m->kind == QMP_EVENT && strcmp(m->text, "DEVICE_DELETED") == 0 && device &&
	       strcmp(device, QEMU_OUTPUT) == 0;
}

int exchange_hear(struct exchange *x, int monitor, const struct qmp_message *m)
{
	if (x->state != EXCHANGE_TAKES_OUT && x->state != EXCHANGE_PUTS_IN)
		return 0;
	if (m->kind == QMP_ERROR)
		return -1;
	if ((m->kind != QMP_RETURN && !is_output_gone(m)) || --x->awaited > 0)
		return 0;
	if (x->is_open)
		x->step++;
	x->is_open = 1;
	return go_on(x, monitor);
}
