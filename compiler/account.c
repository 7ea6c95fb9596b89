/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "source.h"

#define FILE_LIMIT_BYTES (4U << 20)
#define PASSWD "etc/passwd"
#define GROUP "etc/group"

/* The file of that path, links followed. NULL: there is none, or a message says why it
 * cannot be reached. */
static struct node *find_file(struct tree *t, const char *path, struct diag *d)
{
	const char *why = NULL;
	struct node *n = tree_find(t, path);

	if (n)
		n = tree_resolve(t, n, &why);
	if (why)
		diag_fail(d, "its /%s: %s on the way", path, why);
	return n && n->type == NODE_HARDLINK ? n->primary : n;
}

/* The text of a file of the tree, "" where there is none; in the arena. */
static char *read_text(struct tree *t, const char *path, struct arena *a, struct diag *d)
{
	size_t before = d->count;
	struct node *n = find_file(t, path, d);
	struct source_folder last = SOURCE_FOLDER_NONE;
	struct source s;
	char *text = arena_alloc(a, 1);

	if (d->count > before)
		return NULL;
	if (!n || n->type != NODE_FILE)
		return text;
	if (n->size > FILE_LIMIT_BYTES) {
		diag_fail(d, "its /%s: larger than any such file should be", path);
		return NULL;
	}
	if (source_open(&s, t, n, &last, d) < 0)
		return NULL;
	text = arena_alloc(a, n->size + 1);
	if (source_read(&s, text, n->size, 0, d) < 0)
		text = NULL;
	source_drop(&s);
	source_folder_close(&last);
	return text;
}

/* Splits off the next line, then fields at ':'. NULL at the end of the text. */
static char *next_line(char **text)
{
	char *line = *text;

	if (!line || !*line)
		return NULL;
	*text = strchr(line, '\n');
	if (*text)
		*(*text)++ = '\0';
	return line;
}

static size_t split(char *line, char *fields[], size_t most)
{
	size_t count = 0;

	while (line && count < most) {
		fields[count++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	return count;
}

static int read_id(const char *text, uint32_t *id)
{
	unsigned long value;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value >= UINT32_MAX)
		return 0;
	*id = (uint32_t)value;
	return 1;
}

static int has_member(char *list, const char *name)
{
	char *rest = list;

	for (char *m = strtok_r(list, ",", &rest); m; m = strtok_r(NULL, ",", &rest))
		if (strcmp(m, name) == 0)
			return 1;
	return 0;
}

/* Finds a user by name or number; gives its name, or NULL where only the number is known.
 */
static int find_user(
	struct account *account, char *passwd, const char *wanted, const char **name)
{
	char *fields[4], *line;
	uint32_t id = 0;
	int by_number = read_id(wanted, &id);

	*name = NULL;
	while ((line = next_line(&passwd))) {
		if (split(line, fields, 4) < 4 || !read_id(fields[2], &account->uid) ||
			!read_id(fields[3], &account->gid))
			continue;
		if (strcmp(fields[0], wanted) == 0 || (by_number && account->uid == id)) {
			*name = fields[0];
			return 1;
		}
	}
	account->uid = id;
	account->gid = 0;
	return by_number;
}

static int find_group(struct account *account, char *group, const char *wanted)
{
	char *fields[3], *line;

	if (read_id(wanted, &account->gid))
		return 1;
	while ((line = next_line(&group)))
		if (split(line, fields, 3) == 3 && strcmp(fields[0], wanted) == 0 &&
			read_id(fields[2], &account->gid))
			return 1;
	return 0;
}

/* Where the image names a group, only that one counts. */
static void find_further_groups(struct account *account, char *group, const char *name)
{
	char *fields[4], *line;
	uint32_t id;

	while ((line = next_line(&group)) && account->group_count < ACCOUNT_GROUPS_MAX)
		if (split(line, fields, 4) == 4 && read_id(fields[2], &id) &&
			id != account->gid && has_member(fields[3], name))
			account->groups[account->group_count++] = id;
}

static int find(struct account *account, struct tree *t, char *user, struct arena *a,
	struct diag *d)
{
	char *passwd = read_text(t, PASSWD, a, d);
	char *group = passwd ? read_text(t, GROUP, a, d) : NULL;
	char *wanted_group = strchr(user, ':');
	const char *name;

	if (!group)
		return -1;
	if (wanted_group)
		*wanted_group++ = '\0';
	/* "app:" names no group, as container engines have it. */
	if (wanted_group && !*wanted_group)
		wanted_group = NULL;
	if (!find_user(account, passwd, *user ? user : "0", &name))
		return diag_fail(
			d, "its user is %s, whom its /etc/passwd does not know", user);
	if (wanted_group && !find_group(account, group, wanted_group))
		return diag_fail(d,
			"its user's group is %s, which its /etc/group does "
			"not know",
			wanted_group);
	if (!wanted_group && name)
		find_further_groups(account, group, name);
	return 0;
}

int account_find(
	struct account *account, struct tree *t, const char *user, struct diag *d)
{
	struct arena a = {0};
	int rc;

	*account = (struct account){0};
	rc = find(account, t, arena_strdup(&a, user), &a, d);
	arena_clear(&a);
	return rc;
}
