#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `wurun unpack`: faithful with good disks, harmless with hostile ones.

load helpers
load run_helpers

setup() {
	local tool
	for tool in mke2fs debugfs; do
		[ -n "$(run_tool "$tool")" ] || skip "lacks $tool (e2fsprogs)"
	done
	cd "$BATS_TEST_TMPDIR" || return
	mkdir tree outer
	echo precious >outer/precious
	# Whatever happens, it happens in outer/out and nowhere else.
	OUT=outer/out
}

# Nothing beside OUT changed.
assert_contained() {
	assert_equal "$(ls -A outer)" "$(printf 'out\nprecious')"
	assert_equal "$(cat outer/precious)" precious
}

# No device, fifo or socket, no set-id bit, no link that leads out.
assert_tame() {
	run find "$OUT" \( -type b -o -type c -o -type p -o -type s -o -perm /7000 \)
	assert_output ""
	run find "$OUT" -type l \( -lname '/*' -o -lname '*..*' \)
	assert_output ""
}

@test "files, folders, holes, links and times come back as they were" {
	mkdir -p tree/a/b tree/empty
	printf 'text\n' >tree/a/b/text
	printf '#!/bin/sh\n' >tree/run
	chmod 755 tree/run
	head -c 3000000 /dev/urandom >tree/large
	truncate -s 3M tree/sparse
	printf end >>tree/sparse
	: >tree/nothing
	ln -s b/text tree/a/link
	ln -s ../../run tree/a/b/up
	ln tree/large tree/a/again
	ln -s "$(printf 'n%.0s' {1..200})" tree/long
	printf x >"tree/$(printf 'odd\nname, \xff')"
	touch -d '2001-02-03 04:05:06Z' tree/a/b/text
	touch -hd '2005-06-07 08:09:10Z' tree/a/link
	make_image disk.img tree 16M

	run "$WURUN" unpack disk.img "$OUT"
	assert_success
	rm -rf tree/lost+found
	run diff -r --no-dereference tree "$OUT"
	assert_success
	assert_output ""
	assert_equal "$(stat -c %i "$OUT/large")" "$(stat -c %i "$OUT/a/again")"
	assert_equal "$(stat -c %a "$OUT/run")" 755
	assert_equal "$(stat -c %Y "$OUT/a/b/text")" "$(date -d '2001-02-03 04:05:06Z' +%s)"
	[ "$(stat -c %b "$OUT/sparse")" -le 16 ]
	assert_equal "$(stat -c %Y "$OUT/a/link")" "$(date -d '2005-06-07 08:09:10Z' +%s)"
}

@test "files without extents are read too" {
	head -c 500000 /dev/urandom >tree/old
	truncate -s 9M tree/old
	printf end >>tree/old
	"$(run_tool mke2fs)" -q -F -t ext4 -b 4096 -O ^has_journal,^resize_inode,^extents,^64bit \
		-L wu-output -d tree disk.img 16M
	run "$WURUN" unpack -q disk.img "$OUT"
	assert_success
	cmp tree/old "$OUT/old"
}

@test "unwritten extents read as zeros, not as what the disk held before" {
	make_image disk.img tree 8M
	# What was there before stands in every free block.
	head -c 6000000 /dev/zero | tr '\0' S >secret
	printf 'write secret f\nrm f\nwrite /dev/null g\nfallocate g 0 9\nsif g size 40960\n' |
		edit_image disk.img
	run "$(run_tool debugfs)" -R 'ex g' disk.img
	assert_output --partial Uninit
	local block
	block=$("$(run_tool debugfs)" -R 'blocks g' disk.img 2>/dev/null | awk '{print $1}')
	assert_equal "$(dd if=disk.img bs=4096 skip="$block" count=1 status=none | head -c 3)" SSS
	run "$WURUN" unpack -q disk.img "$OUT"
	assert_success
	assert_equal "$(stat -c %s "$OUT/g")" 40960
	cmp -n 40960 "$OUT/g" /dev/zero
}

