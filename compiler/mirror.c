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
#include "mirror_apt.h"
#include "process.h"

#define DEFAULT_ROOT "http://deb.debian.org"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

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
	"APT::Install-Recommends \"false\";\n"
	"APT::Install-Suggests \"false\";\n"
	"APT::Get::Fix-Missing \"false\";\n"
	"pkgCacheGen::ForceEssential \",\";\n" /* apt holds that it is essential */
	"APT::Sandbox::User \"root\";\n"       /* the folder is ours alone */
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

int mirror_fail(const char *about, const struct buffer *err, struct diag *d)
{
	char *reason = find_reason(err);

	diag_fail(d, "%s: %s", about, reason);
	free(reason);
	return -1;
}

int mirror_run(struct mirror *m, const char *const argv[], const char *about,
	struct buffer *out, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer err = {0};
	int status = process_run(argv, m->folder.fd, out, &err, d);

	return status <= 0 ? status : mirror_fail(about, &err, d);
}

/* What a package is called while it is fetched. */
static const char *temporary_name(size_t index, struct arena *a)
{
	return arena_printf(a, "package%zu", index);
}

static int keep_download(struct mirror *m, const struct pin *pin, const char *name,
	const char *uri, struct diag *d)
{
	char place[sizeof("packages/.deb") + DIGEST_HEX], sha256[DIGEST_HEX];
	uint64_t size;

	if (digest_of_file(m->folder.fd, name, sha256, &size, d) < 0)
		return -1;
	if (size != pin->size_bytes || strcmp(sha256, pin->sha256) != 0)
		return diag_fail(d, "%s: not the package that was pinned", uri);
	snprintf(place, sizeof(place), "packages/%s.deb", pin->sha256);
	return store_keep_file(m->store, &m->folder, name, place, d);
}

/* Of a mirror that is a folder here apt would give a link; "copy:" makes it a file. */
static const char *uri_of(const struct mirror *m, const struct pin *pin, struct arena *a)
{
	int here = strncmp(m->root, "file:", 5) == 0;

	return arena_printf(a, "%s%s/%s/%s", here ? "copy:" : "",
		m->root + (here ? 5 : 0), pin->archive, pin->path);
}

/* apt-helper takes URI, file and digests, as often as one likes. */
static const char **download_command(const struct mirror *m,
	const struct pin *const pins[], size_t count, struct arena *a)
{
	static const char *const first[] = {
		APT_HELPER, "-c", "apt.conf", "-qq", "download-file"};
	size_t used = sizeof(first) / sizeof(*first);
	const char **argv = arena_alloc(a, (used + 4 * count + 1) * sizeof(*argv));

	memcpy(argv, first, sizeof(first));
	for (size_t i = 0; i < count; i++) {
		argv[used++] = uri_of(m, pins[i], a);
		argv[used++] = temporary_name(i, a);
		argv[used++] = arena_printf(a, "SHA256:%s", pins[i]->sha256);
		argv[used++] = arena_printf(
			a, "Checksum-FileSize:%" PRIu64, pins[i]->size_bytes);
	}
	return argv;
}

/* Keeps what came. `why` is apt's reason for what did not; returns the first such one's
 * index, or count. */
static size_t keep_downloads(struct mirror *m, const struct pin *const pins[],
	size_t count, struct arena *a, struct diag *why)
{
	size_t first = count;

	for (size_t i = 0; i < count; i++) {
		const char *name = temporary_name(i, a);
		struct diag missing = {0};

		if (keep_download(m, pins[i], name, uri_of(m, pins[i], a), &missing) <
				0 &&
			first == count) {
			first = i;
			if (why->count == 0)
				diag_move(why, &missing);
		}
		diag_clear(&missing);
		unlinkat(m->folder.fd, name, 0);
		unlinkat(m->folder.fd, arena_printf(a, "%s.FAILED", name), 0);
	}
	return first;
}

int mirror_download(struct mirror *m, const struct pin *const pins[], size_t count,
	size_t *failed, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	struct arena a = {0};
	const char **argv = download_command(m, pins, count, &a);
	const char *about = count > 0 ? uri_of(m, pins[0], &a) : m->root;
	struct diag why = {0};
	size_t first;

	mirror_run(m, argv, about, &out, &why);
	first = keep_downloads(m, pins, count, &a, &why);
	arena_clear(&a);
	if (first == count) {
		diag_clear(&why);
		return 0;
	}
	if (failed)
		*failed = first;
	diag_move(d, &why);
	return -1;
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
	if (mirror_run(m, argv, m->root, &out, d) < 0)
		return -1;
	m->updated = 1;
	return 0;
}

