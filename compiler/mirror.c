/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mirror.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "control.h"
#include "process.h"

#define DEFAULT_ROOT "http://deb.debian.org"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define APT_HELPER "/usr/lib/apt/apt-helper"
#define APT_GET "/usr/bin/apt-get"
#define APT_CACHE "/usr/bin/apt-cache"

/* Read by apt after the host's own configuration. What the host says about proxies stays;
 * its hooks, pins and sources do not count here. apt waits longer before each retry: who
 * has no network should hear so in a few seconds. */
static const char configuration[] =
	"#clear APT::Update;\n"
	"#clear APT::Architectures;\n"
	"#clear Acquire::IndexTargets;\n"
	"#clear DPkg;\n"
	"Dir::State \"%1$s\";\n"
	"Dir::State::lists \"%1$s/lists\";\n"
	"Dir::State::status \"%1$s/status\";\n"
	"Dir::Cache \"%1$s/cache\";\n"
	"Dir::Cache::pkgcache \"pkgcache.bin\";\n"
	"Dir::Cache::srcpkgcache \"srcpkgcache.bin\";\n"
	"Dir::Etc::sourcelist \"%1$s/debian.sources\";\n"
	"Dir::Etc::sourceparts \"/dev/null\";\n"
	"Dir::Etc::preferences \"/dev/null\";\n"
	"Dir::Etc::preferencesparts \"/dev/null\";\n"
	"APT::Architecture \"amd64\";\n"
	"APT::Architectures { \"amd64\"; };\n"
	"APT::Default-Release \"\";\n"
	"APT::Sandbox::User \"root\";\n" /* the folder is ours alone */
	"Acquire::Retries \"1\";\n"
	"Acquire::Languages \"none\";\n"
	"Acquire::IndexTargets::deb::Packages {\n"
	"\tMetaKey \"$(COMPONENT)/binary-$(ARCHITECTURE)/Packages\";\n"
	"\tflatMetaKey \"Packages\";\n"
	"\tShortDescription \"Packages\";\n"
	"\tDescription \"$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages\";\n"
	"};\n";

static const char sources[] = "Types: deb\n"
			      "URIs: %1$s/debian\n"
			      "Suites: %2$s %2$s-updates\n"
			      "Components: main\n"
			      "Signed-By: " KEYRING "\n"
			      "\n"
			      "Types: deb\n"
			      "URIs: %1$s/debian-security\n"
			      "Suites: %2$s-security\n"
			      "Components: main\n"
			      "Signed-By: " KEYRING "\n";

static const char *choose_root(struct diag *d)
{
	const char *root = getenv("WU_DEBIAN_MIRROR");

	if (!root || !*root)
		return DEFAULT_ROOT;
	for (const char *p = root; *p; p++) {
		if (!isgraph((unsigned char)*p) || strchr("\"'\\[]", *p)) {
			diag_fail(
				d, "WU_DEBIAN_MIRROR: expected a URI, got \"%s\"", root);
			return NULL;
		}
	}
	if (!strstr(root, ":/")) {
		diag_fail(d,
			"WU_DEBIAN_MIRROR: expected a URI such as " DEFAULT_ROOT
			", got \"%s\"",
			root);
		return NULL;
	}
	return root;
}

