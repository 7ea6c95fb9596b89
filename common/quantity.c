/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "quantity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SIZE_LIMIT ((double)(1ULL << 62))
#define TIME_LIMIT_MS (10.0 * 365 * 24 * 3600 * 1000)

/* A decimal number without sign or exponent, in no locale: strtod would follow LC_NUMERIC
 * and take "inf" and "0x1p3". Returns what follows it, or NULL where there is none. */
static const char *parse_decimal(const char *p, double *value)
{
	double scale = 1;
	int digits = 0;

	*value = 0;
	for (; isdigit((unsigned char)*p); p++, digits++)
		*value = *value * 10 + (*p - '0');
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++, digits++) {
			scale /= 10;
			*value += (*p - '0') * scale;
		}
	}
	return digits ? p : NULL;
}

int quantity_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *p, *unit;
	double value;

	p = parse_decimal(text, &value);
	if (!p)
		return -1;
	unit = *p ? strchr(units, toupper((unsigned char)*p)) : NULL;
	if (unit) {
		for (const char *u = units; u <= unit; u++)
			value *= 1024;
		p++;
		if (strcmp(p, "iB") == 0)
			p += 2;
	}
	if (*p || value > SIZE_LIMIT)
		return -1;
	*bytes = (uint64_t)value;
	return 0;
}

static const struct {
	const char *name;
	double ms;
} time_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60e3},
	{"h", 3600e3},
	{"d", 86400e3},
	{"", 1000},
};

int quantity_parse_time(const char *text, uint64_t *ms)
{
	const size_t count = sizeof(time_units) / sizeof(*time_units);
	double total = 0, value;
	const char *p = text;

	do {
		size_t i, length;

		p = parse_decimal(p, &value);
		if (!p)
			return -1;
		length = strcspn(p, "0123456789.");
		for (i = 0; i < count; i++)
			if (strlen(time_units[i].name) == length &&
				strncmp(p, time_units[i].name, length) == 0)
				break;
		if (i == count)
			return -1;
		total += value * time_units[i].ms;
		p += length;
	} while (*p);
	if (total > TIME_LIMIT_MS)
		return -1;
	*ms = (uint64_t)(total + 0.5);
	return 0;
}

const char *quantity_format_size(uint64_t bytes, char text[QUANTITY_TEXT])
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	int i = 0;

	for (; value >= 1024 && i < 6; i++)
		value /= 1024;
	snprintf(text, QUANTITY_TEXT, i ? "%.1f %s" : "%.0f %s", value, units[i]);
	return text;
}

const char *quantity_format_time(uint64_t ms, char text[QUANTITY_TEXT])
{
	unsigned long long s = (ms + 500) / 1000;

	if (ms < 9995)
		snprintf(text, QUANTITY_TEXT, "%.2f s", (double)ms / 1000);
	else if (ms < 59950)
		snprintf(text, QUANTITY_TEXT, "%.1f s", (double)ms / 1000);
	else if (s < 3600)
		snprintf(text, QUANTITY_TEXT, "%llum%02llus", s / 60, s % 60);
	else
		snprintf(text, QUANTITY_TEXT, "%lluh%02llum", s / 3600, s / 60 % 60);
	return text;
}
