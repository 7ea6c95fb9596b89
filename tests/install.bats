#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# install: what `wuc base install-agent` makes of images with an inittab, looked at with
# e2fsck and debugfs. That guests start the agent: serve.bats, service.bats.

# shellcheck disable=SC2154 # bats sets stderr and its lines

load helpers

ENTRY='null:2345:once:/usr/local/sbin/wuguest-start'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	PATH=$PATH:/sbin:/usr/sbin
	mkdir -p tree/sbin tree/etc tree/bin
	echo "an init" >tree/bin/busybox
	ln -s ../bin/busybox tree/sbin/init
	printf '::sysinit:/x' >tree/etc/inittab
}

# make_image [OPTION…]: guest.img with the tree.
make_image() {
	[ $# -gt 0 ] || set -- -t ext4
	rm -f guest.img
	truncate -s 32M guest.img
	mke2fs -q -F "$@" -d tree guest.img 2>/dev/null
}

install_agent() {
	run --separate-stderr "$WUC" base install-agent -q guest.img -o new.img
}

# in_new COMMAND: what debugfs says of the new image.
in_new() {
	debugfs -R "$1" new.img 2>/dev/null
}

sound() {
	run e2fsck -fn new.img
	assert_success
}

# refused TEXT: in one line, and nothing is made.
refused() {
	install_agent
	assert_failure 1
	assert_equal "$stderr" "wuc: $1"
	assert_file_not_exist new.img
}

@test "install: an inittab gets a line, and is else as it was" {
	mv tree/etc/inittab tree/etc/tab
	chmod 640 tree/etc/tab
	ln tree/etc/tab tree/etc/other
	ln -s ../../../etc/tab tree/etc/inittab
	make_image
	debugfs -w -f - guest.img 2>/dev/null >&2 <<-'END'
		set_inode_field /etc/tab uid 12
		set_inode_field /etc/tab gid 34
		ea_set /etc/tab user.colour blue
	END
	install_agent
	assert_success
	sound
	run in_new 'cat /etc/tab'
	assert_output "::sysinit:/x
$ENTRY"
	assert_equal "$(in_new 'stat /etc/inittab' | grep -o 'Type: symlink')" "Type: symlink"
	run in_new 'stat /etc/tab'
	assert_output --regexp 'Mode:  0640 .*User: +12 +Group: +34 .*Links: 2 '
	assert_equal "$(in_new 'ea_get /etc/tab user.colour')" "user.colour (4) = \"blue\""
	assert_equal "$(in_new 'cat /etc/other')" "$(in_new 'cat /etc/tab')"
	# Again: the line is there.
	mv new.img guest.img
	install_agent
	assert_success
	assert_equal "$(in_new 'cat /etc/tab' | grep -c wuguest)" 1
}

@test "install: an inittab of any size and on any file system" {
	local bytes options size
	for bytes in 0 12 100 1000 1024 4070 4096 65536; do
		head -c "$bytes" /dev/zero | tr '\0' '#' >tree/etc/inittab
		for options in "-t ext2" "-t ext4 -b 1024" "-t ext4 -O inline_data"; do
			# shellcheck disable=SC2086 # several
			make_image $options
			install_agent
			assert_success
			sound
			{
				cat tree/etc/inittab
				[ "$bytes" = 0 ] || echo
				echo "$ENTRY"
			} >expected
			size=$(stat -c %s expected)
			in_new 'stat /etc/inittab' | grep -q " Size: $size\$"
			# Of one in its inode debugfs shows more than there is.
			in_new 'cat /etc/inittab' | head -c "$size" | cmp - expected
		done
	done
}

@test "install: the same image and agent give the same bytes" {
	make_image
	install_agent
	mv new.img first.img
	sleep 1.1
	install_agent
	cmp first.img new.img
}

@test "install: a table is made where there is none" {
	rm tree/etc/inittab
	make_image
	install_agent
	assert_success
	run in_new 'cat /etc/inittab'
	assert_line --index 0 "::sysinit:/etc/init.d/rcS"
	assert_line "$ENTRY"
}

@test "install: what is no table is refused" {
	head -c 65537 /dev/zero | tr '\0' '#' >tree/etc/inittab
	make_image
	refused "guest.img: /etc/inittab: expected a table of at most 65536 bytes, found 65537"
	printf 'a\0b' >tree/etc/inittab
	make_image
	refused "guest.img: /etc/inittab: expected a table of text"
	ln -sf /etc/none tree/etc/inittab
	make_image
	refused "guest.img: /etc/inittab: a symbolic link to nothing"
	ln -sf inittab tree/etc/inittab
	make_image
	refused "guest.img: /etc/inittab: too many symbolic links"
}

@test "install: a place that cannot be a folder is refused, a link to one is not" {
	echo >tree/app
	make_image
	refused "guest.img: /app: expected a folder, found something else"
	rm tree/app
	ln -s var/none tree/output
	make_image
	refused "guest.img: /output: a symbolic link to nothing"
	mkdir -p tree/var/none
	make_image
	install_agent
	assert_success
	sound
	local path
	for path in app input scripts params var/lib/workunit/scripts; do
		in_new "stat /$path" | grep -q 'Type: directory'
	done
	in_new 'stat /output' | grep -q 'Type: symlink'
}
