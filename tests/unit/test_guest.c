/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/guest/arguments.h"
#include "runtime/guest/base.h"
#include "runtime/guest/disks.h"
#include "runtime/guest/folder.h"
#include "runtime/guest/parameters.h"
#include "runtime/guest/port.h"
#include "runtime/guest/progress.h"
#include "runtime/guest/record.h"
#include "runtime/guest/resume.h"
#include "runtime/guest/text.h"

static void json_strings_read_back(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"a\"b\\c/d", "a\"b\\c/d"},
		{"\x01\n\t\x1f\x7f", "\x01\n\t\x1f\x7f"},
		{"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80",
			"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\xff", "\xef\xbf\xbd"},
		{"a\xc3", "a\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	char bytes[256];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text t = TEXT_IN(bytes);
		json_t *j;

		text_add_json(&t, cases[i].from);
		assert_int_equal(t.cut, 0);
		j = json_loads(bytes, JSON_DECODE_ANY, NULL);
		assert_non_null(j);
		assert_string_equal(json_string_value(j), cases[i].to);
		json_decref(j);
	}
}

static void texts_never_grow_over_their_room(void **state)
{
	char bytes[8];
	struct text t = TEXT_IN(bytes);
	(void)state;

	text_add(&t, "1234567");
	assert_int_equal(t.cut, 0);
	text_add_number(&t, 8);
	assert_int_equal(t.cut, 1);
	assert_string_equal(bytes, "1234567");
	text_cut_back(&t, 3);
	text_add_word(&t, " \n\xff~");
	assert_string_equal(bytes, "123???~");
	assert_int_equal(t.cut, 0);
}

static void numbers_are_written_and_read(void **state)
{
	char bytes[32];
	struct text t = TEXT_IN(bytes);
	uint64_t n = 7;
	(void)state;

	text_add_number(&t, UINT64_MAX);
	assert_string_equal(bytes, "18446744073709551615");
	assert_int_equal(text_parse_number("120000", &n), 0);
	assert_true(n == 120000);
	assert_int_equal(text_parse_number("", &n), -1);
	assert_int_equal(text_parse_number("-1", &n), -1);
	assert_int_equal(text_parse_number("1s", &n), -1);
	assert_int_equal(text_parse_number("99999999999999999999", &n), -1);
	assert_true(n == 120000);
}

static void the_command_line_gives_arguments(void **state)
{
	char good[] = "console=ttyS0 wu.time_ms=5 wu.user=root wu.time_ms=700 quiet\n";
	char probe[] = "wu.probe=1", off[] = "wu.off=1", bad_time[] = "wu.time_ms=1m",
	     bad_user[] = "wu.user=me", user[] = "wu.user=root wu.user=user";
	struct arguments a;
	(void)state;

	assert_int_equal(arguments_parse(&a, good), 0);
	assert_true(a.time_ms == 700 && a.user == AS_ROOT && !a.probe);
	assert_int_equal(arguments_parse(&a, probe), 0);
	assert_true(!a.time_ms && a.user == AS_BASE && a.probe && !a.off);
	assert_int_equal(arguments_parse(&a, off), 0);
	assert_true(a.off);
	assert_int_equal(arguments_parse(&a, user), 0);
	assert_true(a.user == AS_USER);
	assert_int_equal(arguments_parse(&a, bad_time), -1);
	assert_int_equal(arguments_parse(&a, bad_user), -1);
	assert_true(a.user == AS_BASE);
}

static char *const none[] = {NULL};

static int parse(struct parameters *p, const char *file, char reason[128])
{
	struct text problem = text_in(reason, 128);

	strcpy(p->file, file);
	return parameters_parse(p, none, strlen(file), &problem);
}

static void parameters_become_variables(void **state)
{
	struct parameters *p = malloc(sizeof(*p));
	char reason[128];
	(void)state;

	assert_int_equal(parse(p, "beta=1.5\n_x9=\ntitle=a = b '$(c)'\n", reason), 0);
	assert_int_equal(p->count, 7);
	assert_string_equal(p->environment[4], "WU_beta=1.5");
	assert_string_equal(p->environment[5], "WU__x9=");
	assert_string_equal(p->environment[6], "WU_title=a = b '$(c)'");
	assert_null(p->environment[7]);
	assert_int_equal(parse(p, "", reason), 0);
	assert_int_equal(p->count, 4);
	free(p);
}

