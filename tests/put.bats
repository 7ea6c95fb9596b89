#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# put: wuc put, get and ls on disk images that sfdisk, mke2fs and qemu-img made, looked at
# with e2fsck and debugfs. No step needs root.

# shellcheck disable=SC2154 # bats sets stderr and its lines

load helpers
load build_helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	PATH=$PATH:/sbin:/usr/sbin
	mkdir -p src/sub/deep src/empty
	echo one >src/one
	seq 50000 >src/sub/numbers
	ln src/one src/sub/again
	ln -s ../one src/sub/link
	touch -hd '2005-06-07 08:09:10 UTC' src/sub/link
	ln -s "$(printf 'x%.0s' {1..90})" src/sub/long
	printf '#!/bin/sh\n' >src/run
	chmod 4755 src/run
	chmod 0600 src/sub/numbers
	truncate -s 3M src/sub/hole
	echo end >>src/sub/hole
	touch -d '2021-03-04 05:06:07.25 UTC' src/one
}

teardown() {
	rm -f "/dev/shm/wuc-put-$$"
}

# mkfs IMAGE SIZE OPTION…: a file system that is all of the image.
mkfs() {
	local image=$1 size=$2
	shift 2
	rm -f "$image"
	truncate -s "$size" "$image"
	mke2fs -q -F "$@" "$image" 2>/dev/null
}

# sound IMAGE [OFFSET]
sound() {
	run e2fsck -fn "$1?offset=${2:-0}"
	assert_success
}

# is_in IMAGE[:PART] FOLDER: all of src is there, and comes out as it went in.
is_in() {
	rm -rf out
	"$WUC" get -q "$1" "$2" out
	diff -r --no-dereference src out
	assert_equal "$(stat -c %Y out/sub/link)" "$(stat -c %Y src/sub/link)"
	assert_equal "$(stat -c '%a %Y' out/one out/sub/numbers out/run | head -1)" "644 1614834367"
	[ "$(stat -c %b out/sub/hole)" -le 64 ]
}

# refused IMAGE COMMAND…: says why in one line or more, and changes no byte of the image.
refused() {
	local image=$1 before
	shift
	before=$(sha256sum <"$image")
	run "$@"
	assert_failure 1
	assert_equal "$(sha256sum <"$image")" "$before"
}

# disk SIZE SFDISK-SCRIPT: disk.img with a partition table.
disk() {
	rm -f disk.img
	truncate -s "$1" disk.img
	sfdisk -q disk.img >/dev/null <<<"$2"
}

# fill OFFSET SIZE OPTION…: a file system in disk.img.
fill() {
	local offset=$1 size=$2
	shift 2
	mke2fs -q -F -E "offset=$offset" "$@" disk.img "$size" 2>/dev/null
}

@test "every kind of file system: put, e2fsck, ls, get" {
	local options
	while read -r options; do
		# shellcheck disable=SC2086 # a list of words
		mkfs fs.img 48M $options
		"$WUC" put -q fs.img src /
		sound fs.img
		is_in fs.img src
		"$WUC" put -qf fs.img src /
		sound fs.img
		is_in fs.img /src
		"$WUC" ls fs.img src/sub | grep -q 'long -> xxxx' || fail "$options"
	done <<-'END'
		-t ext2 -b 1024
		-t ext2 -b 4096 -O ^filetype,^dir_index -I 256
		-t ext3 -b 1024
		-t ext3 -b 2048
		-t ext3 -b 4096
		-t ext4 -b 1024 -O 64bit,metadata_csum,flex_bg
		-t ext4 -b 4096 -O 64bit,metadata_csum,flex_bg
		-t ext4 -b 4096 -O inline_data
		-t ext4 -b 1024 -O inline_data -I 512
		-t ext4 -O ^metadata_csum,^64bit,uninit_bg
		-t ext4 -O ^extents,^64bit
		-t ext4 -O meta_bg,^resize_inode
		-t ext4 -O metadata_csum_seed,sparse_super2
	END
}

@test "owner, modes, times and links are what the page says" {
	mkfs fs.img 16M -t ext4
	"$WUC" put fs.img src / >said
	assert_equal "$(cat said)" "fs.img: 4 files, 3.3 MiB"
	stat_of fs.img /src/one >one
	grep -qE 'Mode:  0644 ' one
	grep -qE 'User: +0 +Group: +0 ' one
	grep -qE 'Links: 2 ' one
	grep -qE 'mtime: 0x60406abf:3b9aca00' one
	grep -qE 'crtime: 0x60406abf:3b9aca00' one
	stat_of fs.img /src/run | grep -qE 'Mode:  0755 '
	stat_of fs.img /src/sub/numbers | grep -qE 'Mode:  0644 '
	stat_of fs.img /src/sub/link | grep -qE 'Fast link dest: "../one"'
	stat_of fs.img /src/empty | grep -qE 'Mode:  0755 '
}

@test "with an epoch the same files give the same bytes" {
	mkfs fs.img 16M -t ext4
	cp fs.img a.img
	cp fs.img b.img
	cp fs.img c.img
	SOURCE_DATE_EPOCH=1000000000 "$WUC" put -q a.img src /
	sleep 1.1
	"$WUC" put -q --epoch @1000000000 b.img src /
	SOURCE_DATE_EPOCH=5 "$WUC" put -q --epoch 1000000000 c.img src /
	cmp a.img b.img
	cmp a.img c.img
	stat_of a.img /src/sub/numbers | grep -q 'mtime: 0x3b9aca00:00000000'
}

