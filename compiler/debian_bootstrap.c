/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian_bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "debian_host.h"
#include "family.h"

#define WORDS_MAX 64
#define SAY_INTERVAL_S 2
#define REASON_LIMIT_BYTES 400

/* Hooks are run by a shell with the new root as $1. Nothing of a recipe is in their text:
 * what they need comes in their environment. */

/* The system's folders are links into /usr from the first moment on. */
static const char merge_usr[] =
	"set -eu; for folder in bin lib lib64 sbin; do mkdir -p \"$1/usr/$folder\"; "
	"ln -s \"usr/$folder\" \"$1/$folder\"; done";

/* Without device nodes, which are there already and which a user's root may not make, and
 * without the archive's lines, which would take the repository's place. */
static const char unpack_below[] =
	"tar --extract --preserve-permissions --numeric-owner --xattrs "
	"'--xattrs-include=*' '--exclude=./dev/*' "
	"--exclude=./etc/apt/sources.list --directory=\"$1\" <&9";

static const char finish[] =
	"set -eu; cd \"$1\"; umask 022\n"
	"put() { rm -f \"$1\"; printf \"$2\" >\"$1\"; chmod \"$3\" \"$1\"; }\n"
	"put etc/hostname 'workunit\\n' 644\n"
	"put etc/hosts '127.0.0.1 localhost\\n' 644\n"
	"put etc/resolv.conf '' 644\n"
	"put etc/apt/sources.list '' 644\n"
	"printf '%s' \"$WU_SOURCES\" >etc/apt/sources.list\n"
	"[ ! -e etc/machine-id ] || put etc/machine-id '' 444\n"
	/* The same user as in mini. */
	"if ! grep -q '^user:' etc/passwd; then\n"
	"	echo 'user:x:1000:1000:user:/tmp:/bin/sh' >>etc/passwd\n"
	"	echo 'user:x:1000:' >>etc/group\n"
	"	echo 'user:!:1::::::' >>etc/shadow\n"
	"	[ ! -e etc/gshadow ] || echo 'user:!::' >>etc/gshadow\n"
	"fi\n"
	/* mmdebstrap's own, locks, backups, caches, logs. */
	"rm -f etc/apt/apt.conf.d/99mmdebstrap etc/dpkg/dpkg.cfg.d/99mmdebstrap\n"
	"rm -f etc/.pwd.lock etc/passwd- etc/group- etc/shadow- etc/gshadow-\n"
	"rm -f etc/subuid- etc/subgid- var/lib/dpkg/*-old var/lib/dpkg/lock*\n"
	"rm -f var/lib/dpkg/triggers/Lock var/cache/debconf/*-old\n"
	"rm -rf var/cache/apt/* var/lib/apt/lists/* var/cache/fontconfig/*\n"
	"rm -rf var/cache/man/* var/cache/ldconfig/*\n"
	"find var/log -type f -delete\n"
	/* dpkg's exclusions let links and folders pass. */
	"find usr/share/doc -mindepth 2 ! -type d ! -name copyright -delete\n"
	"find usr/share/doc -mindepth 2 -depth -type d -empty -delete\n"
	"for folder in usr/share/man usr/share/info; do\n"
	"	[ ! -d $folder ] || find $folder ! -type d -delete\n"
	"done\n";

static const char sources[] =
	"WU_SOURCES="
	"deb http://deb.debian.org/debian %1$s main\n"
	"deb http://deb.debian.org/debian %1$s-updates main\n"
	"deb http://deb.debian.org/debian-security %1$s-security main\n";

/* Documentation and languages stay out; the licences stay in. The folders of man pages
 * too: some packages' scripts make links there. */
static const char *const unpacking[] = {
	"--dpkgopt=force-unsafe-io",
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-include=/usr/share/man/man[1-9]",
	"--dpkgopt=path-exclude=/usr/share/info/*",
	"--dpkgopt=path-exclude=/usr/share/gtk-doc/*",
	"--dpkgopt=path-exclude=/usr/share/lintian/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-include=/usr/share/locale/en*",
	"--dpkgopt=path-include=/usr/share/locale/locale.alias",
};

/* What a run says, as it goes on. */
struct hearing {
	const struct debian_bootstrap *bootstrap;
	size_t unpacked, set_up;
	time_t said;
	char reason[REASON_LIMIT_BYTES];
};

/* "Unpacking libssl3:amd64 (3.0.20-1) …" -> the name, at its end in line. */
static const char *find_package(char *line, const char *verb)
{
	size_t length = strlen(verb);

	if (strncmp(line, verb, length) != 0)
		return NULL;
	line[length + strcspn(line + length, " :(")] = '\0';
	return line + length;
}

static void say_package(
	struct hearing *h, const char *doing, size_t number, const char *package)
{
	const struct debian_bootstrap *b = h->bootstrap;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - h->said < SAY_INTERVAL_S || number > b->count)
		return;
	h->said = now.tv_sec;
	supply_say(b->supply->options, 0, "%s %zu of %zu: %s", doing, number, b->count,
		package);
}

/* The first error is the cause; what follows are consequences. */
static void note_reason(struct hearing *h, const char *line)
{
	static const char *const starts[] = {"E: ", "unshare: ", "dpkg: error"};
	const char *full = strstr(line, "No space left on device");

	if (full && !strstr(h->reason, full))
		snprintf(h->reason, sizeof(h->reason), "%s/tmp: %s",
			h->bootstrap->supply->store->path, full);
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		if (h->reason[0] == '\0' &&
			strncmp(line, starts[i], strlen(starts[i])) == 0)
			snprintf(h->reason, sizeof(h->reason), "%s",
				strncmp(line, "E: ", 3) == 0 ? line + 3 : line);
	}
}

