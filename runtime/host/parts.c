/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "parts.h"

#include <fcntl.h>

#include "base_disk.h"
#include "common/file.h"
#include "runtime/unit.h"

#define IN_BASE(name) WU_BASE_FOLDER "/" name

void parts_init(struct instance_context *c)
{
	c->kernel = c->initrd = c->app = c->root = c->disk = c->seed = c->output = -1;
}

void parts_close(struct instance_context *c)
{
	int *const all[] = {&c->kernel, &c->initrd, &c->app, &c->root, &c->disk, &c->seed,
		&c->output};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		file_close(all[i]);
}

static int open_part(const struct instance_context *c, const char *unit, const char *path,
	int *fd, struct diag *d)
{
	*fd = openat(c->unit, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *fd < 0 ? diag_fail_errno(d, "%s/%s", unit, path) : 0;
}

static int open_kernel(struct instance_context *c, const char *unit,
	const struct manifest *m, struct diag *d)
{
	if (open_part(c, unit, IN_BASE(WU_KERNEL), &c->kernel, d) < 0 ||
		open_part(c, unit, IN_BASE(WU_INITRD), &c->initrd, d) < 0)
		return -1;
	if (!manifest_find_file(m, IN_BASE(WU_ROOT_IMAGE)))
		return 0;
	return open_part(c, unit, IN_BASE(WU_ROOT_IMAGE), &c->root, d);
}

static int open_base_disk(struct instance_context *c, const char *unit,
	const struct manifest *m, struct diag *d)
{
	const struct manifest_disk *disk = &m->disk;

	if (open_part(c, unit, disk->file->path, &c->disk, d) < 0)
		return -1;
	return base_disk_check(c->disk, disk->format, disk->file->path, d);
}

int parts_open(struct instance_context *c, const char *unit, const struct manifest *m,
	struct diag *d)
{
	const struct manifest_file *written = manifest_get_written(m);

	c->output_bytes = written->size_bytes;
	if (open_part(c, unit, written->path, &c->output, d) < 0)
		return -1;
	if (!m->disk.file && open_kernel(c, unit, m, d) < 0)
		return -1;
	if (manifest_is_served(m) && open_base_disk(c, unit, m, d) < 0)
		return -1;
	if (m->seed && open_part(c, unit, IN_BASE(WU_SEED_IMAGE), &c->seed, d) < 0)
		return -1;
	return m->layout == LAYOUT_DISKS ? open_part(c, unit, WU_APP_IMAGE, &c->app, d)
					 : 0;
}