@test "a folder that is not empty, a missing image and a device are refused" {
	make_image disk.img tree
	mkdir "$OUT"
	echo mine >"$OUT/mine"
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 125
	assert_output "wurun: outer/out: not empty"
	assert_equal "$(cat "$OUT/mine")" mine
	run "$WURUN" unpack nothing.img other
	assert_failure 125
	assert_output "wurun: nothing.img: No such file or directory"
	run "$WURUN" unpack /dev/zero other
	assert_failure 125
	assert_output "wurun: /dev/zero: not a regular file"
	run "$WURUN" unpack disk.img ''
	assert_failure 125
	assert_output "wurun: a folder without a name: No such file or directory"
}

# make_system IMAGE OFFSET OPTION…: a file system with the tree, in a disk with more on it.
make_system() {
	local image=$1 offset=$2
	shift 2
	rm -f "$image"
	truncate -s 20M "$image"
	"$(run_tool mke2fs)" -q -F -d tree -E "offset=$offset" "$@" "$image" 16M 2>/dev/null
	printf 'what comes behind it' | dd of="$image" bs=1 seek=19M status=none conv=notrunc
}

@test "a folder of any ext2, ext3 or ext4 at any offset is unpacked" {
	mkdir -p tree/home/auto/output/a
	head -c 3000000 /dev/urandom >tree/home/auto/output/a/large
	ln -s a/large tree/home/auto/output/link
	ln -s "$(printf 'n%.0s' {1..200})" tree/home/auto/output/long
	ln -s home/auto tree/way
	echo other >tree/other
	for options in "-t ext2 -b 1024" "-t ext3 -b 1024 -I 128" "-t ext3 -b 4096" "-t ext4 -b 1024" \
		"-t ext4 -b 2048 -O 64bit,metadata_csum" "-t ext4 -O ^extents,^64bit"; do
		rm -rf "$OUT"
		# shellcheck disable=SC2086 # several words
		make_system disk.img 32256 $options
		run "$WURUN" unpack -q --offset 32256 --folder /way/output disk.img "$OUT"
		assert_success
		run diff -r --no-dereference tree/home/auto/output "$OUT"
		assert_success
		assert_contained
	done
	run "$WURUN" unpack -q --offset 32256 disk.img all
	assert_success
	run diff -r --no-dereference tree all
	assert_success
}

@test "what is no clean file system, or no folder, at the place is refused" {
	mkdir tree/folder
	touch tree/folder/file
	make_system disk.img 32256 -t ext4
	run "$WURUN" unpack --offset 0 disk.img out1
	assert_failure 1
	assert_line --partial "no ext2, ext3 or ext4 filesystem"
	run "$WURUN" unpack --offset 32256 --folder /nothing disk.img out2
	assert_failure 1
	assert_output "wurun: output disk: /nothing: no such folder in it"
	assert_dir_not_exist out2
	run "$WURUN" unpack --offset 32256 --folder /folder/file disk.img out2
	assert_failure 1
	assert_output "wurun: output disk: /folder/file: is no folder"
	run "$WURUN" unpack --offset 20971520 disk.img out3
	assert_failure 125
	assert_output "wurun: disk.img: it ends before the offset 20971520"
	run "$WURUN" unpack --offset 63s disk.img out4
	assert_failure 2
	assert_output --partial 'expected a number of bytes, found "63s"'
	run "$WURUN" unpack --folder folder disk.img out5
	assert_failure 2
	"$(run_tool debugfs)" -w -R "feature +needs_recovery" "disk.img?offset=32256" >/dev/null 2>&1
	run "$WURUN" unpack --offset 32256 disk.img out6
	assert_failure 1
	assert_line --partial "was not left clean: the journal needs recovery"
	make_system disk.img 32256 -t ext4 -O inline_data
	run "$WURUN" unpack --offset 32256 disk.img out7
	assert_failure 1
	assert_line --partial "features that wurun does not read"
}