@test "an MBR with a partition at sector 63, and more" {
	disk 64M $'label: dos\nstart=63, size=40000, type=83\nstart=40960, size=20480, type=82\nstart=65536, type=83'
	fill 32256 20000k -t ext3 -b 1024
	fill 33554432 32M -t ext4 -b 4096
	"$WUC" put -q disk.img:1 src /
	sound disk.img 32256
	is_in disk.img:1 src
	"$WUC" put -q disk.img:3 src/. /lost+found/../
	sound disk.img 33554432
	assert_equal "$("$WUC" ls disk.img:3 | awk '{print $NF}' | xargs)" "empty lost+found one run sub"
	refused disk.img "$WUC" put disk.img src /
	assert_line "wuc: disk.img: expected one of its partitions, as disk.img:1"
	assert_line "wuc: disk.img:1: 19.5 MiB at byte 32256: an ext3 file system"
	refused disk.img "$WUC" put disk.img:4 src /
	assert_line "wuc: disk.img: has no partition 4"
	assert_line --partial "disk.img:2: 10.0 MiB at byte 20971520: nothing known"
	refused disk.img "$WUC" put disk.img:2 src /
	assert_output "wuc: disk.img:2: expected an ext2, ext3 or ext4 file system, found none"
}

@test "logical partitions count from 5" {
	disk 64M $'label: dos\nstart=2048, size=20480, type=83\nstart=22528, type=5\nstart=24576, size=20480, type=83\nstart=47104, type=83'
	fill $((24576 * 512)) 10M -t ext2 -b 1024
	fill $((47104 * 512)) 40M -t ext4
	"$WUC" put -q disk.img:5 src /
	"$WUC" put -q disk.img:6 src /
	sound disk.img $((24576 * 512))
	sound disk.img $((47104 * 512))
	is_in disk.img:5 src
	is_in disk.img:6 src
	refused disk.img "$WUC" put disk.img:2 src /
	assert_line "wuc: disk.img: has no partition 2"
}

@test "GPT, with one partition that need not be named" {
	disk 48M $'label: gpt\nstart=2048, size=81920'
	fill 1048576 40M -t ext4
	"$WUC" put disk.img src / >said
	assert_equal "$(cat said)" "disk.img:1: 4 files, 3.3 MiB"
	sound disk.img 1048576
	is_in disk.img src
	is_in disk.img:1 src
	sfdisk -q --verify disk.img
	refused disk.img "$WUC" put disk.img:0 src /
	assert_output --partial "expected an ext2, ext3 or ext4 file system"
}

@test "indexed folders are split, and stay indexed" {
	mkdir many more
	(cd many && for i in {1..1500}; do echo "$i" >"a-name-that-makes-folders-grow-quickly-$i"; done)
	(cd more && for i in {1..1500}; do echo "$i" >"another-name-that-makes-folders-grow-$i"; done)
	local size
	for size in 1024 4096; do
		mkfs fs.img 48M -t ext4 -b "$size" -N 8192
		"$WUC" put -q fs.img many /
		sound fs.img
		e2fsck -fyD fs.img >/dev/null 2>&1 || true
		debugfs -R 'htree_dump /many' fs.img 2>/dev/null | grep -q 'Root node dump'
		"$WUC" put -q fs.img more/. /many
		sound fs.img
		stat_of fs.img /many | grep -q 'Flags: 0x81000'
		rm -rf out
		"$WUC" get -q fs.img many out
		cp -r many all
		cp -r more/. all
		diff -r all out
		rm -rf all
	done
}

@test "images that qemu-img made" {
	qemu-img create -q -f raw raw.img 16M
	mke2fs -q -F -t ext4 raw.img
	"$WUC" put -q raw.img src /
	is_in raw.img src
	local format
	for format in qcow2 vmdk vdi vhdx vpc qed parallels; do
		qemu-img convert -f raw -O "$format" raw.img "disk.$format"
		refused "disk.$format" "$WUC" put "disk.$format" src /
		assert_output "wuc: disk.$format: expected a raw image, found one of the format $format (\`qemu-img convert -f $format -O raw disk.$format NEW.img\` makes a raw one)"
	done
	qemu-img convert -f qcow2 -O raw disk.qcow2 back.img
	is_in back.img src
}

@test "sparse images stay sparse" {
	mkfs fs.img 20G -t ext4
	local before
	before=$(stat -c %b fs.img)
	"$WUC" put -q fs.img src /
	sound fs.img
	[ $(($(stat -c %b fs.img) - before)) -lt 4096 ]
	is_in fs.img src
}

