/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "drives.h"

#include <fcntl.h>

#include "common/file.h"

static int copy_disk(struct instance *i, const struct snapshot *from, struct diag *d)
{
	const struct instance_context *c = i->context;
	const char *name = manifest_get_written(c->manifest)->path;
	int disk = from ? from->parts[SNAPSHOT_OUTPUT] : c->output;

	i->output = openat(
		i->work.folder.fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (i->output < 0 || file_copy(disk, i->output, c->output_bytes) < 0)
		return diag_fail_errno(
			d, "%s/%s/%s", c->results->path, i->work.folder.name, name);
	return 0;
}

static int open_medium(
	const struct instance *i, const struct manifest_file *f, int *fd, struct diag *d)
{
	if (!f->path)
		return 0;
	*fd = openat(i->context->unit, f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *fd < 0 ? diag_fail_errno(d, "%s", f->path) : 0;
}

int drives_open(struct instance *i, const struct snapshot *from, struct diag *d)
{
	if (open_medium(i, &i->what->cd, &i->params, d) < 0 ||
		open_medium(i, &i->what->floppy, &i->floppy, d) < 0)
		return -1;
	return copy_disk(i, from, d);
}

void drives_plug(const struct instance *i, struct qemu_machine *m)
{
	const struct instance_context *c = i->context;

	m->kernel = c->kernel;
	m->initrd = c->initrd;
	m->app = c->app;
	m->root = c->root;
	m->seed = c->seed;
	m->params = i->params;
	m->floppy = i->floppy;
	m->disk_format = c->manifest->disk.format;
	if (c->manifest->layout == LAYOUT_DISKS) {
		m->output = i->output;
		m->disk = c->disk;
		m->scratch = c->disk < 0 ? -1 : i->work.folder.fd;
	} else {
		m->disk = i->output;
		m->kernel = m->initrd = m->app = m->root = -1;
	}
}

struct image_place drives_get_place(const struct instance *i)
{
	const struct manifest *m = i->context->manifest;

	if (m->layout == LAYOUT_DISKS)
		return (struct image_place){.size_bytes = i->context->output_bytes,
			.pristine = i->context->output};
	return (struct image_place){.offset = m->disk.output_offset,
		.size_bytes = m->disk.output_bytes,
		.folder = m->disk.output_folder,
		.pristine = -1};
}

void drives_close(struct instance *i)
{
	file_close(&i->output);
	file_close(&i->params);
	file_close(&i->floppy);
}
