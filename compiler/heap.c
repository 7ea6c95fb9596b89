/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that libraries take: theirs is ours, and where there is none the program
 * ends. By themselves libisofs crashes or writes another image then, jansson goes on with
 * a byte less, libext2fs aborts. In the program's own symbols, so that they find it. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/memory.h"

/* dlsym() itself takes no memory where it finds the name. */
#define NEXT(function)                                                                   \
	({                                                                               \
		static __typeof__(&(function)) found;                                    \
		__typeof__(&(function)) next =                                           \
			__atomic_load_n(&found, __ATOMIC_RELAXED);                       \
		if (!next) {                                                             \
			next = (__typeof__(next))dlsym(RTLD_NEXT, #function);            \
			__atomic_store_n(&found, next, __ATOMIC_RELAXED);                \
		}                                                                        \
		next;                                                                    \
	})

static void *must(void *p)
{
	if (!p)
		memory_stop();
	return p;
}

void *malloc(size_t size)
{
	return must(NEXT(malloc)(size ? size : 1));
}

void *calloc(size_t count, size_t size)
{
	return count && size ? must(NEXT(calloc)(count, size)) : malloc(1);
}

void *realloc(void *old, size_t size)
{
	void *p = NEXT(realloc)(old, size);

	return size ? must(p) : p;
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		memory_stop();
	return realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size)
{
	return must(NEXT(memalign)(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return must(NEXT(aligned_alloc)(alignment, size));
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	int rc = NEXT(posix_memalign)(p, alignment, size);

	if (rc == ENOMEM)
		memory_stop();
	return rc;
}