@test "a disk that is not the unit's is refused" {
	echo hello >tree/hello
	head -c 100000 /dev/urandom >noise.img
	run "$WURUN" unpack noise.img out1
	assert_failure 1
	assert_line --partial "output disk: no ext4 filesystem"

	make_image label.img tree 8M wu-app
	run "$WURUN" unpack label.img out2
	assert_failure 1
	assert_line --partial "its label is not wu-output"

	"$(run_tool mke2fs)" -q -F -t ext4 -b 1024 -O ^has_journal -L wu-output small.img 8M
	run "$WURUN" unpack small.img out3
	assert_failure 1
	assert_line --partial "its blocks have not 4096 bytes"

	"$(run_tool mke2fs)" -q -F -t ext4 -b 4096 -L wu-output journal.img 32M
	run "$WURUN" unpack journal.img out4
	assert_failure 1
	assert_line --partial "features that no unit's disk has"

	make_image short.img tree
	truncate -s 4M short.img
	run "$WURUN" unpack short.img out5
	assert_failure 1
	assert_line --partial "its filesystem is larger than the disk"

	: >empty.img
	run "$WURUN" unpack empty.img out6
	assert_failure 1
	assert_line --partial "no ext4 filesystem"
}

@test "devices, fifos and sockets are left out and named" {
	echo good >tree/good
	make_image disk.img tree
	printf 'mknod pipe p\nmknod disk b 8 0\nmknod mem c 1 1\nwrite /dev/null sock\nsif sock mode 0140777\n' |
		edit_image disk.img
	run "$WURUN" unpack disk.img "$OUT"
	assert_success
	assert_line "left out: pipe: a fifo"
	assert_line "left out: disk: a device"
	assert_line "left out: mem: a device"
	assert_line "left out: sock: a socket"
	assert_equal "$(ls "$OUT")" good
	assert_contained
}

@test "set-id bits go, and everything stays removable by its owner" {
	mkdir tree/locked tree/inner
	echo a >tree/tool
	echo b >tree/locked/file
	make_image disk.img tree
	printf 'sif tool mode 0106755\nsif locked mode 041000\nsif inner mode 047777\nsif locked/file mode 0100000\n' |
		edit_image disk.img
	run "$WURUN" unpack disk.img "$OUT"
	assert_success
	assert_tame
	assert_equal "$(stat -c %a "$OUT/locked")" 700
	assert_equal "$(stat -c %a "$OUT/locked/file")" 600
	rm -r "$OUT"
}

@test "symbolic links that lead out are left out and named" {
	mkdir -p tree/d/e
	ln -s /etc/passwd tree/absolute
	ln -s ../precious tree/climbs
	ln -s ../../../precious tree/d/e/climbs
	ln -s d/e/../../.. tree/detour
	ln -s ../.. tree/d/e/top
	ln -s d/e/top/../precious tree/chained
	make_image disk.img tree
	run "$WURUN" unpack disk.img "$OUT"
	assert_success
	assert_line "left out: absolute: a symbolic link that leads out of the folder"
	assert_line "left out: climbs: a symbolic link that leads out of the folder"
	assert_line "left out: d/e/climbs: a symbolic link that leads out of the folder"
	assert_line "left out: detour: a symbolic link that leads out of the folder"
	assert_line "left out: chained: a symbolic link with .. after a name, which may lead out"
	assert_equal "$(readlink "$OUT/d/e/top")" ../..
	assert_contained
}

# rename_entry IMAGE FROM TO: the bytes of a directory entry's name, with the checksums
# left to be wrong or (without metadata_csum) unprotected.
rename_entry() {
	local offset
	while IFS=: read -r offset _; do
		printf '%s' "$3" | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
	done < <(LC_ALL=C grep -obUaF "$2" "$1")
}

# A disk without checksums, so that nothing but the names is wrong.
make_unchecked_image() {
	"$(run_tool mke2fs)" -q -F -t ext4 -b 4096 \
		-O ^has_journal,^resize_inode,^metadata_csum,uninit_bg -L wu-output -d "$2" "$1" 8M
}

@test "names that climb or hold slashes are refused" {
	mkdir tree/dir
	echo evil >tree/dir/QQ
	echo evil >tree/ZZZZZZZZZZZ
	echo evil >tree/YYYYYYYYYYYYYYYY
	echo good >tree/good
	make_unchecked_image disk.img tree
	rename_entry disk.img QQ ..
	rename_entry disk.img ZZZZZZZZZZZ ../precious
	rename_entry disk.img YYYYYYYYYYYYYYYY "/tmp/wurun-pwned"
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_equal "$(cat "$OUT/good")" good
	assert_contained
	assert_not_exist /tmp/wurun-pwned
	assert_equal "$(find "$OUT" | sort)" "$(printf '%s\n' "$OUT" "$OUT/dir" "$OUT/good")"
}

