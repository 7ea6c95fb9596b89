/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "host_walk.h"

/* Small trees are asked about before a thread has started. */
#define THREADS_FROM 500
#define STRETCH_FILES 64
#define WAITING_MAX 16 /* stretches: each may hold a descriptor */
#define WAKE_FROM 4    /* so that small folders are not worth a call of the kernel each */

struct question {
	struct node *node;
	struct host_file *file;
	uint64_t order;
};

/* Files of one folder that follow one another, in order. */
struct stretch {
	struct stretch *next;
	struct walked *in;
	size_t count, room;
	struct question list[];
};

struct walked *host_walked_new(void)
{
	struct walked *w = memory_alloc(sizeof(*w));

	w->fd = -1;
	w->holders = 1;
	return w;
}

void host_walked_drop(struct walked *w)
{
	if (atomic_fetch_sub(&w->holders, 1) > 1)
		return;
	file_close(&w->fd);
	arena_clear(&w->arena);
	free(w);
}

static struct note *add_note(struct notes *notes)
{
	if (notes->count == notes->room) {
		notes->room = notes->room ? notes->room * 2 : 16;
		notes->list =
			memory_resize(notes->list, notes->room * sizeof(*notes->list));
	}
	return &notes->list[notes->count++];
}

/* Takes the messages. */
static void note(struct notes *notes, uint64_t order, struct node *twin, struct diag *d)
{
	struct note *n = add_note(notes);

	*n = (struct note){.order = order, .twin = twin};
	if (d->count) {
		n->messages = memory_alloc(sizeof(*n->messages));
		diag_move(n->messages, d);
	}
}

static void move_notes(struct notes *to, struct notes *from)
{
	for (size_t i = 0; i < from->count; i++)
		*add_note(to) = from->list[i];
	free(from->list);
	*from = (struct notes){0};
}

static int fill(const struct host_files *q, const struct found *f,
	const struct question *about, struct arena *a, struct diag *d)
{
	struct node *n = about->node;

	n->mode = (uint16_t)host_mode(q->host, &f->st);
	n->size = (uint64_t)f->st.st_size;
	about->file->device = f->st.st_dev;
	about->file->inode = f->st.st_ino;
	about->file->mtime = tree_stamp(&f->st.st_mtim);
	about->file->ctime = tree_stamp(&f->st.st_ctim);
	return host_keep(q->host, f, n, a, d);
}

static void ask(const struct host_files *q, struct walked *w,
	const struct question *about, struct arena *a, struct notes *notes)
{
	struct found f = {.in = w, .name = about->file->name};
	struct node *twin = NULL;
	struct diag d = {0};

	if (fstatat(w->fd, f.name, &f.st, AT_SYMLINK_NOFOLLOW) < 0) {
		host_fail(q->host, &f, strerror(errno), &d);
	} else if (!S_ISREG(f.st.st_mode)) {
		host_fail(q->host, &f, "changed while it was read", &d);
	} else {
		fill(q, &f, about, a, &d);
		twin = f.st.st_nlink > 1 ? about->node : NULL;
	}
	if (twin || d.count)
		note(notes, about->order, twin, &d);
}

/* The lock is held before and after. */
static void answer_first(struct host_files *q, struct arena *a, struct notes *notes)
{
	struct stretch *s = q->first;

	q->first = s->next;
	if (!q->first)
		q->end = &q->first;
	q->waiting--;
	q->busy++;
	pthread_mutex_unlock(&q->lock);
	for (size_t i = 0; i < s->count; i++)
		ask(q, s->in, &s->list[i], a, notes);
	host_walked_drop(s->in);
	free(s);
	pthread_mutex_lock(&q->lock);
	if (--q->busy == 0)
		pthread_cond_signal(&q->idle);
}

