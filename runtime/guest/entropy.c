/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "say.h"

/* <linux/random.h>, which the C library's own headers do not have. */
struct pool_info {
	int bits, bytes;
	unsigned char seed[32];
};
#define POOL_ADD _IOW('R', 0x03, int[2])
#define POOL_RESEED _IO('R', 0x07)

static int is_ready(void)
{
	char byte;

	return getrandom(&byte, 1, GRND_NONBLOCK) == 1;
}

static ssize_t read_host(void *bytes, size_t size)
{
	int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, bytes, size);
	close(fd);
	return got;
}

/* Where the kernel is not ready yet, what is credited makes it so, and nothing was given
 * out before that would have to be left behind. */
static void credit(struct pool_info *info, size_t size, int reseed)
{
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	info->bits = (int)size * 8;
	info->bytes = (int)size;
	if (fd < 0 || ioctl(fd, POOL_ADD, info) < 0 ||
		(reseed && ioctl(fd, POOL_RESEED) < 0 && errno != ENODATA))
		say("entropy", strerror(errno), NULL);
	if (fd >= 0)
		close(fd);
}

void entropy_add(void)
{
	struct pool_info info = {0};
	ssize_t got;

	if (is_ready())
		return;
	got = read_host(info.seed, sizeof(info.seed));
	if (got <= 0)
		return;
	credit(&info, (size_t)got, 0);
}

void entropy_renew(const unsigned char *seed, size_t size)
{
	struct pool_info info = {0};

	memcpy(info.seed, seed, size);
	credit(&info, size, 1);
	memset(&info, 0, sizeof(info));
}
