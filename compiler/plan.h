/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan: what a recipe says, with every default filled in and nothing of Lua left. Made by
 * decode.h; everything in it belongs to one arena. Emitters get it as const.
 *
 *     recipe.lua ─sandbox▶ Lua tables ─decode▶ struct plan ─scan▶ struct tree ─▶ emitters
 */
#ifndef COMPILER_PLAN_H
#define COMPILER_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/memory.h"

/* Where in a recipe something was said, for messages: "sir.lua", 12, "app[2]". Without a
 * file: what messages call the source, or nothing. */
struct place {
	const char *file;
	int line;
	const char *field;
};

struct xattr {
	const char *name; /* with its namespace: "user.origin" */
	const void *value;
	size_t size;
};

struct xattrs {
	const struct xattr *list; /* sorted by name */
	size_t count;
};

enum item_kind {
	ITEM_PATH,	   /* file, folder or glob pattern on the host */
	ITEM_TEXT,	   /* a file with these bytes */
	ITEM_ARCHIVE,	   /* an archive's members, below dest */
	ITEM_SYMLINK,	   /* dest -> source */
	ITEM_HARDLINK,	   /* dest is another name of source (a dest of the same disk) */
	ITEM_FOLDER,	   /* an empty folder */
	ITEM_PACKAGE_FILE, /* bases only: one member of a Debian package */
};

/* What a file keeps of what it is where it comes from; else it is root's, of the tree's
 * time, with mode 0644 or 0755 and no attributes but the item's. */
enum keep {
	KEEP_MODES = 1, /* all permission bits, set-id and sticky among them */
	KEEP_OWNERS = 2,
	KEEP_TIMES = 4,	  /* of the last change of contents, in nanoseconds */
	KEEP_XATTRS = 8,  /* capabilities and access control lists among them */
	KEEP_DEVICES = 16 /* devices, pipes and sockets, else an error */
};

/* One entry of `app`, `input` or a base's `initrd`. */
struct item {
	enum item_kind kind;
	const char
		*dest; /* path in the section, "" its top; NULL: the source's own name */
	const char *source; /* path, text or target, by kind; package files: the member */
	size_t source_size; /* ITEM_TEXT: its bytes */
	const char *package; /* ITEM_PACKAGE_FILE: the package's name */
	int mode; /* 0 to 07777, or -1: 0755 for folders and executables, else 0644 */
	unsigned keep;		     /* ITEM_PATH, ITEM_ARCHIVE: of enum keep */
	unsigned strip;		     /* ITEM_ARCHIVE: leading path components to drop */
	const struct xattrs *xattrs; /* or NULL */
	struct place place;
};

struct items {
	const struct item *list;
	size_t count;
};

/* A parameter's value: its type for params.json, its text for everything else. */
enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_BOOLEAN };

struct value {
	enum value_type type;
	const char *text; /* "sir", "1.7", "42", "true" */
};

struct instance {
	char id[13];		    /* WU_ID_DIGITS hex digits and a NUL */
	const struct value *values; /* one for each of sweep.names, in that order */
};

struct sweep {
	const char *const *names; /* sorted */
	size_t name_count;
	const struct instance *instances; /* in the recipe's order, no id twice */
	size_t instance_count;
	struct place place;
};

/* One launching script, as it goes to /scripts on the app disk. */
struct script {
	const char *name; /* "10-main": runs in order of name */
	const char *text;
};

enum base_kind { BASE_NAME, BASE_PATH, BASE_INLINE };

/* What a base's root disk is made of, before its `files` are placed on it. */
enum root_kind {
	ROOT_NONE,     /* what `from` has, if anything */
	ROOT_PACKAGES, /* Debian's, on top of what `from` has */
	ROOT_IMAGE,    /* a container image's layers */
	ROOT_ITEMS,    /* folders and archives */
};

/* How the agent gets into a guest that a disk image boots. */
enum agent_way {
	AGENT_GUEST, /* it is there, as a service */
	AGENT_SEED,  /* by a CD of the unit's */
	AGENT_NONE   /* there is none */
};

struct base_plan {
	const char *name, *description;
	/* A complete disk: its image's path, as written. Then of what follows nothing is
	 * set but the epoch and the place. */
	const char *disk;
	const char *disk_format; /* "qcow2"; NULL: what the file's first bytes say */
	int partition;		 /* its number, or PARTITION_ANY */
	const char *home;	 /* the folder in it that is ours: "/home/auto" */
	enum agent_way agent;
	const struct base_reference
		*from;	   /* the base that this one goes on from, or NULL */
	const char *suite; /* "bookworm" */
	const char
		*kernel_package; /* "linux-image-cloud-amd64"; NULL: the kernel, modules,
				    drivers and append of `from`, or else of mini */
	const char *const *modules; /* names without .ko, their dependencies left out */
	size_t module_count;
	const char *const *drivers; /* modules that are loaded where a device asks */
	size_t driver_count;
	struct items initrd;
	enum root_kind root;
	const char *const *packages; /* ROOT_PACKAGES: names, sorted */
	size_t package_count;
	const char *image;     /* ROOT_IMAGE: "PATH[:TAG]" or "docker://…" */
	struct items contents; /* ROOT_ITEMS */
	struct items files;    /* for the root disk; they replace what is there */
	int init;	       /* the guest starts the root disk's own init */
	const char *append;    /* the kernel's command line */
	int64_t epoch;
	const char *recipe_path; /* the file that holds it: the lock lies beside it */
	struct place place;
};

struct base_reference {
	enum base_kind kind;
	const char *text;	      /* the name, or the path relative to the recipe */
	const struct base_plan *plan; /* BASE_INLINE */
	struct place place;
};

#define MACHINE_MEMORY_MIN                                                               \
	((uint64_t)96 << 20) /* with less mini's kernel does not start */
#define MACHINE_MEMORY_MAX ((uint64_t)1 << 44)

struct machine {
	unsigned cpus;
	uint64_t memory_bytes;
	uint64_t time_ms;    /* 0: no limit */
	const char *network; /* "none" or "user" */
	const char *user;    /* "user" (WU_USER_ID), "root", or "base": the base's own */
};

struct output {
	uint64_t size_bytes;
	const char *metrics; /* path below /output, or NULL */
};

/* What a unit's disks are. */
enum unit_layout {
	LAYOUT_DISKS,	/* application and output disk beside the base's */
	LAYOUT_SINGLE,	/* one: a copy of the base's with everything placed into it */
	LAYOUT_BOOTABLE /* one that boots by itself, made from a base with a kernel */
};

/* A compiled unit{…}. */
struct plan {
	const char *recipe_path;   /* as given */
	const char *recipe_folder; /* absolute */
	const char *name, *description, *licence, *version;
	const char *const *authors;
	size_t author_count;
	int64_t epoch; /* seconds: every time stamp in the unit */
	struct base_reference base;
	struct items app, input;
	uint64_t app_size_bytes; /* 0: as small as holds it */
	struct sweep sweep;
	const struct script *scripts;
	size_t script_count;
	enum unit_layout layout;
	int floppy;	     /* parameters come on one, too */
	const char *results; /* where wurun leaves them unless told: a relative path
				without "..", or NULL */
	struct output output;
	struct machine machine;
	struct place place;
};

#endif