static void a_base_has_variables_of_its_own(void **state)
{
	static char home[] = "HOME=/home/me", mine[] = "MINE=1", again[] = "MINE=2=3",
		    taken[] = "WU_beta=no", left[] = "WU_gamma=1";
	static char *const base[] = {home, mine, again, taken, left, NULL};
	struct parameters *p = malloc(sizeof(*p));
	char reason[128];
	struct text problem = TEXT_IN(reason);
	(void)state;

	strcpy(p->file, "alpha=1\nbeta=2\n");
	assert_int_equal(parameters_parse(p, base, strlen(p->file), &problem), 0);
	assert_int_equal(p->count, 8);
	assert_string_equal(p->environment[1], "HOME=/home/me");
	assert_string_equal(p->environment[4], "MINE=2=3");
	assert_string_equal(p->environment[5], "WU_beta=2");
	assert_string_equal(p->environment[6], "WU_gamma=1");
	assert_string_equal(p->environment[7], "WU_alpha=1");
	assert_null(p->environment[8]);
	free(p);
}

static int parse_base(struct base *b, const char *file, char reason[160])
{
	struct text problem = text_in(reason, 160);

	strcpy(b->text, file);
	return base_parse(b, strlen(file), &problem);
}

static void a_base_says_what_it_is(void **state)
{
	struct base *b = malloc(sizeof(*b));
	char reason[160];
	(void)state;

	assert_int_equal(parse_base(b, "", reason), 0);
	assert_true(!b->has_root && !b->init && b->user.id == 1000 &&
		    b->user.group == 1000 && !b->user.group_count);
	assert_string_equal(b->folder, "/output");
	assert_null(b->environment[0]);
	assert_int_equal(parse_base(b,
				 "# a comment\n\nroot\ninit /sbin/init\nuser 7 8 9 10\n"
				 "folder /a b\nenvironment A.b=c = d\nenvironment E=",
				 reason),
		0);
	assert_true(b->has_root && b->user.id == 7 && b->user.group == 8 &&
		    b->user.group_count == 2 && b->user.groups[1] == 10);
	assert_string_equal(b->init, "/sbin/init");
	assert_string_equal(b->folder, "/a b");
	assert_string_equal(b->environment[0], "A.b=c = d");
	assert_string_equal(b->environment[1], "E=");
	assert_null(b->environment[2]);
	free(b);
}

static void a_base_that_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = {
		"root /dev/vda",
		"roots",
		"frobnicate",
		" root",
		"init sbin/init",
		"init",
		"folder output",
		"user",
		"user 1000",
		"user 1000 -1",
		"user 1000 4294967295",
		"user me me",
		"user 1 2 x",
		"environment",
		"environment A",
		"environment =x",
	};
	struct base *b = malloc(sizeof(*b));
	char reason[160], expected[160];
	struct text problem;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse_base(b, bad[i], reason), -1);
		snprintf(expected, sizeof(expected),
			"/etc/base: a line that makes no sense: %s", bad[i]);
		assert_string_equal(reason, expected);
	}
	assert_int_equal(parse_base(b, "init /sbin/init\n", reason), -1);
	assert_string_equal(reason, "/etc/base: an init without a root disk: /sbin/init");
	problem = TEXT_IN(reason);
	memcpy(b->text, "root\0\n", 7);
	assert_int_equal(base_parse(b, 6, &problem), -1);
	assert_string_equal(reason, "/etc/base: cannot be read: a NUL byte in it");
	free(b);
}

static void a_base_has_bounds(void **state)
{
	struct base *b = malloc(sizeof(*b));
	char reason[160];
	struct text problem = TEXT_IN(reason), file = TEXT_IN(b->text);
	(void)state;

	for (int i = 0; i < BASE_VARIABLES; i++)
		text_add(&file, "environment A=1\n");
	assert_int_equal(base_parse(b, file.size, &problem), 0);
	assert_null(b->environment[BASE_VARIABLES]);
	file = TEXT_IN(b->text);
	for (int i = 0; i <= BASE_VARIABLES; i++)
		text_add(&file, "environment A=1\n");
	assert_int_equal(base_parse(b, file.size, &problem), -1);
	assert_string_equal(
		reason, "/etc/base: more than 512 variables: environment A=1");
	file = TEXT_IN(b->text);
	text_add(&file, "user 1 2");
	for (int i = 0; i < USER_GROUPS; i++)
		text_add(&file, " 3");
	assert_int_equal(base_parse(b, file.size, &problem), 0);
	file = TEXT_IN(b->text);
	text_add(&file, "user 1 2");
	for (int i = 0; i <= USER_GROUPS; i++)
		text_add(&file, " 3");
	assert_int_equal(base_parse(b, file.size, &problem), -1);
	free(b);
}