static int write_file(struct mirror *m, const char *name, struct diag *d, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

static int write_file(
	struct mirror *m, const char *name, struct diag *d, const char *fmt, ...)
{
	va_list args;
	char *text;
	int rc;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	rc = file_create(m->folder.fd, name, text, strlen(text), 0644, d);
	free(text);
	return rc;
}

static int make_state(struct mirror *m, struct diag *d)
{
	static const char *const folders[] = {"lists", "lists/partial", "cache",
		"cache/archives", "cache/archives/partial"};
	char *path = memory_printf("%s/tmp/%s", m->store->path, m->folder.name);
	int rc = 0;

	/* apt's configuration has no way to quote these. */
	if (strpbrk(path, "\"\\\n;{}"))
		rc = diag_fail(d, "%s: apt cannot work in a folder of that name", path);
	for (size_t i = 0; rc == 0 && i < sizeof(folders) / sizeof(*folders); i++) {
		if (mkdirat(m->folder.fd, folders[i], 0755) < 0)
			rc = diag_fail_errno(d, "%s/%s", path, folders[i]);
	}
	if (rc == 0)
		rc = write_file(m, "apt.conf", d, configuration, path);
	if (rc == 0)
		rc = write_file(m, "debian.sources", d, sources, m->root, m->suite);
	if (rc == 0)
		rc = write_file(m, "status", d, "%s", "");
	free(path);
	return rc;
}

int mirror_open(struct mirror *m, struct store *s, const char *suite, struct diag *d)
{
	*m = (struct mirror){.store = s, .suite = suite, .folder = WORKDIR_NONE};
	m->root = choose_root(d);
	if (!m->root)
		return -1;
	if (access(APT_HELPER, X_OK) < 0)
		return diag_fail(d,
			APT_HELPER ": not found: packages are fetched by apt, "
				   "Debian's package manager");
	if (store_make_folder(s, &m->folder, d) < 0)
		return -1;
	return make_state(m, d);
}

void mirror_close(struct mirror *m)
{
	if (m->folder.name)
		workdir_drop(&m->folder);
}

/* apt's own last reason: "E: Failed to fetch URI  404  Not Found [IP: …]" -> the end of
 * it; the last "E: …" where there is none such. */
static char *find_reason(const struct buffer *err)
{
	const char *found = NULL, *p = err->bytes;
	size_t length;
	int fetch = 0;

	for (; p && *p; p += length + (p[length] == '\n')) {
		length = strcspn(p, "\n");
		if (strncmp(p, "E: Failed to fetch ", 19) == 0) {
			const char *gap = memmem(p, length, "  ", 2);

			found = gap ? gap + 2 : p + 19;
			fetch = 1;
		} else if (!fetch && strncmp(p, "E: ", 3) == 0) {
			found = p + 3;
		}
	}
	if (!found)
		return memory_strdup("apt gives no reason");
	length = strcspn(found, "\n");
	/* "404  Not Found [IP: 203.0.113.80 80]": the address helps nobody. */
	for (size_t i = 0; i + 5 < length; i++) {
		if (strncmp(found + i, " [IP:", 5) == 0)
			length = i;
	}
	return memory_printf("%.*s", (int)length, found);
}

static int fail_with_reason(const char *about, const struct buffer *err, struct diag *d)
{
	char *reason = find_reason(err);

	diag_fail(d, "%s: %s", about, reason);
	free(reason);
	return -1;
}

/* Runs one of apt's programs with our configuration. */
static int run(struct mirror *m, const char *const argv[], const char *about,
	struct buffer *out, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer err = {0};
	int status = process_run(argv, m->folder.fd, out, &err, d);

	return status <= 0 ? status : fail_with_reason(about, &err, d);
}

static int check_download(
	struct mirror *m, const struct pin *pin, const char *uri, struct diag *d)
{
	char sha256[DIGEST_HEX];
	uint64_t size;

	if (digest_of_file(m->folder.fd, "package", sha256, &size, d) < 0)
		return -1;
	if (size != pin->size_bytes || strcmp(sha256, pin->sha256) != 0)
		return diag_fail(d, "%s: not the package that was pinned", uri);
	return 0;
}

/* Of a mirror that is a folder here apt would give a link; "copy:" makes it a file. */
static char *uri_of(const struct mirror *m, const struct pin *pin)
{
	int here = strncmp(m->root, "file:", 5) == 0;

	return memory_printf("%s%s/%s/%s", here ? "copy:" : "", m->root + (here ? 5 : 0),
		pin->archive, pin->path);
}

int mirror_download(struct mirror *m, const struct pin *pin, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	char *uri = uri_of(m, pin);
	char *digest = memory_printf("SHA256:%s", pin->sha256);
	char *size = memory_printf("Checksum-FileSize:%" PRIu64, pin->size_bytes);
	char *place = memory_printf("packages/%s.deb", pin->sha256);
	const char *const argv[] = {APT_HELPER, "-c", "apt.conf", "-qq", "download-file",
		uri, "package", digest, size, NULL};
	int rc = run(m, argv, uri, &out, d);

	if (rc == 0)
		rc = check_download(m, pin, uri, d);
	if (rc == 0)
		rc = store_keep_file(m->store, &m->folder, "package", place, d);
	unlinkat(m->folder.fd, "package", 0);
	unlinkat(m->folder.fd, "package.FAILED", 0);
	free(uri);
	free(digest);
	free(size);
	free(place);
	return rc;
}

int mirror_update(struct mirror *m, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	const char *const argv[] = {
		APT_GET, "-c", "apt.conf", "-qq", "update", "--error-on=any", NULL};

	if (m->updated)
		return 0;
	if (access(KEYRING, R_OK) < 0)
		return diag_fail_errno(
			d, KEYRING " (the package debian-archive-keyring)");
	if (run(m, argv, m->root, &out, d) < 0)
		return -1;
	m->updated = 1;
	return 0;
}

/* apt's records of a package: the one that it would install, or all. Returns their number
 * or -1; 0 where there is no such package. */
static long read_records(struct mirror *m, const char *package, int all,
	struct control_stanza **records, struct arena *a, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	const char *const argv[] = {APT_CACHE, "-c", "apt.conf", "show",
		all ? "--all-versions" : "--no-all-versions", package, NULL};
	int status = process_run(argv, m->folder.fd, &out, &err, d);

	if (status < 0)
		return -1;
	if (status > 0 && err.bytes && strstr(err.bytes, "No packages found"))
		return 0;
	if (status > 0)
		return fail_with_reason(package, &err, d);
	if (out.size == 0)
		return 0;
	return control_parse(out.bytes, out.size, "apt-cache", records, a, d);
}

/* "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2), …" -> the name, or NULL. */
static const char *find_image(const char *depends, struct arena *a)
{
	static const char wanted[] = "linux-image-";
	const char *start = depends ? strstr(depends, wanted) : NULL;

	if (!start)
		return NULL;
	return arena_memdup(a, start, strcspn(start, " ,|(:"));
}

/* "debian" of "…/debian/pool/…": the part before the pool. */
static const char *archive_in(const char *uri)
{
	static const char *const archives[] = {"debian", "debian-security"};
	const char *pool = strstr(uri, "/pool/");

	for (size_t i = 0; pool && i < sizeof(archives) / sizeof(*archives); i++) {
		size_t length = strlen(archives[i]);

		if ((size_t)(pool - uri) > length &&
			pool[-1 - (ptrdiff_t)length] == '/' &&
			strncmp(pool - length, archives[i], length) == 0)
			return archives[i];
	}
	return NULL;
}

/* Which archive apt would take the package from: it prints 'URI' FILE SIZE DIGEST. */
static const char *find_archive(struct mirror *m, const char *package, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	const char *const argv[] = {APT_GET, "-c", "apt.conf", "-qq", "--print-uris",
		"download", package, NULL};
	const char *found;

	if (run(m, argv, package, &out, d) < 0)
		return NULL;
	found = out.bytes ? archive_in(out.bytes) : NULL;
	if (!found)
		diag_fail(d, "%s: apt does not say where it is", package);
	return found;
}

static const char *text_or_empty(const struct control_stanza *s, const char *field)
{
	const char *value = control_value(s, field);

	return value ? value : "";
}

static int fill_pin(
	struct mirror *m, const struct control_stanza *s, struct pin *pin, struct diag *d)
{
	const char *sha256 = text_or_empty(s, "SHA256");
	const char *wrong;

	pin->name = text_or_empty(s, "Package");
	pin->version = text_or_empty(s, "Version");
	pin->architecture = text_or_empty(s, "Architecture");
	pin->path = text_or_empty(s, "Filename");
	pin->size_bytes = strtoull(text_or_empty(s, "Size"), NULL, 10);
	if (digest_is_hex(sha256))
		memcpy(pin->sha256, sha256, DIGEST_HEX);
	pin->archive = "debian";
	wrong = lock_check_pin(pin);
	if (wrong)
		return diag_fail(d, "%s: apt's record of it: %s", pin->asked, wrong);
	pin->archive = find_archive(m, pin->name, d);
	return pin->archive ? 0 : -1;
}

int mirror_find(struct mirror *m, const char *asked, int kernel, struct pin *pin,
	struct arena *a, struct diag *d)
{
	struct control_stanza *s;
	long count = read_records(m, asked, 0, &s, a, d);
	const char *image = NULL;

	*pin = (struct pin){.asked = asked};
	if (count > 0 && kernel)
		image = find_image(control_value(&s[0], "Depends"), a);
	if (image && lock_is_name(image))
		count = read_records(m, image, 0, &s, a, d);
	if (count < 0)
		return -1;
	if (count == 0)
		return diag_fail(d, "%s: Debian's %s has no package of that name",
			image ? image : asked, m->suite);
	return fill_pin(m, &s[0], pin, d);
}

int mirror_lists(struct mirror *m, const struct pin *pin, struct diag *d)
{
	struct arena a = {0};
	struct control_stanza *s;
	long count = read_records(m, pin->name, 1, &s, &a, d);
	int listed = count < 0 ? -1 : 0;

	for (long i = 0; i < count; i++) {
		const char *sha256 = control_value(&s[i], "SHA256");

		if (sha256 && strcmp(sha256, pin->sha256) == 0)
			listed = 1;
	}
	arena_clear(&a);
	return listed;
}