static void hear(void *context, const char *text)
{
	struct hearing *h = context;
	char line[200];
	const char *package;

	note_reason(h, text);
	snprintf(line, sizeof(line), "%s", text);
	if ((package = find_package(line, "Unpacking ")))
		say_package(h, "unpacking", ++h->unpacked, package);
	else if ((package = find_package(line, "Setting up ")))
		say_package(h, "setting up", ++h->set_up, package);
	else if (strncmp(line, "I: creating tarball", 19) == 0)
		supply_say(h->bootstrap->supply->options, 0, "packing the root");
}

/* In the guardian's process, where we are dead: nobody else will. */
static void clean(void *context)
{
	const struct hearing *h = context;
	struct workdir *w = h->bootstrap->folder;
	struct diag ignored = {0};

	debian_remove_folder(w->parent, w->name, &ignored);
	diag_clear(&ignored);
	/* What else the dead process held. */
	debian_remove_abandoned(w->parent, STORE_PREFIX);
}

/* A path as apt takes it in a source's line. It decodes a percent sign twice. */
static void add_quoted(struct buffer *b, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c == '%')
			buffer_add_text(b, "%2525");
		else if (c <= ' ' || c >= 0x7f || strchr("\"\\[]#", c))
			buffer_printf(b, "%%%02x", c);
		else
			buffer_add(b, path, 1);
	}
}

static const char *source_line(const char *folder, struct arena *a)
{
	CLEANUP(buffer_clear) struct buffer b = {0};

	buffer_add_text(&b, "deb [trusted=yes] copy:");
	add_quoted(&b, folder);
	buffer_add_text(&b, "/repository ./");
	return arena_strdup(a, b.bytes);
}

/* "--include=less,python3": names that lock_is_name() has seen. */
static const char *include_option(const struct base_plan *plan, struct arena *a)
{
	CLEANUP(buffer_clear) struct buffer b = {0};

	for (size_t i = 0; i < plan->package_count; i++)
		buffer_printf(&b, "%s%s", i ? "," : "--include=", plan->packages[i]);
	return arena_strdup(a, b.bytes);
}

static void add_words(
	const char **argv, size_t *used, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count && words[i]; i++)
		argv[(*used)++] = words[i];
}

static void compose(const struct debian_bootstrap *b, const char *folder,
	const char *argv[WORDS_MAX], struct arena *a)
{
	const char *const essential[] = {
		"--variant=essential", arena_printf(a, "--setup-hook=%s", merge_usr)};
	const char *const further[] = {"--variant=custom",
		arena_printf(a, "--setup-hook=%s", unpack_below),
		b->below < 0 ? NULL : include_option(b->supply->plan, a)};
	const char *const common[] = {
		"--format=tar",
		"--verbose",
		"--skip=check/signed-by,cleanup/apt",
		arena_printf(a, "--customize-hook=%s", finish),
		"",
		"-",
		source_line(folder, a),
	};
	size_t used = 0;

	argv[used++] = UNSHARE;
	add_words(argv, &used, debian_unshare_options(), WORDS_MAX);
	argv[used++] = "--";
	argv[used++] = MMDEBSTRAP;
	argv[used++] = geteuid() == 0 ? "--mode=root" : "--mode=unshare";
	add_words(argv, &used, unpacking, sizeof(unpacking) / sizeof(*unpacking));
	if (b->below < 0)
		add_words(argv, &used, essential, 2);
	else
		add_words(argv, &used, further, 3);
	add_words(argv, &used, common, sizeof(common) / sizeof(*common));
	argv[used] = NULL;
}

static int check_result(int status, const struct hearing *h, struct diag *d)
{
	if (status == 0)
		return 0;
	if (status > 0)
		diag_fail(d, "base %s: %s cannot be installed: %s",
			h->bootstrap->supply->plan->name, h->bootstrap->label,
			h->reason[0] ? h->reason : "mmdebstrap gives no reason");
	return -1;
}

int debian_run_bootstrap(
	const struct debian_bootstrap *b, const char *name, struct diag *d)
{
	CLEANUP(file_close)
	int output = openat(
		b->folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	struct arena *a = b->supply->arena;
	const struct base_plan *plan = b->supply->plan;
	struct hearing h = {.bootstrap = b};
	const char *folder =
		arena_printf(a, "%s/tmp/%s", b->supply->store->path, b->folder->name);
	const char *const environment[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/",
		"LC_ALL=C.UTF-8",
		"TZ=UTC0",
		"DEBIAN_FRONTEND=noninteractive",
		"DEBCONF_NONINTERACTIVE_SEEN=true",
		arena_printf(a, "SOURCE_DATE_EPOCH=%lld", (long long)plan->epoch),
		arena_printf(a, "TMPDIR=%s/tmp", folder),
		arena_printf(a, sources, plan->suite),
		NULL,
	};
	const char *argv[WORDS_MAX];
	struct family f = {
		.argv = argv,
		.environment = environment,
		.folder = b->folder->fd,
		.kept = b->folder->parent,
		.input = b->below,
		.output = output,
		.hear = hear,
		.clean = clean,
		.context = &h,
	};

	if (output < 0)
		return diag_fail_errno(d, "%s/%s", folder, name);
	compose(b, folder, argv, a);
	return check_result(family_run(&f, d), &h, d);
}