@test "a name that is there twice does not replace the first, even through a link" {
	echo first >tree/AAAA
	echo second >tree/BBBB
	ln -s ../outer tree/CCCC
	mkdir tree/DDDD
	echo third >tree/DDDD/precious
	make_unchecked_image disk.img tree
	rename_entry disk.img BBBB AAAA
	rename_entry disk.img DDDD CCCC
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line "damaged: AAAA: its name is there twice"
	assert_equal "$(cat "$OUT/AAAA")" first
	assert_contained
}

@test "a link that stays gets no second name from where it leads out" {
	mkdir tree/d
	ln -s ../precious tree/d/LLLL
	echo file >file
	make_unchecked_image disk.img tree
	printf 'cd d\nwrite file FFQQ\nsif FFQQ links_count 2\ncd ..\nlink d/FFQQ second\n' |
		edit_image disk.img
	rename_entry disk.img FFQQ LLLL
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line "damaged: d/LLLL: its name is there twice"
	assert_equal "$(readlink "$OUT/d/LLLL")" ../precious
	assert_equal "$(cat "$OUT/second")" file
	[ ! -L "$OUT/second" ]
}

@test "a folder inside itself ends" {
	mkdir -p tree/a/b
	echo good >tree/a/good
	make_image disk.img tree
	printf 'link a a/b/c\nsif a links_count 3\n' | edit_image disk.img
	run timeout 20 "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line "damaged: a/b/c: a folder that is in two places"
	assert_equal "$(cat "$OUT/a/good")" good
}