@test "where it goes: folders, new names, links in the image" {
	mkfs fs.img 16M -t ext4
	mkdir -p root/usr/lib
	ln -s usr/lib root/lib
	ln -s /usr/lib root/absolute
	"$WUC" put -q fs.img root/. /
	"$WUC" put -q fs.img src/one /lib/first
	"$WUC" put -q fs.img src/one /absolute
	"$WUC" put -q fs.img src /usr/new
	"$WUC" put -q fs.img src/one src/run usr/
	sound fs.img
	assert_equal "$("$WUC" ls fs.img usr/lib | awk '{print $NF}' | xargs)" "first one"
	assert_equal "$("$WUC" ls fs.img usr | awk '{print $NF}' | xargs)" "lib new one run"
	is_in fs.img /usr/new
	assert_equal "$("$WUC" ls fs.img lib)" "$("$WUC" ls fs.img | grep -E ' lib ')"
	refused fs.img "$WUC" put fs.img src/one src/run /nothing
	assert_output "wuc: fs.img: /nothing: expected a folder for 2 sources, found nothing"
	refused fs.img "$WUC" put fs.img src/one /nothing/
	assert_output "wuc: fs.img: /nothing/: no such folder"
	refused fs.img "$WUC" put fs.img src/one /no/thing
	assert_output "wuc: fs.img: /no/: no such folder"
	refused fs.img "$WUC" put fs.img src/one /usr/one/x
	assert_output "wuc: fs.img: /usr/one/: no such folder"
	refused fs.img "$WUC" put fs.img none /
	assert_output --partial "none"
	# "" is the root; a pattern puts what it matches into a folder of that name.
	echo 1 >'src/[x]'
	"$WUC" put -q fs.img 'src/[x]' ''
	"$WUC" put -q fs.img 'src/[or]*' /matched
	"$WUC" ls fs.img '' | grep -q ' \[x\]$'
	assert_equal "$("$WUC" ls fs.img matched | awk '{print $NF}' | xargs)" "one run"
	refused fs.img "$WUC" put fs.img 'src/[q]*' /
	assert_output "wuc: expected a file, folder or pattern, found nothing that matches src/[q]*"
	run "$WUC" get fs.img matched ''
	assert_failure 1
	assert_output 'wuc: "": expected a folder, or a name that is free'
	cp fs.img image:1
	"$WUC" ls image:1:0 matched
}

@test "what is there already is refused, all of it is told; --force replaces files" {
	mkfs fs.img 16M -t ext4
	"$WUC" put -q fs.img src /
	echo other >src/one
	rm src/sub/again
	echo again >src/sub/again
	refused fs.img "$WUC" put fs.img src /
	assert_line "wuc: fs.img: /src/one: there is a file already (--force replaces it)"
	assert_line "wuc: fs.img: /src/sub/link: there is a symbolic link already (--force replaces it)"
	local free
	free=$(dumpe2fs -h fs.img 2>/dev/null | grep -E '^Free (blocks|inodes)')
	"$WUC" put -qf fs.img src /
	sound fs.img
	assert_equal "$(cat_from fs.img /src/one)" other
	assert_equal "$(cat_from fs.img /src/sub/again)" again
	# One file with two names has become two.
	"$WUC" put -qf fs.img src /
	"$WUC" put -qf fs.img src /
	sound fs.img
	assert_equal "$(dumpe2fs -h fs.img 2>/dev/null | grep -E '^Free (blocks|inodes)' | tr -d ' \n' |
		sed 's/.*inodes://')" "$(($(sed -n 's/Free inodes: *//p' <<<"$free") - 1))"
	# A folder is never replaced, and never becomes a file.
	mkdir -p clash/one
	echo x >clash/sub
	"$WUC" put -q fs.img clash /
	rm -r clash
	mkdir -p clash/sub
	echo x >clash/one
	refused fs.img "$WUC" put -f fs.img clash /
	assert_line "wuc: fs.img: /clash/one: there is a folder already, where a file is to be"
	assert_line "wuc: fs.img: /clash/sub: there is a file already, where a folder is to be"
}

@test "an image cannot be put into itself" {
	mkdir around
	mkfs around/fs.img 4M -t ext4
	ln -s around/fs.img link
	local what
	for what in around around/fs.img link; do
		refused around/fs.img "$WUC" put around/fs.img "$what" src /
		assert_output "wuc: around/fs.img: is among the files to put: an image cannot be put into itself"
	done
	cp around/fs.img copy
	mkfs fs.img 16M -t ext4
	"$WUC" put -q fs.img copy /
}

@test "no room: blocks, inodes, and folders that grow" {
	mkfs fs.img 2M -t ext4 -b 1024
	head -c 3M /dev/urandom >large
	refused fs.img "$WUC" put fs.img large /
	assert_output --regexp "^wuc: fs.img: no room: 3.0 MiB in 1 file are to go where .* [KM]iB and [0-9]+ inodes are free$"
	mkfs fs.img 4M -t ext2 -N 32
	mkdir many
	touch many/{1..40}
	refused fs.img "$WUC" put fs.img many /
	assert_output --partial "no room: 0 B in 41 files and folders are to go where"
	# It all but fits: the indirect blocks do not.
	mkfs fs.img 2M -t ext2 -b 1024
	head -c "$(($(dumpe2fs -h fs.img 2>/dev/null | sed -n 's/Free blocks: *//p') * 1024))" /dev/urandom >large
	refused fs.img "$WUC" put fs.img large /
	assert_output --partial "no room"
	truncate -s -10K large
	"$WUC" put -q fs.img large /
	sound fs.img
	cat_from fs.img /large | cmp - large
}