static void malformed_parameters_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"beta\n", "params.txt: expected NAME=VALUE: beta"},
		{"=1\n", "params.txt: expected NAME=VALUE: =1"},
		{"9x=1\n", "params.txt: expected NAME=VALUE: 9x=1"},
		{"a-b=1\n", "params.txt: expected NAME=VALUE: a-b=1"},
		{"a=1\n\n", "params.txt: expected NAME=VALUE: "},
		{"a=1\nb=2", "params.txt: the last line has no end: b=2"},
	};
	struct parameters *p = malloc(sizeof(*p));
	struct text problem;
	char reason[128];
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(p, bad[i][0], reason), -1);
		assert_string_equal(reason, bad[i][1]);
	}
	problem = TEXT_IN(reason);
	memcpy(p->file, "a=\0b\n", 6);
	assert_int_equal(parameters_parse(p, none, 5, &problem), -1);
	assert_string_equal(reason, "params.txt: a NUL byte in it");
	free(p);
}

static void too_many_parameters_are_refused(void **state)
{
	struct parameters *p = malloc(sizeof(*p));
	char reason[128];
	struct text problem = TEXT_IN(reason), file = TEXT_IN(p->file);
	(void)state;

	for (int i = 0; i < PARAMETERS_COUNT; i++)
		text_add(&file, "a=1\n");
	assert_int_equal(parameters_parse(p, none, file.size, &problem), -1);
	assert_string_equal(
		reason, "params.txt: more parameters than an environment holds");
	file = TEXT_IN(p->file);
	problem = TEXT_IN(reason);
	for (int i = 0; i < PARAMETERS_COUNT - 4; i++)
		text_add(&file, "a=1\n");
	assert_int_equal(parameters_parse(p, none, file.size, &problem), 0);
	assert_int_equal(p->count, PARAMETERS_COUNT);
	assert_null(p->environment[PARAMETERS_COUNT]);
	free(p);
}

static int image(const void *bytes, size_t size, off_t at)
{
	char path[] = "/tmp/wu-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(pwrite(fd, bytes, size, at), size);
	return fd;
}

static void labels_are_read(void **state)
{
	char label[DISK_LABEL], super[1024] = {0},
				volume[2048] = {1, 'C', 'D', '0', '0', '1'};
	int fd;
	(void)state;

	memcpy(super + 0x38, "\x53\xef", 2);
	memcpy(super + 0x78, "sixteen bytes...next", 20);
	fd = image(super, sizeof(super), 1024);
	assert_int_equal(disks_read_label(fd, label), DISK_EXT4);
	assert_string_equal(label, "sixteen bytes...");
	close(fd);
	memset(volume + 40, ' ', 32);
	memcpy(volume + 40, "WU_PARAMS", 9);
	fd = image(volume, sizeof(volume), 32768);
	assert_int_equal(disks_read_label(fd, label), DISK_ISO);
	assert_string_equal(label, "WU_PARAMS");
	close(fd);
	volume[0] = 2; /* a supplementary descriptor */
	fd = image(volume, sizeof(volume), 32768);
	assert_int_equal(disks_read_label(fd, label), DISK_UNKNOWN);
	assert_int_equal(ftruncate(fd, 1500), 0);
	assert_int_equal(disks_read_label(fd, label), DISK_UNKNOWN);
	close(fd);
	assert_int_equal(disks_read_label(-1, label), DISK_UNKNOWN);
}

static void folders_are_walked_in_byte_order(void **state)
{
	static const char *const names[] = {"10-b", "10-B", "2", "\xff", "10-b.x", "1"};
	static const char *const sorted[] = {"1", "10-B", "10-b", "10-b.x", "2", "\xff"};
	char path[] = "/tmp/wu-test-XXXXXX", name[FOLDER_NAME] = "";
	int folder;
	(void)state;

	assert_non_null(mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(folder_next(folder, "", name), 0);
	for (size_t i = 0; i < 6; i++)
		close(openat(folder, names[i], O_CREAT | O_WRONLY, 0644));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(folder_next(folder, name, name), 1);
		assert_string_equal(name, sorted[i]);
	}
	assert_int_equal(folder_next(folder, name, name), 0);
	for (size_t i = 0; i < 6; i++)
		unlinkat(folder, names[i], 0);
	close(folder);
	rmdir(path);
}

