/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quantity: sizes and times as people write them. */
#ifndef COMMON_QUANTITY_H
#define COMMON_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

#define QUANTITY_TEXT 32

/* "512", "16M", "1.5G": bytes; K, M, G, T are powers of 1024. Returns 0, or -1 where the
 * text is no size or over 2^62. */
int quantity_parse_size(const char *text, uint64_t *bytes);
/* "90", "500ms", "2m", "1h30m", "1d": milliseconds; a bare number is seconds. Returns 0,
 * or -1 where the text is no time or over ten years. */
int quantity_parse_time(const char *text, uint64_t *ms);
/* "16.0 MiB", "512 B". Returns text. */
const char *quantity_format_size(uint64_t bytes, char text[QUANTITY_TEXT]);
/* "0.28 s", "3m05s", "2h10m". Returns text. */
const char *quantity_format_time(uint64_t ms, char text[QUANTITY_TEXT]);

#endif