@test "times that the file system cannot hold are told, by name" {
	local far=/dev/shm/wuc-put-$$ size
	rm -rf src
	mkdir -p src/folder
	touch src/now
	touch -d '2038-01-19 03:14:07 UTC' src/last
	touch -d '1901-12-13 20:45:52 UTC' src/first
	mkfs fs.img 4M -t ext4 -I 128
	"$WUC" put -q fs.img src /
	sound fs.img
	assert_equal "$("$WUC" ls fs.img src | awk '/last|first/ {print $5, $6}' | xargs)" \
		"1901-12-13 20:45:52 2038-01-19 03:14:07"
	touch -d '2038-01-19 03:14:08 UTC' src/late
	ln -s late src/link
	touch -hd '2050-01-01 UTC' src/link
	touch -d '2100-01-01 UTC' src/folder
	refused fs.img "$WUC" put fs.img src /new
	assert_equal "${#lines[@]}" 3
	assert_line "wuc: fs.img: /new/folder: its time is none that inodes of this size can hold (1901 to 2038)"
	assert_line "wuc: fs.img: /new/late: its time is none that inodes of this size can hold (1901 to 2038)"
	assert_line "wuc: fs.img: /new/link: its time is none that inodes of this size can hold (1901 to 2038)"
	refused fs.img "$WUC" put --epoch 4000000000 fs.img src/now /
	"$WUC" put -q --epoch 1 fs.img src /new
	mkfs fs.img 4M -t ext4 -I 256
	"$WUC" put -q fs.img src /
	sound fs.img
	"$WUC" ls fs.img src | grep -q '2050-01-01 00:00:00 link'
	refused fs.img "$WUC" put --epoch 99999999999 fs.img src/now /
	assert_output "wuc: fs.img: /now: its time is none that ext4 can hold (1901 to 2446)"
	# Few file systems of the host go that far back.
	touch -d '1899-01-01 UTC' "$far" || skip "lacks /dev/shm"
	[ "$(stat -c %Y "$far")" -lt -2147483648 ] || skip "lacks a file system that holds 1899"
	refused fs.img "$WUC" put fs.img "$far" /early
	assert_output "wuc: fs.img: /early: its time is none that ext4 can hold (1901 to 2446)"
}

# spoil DEBUGFS-COMMAND: a fresh file system on which that was done.
spoil() {
	mkfs fs.img 8M -t ext4
	debugfs -w -R "$1" fs.img >/dev/null 2>&1
}

@test "file systems that are not clean, or not known, are refused" {
	local command
	spoil "feature needs_recovery"
	for command in "put fs.img src /" "get fs.img / out" "ls fs.img"; do
		# shellcheck disable=SC2086 # a list of words
		refused fs.img "$WUC" $command
		assert_output "wuc: fs.img: its journal is to be recovered: expected a clean file system (e2fsck, or a guest that boots from it and shuts down, makes it clean)"
	done
	spoil "ssv state 0"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "it was not left clean"
	spoil "ssv state 3"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "it has errors"
	spoil "ssv last_orphan 12"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "files that wait to be removed"
	spoil "feature FEATURE_I25"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "features that are not known here: FEATURE_I25"
	spoil "feature quota"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "features that are not known here: quota"
	"$WUC" ls fs.img
	spoil "ssv blocks_count 100000"
	refused fs.img "$WUC" ls fs.img
}

@test "a journal that a killed kernel would have left is refused" {
	mkfs fs.img 16M -t ext4
	debugfs -w fs.img >/dev/null 2>&1 <<-'END'
		journal_open
		journal_write -b 333 /dev/zero
	END
	dumpe2fs -h fs.img 2>/dev/null | grep -q needs_recovery || skip "lacks a debugfs that leaves a journal"
	refused fs.img "$WUC" put fs.img src /
	assert_output --partial "its journal is to be recovered"
}

@test "other file systems are called by their names" {
	truncate -s 16M disk.img
	mkswap disk.img >/dev/null 2>&1
	refused disk.img "$WUC" put disk.img src /
	assert_output --partial "found swap space"
	if command -v mkfs.xfs >/dev/null; then
		truncate -s 400M xfs.img
		mkfs.xfs -q xfs.img
		refused xfs.img "$WUC" ls xfs.img
		assert_output --partial "found an XFS file system"
	fi
	printf 'short' >short.img
	refused short.img "$WUC" ls short.img
	run "$WUC" ls .
	assert_failure 1
	run "$WUC" put /dev/null src /
	assert_failure 1
	assert_output --partial "expected a disk image, found"
	run "$WUC" put short.img
	assert_failure 2
}

@test "a partition that reaches over the image's end" {
	disk 32M $'label: dos\nstart=2048, type=83'
	fill 1048576 30M -t ext4
	truncate -s 20M disk.img
	refused disk.img "$WUC" put disk.img:1 src /
	assert_output --partial "reaches over the end of the image"
}

@test "an image that another program has locked" {
	mkfs fs.img 8M -t ext4
	exec 9<fs.img
	flock 9
	refused fs.img "$WUC" put fs.img src /
	assert_output "wuc: fs.img: is in use by another program: expected none"
	exec 9<&-
	# As a virtual machine has it.
	mkfifo commands
	qemu-io -f raw fs.img <commands >/dev/null 2>&1 9<&- &
	exec 8>commands
	for _ in {1..50}; do
		"$WUC" ls fs.img >/dev/null 2>&1 || break
		sleep 0.1
	done
	refused fs.img "$WUC" ls fs.img
	assert_output "wuc: fs.img: is in use by another program: expected none"
	refused fs.img "$WUC" put fs.img src /
	assert_output "wuc: fs.img: is in use by another program: expected none"
	exec 8>&-
	wait
	"$WUC" put -q fs.img src /
}