static void files_that_do_not_fit_are_refused(void **state)
{
	char bytes[16];
	(void)state;

	assert_int_equal(folder_read_file(AT_FDCWD, "/proc/cpuinfo", bytes, 16), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(folder_read_file(AT_FDCWD, "/no/such/file", bytes, 16), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(folder_read_file(AT_FDCWD, "/dev/null", bytes, 16), 0);
	assert_string_equal(bytes, "");
}

static void progress_is_a_fraction(void **state)
{
	static const char *const good[] = {
		"0", "1", "0.5", "1.0 done", "0.25 a", "1. x", "0 "};
	static const char *const bad[] = {"", "2", "1.5", "-0.1", ".5", "half", "0.5x",
		"01", "1.01 x", "1e0", "nan"};
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(progress_is_fraction(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(progress_is_fraction(bad[i]));
}

static json_t *format(const struct record *r)
{
	char *bytes = malloc(OUTPUT_RECORD_BYTES);
	struct text t = text_in(bytes, OUTPUT_RECORD_BYTES);
	json_t *j;

	record_format(r, &t);
	assert_int_equal(t.cut, 0);
	assert_int_equal(bytes[t.size - 1], '\n');
	j = json_loads(bytes, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	free(bytes);
	return j;
}

static void an_empty_record_is_whole(void **state)
{
	struct record *r = malloc(sizeof(*r));
	json_t *j;
	(void)state;

	record_init(r);
	record_fail(r, "host-error", NULL);
	text_add(&r->reason, "no disk");
	j = format(r);
	assert_string_equal(json_string_value(json_object_get(j, "class")), "host-error");
	assert_string_equal(json_string_value(json_object_get(j, "reason")), "no disk");
	assert_true(json_is_null(json_object_get(j, "script")));
	assert_true(json_is_null(json_object_get(j, "exit_status")));
	assert_true(json_is_null(json_object_get(j, "signal")));
	assert_int_equal(json_integer_value(json_object_get(j, "wall_ms")), 0);
	assert_int_equal(json_array_size(json_object_get(j, "scripts")), 0);
	assert_int_equal(json_object_size(j), 12);
	json_decref(j);
	free(r);
}

static void a_record_adds_up(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct result first = {"10", 0, 0, 100, 50, 4096},
		      second = {"20", -1, 9, 30, 20, 1024};
	json_t *j, *last;
	(void)state;

	record_init(r);
	record_add(r, &first);
	record_add(r, &second);
	record_fail(r, "app-failed", "20");
	j = format(r);
	assert_string_equal(json_string_value(json_object_get(j, "script")), "20");
	assert_true(json_is_null(json_object_get(j, "exit_status")));
	assert_int_equal(json_integer_value(json_object_get(j, "signal")), 9);
	assert_int_equal(json_integer_value(json_object_get(j, "wall_ms")), 130);
	assert_int_equal(json_integer_value(json_object_get(j, "cpu_ms")), 70);
	assert_int_equal(
		json_integer_value(json_object_get(j, "peak_memory_bytes")), 4096);
	last = json_array_get(json_object_get(j, "scripts"), 1);
	assert_string_equal(json_string_value(json_object_get(last, "name")), "20");
	assert_int_equal(json_object_size(last), 6);
	json_decref(j);
	free(r);
}

/* The worst that there can be: every name as long as it gets, each byte six in JSON. */
static void a_record_always_fits(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct result script = {
		.signal = 64, .exit_status = -1, .wall_ms = 9000000000000000};
	json_t *j;
	(void)state;

	memset(script.name, '\x01', FOLDER_NAME - 1);
	record_init(r);
	for (int i = 0; i < 1000; i++)
		record_add(r, &script);
	record_fail(r, "app-failed", script.name);
	for (int i = 0; i < 100; i++)
		text_add(&r->reason, "\x02\x02\x02\x02\x02\x02\x02\x02");
	j = format(r);
	assert_int_equal(
		json_array_size(json_object_get(j, "scripts")) +
			json_integer_value(json_object_get(j, "scripts_omitted")),
		1000);
	assert_true(json_array_size(json_object_get(j, "scripts")) > 20);
	json_decref(j);
	free(r);
}

static void without_a_port_messages_wait_and_output_does_not(void **state)
{
	struct port p;
	char bytes[PORT_LINE], chunk[PORT_HEADER + 4] = {0}, read_back[256] = "";
	struct text t = port_message(bytes, "hello");
	int ends[2];
	(void)state;

	port_init(&p);
	port_send(&p, &t);
	memcpy(chunk + PORT_HEADER, "lost", 4);
	port_send_bytes(&p, "stdout", chunk + PORT_HEADER, 4);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	p.fd = ends[1];
	memcpy(chunk + PORT_HEADER, "kept", 4);
	port_send_bytes(&p, "stdout", chunk + PORT_HEADER, 4);
	assert_int_equal(read(ends[0], read_back, 255), 6 + 9 + 4);
	assert_string_equal(read_back, "hello\nstdout 4\nkept");
	assert_int_equal(p.waiting_size, 0);
	close(ends[0]);
	close(ends[1]);
}

/* Fills the host's end: the messages that get through are whole ones. */
static void a_slow_host_gets_whole_messages(void **state)
{
	struct port p;
	char bytes[PORT_LINE], line[32], *chunk = calloc(1, PORT_HEADER + PORT_CHUNK);
	struct text t;
	int ends[2], outputs = 0, messages = 0, size;
	FILE *in;
	(void)state;

	port_init(&p);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	p.fd = ends[1];
	for (int i = 0; i < 50; i++) {
		port_send_bytes(&p, "stdout", chunk + PORT_HEADER, 10000);
		t = port_message(bytes, "heartbeat 1");
		port_send(&p, &t);
	}
	in = fdopen(ends[0], "r");
	do {
		while (fgets(line, sizeof(line), in)) {
			if (sscanf(line, "stdout %d", &size) != 1) {
				assert_string_equal(line, "heartbeat 1\n");
				messages++;
				continue;
			}
			/* the rest of this one may still wait in the port */
			for (outputs++; size > 0; size--)
				if (getc(in) == EOF) {
					clearerr(in);
					port_flush(&p);
					assert_int_equal(getc(in), 0);
				}
		}
		clearerr(in);
		port_flush(&p);
	} while (p.waiting_size);
	assert_true(outputs > 3 && outputs < 50);
	assert_true(messages > outputs);
	fclose(in);
	close(ends[1]);
	free(chunk);
}

#define SEED "00112233445566778899aabbccddeeff0123456789abcdef0f1e2d3c4b5a6978"

static void the_host_says_how_to_go_on(void **state)
{
	char bare[] = "resume 1700000000.000000005 " SEED;
	char full[] = "resume 1.999999999 " SEED " wu.time_ms=7 wu.user=root";
	struct arguments a = {.time_ms = 3};
	struct resume r;
	(void)state;

	assert_int_equal(resume_parse(&r, bare), 0);
	assert_int_equal(r.seconds, 1700000000);
	assert_int_equal(r.nanoseconds, 5);
	assert_int_equal(r.seed[0], 0);
	assert_int_equal(r.seed[1], 0x11);
	assert_int_equal(r.seed[31], 0x78);
	assert_string_equal(r.arguments, "");
	assert_int_equal(resume_parse(&r, full), 0);
	assert_int_equal(r.nanoseconds, 999999999);
	assert_int_equal(arguments_add(&a, r.arguments), 0);
	assert_int_equal(a.time_ms, 7);
	assert_int_equal(a.user, AS_ROOT);
}

static void what_makes_no_sense_is_no_resume(void **state)
{
	static const char *const bad[] = {
		"",
		"resume",
		"resume ",
		"resume 1 " SEED,
		"resume 1. " SEED,
		"resume .1 " SEED,
		"resume 1.1000000000 " SEED,
		"resume -1.0 " SEED,
		"resume 18446744073709551615.0 " SEED,
		"resume 1.0 0011",
		"resume 1.0 " SEED "0",
		"resume 1.0 g" SEED,
		"resume 1.0",
		"go on 1.0 " SEED,
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char line[256];
		struct resume r;

		strcpy(line, bad[i]);
		assert_int_equal(resume_parse(&r, line), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_read_back),
		cmocka_unit_test(texts_never_grow_over_their_room),
		cmocka_unit_test(numbers_are_written_and_read),
		cmocka_unit_test(the_command_line_gives_arguments),
		cmocka_unit_test(parameters_become_variables),
		cmocka_unit_test(a_base_has_variables_of_its_own),
		cmocka_unit_test(a_base_says_what_it_is),
		cmocka_unit_test(a_base_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_base_has_bounds),
		cmocka_unit_test(malformed_parameters_are_refused),
		cmocka_unit_test(too_many_parameters_are_refused),
		cmocka_unit_test(labels_are_read),
		cmocka_unit_test(folders_are_walked_in_byte_order),
		cmocka_unit_test(files_that_do_not_fit_are_refused),
		cmocka_unit_test(progress_is_a_fraction),
		cmocka_unit_test(an_empty_record_is_whole),
		cmocka_unit_test(a_record_adds_up),
		cmocka_unit_test(a_record_always_fits),
		cmocka_unit_test(without_a_port_messages_wait_and_output_does_not),
		cmocka_unit_test(a_slow_host_gets_whole_messages),
		cmocka_unit_test(the_host_says_how_to_go_on),
		cmocka_unit_test(what_makes_no_sense_is_no_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
