# SPDX-License-Identifier: GPL-2.0-or-later
# serve: guests with an init of their own and the agent as its service, driven by
# tests/serve/guest.py over QEMU's sockets; nothing of wurun but put, get and exec.
# shellcheck shell=bash

# serve_app FOLDER: app.img of FOLDER/tree.
serve_app() {
	mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -L wu-app -d "$1/tree" \
		"$1/app.img" 2M
}

# serve_instance FOLDER NAME PARAMETER…: a folder with the instance's disks.
serve_instance() {
	local folder=$1/$2
	shift 2
	mkdir -p "$folder/cd"
	printf '%s\n' "$@" >"$folder/cd/params.txt"
	mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -L wu-output \
		"$folder/output.img" 8M
	xorriso -as mkisofs -quiet -R -V WU_PARAMS -o "$folder/params.iso" "$folder/cd" \
		2>/dev/null
}

# serve_run FOLDER WORD…: guest.py; bats waits for whoever holds its descriptor 3.
serve_run() {
	timeout 400 python3 "$ROOT/tests/serve/guest.py" "$@" 3>&- >"$1/driver" 2>&1
}

# serve_cat FOLDER/NAME PATH: a file of the instance's output disk.
serve_cat() {
	debugfs -R "cat $2" "$1/output.img" 2>/dev/null
}

serve_class() {
	serve_cat "$1" .wu/result.json | jq -r .class
}

# serve_sound FOLDER/NAME: its output disk was left clean.
serve_sound() {
	run e2fsck -fn "$1/output.img"
	assert_success
}