@test "ls: columns, one file, JSON, names that would drive a terminal" {
	mkfs fs.img 8M -t ext4
	printf x >$'src/bad\e[2Jname\n'
	"$WUC" put -q --epoch 1000000000 fs.img src /
	debugfs -w -R "mknod null c 1 3" fs.img 2>/dev/null
	run "$WUC" ls fs.img src
	assert_success
	assert_line --index 0 '-rw-r--r--     0     0            1 2001-09-09 01:46:40 bad\x1b[2Jname\x0a'
	assert_line --index 1 'drwxr-xr-x     0     0         1024 2001-09-09 01:46:40 empty'
	assert_line --index 2 '-rw-r--r--     0     0            4 2001-09-09 01:46:40 one'
	run "$WUC" ls fs.img /src/sub/link
	assert_output 'lrwxrwxrwx     0     0            6 2001-09-09 01:46:40 /src/sub/link -> ../one'
	"$WUC" ls fs.img | grep -E '^c.* 1,3 .* null$'
	assert_equal "$("$WUC" ls --json fs.img /src/sub | jq -r '.[] | select(.name == "link") | .type + .target')" "symlink../one"
	refused fs.img "$WUC" ls fs.img /none
	assert_output "wuc: fs.img: /none: there is none"
}

@test "ls: names that look alike are told apart" {
	local name
	mkfs fs.img 4M -t ext4
	mkdir names
	for name in $'new\nline' 'new\x0aline' $'t\tab' 'back\slash' $'no\xfftext' ü $'c1\xc2\x9b2J'; do
		echo >"names/$name"
	done
	ln -s $'\t\\' names/z
	"$WUC" put -q --epoch 0 fs.img names /
	"$WUC" ls fs.img names | sed 's/.*00:00:00 //' | diff - <(cat <<'END'
back\\slash
c1\xc2\x9b2J
new\x0aline
new\\x0aline
no\xfftext
t\x09ab
z -> \x09\\
ü
END
	)
	"$WUC" ls --json fs.img names | grep -E '"(name|target)"' | tr -d ' ,' | diff - <(cat <<'END'
"name":"back\\slash"
"name":"c1\u009B2J"
"name":"new\nline"
"name":"new\\x0aline"
"name":"no\\xfftext"
"name":"t\tab"
"name":"z"
"target":"\t\\"
"name":"\u00FC"
END
	)
}

@test "get leaves behind what is no file, and replaces nothing" {
	mkfs fs.img 8M -t ext4
	"$WUC" put -q fs.img src /
	debugfs -w fs.img >/dev/null 2>&1 <<-'END'
		cd src
		mknod null c 1 3
		mknod pipe p
		symlink out /etc/passwd
		symlink up ../../x
		symlink back sub/../one
		symlink far sub/../../../one
		sif one mode 0104755
	END
	run "$WUC" get fs.img src out
	assert_success
	assert_line "wuc: left out: src/null: a device"
	assert_line "wuc: left out: src/pipe: a fifo"
	assert_line "wuc: left out: src/out: a symbolic link that leads out of the folder"
	assert_line "wuc: left out: src/up: a symbolic link that leads out of the folder"
	assert_line "wuc: left out: src/back: a symbolic link with .. after a name, which may lead out"
	assert_line "wuc: left out: src/far: a symbolic link that leads out of the folder"
	assert_line "out: 5 files, 3.3 MiB"
	assert_equal "$(stat -c %a out/one)" 755
	[ out/one -ef out/sub/again ]
	run "$WUC" get fs.img src/one out
	assert_failure 1
	assert_output "wuc: out/one: File exists"
	run "$WUC" get fs.img src/sub/hole src/one out/sub/
	assert_failure 1
	assert_output "wuc: out/sub/hole: File exists"
	echo mine >file
	run "$WUC" get fs.img src/one file
	assert_failure 1
	ln -s nowhere dangling
	run "$WUC" get fs.img src/one dangling
	assert_failure 1
	assert_equal "$(cat file)" mine
	run "$WUC" get fs.img src/one src/run nowhere
	assert_failure 1
	"$WUC" get -q fs.img src/one src/sub/numbers .
	cmp one src/one
	cmp numbers src/sub/numbers
	run "$WUC" get fs.img / all
	assert_success
	cmp all/src/one src/one
}