@test "folders can be no deeper than two hundred, which is no damage" {
	local path=tree over
	for _ in {1..200}; do path=$path/d; done
	mkdir -p "$path"
	echo deep >"$path/deep"
	make_image disk.img tree
	run "$WURUN" unpack -q disk.img "$OUT"
	assert_success
	assert_equal "$(cat "$OUT${path#tree}/deep")" deep
	rm -r "$OUT"
	mkdir "$path/d"
	make_image disk.img tree
	over=${path#tree/}/d
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_output "over a limit: $over: more than 200 folders deep
outer/out: 1 files, 5 B
wurun: output disk: over a limit: $over: more than 200 folders deep"
	assert_equal "$(find "$OUT" -mindepth 1 -type d | wc -l)" 200
}

@test "a huge sparse file takes no room, and an impossible one is refused" {
	truncate -s 1T tree/huge
	truncate -s 5T tree/larger || skip "lacks a file system for files of 5 TiB"
	echo x >tree/impossible
	make_image disk.img tree
	printf 'sif impossible size 18000000000000\n' | edit_image disk.img
	run timeout 20 "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line --partial "damaged: impossible: "
	assert_line "over a limit: larger: larger than 4 TiB"
	[ "$(du -sk "$OUT" | cut -f1)" -lt 100 ]
}

@test "a disk cannot hold more than its size" {
	head -c 4000000 /dev/urandom >tree/original
	make_image disk.img tree 8M
	# Each of these owns the same blocks.
	local start n
	start=$("$(run_tool debugfs)" -R 'ex original' disk.img 2>/dev/null | awk 'NR > 1 && $1 == "0/" {print $8; exit}')
	[ -n "$start" ]
	for n in 1 2 3 4 5 6; do
		printf 'write /dev/null bomb%s\nextent_open bomb%s\ninsert_node 0 976 %s\nec\nsif bomb%s size 4000000\n' \
			"$n" "$n" "$start" "$n"
	done | edit_image disk.img
	run timeout 20 "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line --partial "the disk says that it holds more than its size"
	[ "$(du -sk --apparent-size "$OUT" | cut -f1)" -lt 40000 ]
	[ "$(du -sk "$OUT" | cut -f1)" -lt 9000 ]
}

@test "blocks outside the disk are refused" {
	make_image disk.img tree
	printf 'write /dev/null far\nextent_open far\ninsert_node 0 4 999999999\nec\nsif far size 16384\n' |
		edit_image disk.img
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line --partial "damaged: far: "
}

@test "a bad checksum is an error that names the file; the others come through" {
	mkdir tree/dir
	echo good >tree/good
	echo bad >tree/bad
	echo in >tree/dir/in
	make_image disk.img tree
	# One byte in an inode's body, and one in a folder's block.
	local inode block offset folder
	inode=$("$(run_tool debugfs)" -R 'imap bad' disk.img 2>/dev/null | grep -oE 'block [0-9]+, offset 0x[0-9a-f]+')
	block=${inode#block }
	offset=$((${block%%,*} * 4096 + ${inode##* }))
	printf '\377' | dd of=disk.img bs=1 seek=$((offset + 17)) conv=notrunc status=none
	folder=$("$(run_tool debugfs)" -R 'blocks dir' disk.img 2>/dev/null | awk '{print $1}')
	printf '\377' | dd of=disk.img bs=1 seek=$((folder * 4096 + 200)) conv=notrunc status=none
	run "$WURUN" unpack disk.img "$OUT"
	assert_failure 1
	assert_line --partial "damaged: bad: "
	assert_line --partial "damaged: dir: "
	assert_equal "$(cat "$OUT/good")" good
}

@test "a corrupted superblock is refused" {
	echo good >tree/good
	make_image disk.img tree
	local at
	for at in 0 4 32 40 58 88 96 104 254 1020; do
		cp disk.img bad.img
		printf '\377\377\377' | dd of=bad.img bs=1 seek=$((1024 + at)) conv=notrunc status=none
		run timeout 20 "$WURUN" unpack bad.img "out$at"
		assert_failure 1
	done
}

@test "a file that is no disk is one line, and leaves no folder that was not there" {
	echo text >no.img
	run "$WURUN" unpack no.img "$OUT"
	assert_failure 1
	assert_output "wurun: output disk: no ext4 filesystem (a disk that is no unit's output takes --offset or --folder)"
	assert_not_exist "$OUT"
	mkdir "$OUT"
	run "$WURUN" unpack no.img "$OUT"
	assert_failure 1
	assert_exist "$OUT"
}

@test "the full destination is our failure, not the disk's" {
	[ -w /dev/full ] || skip "lacks /dev/full"
	command -v unshare >/dev/null || skip "lacks unshare"
	head -c 3000000 /dev/urandom >tree/large
	make_image disk.img tree
	mkdir "$BATS_TEST_TMPDIR/mnt"
	# shellcheck disable=SC2016
	run unshare -rm sh -c 'mount -t tmpfs -o size=1M none "$1" || exit 77; exec "$2" unpack disk.img "$1/out"' \
		sh "$BATS_TEST_TMPDIR/mnt" "$WURUN"
	[ "$status" -ne 77 ] && [[ $output != *"Operation not permitted"* ]] || skip "lacks user namespaces"
	assert_failure 125
	assert_line --partial "No space left on device"
}

@test "a hundred and fifty corrupted disks: never a crash, never a write outside" {
	command -v perl >/dev/null || skip "lacks perl"
	mkdir -p tree/a/b
	echo one >tree/a/one
	head -c 20000 /dev/urandom >tree/a/b/two
	ln -s a/one tree/link
	ln tree/a/one tree/a/again
	seq 300 | while read -r n; do : >"tree/a/b/file-with-a-long-name-$n"; done
	make_unchecked_image disk.img tree
	# Bytes of the superblock, the group descriptors, the inodes and the folders.
	cat >mutate.pl <<-'EOF'
		srand($ARGV[1]);
		open(my $disk, "+<", $ARGV[0]) or die;
		for (1 .. 12) {
			seek($disk, rand() < 0.2 ? 1024 + int(rand(1024)) :
				4096 * int(rand(600)) % 1200000 + int(rand(4096)), 0);
			print $disk chr(int(rand(256)));
		}
	EOF
	local seed status
	for seed in {1..150}; do
		cp --sparse=always disk.img bad.img
		perl mutate.pl bad.img "$seed"
		status=0
		timeout 30 "$WURUN" unpack -q bad.img "$OUT" >log 2>&1 || status=$?
		if [ "$status" -gt 1 ] || grep -q 'unpacker was ended' log; then
			cat log
			fail "seed $seed: status $status"
		fi
		mkdir -p "$OUT" # a disk that is none leaves no folder
		assert_tame
		assert_contained
		rm -rf "$OUT"
	done
}
