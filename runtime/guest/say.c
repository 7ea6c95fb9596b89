/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "say.h"

#include <unistd.h>

#include "text.h"

void say(const char *subject, const char *what, const char *why)
{
	char bytes[768];
	struct text t = TEXT_IN(bytes);

	text_add(&t, "wuguest: ");
	text_add(&t, subject);
	if (what) {
		text_add(&t, ": ");
		text_add(&t, what);
	}
	if (why) {
		text_add(&t, ": ");
		text_add(&t, why);
	}
	if (t.size == sizeof(bytes) - 1)
		t.size--;
	t.bytes[t.size++] = '\n';
	/* There is nobody to tell where the console does not take it. */
	if (write(STDERR_FILENO, t.bytes, t.size) < 0)
		return;
}
