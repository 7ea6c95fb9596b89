/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "manifest.h"
#include "verify.h"

static const char help[] =
	"usage: wurun verify [-q] UNIT\n"
	"\n"
	"Compares the size and the SHA-256 of each of a unit's files with its manifest.\n"
	"\n"
	"  -q, --quiet   say nothing where all is well\n"
	"  -h, --help    this text\n"
	"\n"
	"Exit status: 0, or 1 where a file differs.\n";

static int verify(const char *path, int quiet, const struct stdio *stdio, struct diag *d)
{
	CLEANUP(file_close) int unit = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct manifest m;
	int rc;

	if (unit < 0) {
		diag_fail_errno(d, "%s", path);
		return EXIT_FAILED;
	}
	if (manifest_load(unit, path, &m, d) < 0)
		return EXIT_FAILED;
	rc = verify_digests(unit, path, &m, d);
	if (rc == 0 && !quiet)
		fprintf(stdio->out, "%s: ok: %zu files and %zu instance%s as compiled\n",
			path, m.file_count, m.instance_count,
			m.instance_count == 1 ? "" : "s");
	manifest_clear(&m);
	return rc < 0 ? EXIT_FAILED : 0;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};
	int quiet = 0, c;

	while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdio->out);
			return 0;
		}
		if (c != 'q')
			return command_refuse_option(&cmd_verify, argv, d);
		quiet = 1;
	}
	if (argc - optind != 1) {
		diag_fail(d, "verify: expected a unit: wurun verify UNIT");
		return EXIT_USAGE;
	}
	return verify(argv[optind], quiet, stdio, d);
}

const struct command cmd_verify = {
	.name = "verify",
	.summary = "check that a unit is as it was compiled",
	.help = help,
	.run = run,
};
