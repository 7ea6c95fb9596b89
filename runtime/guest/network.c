/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "folder.h"
#include "say.h"
#include "text.h"

#define INTERFACES "/sys/class/net"
#define ETHERNET "1\n" /* ARPHRD_ETHER, as sysfs writes it */

/* What QEMU's user network gives its first guest by DHCP: it is always the same. */
#define ADDRESS 0x0a00020f /* 10.0.2.15 */
#define NETMASK 0xffffff00
#define GATEWAY 0x0a000202 /* 10.0.2.2 */
#define RESOLVER "/etc/resolv.conf"
#define RESOLVER_TEXT "nameserver 10.0.2.3\n"

static int open_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int set_flags(int fd, const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};

	strcpy(request.ifr_name, name);
	return ioctl(fd, SIOCSIFFLAGS, &request);
}

void network_raise_loopback(void)
{
	int fd = open_socket();

	if (fd < 0)
		return; /* a kernel without a network has nothing to raise */
	if (set_flags(fd, "lo") < 0)
		say("lo", "cannot bring it up", strerror(errno));
	close(fd);
}

static struct sockaddr_in address(uint32_t number)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(number),
	};
}

static int set_address(int fd, const char *name, unsigned long what, uint32_t number)
{
	struct sockaddr_in a = address(number);
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	memcpy(&request.ifr_addr, &a, sizeof(a));
	return ioctl(fd, (int)what, &request);
}

static int add_default_route(int fd)
{
	struct sockaddr_in any = address(INADDR_ANY), gateway = address(GATEWAY);
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	return ioctl(fd, SIOCADDRT, &route);
}

/* One that the base brings along stays. An empty file, or a link to what an init would
 * make, is none. */
static int name_resolver(void)
{
	char byte[2];
	ssize_t put = folder_read_file(AT_FDCWD, RESOLVER, byte, sizeof(byte));
	int fd;

	if (put > 0 || (put < 0 && errno == EFBIG))
		return 0;
	if (unlink(RESOLVER) < 0 && errno != ENOENT)
		return -1;
	fd = open(RESOLVER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	put = write(fd, RESOLVER_TEXT, strlen(RESOLVER_TEXT));
	close(fd);
	return put < 0 ? -1 : 0;
}

static int is_ethernet(int interfaces, const char *name)
{
	char path[FOLDER_NAME + 8], type[16];
	struct text t = TEXT_IN(path);

	if (strlen(name) >= IFNAMSIZ)
		return 0;
	text_add(&t, name);
	text_add(&t, "/type");
	return folder_read_file(interfaces, path, type, sizeof(type)) > 0 &&
	       !strcmp(type, ETHERNET);
}

static int find_ethernet(char name[FOLDER_NAME])
{
	int interfaces = open(INTERFACES, O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;

	if (interfaces < 0)
		return 0;
	*name = '\0';
	while (!found && folder_next(interfaces, name, name) > 0)
		found = is_ethernet(interfaces, name);
	close(interfaces);
	return found;
}

void network_configure(void)
{
	char name[FOLDER_NAME];
	int fd;

	if (!find_ethernet(name))
		return;
	fd = open_socket();
	if (fd < 0 || set_address(fd, name, SIOCSIFADDR, ADDRESS) < 0 ||
		set_address(fd, name, SIOCSIFNETMASK, NETMASK) < 0 ||
		set_flags(fd, name) < 0 || add_default_route(fd) < 0)
		say(name, "cannot configure it", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (name_resolver() < 0)
		say(RESOLVER, strerror(errno), NULL);
}
