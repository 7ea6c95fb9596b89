/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "folder.h"
#include "runtime/unit.h"

#define PORTS "/sys/class/virtio-ports"
#define DRIVER "/sys/bus/virtio/drivers/virtio_console"
#define LAST_WORDS_MS 250

/* Messages wait in the first half only: the second is for the rest of one that the port
 * took in part, which must follow or the host loses count. */
#define WAITING_MOST PORT_CHUNK

void port_init(struct port *p)
{
	p->fd = -1;
	p->waiting_size = 0;
}

static int is_called(int ports, const char *device, const char *wanted)
{
	char path[FOLDER_NAME + 8], name[64];
	struct text t = TEXT_IN(path);

	text_add(&t, device);
	text_add(&t, "/name");
	if (folder_read_file(ports, path, name, sizeof(name)) < 0)
		return 0;
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, wanted);
}

static int open_device(const char *device)
{
	char path[FOLDER_NAME + 8];
	struct text t = TEXT_IN(path);

	text_add(&t, "/dev/");
	text_add(&t, device);
	return open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int port_find(const char *name)
{
	char device[FOLDER_NAME] = "";
	int ports = open(PORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (ports < 0)
		return -1;
	while (fd < 0 && folder_next(ports, device, device) > 0)
		if (is_called(ports, device, name))
			fd = open_device(device);
	close(ports);
	return fd;
}

void port_open(struct port *p)
{
	if (p->fd < 0)
		p->fd = port_find(WU_PORT);
	port_flush(p);
}

/* Returns how many bytes the port took. */
static size_t put(struct port *p, const char *bytes, size_t size)
{
	ssize_t n = p->fd < 0 ? 0 : write(p->fd, bytes, size);

	return n < 0 ? 0 : (size_t)n;
}

void port_flush(struct port *p)
{
	size_t taken;

	while (p->waiting_size && (taken = put(p, p->waiting, p->waiting_size))) {
		p->waiting_size -= taken;
		memmove(p->waiting, p->waiting + taken, p->waiting_size);
	}
}

struct text port_message(char bytes[PORT_LINE], const char *word)
{
	/* One byte less: port_send() adds the line's end whatever was cut. */
	struct text t = text_in(bytes, PORT_LINE - 1);

	text_add(&t, word);
	return t;
}

void port_send(struct port *p, struct text *message)
{
	message->bytes[message->size] = '\n';
	port_flush(p);
	if (p->waiting_size + message->size + 1 > WAITING_MOST)
		return;
	memcpy(p->waiting + p->waiting_size, message->bytes, message->size + 1);
	p->waiting_size += message->size + 1;
	port_flush(p);
}

/* Where nothing waits, a message begins at a message's place: it goes out whole, in one
 * write, or not at all, unless the port takes a part of it. */
void port_send_bytes(struct port *p, const char *word, char *bytes, size_t size)
{
	char header[PORT_HEADER];
	struct text t = TEXT_IN(header);
	size_t taken;

	port_flush(p);
	if (p->waiting_size)
		return;
	text_add(&t, word);
	text_add(&t, " ");
	text_add_number(&t, size);
	text_add(&t, "\n");
	memcpy(bytes - t.size, header, t.size);
	bytes -= t.size;
	size += t.size;
	taken = put(p, bytes, size);
	if (!taken)
		return;
	p->waiting_size = size - taken;
	memcpy(p->waiting, bytes + taken, p->waiting_size);
}

/* 1 where the file at folder/device/name holds this line. */
static int holds(int folder, const char *device, const char *name, const char *line)
{
	char path[FOLDER_NAME + 16], bytes[64];
	struct text t = TEXT_IN(path);

	text_add(&t, device);
	text_add(&t, name);
	if (folder_read_file(folder, path, bytes, sizeof(bytes)) < 0)
		return 0;
	bytes[strcspn(bytes, "\n")] = '\0';
	return !strcmp(bytes, line);
}

static int is_controller(int folder, const char *device, int is_pci)
{
	if (!is_pci)
		return holds(folder, device, "/device", "0x0003");
	return holds(folder, device, "/vendor", "0x1af4") &&
	       (holds(folder, device, "/device", "0x1003") ||
		       holds(folder, device, "/device", "0x1043"));
}

/* By the bus of the machine: the driver of the other one may still have to be loaded. */
int port_has_controller(void)
{
	static const char *const buses[] = {
		"/sys/bus/virtio/devices", "/sys/bus/pci/devices"};
	int found = 0;

	for (int bus = 0; bus < 2 && !found; bus++) {
		char device[FOLDER_NAME] = "";
		int folder = open(buses[bus], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		while (folder >= 0 && !found && folder_next(folder, device, device) > 0)
			found = is_controller(folder, device, bus);
		if (folder >= 0)
			close(folder);
	}
	return found;
}

/* The driver announces its ports a moment after it is there. */
static int may_turn_up(void)
{
	char name[FOLDER_NAME] = "";
	int folder = open(DRIVER, O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;

	if (folder < 0)
		return 0;
	while (!found && folder_next(folder, name, name) > 0)
		found = !strncmp(name, "virtio", 6);
	close(folder);
	return found;
}

void port_finish(struct port *p)
{
	uint64_t end = clock_now_ms() + LAST_WORDS_MS;

	while (p->waiting_size && clock_now_ms() < end) {
		struct pollfd poll_port = {.fd = p->fd, .events = POLLOUT};

		if (p->fd < 0 && !may_turn_up())
			return;
		if (p->fd < 0)
			clock_sleep_ms(2);
		else if (poll(&poll_port, 1, 10) > 0 && poll_port.revents & POLLHUP)
			return;
		port_open(p);
	}
}
