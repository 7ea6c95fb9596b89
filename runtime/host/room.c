/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "room.h"

#include "clock.h"
#include "host.h"

/* QEMU's own, without the guest's memory: its code, and what TCG translates. */
#define QEMU_BYTES (96u << 20)
#define AGAIN_MS 200

void room_init(struct room *r, const struct manifest *m)
{
	*r = (struct room){.guest_bytes = m->memory_bytes + QEMU_BYTES};
}

static int has(const struct room *r, const struct instance *list, size_t count)
{
	uint64_t available = host_read_available_memory(), claimed = 0, used;
	int running = 0;

	if (available == 0)
		return 1;
	for (size_t n = 0; n < count; n++) {
		running |= list[n].state != INSTANCE_IDLE;
		if (list[n].state != INSTANCE_RUNNING)
			continue;
		used = host_read_used_memory(list[n].guest.qemu.pid);
		claimed += used < r->guest_bytes ? r->guest_bytes - used : 0;
	}
	return !running || available >= claimed + r->guest_bytes;
}

int room_has(struct room *r, const struct instance *list, size_t count)
{
	uint64_t now = clock_now_ms();

	if (r->is_short && now < r->again_ms)
		return 0;
	r->is_short = !has(r, list, count);
	r->again_ms = now + AGAIN_MS;
	return !r->is_short;
}