@test "get: what is asked for may overlap" {
	mkfs fs.img 8M -t ext4
	mkdir -p a/b
	head -c 3M /dev/urandom >a/b/big
	ln a/b/big a/b/zagain
	cp a/b/big a/single
	mkdir l
	ln -s /a/single l/L
	ln -s /a/single l/M
	"$WUC" put -q fs.img a l /
	mkdir out
	run "$WUC" get fs.img /a /a/b /a/b/big /a/single /l/L /l/M out
	assert_success
	assert_output "out: 9 files, 15.0 MiB"
	diff -r a out/a
	diff -r a/b out/b
	cmp a/single out/M
	[ out/big -ef out/a/b/zagain ]
	debugfs -w -R "link /a /a/b/loop" fs.img 2>/dev/null
	rm -r out/*
	run timeout 60 "$WUC" get fs.img /a /a/b out
	assert_failure 1
	assert_line "wuc: left out: /a/b/loop: a folder that is in two places"
	assert_line "wuc: left out: /a/b/loop/b: a folder that is in two places"
}

# chain COUNT: commands of debugfs that make so many folders, each in the one before.
chain() {
	local n
	for ((n = 0; n < $1; n++)); do printf 'mkdir d\ncd d\n'; done
}

# needs_descriptors COUNT: sets the limit to as many, or skips.
needs_descriptors() {
	local most
	most=$(ulimit -Hn)
	[ "$most" = unlimited ] || [ "$most" -ge "$1" ] || skip "lacks $1 descriptors (ulimit -Hn)"
	ulimit -Sn "$1"
}

@test "get takes out what image makes: deep folders, huge files" {
	local path n
	needs_descriptors 1300
	for ((n = 0; n < 1200; n++)); do path+=d/; done
	mkdir -p "deep/$path"
	echo end >"deep/${path}file"
	truncate -s 5T deep/huge || skip "lacks a file system for files of 5 TiB"
	"$WUC" image -q deep -o deep.img
	run "$WUC" get deep.img / out
	assert_success
	assert_output "out: 2 files, 5.0 TiB"
	assert_equal "$(cat "out/${path}file")" end
	assert_equal "$(stat -c %s out/huge)" 5497558138880
}

@test "get: what is over a limit is no damage" {
	needs_descriptors 2200
	mkfs fs.img 16M -t ext2 -b 1024 -N 8000
	{
		chain 2060
		printf 'cd /\nmkdir e\nwrite src/one e/one\n'
	} | debugfs -w -f - fs.img >/dev/null 2>&1
	run "$WUC" get fs.img / out
	assert_failure 1
	assert_line --index 0 --regexp '^wuc: left out: (/d)*: more than 2048 folders deep$'
	assert_line --index 1 "wuc: fs.img: not all came out, for a limit: more than 2048 folders deep"
	assert_equal "${#lines[@]}" 2
	cmp src/one out/e/one
	assert_equal "$(find out/d -type d | wc -l)" 2047
	run bash -c 'ulimit -n 100; "$WUC" get fs.img / few'
	assert_failure 1
	assert_line --index 1 "wuc: fs.img: not all came out, for a limit: Too many open files"
	cmp src/one few/e/one
	# A size that no ext4 has is damage.
	debugfs -w -R 'sif e/one size 0x7ffffffffffff000' fs.img >/dev/null 2>&1
	run "$WUC" get fs.img e big
	assert_failure 1
	assert_output "wuc: left out: e/one: it says that it is larger than files can be
wuc: fs.img: is damaged: not all came out"
}

@test "get: a disk's many devices flood nobody" {
	local n
	mkfs fs.img 4M -t ext4
	{
		printf 'mkdir d\ncd d\n'
		for ((n = 0; n < 103; n++)); do echo "mknod $n p"; done
	} | debugfs -w -f - fs.img >/dev/null 2>&1
	run --separate-stderr "$WUC" get fs.img d out
	assert_success
	assert_equal "${#stderr_lines[@]}" 101
	assert_equal "${stderr_lines[99]: -8}" ": a fifo"
	assert_equal "${stderr_lines[100]}" "wuc: … and 3 more left out"
}

@test "get: a file that the host cannot hold ends nothing, a full one does" {
	mkfs fs.img 16M -t ext4 -I 256 -O inline_data
	mkdir big
	head -c 3M /dev/urandom >big/a
	truncate -s 4M big/b
	echo end >big/c
	"$WUC" put -q fs.img big /
	# Of one more, the bytes lie in the inode.
	debugfs -w -R 'write src/one big/inline' fs.img 2>/dev/null
	run bash -c 'ulimit -f 1000; "$WUC" get fs.img big out'
	assert_failure 1
	assert_output "wuc: left out: big/a: File too large
wuc: left out: big/b: File too large
wuc: fs.img: not all came out, for a limit: File too large"
	assert_equal "$(ls out)" "$(printf 'c\ninline')"
	cmp big/c out/c
	cmp src/one out/inline
	mkdir small
	unshare -rm mount -t tmpfs none small 2>/dev/null || skip "lacks user namespaces"
	run unshare -rm sh -c 'mount -t tmpfs -o size=2M none small && exec "$@"' - \
		"$WUC" get fs.img big small/out
	assert_failure 1
	assert_output "wuc: small/out/a: No space left on device"
}

@test "get: the deepest folders take little stack, and their links little time" {
	local n
	needs_descriptors 2200
	mkfs fs.img 16M -t ext2 -b 1024 -N 8000
	{
		chain 2040
		# "ln" adds no block to a folder.
		for ((n = 0; n < 20; n++)); do echo expand_dir .; done
		for ((n = 0; n < 500; n++)); do
			printf 'write src/one a%d\nln a%d b%d\nsif a%d links_count 2\n' $n $n $n $n
		done
		# Here a path is too long for open(2).
		chain 7
		printf 'write src/one first\nln first second\nsif first links_count 2\n'
	} | debugfs -w -f - fs.img >/dev/null 2>&1
	run bash -c 'ulimit -s 2048; timeout 20 "$WUC" get fs.img / out'
	assert_success
	assert_line "out: 1002 files, 2.0 KiB"
	assert_equal "$(find out -type f -links 2 | wc -l)" 1000
	assert_equal "$(find out -type f -links 1 | wc -l)" 2
}

@test "a bad entry of a folder hides no other" {
	local bad
	mkdir -p d/keep/below
	touch d/AAAA d/good d/zz
	echo x >d/keep/file
	mkfs fs.img 4M -t ext2 -b 1024
	"$WUC" put -q --epoch 0 fs.img d /
	cp fs.img old.img
	for bad in ../x $'\e[J/' $'\n/\xff/' $'x\x9b/y'; do
		cp old.img fs.img
		BAD=$bad perl -0777 -pi -e 's/AAAA/$ENV{BAD}/' fs.img
		rm -rf out
		run "$WUC" get fs.img /d out
		assert_failure 1
		refute_output --partial $'\e'
		assert_line --index 0 --partial "wuc: left out: /d: an entry whose name is none: \""
		assert_line --index 1 "wuc: fs.img: is damaged: not all came out"
		assert_equal "$(find out | sort | xargs)" "out out/good out/keep out/keep/below out/keep/file out/zz"
		run "$WUC" ls fs.img /d
		assert_failure 1
		assert_equal "${#lines[@]}" 4
		assert_line --partial "wuc: fs.img: /d: an entry whose name is none: \""
		assert_line --regexp "1970-01-01 00:00:00 good$"
		assert_line --regexp "1970-01-01 00:00:00 zz$"
		run bash -c '"$WUC" ls --json fs.img /d 2>/dev/null'
		assert_failure 1
		assert_equal "$(jq -r '.[].name' <<<"$output" | xargs)" "good keep zz"
	done
	BAD=../x perl -0777 -pi -e 's|x\x9b/y|../x|; s/good/a\/\0b/' fs.img
	run "$WUC" ls fs.img d
	assert_line "wuc: fs.img: d: 2 entries whose names are none, the first: \"../x\""
	# Names that are there twice.
	cp old.img fs.img
	perl -0777 -pi -e 's/AAAA/good/' fs.img
	rm -r out
	run "$WUC" get fs.img /d out
	assert_failure 1
	assert_line --index 0 "wuc: left out: /d/good: its name is there twice"
	assert_equal "$(find out | sort | xargs)" "out out/good out/keep out/keep/below out/keep/file out/zz"
}

@test "a damaged block of a folder hides none before it" {
	local block
	mkdir many
	touch many/{1000..1199}
	mkfs fs.img 4M -t ext2 -b 1024 -O ^dir_index
	"$WUC" put -q fs.img many /
	block=$(debugfs -R 'blocks /many' fs.img 2>/dev/null | awk '{print $2}')
	printf '\377\377\377\377\377\377' | dd of=fs.img bs=1024 seek="$block" conv=notrunc status=none
	run "$WUC" get fs.img /many out
	assert_failure 1
	assert_line --index 0 "wuc: left out: /many: EXT2 directory corrupted"
	[ "$(find out -type f | wc -l)" -gt 50 ]
	run "$WUC" ls fs.img /many
	assert_failure 1
	[ "${#lines[@]}" -gt 50 ]
}

@test "names in a hostile image lead nowhere" {
	local bad
	for bad in ../evil.. aaa/evil.. ..//////// $'evil\e[2J\n..'; do
		rm -rf evil box
		mkdir evil box
		echo x >evil/evilname..
		echo y >evil/other
		mkfs fs.img 4M -t ext2 -b 1024
		"$WUC" put -q fs.img evil /
		BAD=${bad:0:10} perl -0pi -e 's/evilname\.\./$ENV{BAD}/g' fs.img
		(cd box && run "$WUC" get -q ../fs.img evil out)
		run "$WUC" ls fs.img evil
		refute_output --partial $'\e'
		assert_equal "$(find . -path ./src -prune -o -name '*evil*' -print | sort | xargs)" \
			"$(find evil ./box -name '*evil*' | sed 's|^evil|./evil|' | sort | xargs)"
		[ ! -e box/evil ]
		[ "$(find box -mindepth 1 -maxdepth 1 | wc -l)" -le 1 ]
	done
}

@test "a folder that holds itself, and files that claim each other's blocks" {
	mkfs fs.img 4M -t ext2 -b 1024
	"$WUC" put -q fs.img src /
	debugfs -w -R "link /src /src/sub/loop" fs.img 2>/dev/null
	run timeout 60 "$WUC" get fs.img src out
	assert_failure 1
	assert_line "wuc: left out: src/sub/loop: a folder that is in two places"
	assert_line "wuc: fs.img: is damaged: not all came out"
	cmp out/one src/one
}

# old_or_new: the file system is sound, or says that it is not, and a mended one has the
# old file still.
old_or_new() {
	if dumpe2fs -h fs.img 2>/dev/null | grep -qE '^Filesystem state: +clean'; then
		sound fs.img
	else
		e2fsck -fy fs.img >/dev/null 2>&1 || [ $? -le 1 ]
	fi
	cat_from fs.img /kept/numbers | cmp - src/sub/numbers
}

@test "each failing write is told, and each death in between leaves what was there" {
	strace -qq -o /dev/null true 2>/dev/null || skip "lacks the right to trace"
	mkfs old.img 8M -t ext4
	mkdir kept
	cp src/sub/numbers kept
	"$WUC" put -q old.img kept /
	cp old.img fs.img
	local writes n
	strace -qq -e trace=pwrite64,fsync -o trace "$WUC" put -q fs.img src /
	writes=$(grep -c pwrite64 trace)
	[ "$writes" -ge 8 ]
	# One is libfdisk's, when it has read the table.
	[ "$(grep -c fsync trace)" -eq 5 ]
	for ((n = 1; n <= writes; n++)); do
		cp old.img fs.img
		run strace -qq -o /dev/null -e inject=pwrite64:error=EIO:when="$n" "$WUC" put -q fs.img src /
		assert_failure 1
		assert_line "wuc: fs.img: Input/output error"
		old_or_new
		cp old.img fs.img
		run strace -qq -o /dev/null -e inject=pwrite64:signal=KILL:when="$n" "$WUC" put -q fs.img src /
		assert_failure
		old_or_new
	done
	for n in 2 3 4 5; do
		cp old.img fs.img
		run strace -qq -o /dev/null -e inject=fsync:error=EIO:when="$n" "$WUC" put -q fs.img src /
		assert_failure 1
		assert_line "wuc: fs.img: Input/output error"
		old_or_new
	done
	# Contents come first: their failure changes nothing that counts.
	cp old.img fs.img
	run strace -qq -o /dev/null -e inject=pwrite64:error=ENOSPC:when=1 "$WUC" put -q fs.img src /
	assert_failure 1
	assert_output "wuc: fs.img: No space left on device"
	sound fs.img
	assert_equal "$("$WUC" ls fs.img | awk '{print $NF}' | xargs)" "kept lost+found"
}

@test "reads that fail, and output that does not fit, are told" {
	strace -qq -o /dev/null true 2>/dev/null || skip "lacks the right to trace"
	mkfs fs.img 8M -t ext4
	"$WUC" put -q fs.img src /
	strace -qq -P fs.img -e trace=pread64 -o trace "$WUC" get -q fs.img src out
	local n reads
	reads=$(grep -c pread64 trace)
	for ((n = 1; n <= reads; n += 1 + reads / 20)); do
		rm -rf out
		run strace -qq -P fs.img -o /dev/null -e trace=pread64 -e inject=pread64:error=EIO:when="$n" "$WUC" get -q fs.img src out
		if [ "$status" -eq 0 ]; then
			diff -r --no-dereference src out
		else
			assert_failure 1
			assert_output --partial "nput/output error"
		fi
	done
	rm -rf out
	run bash -c 'ulimit -f 100; "$WUC" get -q fs.img src out'
	assert_failure 1
	assert_output "wuc: left out: src/sub/hole: File too large
wuc: left out: src/sub/numbers: File too large
wuc: fs.img: not all came out, for a limit: File too large"
	[ ! -e out/sub/hole ]
	run bash -c '"$WUC" ls fs.img >/dev/full'
	assert_failure 1
}

@test "a get that is ended leaves whole files only" {
	strace -qq -o /dev/null true 2>/dev/null || skip "lacks the right to trace"
	mkfs fs.img 32M -t ext4
	mkdir big
	seq 500000 >big/first
	ln big/first big/second
	"$WUC" put -q fs.img big /
	strace -qq -e trace=openat -o trace "$WUC" get -q fs.img big out
	diff -r big out
	[ out/first -ef out/second ]
	# Without files that have no name yet, what failed is removed.
	local nth signal
	nth=$(grep -n O_TMPFILE trace | cut -d: -f1)
	run strace -qq -o /dev/null -e inject=openat:error=EOPNOTSUPP:when="$nth" "$WUC" get -q fs.img big old
	assert_success
	diff -r big old
	run strace -qq -o /dev/null -e inject=openat:error=EOPNOTSUPP:when="$nth" \
		-e inject=pwrite64:error=ENOSPC:when=2 "$WUC" get -q fs.img big full
	assert_failure 1
	assert_output "wuc: full/first: No space left on device"
	assert_equal "$(ls full)" ""
	# Ctrl-C waits for a small file.
	"$WUC" put -q fs.img src /
	run strace -qq -o /dev/null -e inject=pwrite64:signal=INT:when=1 "$WUC" get -q fs.img src/sub/numbers small
	assert_failure
	cmp small src/sub/numbers
	grep -q 'O_TMPFILE.* = [0-9]' trace || skip "lacks a file system with files that have no name"
	for signal in INT KILL; do
		rm -rf out
		run strace -qq -o /dev/null -e inject=pwrite64:signal="$signal":when=2 "$WUC" get -q fs.img big out
		assert_failure
		assert_equal "$(ls out)" ""
	done
}

@test "what cannot be put is told of, but not thousands of times" {
	disk 16M $'label: dos\nstart=2048, type=83'
	fill 1048576 15M -t ext2
	mkdir many
	seq -f 'many/%g' 25 | xargs mkfifo
	refused disk.img "$WUC" put disk.img many /
	assert_equal "${#lines[@]}" 21
	assert_line --index 20 "wuc: 5 more problems are not shown"
}

@test "what is too small for a disk" {
	head -c 292 /dev/zero >small
	run "$WUC" ls small
	assert_failure 1
	assert_output "wuc: small: expected a disk image, found a file of 292 bytes"
}

@test "a symbolic link that is named is followed; one that leads to nothing is called so" {
	mkfs fs.img 8M -t ext2
	ln -s src/one named
	ln -s src/sub folder
	ln -s nothing dangling
	"$WUC" put -q fs.img named folder /
	"$WUC" get -q fs.img / out
	cmp out/named src/one
	[ ! -L out/named ]
	diff -r --no-dereference src/sub out/folder
	refused fs.img "$WUC" put fs.img dangling /
	assert_output "wuc: expected a file, folder or pattern, found a link to nothing at dangling"
	refused fs.img "$WUC" put fs.img 'dang*' /
	assert_output --partial "found a link to nothing at dangling"
	refused fs.img "$WUC" put fs.img none /
	assert_output --partial "found nothing at none"
}
