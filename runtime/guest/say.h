/* SPDX-License-Identifier: GPL-2.0-or-later */
/* say: one line on the console, "wuguest: subject: what: why". */
#ifndef GUEST_SAY_H
#define GUEST_SAY_H

/* what and why may be NULL. */
void say(const char *subject, const char *what, const char *why);

#endif
