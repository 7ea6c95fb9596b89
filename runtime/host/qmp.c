/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Returns -1 where it is no message of the protocol. */
static int read_message(const json_t *object, struct qmp_message *m)
{
	const json_t *error = json_object_get(object, "error");

	m->text = json_string_value(json_object_get(object, "event"));
	m->data = json_object_get(object, "data");
	if (m->text) {
		m->kind = QMP_EVENT;
		return 0;
	}
	m->data = json_object_get(object, "return");
	if (error) {
		m->kind = QMP_ERROR;
		m->text = json_string_value(json_object_get(error, "desc"));
		return m->text ? 0 : -1;
	}
	m->kind = m->data ? QMP_RETURN : QMP_GREETING;
	return m->data || json_object_get(object, "QMP") ? 0 : -1;
}

static void take_line(struct qmp *q)
{
	json_t *object = json_loadb(q->line.bytes, q->line.size, 0, NULL);
	struct qmp_message m = {0};

	if (read_message(object, &m) == 0)
		q->tell(q->context, &m);
	else
		q->broken = 1;
	json_decref(object);
}

void qmp_feed(struct qmp *q, const char *bytes, size_t size)
{
	while (size > 0 && !q->broken) {
		const char *end = memchr(bytes, '\n', size);
		size_t part = end ? (size_t)(end - bytes) + 1 : size;

		if (part > QMP_LINE_LIMIT - q->line.size) {
			q->broken = 1;
			return;
		}
		buffer_add(&q->line, bytes, part);
		if (end) {
			take_line(q);
			q->line.size = 0;
		}
		bytes += part;
		size -= part;
	}
}

void qmp_clear(struct qmp *q)
{
	buffer_clear(&q->line);
}

/* A command is far smaller than what a socket takes at once. */
static int send_text(int socket, char *text, size_t size, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec part = {text, size};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < size)
		errno = EAGAIN;
	return n == (ssize_t)size ? 0 : -1;
}

int qmp_send(int socket, const char *command, json_t *arguments, int fd)
{
	json_t *object = json_pack("{s:s}", "execute", command);
	char *line;
	size_t size;
	int rc;

	if (arguments)
		json_object_set_new(object, "arguments", arguments);
	line = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	size = strlen(line);
	/* The NUL at its end becomes the line's. */
	line[size] = '\n';
	rc = send_text(socket, line, size + 1, fd);
	free(line);
	return rc;
}
