/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "submit_sent.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define TASKS_LIMIT_BYTES (64u << 20)

/* Sorted ids; the texts are another's. */
struct ids {
	const char **list;
	size_t count;
};

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_ids(struct ids *ids)
{
	if (ids->count)
		qsort(ids->list, ids->count, sizeof(*ids->list), compare_ids);
}

static int has_id(const struct ids *ids, const char *id)
{
	return ids->count && bsearch(&id, ids->list, ids->count, sizeof(*ids->list),
				     compare_ids) != NULL;
}

static void add_item(struct submit_sent_array *a, const char *id, size_t task)
{
	struct submit_sent_item *item;

	a->items = memory_resize(a->items, (a->count + 1) * sizeof(*a->items));
	item = &a->items[a->count++];
	*item = (struct submit_sent_item){.task = task};
	memcpy(item->id, id, WU_ID_DIGITS);
}

/* "12 0123456789ab …" a line. */
static void take_tasks(struct submit_sent_array *a, char *text, const struct ids *wanted)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest)) {
		char *more = NULL, *number = strtok_r(line, " ", &more), *id;

		while (number && (id = strtok_r(NULL, " ", &more)))
			if (has_id(wanted, id))
				add_item(a, id, strtoul(number, NULL, 10));
	}
}

static void clear_array(struct submit_sent_array *a)
{
	free(a->name);
	free(a->items);
}

static void read_array(const struct submission *s, const char *name,
	const struct ids *wanted, struct submit_sent *sent)
{
	CLEANUP(diag_clear) struct diag ignored = {0};
	char *path = memory_printf("%s/" SUBMIT_TASKS, name);
	char *text = file_read(s->fd, path, TASKS_LIMIT_BYTES, NULL, &ignored);
	struct submit_sent_array a = {.name = memory_strdup(name)};

	if (text)
		take_tasks(&a, text, wanted);
	free(text);
	free(path);
	if (a.count == 0) {
		clear_array(&a);
		return;
	}
	sent->list = memory_resize(sent->list, (sent->count + 1) * sizeof(*sent->list));
	sent->list[sent->count++] = a;
}

/* A name that we may have given: it becomes a word of a list with commas. */
static int is_array_name(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-";

	return name[0] != '.' && name[0] != '-' && name[strspn(name, plain)] == '\0';
}

int submit_sent_read(const struct submission *s, struct submit_sent *sent, struct diag *d)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct ids wanted = {.count = s->count};
	struct dirent *e;

	*sent = (struct submit_sent){0};
	if (!dir) {
		diag_fail_errno(d, "%s/" SUBMIT_FOLDER, s->folder);
		file_close(&fd);
		return -1;
	}
	wanted.list = memory_alloc(s->count * sizeof(*wanted.list));
	for (size_t i = 0; i < s->count; i++)
		wanted.list[i] = s->list[i]->id;
	sort_ids(&wanted);
	while ((e = readdir(dir)))
		if (is_array_name(e->d_name))
			read_array(s, e->d_name, &wanted, sent);
	closedir(dir);
	free(wanted.list);
	return 0;
}

void submit_sent_clear(struct submit_sent *sent)
{
	for (size_t i = 0; i < sent->count; i++)
		clear_array(&sent->list[i]);
	free(sent->list);
	*sent = (struct submit_sent){0};
}

void submit_sent_mark(struct submit_sent *sent, const char *name, size_t task)
{
	for (size_t i = 0; i < sent->count; i++) {
		struct submit_sent_array *a = &sent->list[i];

		if (strcmp(a->name, name) != 0)
			continue;
		for (size_t n = 0; n < a->count; n++)
			a->items[n].underway |= a->items[n].task == task;
	}
}

static void list_underway(const struct submit_sent *sent, struct ids *ids)
{
	size_t most = 0;

	for (size_t i = 0; i < sent->count; i++)
		most += sent->list[i].count;
	ids->list = memory_alloc(most * sizeof(*ids->list));
	for (size_t i = 0; i < sent->count; i++)
		for (size_t n = 0; n < sent->list[i].count; n++)
			if (sent->list[i].items[n].underway)
				ids->list[ids->count++] = sent->list[i].items[n].id;
	sort_ids(ids);
}

void submit_sent_drop(const struct submit_sent *sent, struct submission *s)
{
	struct ids underway = {0};
	size_t left = 0;

	list_underway(sent, &underway);
	for (size_t i = 0; i < s->count; i++)
		if (!has_id(&underway, s->list[i]->id))
			s->list[left++] = s->list[i];
	s->underway += s->count - left;
	s->count = left;
	free(underway.list);
}
