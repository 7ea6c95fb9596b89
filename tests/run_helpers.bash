# SPDX-License-Identifier: GPL-2.0-or-later
# run: what the runtime's own tests share.
# shellcheck shell=bash

# A tool that may lie outside a user's PATH.
run_tool() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

# make_image IMAGE FOLDER [SIZE [LABEL]]: an output disk with the folder's files.
make_image() {
	"$(run_tool mke2fs)" -q -F -t ext4 -b 4096 -O ^has_journal,^resize_inode,metadata_csum \
		-L "${4:-wu-output}" -d "$2" "$1" "${3:-8M}"
}

# edit_image IMAGE: debugfs' commands from standard input.
edit_image() {
	"$(run_tool debugfs)" -w -f - "$1" >/dev/null 2>&1
}
