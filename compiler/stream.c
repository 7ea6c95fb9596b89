/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch.h"
#include "threads.h"

/* Two for every thread to work on, and some between them, so that none waits for its turn
 * as long as there is anything to read or to write. */
#define SLOTS(threads) (2 * (threads) + 2)
#define NONE UINT64_MAX

/* What happens to a batch, in this order. Those that wait are what threads look for. */
enum slot_state {
	SLOT_FREE,    /* waits for a batch */
	SLOT_READING, /* a thread is at it */
	SLOT_READ,    /* waits for its turn */
	SLOT_PASSING, /* a thread is at it: one slot at a time, in order */
	SLOT_PASSED,  /* waits to be written */
	SLOT_WRITING, /* a thread is at it */
};

struct slot {
	enum slot_state state;
	uint64_t number; /* of its batch, in the tree's order */
	int broken;	 /* it could not even be taken */
	struct diag diag;
	struct batch batch;
};

struct stream {
	struct batch_context context;
	pthread_mutex_t lock; /* all that follows, but for batches that a thread is at */
	pthread_cond_t changed;
	struct batch_walk walk;
	int ended;	      /* the walk is */
	uint64_t taken, turn; /* the next number to be taken, and to pass */
	uint64_t failed;      /* the first batch that did; no later one matters */
	struct diag *diag;    /* its messages */
	size_t slot_count;
	struct slot *slots;
};

/* The first batch in this state. */
static struct slot *find_slot(const struct stream *st, enum slot_state state)
{
	struct slot *found = NULL;

	for (size_t i = 0; i < st->slot_count; i++) {
		struct slot *s = &st->slots[i];

		if (s->state == state && (!found || s->number < found->number))
			found = s;
	}
	return found;
}

static struct slot *find_turn(const struct stream *st)
{
	struct slot *s = find_slot(st, SLOT_READ);

	return s && s->number == st->turn ? s : NULL;
}

/* Takes the next batch into a free slot, if there are both. */
static struct slot *take_batch(struct stream *st)
{
	struct slot *s = find_slot(st, SLOT_FREE);
	int rc;

	if (!s || st->ended || st->failed != NONE)
		return NULL;
	rc = batch_take(&s->batch, &st->walk, &s->diag);
	if (rc == 0) {
		st->ended = 1;
		return NULL;
	}
	s->broken = rc < 0;
	s->number = st->taken++;
	return s;
}

static int is_over(const struct stream *st)
{
	for (size_t i = 0; i < st->slot_count; i++) {
		if (st->slots[i].state != SLOT_FREE)
			return 0;
	}
	return st->ended || st->failed != NONE;
}

/* Earlier batches go on: one of them may fail too, and would be the one to tell about. */
static void fail(struct stream *st, struct slot *s)
{
	st->failed = s->number;
	diag_clear(st->diag);
	diag_move(st->diag, &s->diag);
	for (size_t i = 0; i < st->slot_count; i++) {
		struct slot *other = &st->slots[i];

		if (other->number > st->failed &&
			(other->state == SLOT_READ || other->state == SLOT_PASSED))
			other->state = SLOT_FREE;
	}
}

/* What a thread did with a batch is done. */
static void settle(struct stream *st, struct slot *s, int rc, enum slot_state state)
{
	s->state = state;
	if (rc == 0 && state == SLOT_FREE)
		rc = batch_end(&s->batch, &st->walk, &s->diag);
	if (rc < 0 && s->number < st->failed)
		fail(st, s);
	if (s->number >= st->failed)
		s->state = SLOT_FREE;
	diag_clear(&s->diag);
	pthread_cond_broadcast(&st->changed);
}

static void begin(struct stream *st, struct slot *s, enum slot_state state)
{
	s->state = state;
	pthread_mutex_unlock(&st->lock);
}

static void pass_batch(struct stream *st, struct slot *s)
{
	int rc;

	begin(st, s, SLOT_PASSING);
	rc = batch_pass(&s->batch, &st->context, &s->diag);
	pthread_mutex_lock(&st->lock);
	st->turn++;
	settle(st, s, rc,
		st->context.sink && s->batch.run_count ? SLOT_PASSED : SLOT_FREE);
}

static void write_batch(struct stream *st, struct slot *s)
{
	const struct stream_sink *sink = st->context.sink;
	int rc;

	begin(st, s, SLOT_WRITING);
	rc = sink->write(sink->context, s->batch.runs, s->batch.run_count, &s->diag);
	pthread_mutex_lock(&st->lock);
	settle(st, s, rc, SLOT_FREE);
}

static void read_batch(struct stream *st, struct slot *s, struct batch_reader *r)
{
	int rc;

	begin(st, s, SLOT_READING);
	rc = s->broken ? -1 : batch_read(&s->batch, r, &s->diag);
	pthread_mutex_lock(&st->lock);
	settle(st, s, rc, SLOT_READ);
}

/* What holds up others comes first. A thread sleeps only while there is nothing to do for
 * it, which ends when another settles a batch. */
static void *work(void *argument)
{
	struct stream *st = argument;
	struct batch_reader r;
	struct slot *s;

	batch_reader_open(&r, &st->context);
	pthread_mutex_lock(&st->lock);
	while (!is_over(st)) {
		if ((s = find_turn(st)))
			pass_batch(st, s);
		else if ((s = find_slot(st, SLOT_PASSED)))
			write_batch(st, s);
		else if ((s = take_batch(st)))
			read_batch(st, s, &r);
		else if (!is_over(st))
			pthread_cond_wait(&st->changed, &st->lock);
	}
	pthread_mutex_unlock(&st->lock);
	batch_reader_close(&r);
	return NULL;
}

/* Buffers start at blocks, which the kernel copies faster. */
static char *make_slots(struct stream *st)
{
	char *bytes = memory_alloc(st->slot_count * BATCH_BYTES + TREE_BLOCK);
	char *block = bytes + TREE_BLOCK - (uintptr_t)bytes % TREE_BLOCK;

	st->slots = memory_alloc(st->slot_count * sizeof(*st->slots));
	for (size_t i = 0; i < st->slot_count; i++)
		st->slots[i].batch.bytes = block + i * BATCH_BYTES;
	return bytes;
}

int stream_files(struct tree *t, const struct stream_options *o,
	const struct stream_sink *sink, struct diag *d)
{
	unsigned threads = threads_count(o->threads);
	struct threads others = {0};
	struct diag problems = {0};
	struct stream st = {
		.context = {.tree = t, .sink = sink, .no_whole = o->no_whole},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.failed = NONE,
		.diag = &problems,
		.slot_count = SLOTS(threads),
	};
	char *bytes = make_slots(&st);

	batch_walk_open(&st.walk, &st.context);
	threads_start(&others, threads - 1, work, &st);
	work(&st);
	threads_join(&others);
	batch_walk_close(&st.walk);
	pthread_cond_destroy(&st.changed);
	pthread_mutex_destroy(&st.lock);
	free(st.slots);
	free(bytes);
	diag_move(d, &problems);
	return st.failed == NONE ? 0 : -1;
}
