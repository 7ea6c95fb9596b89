/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers: modules that are loaded only where a device asks for them. /etc/drivers lists,
 * driver by driver, the aliases that it answers to and then its modules in loading order.
 */
#ifndef GUEST_DRIVERS_H
#define GUEST_DRIVERS_H

#include <stddef.h>

#define DRIVERS_BYTES 65536
#define DRIVERS_COUNT 64

struct drivers {
	int initrd; /* the folder that modules are read from, whatever "/" is by now */
	size_t count;
	struct driver {
		size_t aliases, modules, end; /* where its lines are in text */
		enum { DRIVER_IDLE, DRIVER_WANTED, DRIVER_LOADED } state;
	} list[DRIVERS_COUNT];
	char text[DRIVERS_BYTES]; /* the file, each line ended by a NUL */
};

/* Takes the file in d->text apart. What has no place in it is left out: returns -1 then.
 */
int drivers_parse(struct drivers *d, size_t size);

/* 1 where a driver that is not loaded has an alias that begins with "BUS:". */
int drivers_are_on(const struct drivers *d, const char *bus);

/* Notes which drivers the device with this modalias asks for. */
void drivers_want(struct drivers *d, const char *modalias);

/* The path of the next module to load for what was asked for, each path once; NULL where
 * nothing is left to do. */
const char *drivers_next_module(struct drivers *d);

/* Reads /etc/drivers. Without the file there are no drivers. */
void drivers_read(struct drivers *d, int initrd);

/* Loads what the devices ask for that are there by now, and what the devices ask for that
 * come by that. */
void drivers_load(struct drivers *d);

#endif
