/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "common/quantity.h"

#define REDRAW_MS 100
#define DEFAULT_COLUMNS 80

void progress_begin(struct progress *p, FILE *out, int quiet, size_t total, size_t slots)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	int able = isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;

	*p = (struct progress){.out = out,
		.live = able && !quiet,
		.color = able && !(no_color && *no_color),
		.total = total,
		.slots = slots};
}

static size_t count_columns(const struct progress *p)
{
	const char *columns = getenv("COLUMNS");
	long given = columns ? strtol(columns, NULL, 10) : 0;
	struct winsize size;

	if (given > 0 && given < 10000)
		return (size_t)given;
	if (ioctl(fileno(p->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_COLUMNS;
}

/* "" until there is something to estimate from. */
static const char *format_left(const struct progress *p, char text[QUANTITY_TEXT])
{
	double left = (double)(p->total - p->ended) - p->underway;
	size_t slots = p->slots < p->total - p->ended ? p->slots : p->total - p->ended;

	if (p->ended == 0 || slots == 0 || left < 0)
		return "";
	return quantity_format_time(
		(uint64_t)((double)p->spent_ms / (double)p->ended * left / (double)slots),
		text);
}

static void format_line(const struct progress *p, char *line, size_t room)
{
	char time[QUANTITY_TEXT], silent[40] = "";
	const char *left = format_left(p, time);

	if (p->silent)
		snprintf(silent, sizeof(silent), " (%zu silent)", p->silent);
	snprintf(line, room, "%zu/%zu done, %zu failed, %zu running%s%s%s%s%s%s",
		p->ended - p->failed, p->total, p->failed, p->running, silent,
		*left ? ", about " : "", left, *left ? " left" : "",
		*p->foremost ? "; " : "", p->foremost);
}

/* Cut to the columns, never inside a character. */
static void cut_line(char *line, size_t columns)
{
	size_t shown = 0, at = 0;

	while (line[at] && shown + 1 < columns) {
		at++;
		while (((unsigned char)line[at] & 0xc0) == 0x80)
			at++;
		shown++;
	}
	line[at] = '\0';
}

void progress_draw(struct progress *p, int force)
{
	uint64_t now = clock_now_ms();
	char line[sizeof(p->last)];

	if (!p->live || (!force && now - p->drawn_ms < REDRAW_MS))
		return;
	format_line(p, line, sizeof(line));
	cut_line(line, count_columns(p));
	if (p->shown && strcmp(line, p->last) == 0)
		return;
	memcpy(p->last, line, sizeof(line));
	p->drawn_ms = now;
	p->shown = 1;
	fprintf(p->out, "\r\033[K%s", line);
	fflush(p->out);
}

void progress_clear(struct progress *p)
{
	if (!p->shown)
		return;
	p->shown = 0;
	fputs("\r\033[K", p->out);
	fflush(p->out);
}

void progress_say(struct progress *p, const char *fmt, ...)
{
	va_list args;

	progress_clear(p);
	va_start(args, fmt);
	vfprintf(p->out, fmt, args);
	va_end(args);
	fputc('\n', p->out);
	fflush(p->out);
	progress_draw(p, 1);
}

const char *progress_color(const struct progress *p, int good)
{
	if (!p->color)
		return "";
	return good ? "\033[32m" : "\033[31m";
}

const char *progress_plain(const struct progress *p)
{
	return p->color ? "\033[0m" : "";
}