static void *answer(void *argument)
{
	struct host_files *q = argument;
	struct arena found = {0};
	struct notes notes = {0};

	pthread_mutex_lock(&q->lock);
	while (q->first || !q->ended) {
		if (q->first) {
			answer_first(q, &found, &notes);
			continue;
		}
		q->sleeping++;
		pthread_cond_wait(&q->more, &q->lock);
		q->sleeping--;
	}
	arena_move(&q->others_found, &found);
	move_notes(&q->others_notes, &notes);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* The walk's own share; the lock is held. */
static void answer_all(struct host_files *q, size_t but)
{
	while (q->waiting > but)
		answer_first(q, &q->found, &q->notes);
}

static void start_threads(struct host_files *q)
{
	unsigned count = threads_count(q->host->options->threads);

	q->alone = 1;
	threads_start(&q->threads, count - 1, answer, q);
}

static void hand_over(struct host_files *q, struct stretch *s)
{
	q->asked += s->count;
	if (!q->alone && q->asked >= THREADS_FROM)
		start_threads(q);
	pthread_mutex_lock(&q->lock);
	answer_all(q, WAITING_MAX - 1);
	*q->end = s;
	q->end = &s->next;
	q->waiting++;
	if (q->alone && !q->threads.count)
		answer_all(q, 0);
	else if (q->sleeping && (q->waiting >= WAKE_FROM || s->count == STRETCH_FILES))
		pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
}

void host_files_end_folder(struct host_files *q, struct walked *w)
{
	struct stretch *s = w->stretch;

	w->stretch = NULL;
	if (s)
		hand_over(q, s);
}

static struct stretch *make_stretch(struct walked *w)
{
	size_t room = w->left + 1 < STRETCH_FILES ? w->left + 1 : STRETCH_FILES;
	struct stretch *s = memory_alloc(sizeof(*s) + room * sizeof(s->list[0]));

	s->in = w;
	s->room = room;
	atomic_fetch_add(&w->holders, 1);
	return s;
}

void host_files_add(
	struct host_files *q, struct walked *w, struct node *n, struct host_file *file)
{
	struct stretch *s = w->stretch;

	if (!s)
		s = w->stretch = make_stretch(w);
	s->list[s->count++] =
		(struct question){.node = n, .file = file, .order = q->order};
	if (s->count == s->room)
		host_files_end_folder(q, w);
}

int host_files_free_descriptors(struct host_files *q)
{
	if (errno != EMFILE && errno != ENFILE)
		return 0;
	pthread_mutex_lock(&q->lock);
	answer_all(q, 0);
	while (q->busy)
		pthread_cond_wait(&q->idle, &q->lock);
	pthread_mutex_unlock(&q->lock);
	return 1;
}

static void note_messages(struct host_files *q)
{
	if (q->messages.count)
		note(&q->notes, q->order, NULL, &q->messages);
}

void host_files_begin_entry(struct host_files *q)
{
	note_messages(q);
	q->order++;
}

void host_files_open(struct host_files *q, struct host *h)
{
	*q = (struct host_files){
		.host = h,
		.diag = h->diag,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.more = PTHREAD_COND_INITIALIZER,
		.idle = PTHREAD_COND_INITIALIZER,
	};
	q->end = &q->first;
	h->diag = &q->messages;
	h->files = q;
}

static int by_order(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* A twin's attributes are its first name's. */
static int settle(struct host_files *q)
{
	struct notes *notes = &q->notes;
	int rc = 0;

	if (notes->count)
		qsort(notes->list, notes->count, sizeof(*notes->list), by_order);
	for (size_t i = 0; i < notes->count; i++) {
		struct note *n = &notes->list[i];

		if (n->twin && host_link_twin(q->host, n->twin) && n->messages)
			diag_clear(n->messages);
		if (n->messages && n->messages->count)
			rc = -1;
		if (n->messages)
			diag_move(q->diag, n->messages);
		free(n->messages);
	}
	return rc;
}

int host_files_close(struct host_files *q)
{
	struct host *h = q->host;
	int rc;

	note_messages(q);
	pthread_mutex_lock(&q->lock);
	answer_all(q, 0);
	q->ended = 1;
	pthread_cond_broadcast(&q->more);
	pthread_mutex_unlock(&q->lock);
	threads_join(&q->threads);
	arena_move(&h->tree->arena, &q->found);
	arena_move(&h->tree->arena, &q->others_found);
	move_notes(&q->notes, &q->others_notes);
	rc = settle(q);
	free(q->notes.list);
	pthread_cond_destroy(&q->idle);
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
	h->diag = q->diag;
	h->files = NULL;
	return rc;
}