long mirror_read_records(struct mirror *m, const char *const names[], size_t count,
	int all, struct control_stanza **records, struct arena *a, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	const char **argv = arena_alloc(a, (count + 6) * sizeof(*argv));
	size_t used = 0;
	int status;

	argv[used++] = APT_CACHE;
	argv[used++] = "-c";
	argv[used++] = "apt.conf";
	argv[used++] = "show";
	argv[used++] = all ? "--all-versions" : "--no-all-versions";
	memcpy(argv + used, names, count * sizeof(*names));
	status = process_run(argv, m->folder.fd, &out, &err, d);
	if (status < 0)
		return -1;
	if (status > 0 && err.bytes && strstr(err.bytes, "No packages found"))
		return 0;
	if (status > 0)
		return mirror_fail(names[0], &err, d);
	if (out.size == 0)
		return 0;
	return control_parse(out.bytes, out.size, "apt-cache", records, a, d);
}

static long read_record(struct mirror *m, const char *name,
	struct control_stanza **records, struct arena *a, struct diag *d)
{
	return mirror_read_records(m, &name, 1, 0, records, a, d);
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

const char *mirror_archive_in(const char *uri)
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

	if (mirror_run(m, argv, package, &out, d) < 0)
		return NULL;
	found = out.bytes ? mirror_archive_in(out.bytes) : NULL;
	if (!found)
		diag_fail(d, "%s: apt does not say where it is", package);
	return found;
}

static const char *text_or_empty(const struct control_stanza *s, const char *field)
{
	const char *value = control_value(s, field);

	return value ? value : "";
}

int mirror_read_pin(const struct control_stanza *s, const char *archive, struct pin *pin,
	struct diag *d)
{
	const char *sha256 = text_or_empty(s, "SHA256");
	const char *wrong;

	pin->name = text_or_empty(s, "Package");
	if (!pin->asked)
		pin->asked = pin->name;
	pin->version = text_or_empty(s, "Version");
	pin->architecture = text_or_empty(s, "Architecture");
	pin->path = text_or_empty(s, "Filename");
	pin->size_bytes = strtoull(text_or_empty(s, "Size"), NULL, 10);
	if (digest_is_hex(sha256))
		memcpy(pin->sha256, sha256, DIGEST_HEX);
	pin->archive = archive;
	wrong = lock_check_pin(pin);
	return wrong ? diag_fail(d, "%s: apt's record of it: %s", pin->asked, wrong) : 0;
}

static int fill_pin(
	struct mirror *m, const struct control_stanza *s, struct pin *pin, struct diag *d)
{
	if (mirror_read_pin(s, "debian", pin, d) < 0)
		return -1;
	pin->archive = find_archive(m, pin->name, d);
	return pin->archive ? 0 : -1;
}

int mirror_find(struct mirror *m, const char *asked, int kernel, struct pin *pin,
	struct arena *a, struct diag *d)
{
	struct control_stanza *s;
	long count = read_record(m, asked, &s, a, d);
	const char *image = NULL;

	*pin = (struct pin){.asked = asked};
	if (count > 0 && kernel)
		image = find_image(control_value(&s[0], "Depends"), a);
	if (image && lock_is_name(image))
		count = read_record(m, image, &s, a, d);
	if (count < 0)
		return -1;
	if (count == 0)
		return diag_fail(d, "%s: Debian's %s has no package of that name",
			image ? image : asked, m->suite);
	return fill_pin(m, &s[0], pin, d);
}

int mirror_has(struct mirror *m, const char *name, struct diag *d)
{
	struct arena a = {0};
	struct control_stanza *s;
	long count = read_record(m, name, &s, &a, d);

	arena_clear(&a);
	return count < 0 ? -1 : count > 0;
}

static int is_listed(
	const struct control_stanza *records, long count, const struct pin *pin)
{
	for (long i = 0; i < count; i++) {
		const char *sha256 = control_value(&records[i], "SHA256");

		if (sha256 && strcmp(sha256, pin->sha256) == 0)
			return 1;
	}
	return 0;
}

int mirror_lists(
	struct mirror *m, const struct pin *const pins[], size_t count, struct diag *d)
{
	struct arena a = {0};
	struct control_stanza *s;
	const char **names = arena_alloc(&a, (count + 1) * sizeof(*names));
	long records;
	int listed;

	for (size_t i = 0; i < count; i++)
		names[i] = pins[i]->name;
	records = mirror_read_records(m, names, count, 1, &s, &a, d);
	listed = records < 0 ? -1 : 1;
	for (size_t i = 0; i < count && listed > 0; i++)
		listed = is_listed(s, records, pins[i]);
	arena_clear(&a);
	return listed;
}
