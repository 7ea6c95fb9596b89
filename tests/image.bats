#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# image: folders and archives -> an ext4 image, read back by e2fsprogs.

load helpers
load build_helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
}

# has IMAGE PATH REGEX…: each is in what debugfs says of the file.
has() {
	local image=$1 path=$2 said
	said=$(stat_of "$image" "$path")
	shift 2
	for regex; do
		grep -qE "$regex" <<<"$said" || fail "$path: no $regex in: $said"
	done
}

sound() {
	run e2fsck -fn "$1"
	assert_success
}

# nothing_but NAME…: the folder holds these and no litter.
nothing_but() {
	assert_equal "$(find . -mindepth 1 -maxdepth 1 -printf '%P\n' | sort | xargs)" "$*"
}

make_source() {
	mkdir -p src/sub/deep src/empty
	echo one >src/one
	printf x >src/sub/two
	: >src/sub/deep/none
	chmod 4751 src/one
	chmod 3770 src/sub
	ln src/one src/sub/again
	ln -s ../one src/sub/link
	mkfifo -m 0640 src/pipe
	touch -hd '2021-03-04 05:06:07.123456789 UTC' src/one src/sub/link src/pipe
	touch -d '2022-01-01 UTC' src/sub/two src/sub/deep/none src/sub/deep
	touch -d '2005-05-05 05:05:05.5 UTC' src/empty src/sub
	chmod 0751 src
	touch -d '1999-12-31 23:59:59 UTC' src
}

@test "a folder arrives with modes, owners, times and links" {
	make_source
	local uid gid
	uid=$(id -u) gid=$(id -g)
	run "$WUC" image src -o x.img
	assert_success
	assert_output "x.img: 3 files, 256.0 KiB"
	nothing_but src x.img
	sound x.img
	has x.img / 'Mode:  0751 ' "User: +$uid +Group: +$gid " 'mtime: 0x386d437f:00000000'
	has x.img /one 'Type: regular +Mode:  04751 ' 'Links: 2 ' "User: +$uid +Group: +$gid " \
		'mtime: 0x60406abf:1d6f3454'
	has x.img /sub 'Type: directory +Mode:  03770 ' 'mtime: 0x4279a981:77359400'
	has x.img /sub/link 'Type: symlink' 'Fast link dest: "../one"' 'mtime: 0x60406abf:1d6f3454'
	has x.img /pipe 'Type: FIFO +Mode:  0640 ' 'mtime: 0x60406abf:1d6f3454'
	has x.img /empty 'Type: directory +Mode:  0755 ' 'mtime: 0x4279a981:77359400'
	assert_equal "$(cat_from x.img /sub/again)" one
	assert_equal "$(stat -c %a x.img)" 644
}

# As sources inside a container are: overlayfs counts attributes of its own, and lists fewer.
@test "a folder on overlayfs is read, with its attributes" {
	local own=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || own+=(--map-root-user)
	"${own[@]}" true 2>/dev/null || skip "lacks the right to namespaces of its own"
	mkdir over
	# shellcheck disable=SC2016 # the other shell expands them
	run "${own[@]}" sh -c 'mount -t tmpfs none over 2>/dev/null || exit 77
		mkdir -p over/lower/d/e over/upper over/work over/all && echo x >over/lower/d/f || exit
		mount -t overlay -o lowerdir=over/lower,upperdir=over/upper,workdir=over/work"$2" \
			none over/all 2>/dev/null || exit 78
		touch over/all/d/f && mkdir over/all/d/new && echo y >over/all/d/new/g || exit
		rm -r over/all/d/e && mkdir over/all/d/e || exit
		setfattr -n user.origin -v here over/all/d/f 2>/dev/null || echo no-user-attributes
		getfattr -d -m . over/upper/d | grep -q overlay || exit 79
		"$1" image -q over/all/d -o x.img' \
		sh "$WUC" "$([ "$(id -u)" -eq 0 ] || echo ,userxattr)"
	[ "$status" -ne 77 ] || skip "lacks the right to mount a tmpfs"
	[ "$status" -ne 78 ] || skip "lacks the right to mount an overlay"
	[ "$status" -ne 79 ] || skip "lacks overlays with attributes, or getfattr"
	assert_success
	sound x.img
	has x.img /new/g 'Size: 2'
	[[ $output == *no-user-attributes* ]] || has x.img /f 'user.origin'
	for name in / /e /new /f; do
		run ! grep -q overlay <<<"$(stat_of x.img "$name")"
	done
}

@test "attributes of users come along" {
	make_source
	setfattr -n user.origin -v here src/one 2>/dev/null ||
		skip "lacks extended attributes in $BATS_TEST_TMPDIR"
	setfattr -n user.folder -v there src/sub
	"$WUC" image -q src -o x.img
	sound x.img
	has x.img /one 'user.origin \(4\) = "here"'
	has x.img /sub 'user.folder \(5\) = "there"'
}

@test "the same tree gives the same bytes, whenever and wherever" {
	make_source
	"$WUC" image -q src -o a.img --label same --mtree a.mtree
	mkdir elsewhere
	cp -a src elsewhere/copy
	(cd elsewhere && TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 "$WUC" image -q copy/ -o ../b.img \
		--label same --mtree ../b.mtree)
	cmp a.img b.img
	cmp a.mtree b.mtree
	# The listing makes no difference, and neither does what was there before.
	"$WUC" image -q ./src -o b.img --label same
	cmp a.img b.img
}

@test "--epoch, @ or not, and SOURCE_DATE_EPOCH set every time" {
	make_source
	"$WUC" image -q src -o a.img --epoch 1000000000
	"$WUC" image -q src -o b.img --epoch @1000000000
	SOURCE_DATE_EPOCH=1000000000 "$WUC" image -q src -o c.img
	SOURCE_DATE_EPOCH=5 "$WUC" image -q src -o d.img --epoch 1000000000
	cmp a.img b.img
	cmp a.img c.img
	cmp a.img d.img
	local path
	for path in / /one /sub /sub/link /pipe /sub/deep/none; do
		has a.img "$path" 'mtime: 0x3b9aca00:00000000' 'ctime: 0x3b9aca00:00000000' \
			'atime: 0x3b9aca00:00000000' 'crtime: 0x3b9aca00:00000000'
	done
	assert_equal "$(dumpe2fs -h a.img 2>/dev/null | grep -c 'Sep  9 0[0-9]:[0-9:]* 2001')" 3
}

@test "--all-root, --label, --uuid and --size" {
	make_source
	"$WUC" image -q src -o x.img --all-root --label 'sixteen bytes ok' \
		--uuid 7E2EA9DC-1d3c-4f0b-8a52-6f5e0c9d4b17 --size 8000001
	sound x.img
	has x.img / 'User: +0 +Group: +0 '
	has x.img /one 'User: +0 +Group: +0 ' 'Mode:  04751 '
	assert_equal "$(blkid -p -o value -s LABEL x.img)" "sixteen bytes ok"
	assert_equal "$(blkid -p -o value -s UUID x.img)" 7e2ea9dc-1d3c-4f0b-8a52-6f5e0c9d4b17
	assert_equal "$(stat -c %s x.img)" 7999488
	run "$WUC" image src -o x.img --size 4K
	assert_failure 1
	assert_output --regexp '^wuc: x.img: .*4\.0 KiB'
	assert_equal "$(stat -c %s x.img)" 7999488
}

@test "--mtree lists every file with its digest" {
	make_source
	"$WUC" image src -o x.img --mtree x.mtree --all-root >said
	assert_equal "$(cat said)" "x.img: 3 files, 256.0 KiB"
	local sum
	sum=$(echo one | sha256sum | cut -d' ' -f1)
	assert_equal "$(grep '^\./one ' x.mtree)" \
		"./one type=file mode=4751 size=4 sha256digest=$sum nlink=2 inode=1 time=1614834367.123456789"
	assert_equal "$(grep -c '^\.' x.mtree)" 10
	assert_equal "$(stat -c %a x.mtree)" 644
	"$WUC" image src -o x.img --mtree - --all-root >printed 2>said
	cmp printed x.mtree
	assert_equal "$(cat said)" "x.img: 3 files, 256.0 KiB"
	nothing_but printed said src x.img x.mtree
	if [ -w /dev/full ]; then
		cp x.img before
		run bash -c '"$WUC" image -q src -o x.img --label new --mtree - >/dev/full'
		assert_failure 1
		assert_output "wuc: standard output: No space left on device"
		cmp x.img before
	fi
}

@test "folders are merged; a file in two of them names both" {
	mkdir -p a/d b/d c/d
	echo 1 >a/d/x
	echo 2 >b/d/y
	echo 3 >c/d/x
	echo 4 >b/other
	chmod 0700 b/d b
	"$WUC" image -q a b -o x.img
	sound x.img
	assert_equal "$(cat_from x.img /d/x)$(cat_from x.img /d/y)$(cat_from x.img /other)" 124
	# Of a folder in both, the later one counts, as where one is copied over the other.
	has x.img /d 'Mode:  0700 '
	has x.img / 'Mode:  0700 '
	run "$WUC" image a b c -o y.img
	assert_failure 1
	assert_output "wuc: d/x: found in a and again in c"
	rm -r c/d
	echo 5 >c/d
	run "$WUC" image a c -o y.img
	assert_failure 1
	assert_output "wuc: d: found in a and again in c"
	assert_not_exist y.img
	tar -C c -cf c.tar d
	run "$WUC" image c.tar a -o y.img
	assert_failure 1
	assert_output "wuc: d: found in c.tar and again in a"
}

@test "archives of every kind" {
	make_source
	local kind
	tar --format=pax --sort=name -C src -cf x.tar .
	gzip -k x.tar
	zstd -q x.tar
	xz -k x.tar
	"$WUC" image -q src -o folder.img
	for kind in x.tar x.tar.gz x.tar.zst x.tar.xz; do
		"$WUC" image -q "$kind" -o x.img
		cmp folder.img x.img
	done
	rm src/pipe
	(cd src && zip -qry ../x.zip .)
	TZ=Asia/Tokyo "$WUC" image -q x.zip -o x.img
	sound x.img
	has x.img /one 'Mode:  04751 ' 'mtime: 0x60406abf:00000000' "User: +$(id -u) "
	has x.img /sub/link 'Type: symlink'
	# Without the times of Unix, what a zip file holds is of no place: taken as UTC.
	(cd src && zip -qryX ../plain.zip .)
	TZ=Asia/Tokyo "$WUC" image -q plain.zip -o a.img
	TZ=America/Lima "$WUC" image -q plain.zip -o b.img
	cmp a.img b.img
}

# patch FILE OFFSET TEXT
patch() {
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# make_device TAR NAME TYPE MAJOR MINOR: a tar file with a device in it, which takes no
# right to make one: a pipe's header, changed.
make_device() {
	local sum
	mkfifo "$2"
	tar --format=ustar --owner=7 --group=8 --mode=0640 --mtime=@99 -cf "$1" "$2"
	rm "$2"
	patch "$1" 156 "$3"
	patch "$1" 329 "$(printf %07o "$4")\\0"
	patch "$1" 337 "$(printf %07o "$5")\\0"
	patch "$1" 148 '        '
	sum=$(head -c 512 "$1" | od -An -v -tu1 | tr -s ' ' '\n' | awk '{ s += $1 } END { print s }')
	patch "$1" 148 "$(printf %06o "$sum")\\0 "
}

@test "archives: devices, owners beyond 16 bits, capabilities and access control lists" {
	make_device null.tar null 3 1 3
	make_device disk.tar disk 4 259 70000
	mkdir t t/d
	echo x >t/f
	# cap_net_bind_service=ep, as the kernel stores it.
	local cap=AQAAAgAEAAAAAAAAAAAAAAAAAAA=
	tar --format=pax --owner=100001 --group=200002 --mode=0750 -C t -cf cap.tar \
		--pax-option="LIBARCHIVE.xattr.security.capability:=$cap,LIBARCHIVE.xattr.trusted.t:=eA==" f
	tar --format=pax --mode=0775 -C t -cf acl.tar --pax-option="$(printf '%s:=%b,%s:=%b' \
		SCHILY.acl.access 'user::rwx\nuser:1234:r-x\ngroup::r--\nmask::rwx\nother::---' \
		SCHILY.acl.default 'user::rwx\ngroup::r-x\nother::r--')" d
	"$WUC" image -q null.tar disk.tar cap.tar acl.tar -o x.img
	sound x.img
	has x.img /null 'Type: character special +Mode:  0640 ' 'Device major/minor number: 01:03' \
		'User: +7 +Group: +8 ' 'mtime: 0x00000063'
	has x.img /disk 'Type: block special' 'Device major/minor number: 259:70000'
	has x.img /f 'User: 100001 +Group: 200002 ' 'Mode:  0750 '
	run debugfs -R 'ea_list /f' x.img
	assert_line --partial 'security.capability (20) = 01 00 00 02 00 04 00 00 00'
	assert_line --partial 'trusted.t (1) = "x"'
	# As ext4 has them: version 1, and a number only where a user or group is named.
	run debugfs -R 'ea_list /d' x.img
	assert_line --partial "system.posix_acl_access (28) = 01 00 00 00 01 00 07 00 02 00 05 00 d2 04 00 00 04 00 04 00 10 00 07 00 20 00 00 00"
	assert_line --partial "system.posix_acl_default (16) = 01 00 00 00 01 00 07 00 04 00 05 00 20 00 04 00"
	has x.img /d 'Mode:  0770 '
}

@test "what an archive has and no file system can keep" {
	mkdir t
	echo x >t/f
	pax() { tar --format=pax -C t -cf "$1" --pax-option="$(printf '%b' "$2")" f; }
	pax name.tar 'SCHILY.acl.access:=user::rwx\nuser:nobody:r-x\ngroup::r--\nmask::rwx\nother::---'
	run "$WUC" image name.tar -o x.img
	assert_failure 1
	assert_output "wuc: name.tar: f: an access control list that names the user nobody without a number (tar --numeric-owner writes numbers)"
	pax mask.tar 'SCHILY.acl.access:=user::rwx\nuser:1234:r-x\ngroup::r--\nother::---'
	run "$WUC" image mask.tar -o x.img
	assert_failure 1
	assert_output "wuc: mask.tar: f: an access control list that is not sound"
	pax junk.tar 'SCHILY.acl.access:=junk'
	run "$WUC" image junk.tar -o x.img
	assert_failure 1
	assert_output "wuc: junk.tar: f: an access control list that cannot be read"
	pax owner.tar 'uid:=4294967295'
	run "$WUC" image owner.tar -o x.img
	assert_failure 1
	assert_output "wuc: owner.tar: f: an owner whose number is out of range"
	make_device far.tar far 3 4096 1
	run "$WUC" image far.tar -o x.img
	assert_failure 1
	assert_output "wuc: far.tar: far: a device of a number that Linux has not"
	nothing_but far.tar junk.tar mask.tar name.tar owner.tar t
}

@test "bad sources: one clear line each" {
	make_source
	run "$WUC" image src none other -o x.img
	assert_failure 1
	assert_output "$(printf '%s\n' "wuc: none: No such file or directory" "wuc: other: No such file or directory")"
	run "$WUC" image src/pipe -o x.img
	assert_failure 1
	assert_output "wuc: src/pipe: expected a folder or an archive, found a named pipe"
	run "$WUC" image "" -o x.img
	assert_failure 1
	assert_output 'wuc: "": No such file or directory'
	run "$WUC" image src/one -o x.img
	assert_failure 1
	assert_output "wuc: src/one: Unrecognized archive format: expected zip, or tar (plain or packed with gzip, bzip2, xz or zstd)"
	tar -C src -czf x.tar.gz .
	truncate -s -20 x.tar.gz
	run "$WUC" image x.tar.gz -o x.img
	assert_failure 1
	assert_output "wuc: x.tar.gz: the gzip data end too early"
	nothing_but src x.tar.gz
	tar -C src -cf x.tar .
	xz -c x.tar | head -c -4 >x.tar.xz
	run "$WUC" image x.tar.xz -o x.img
	assert_failure 1
	assert_output "wuc: x.tar.xz: the xz data end too early"
	rm x.tar x.tar.xz
	[ "$(id -u)" -ne 0 ] || skip "lacks a user who may not read everything, being root"
	chmod 0 src/sub/two src/empty
	run "$WUC" image src -o x.img
	chmod 0755 src/sub/two src/empty
	assert_failure 1
	assert_output "wuc: src/empty: Permission denied"
	chmod 0 src/sub/two
	run "$WUC" image src -o x.img
	assert_failure 1
	assert_output "wuc: src/sub/two: Permission denied"
	nothing_but src x.tar.gz
}

@test "bad usage: one clear line each, and status 2" {
	mkdir src
	complains() {
		local expected=$1
		shift
		run "$WUC" image "$@"
		assert_failure 2
		assert_output "$(printf '%s\n' "wuc: $expected" "wuc: wuc image --help says how to use it")"
		nothing_but src
	}
	complains "image: expected folders or archives, found none" -o x.img
	complains "image: expected a name for the image, with -o FILE" src
	complains "image: expected a name for the image, with -o FILE" src -o ""
	complains "--label: expected at most 16 bytes, found 17" src -o x.img --label 12345678901234567
	complains '--size: expected a size such as 64M, found "big"' src -o x.img --size big
	complains '--size: expected a size such as 64M, found "0"' src -o x.img --size 0
	complains '--size: expected a size such as 64M, found "4095"' src -o x.img --size 4095
	complains '--epoch: expected seconds since 1970, found "-1"' src -o x.img --epoch -1
	complains '--epoch: expected seconds since 1970, found "now"' src -o x.img --epoch now
	complains '--epoch: expected seconds since 1970, found ""' src -o x.img --epoch @
	local uuid
	for uuid in random 7e2ea9dc1d3c4f0b8a526f5e0c9d4b17 7e2ea9dc-1d3c-4f0b-8a52-6f5e0c9d4b1g \
		7e2ea9dc-1d3c-4f0b-8a52-6f5e0c9d4b1 7e2ea9dc-1d3c-4f0b-8a5276f5e0c9d4b17-; do
		complains "--uuid: expected a UUID of 32 hex digits, such as 7e2ea9dc-1d3c-4f0b-8a52-6f5e0c9d4b17, found \"$uuid\" (without --uuid it is made from what the image holds)" \
			src -o x.img --uuid "$uuid"
	done
	SOURCE_DATE_EPOCH=x complains 'SOURCE_DATE_EPOCH: expected seconds since 1970, found "x"' src -o x.img
	run "$WUC" image --help
	assert_success
	assert_line "usage: wuc image DIR|ARCHIVE… -o FILE [OPTIONS]"
}

@test "an old file is replaced at once, through a link too; other things are not" {
	make_source
	echo old >x.img
	ln x.img kept
	"$WUC" image -q src -o x.img
	assert_equal "$(cat kept)" old
	sound x.img
	mkdir away folder
	ln -s away/real.img link.img
	echo old >away/real.img
	"$WUC" image -q src -o link.img
	assert_link_exists link.img
	cmp away/real.img x.img
	run "$WUC" image src -o folder
	assert_failure 1
	assert_output "wuc: folder: expected a file or nothing there, found a folder"
	run "$WUC" image src -o src/pipe
	assert_failure 1
	assert_output "wuc: src/pipe: expected a file or nothing there, found a named pipe"
	run "$WUC" image src -o none/x.img
	assert_failure 1
	assert_output "wuc: none/x.img: No such file or directory"
	run "$WUC" image src -o new/
	assert_failure 1
	assert_output "wuc: new/: expected the name of a file"
	ln -s nowhere.img dangling.img
	run "$WUC" image src -o dangling.img
	assert_failure 1
	assert_output "wuc: dangling.img: a link to nothing, which would be lost"
	assert_link_exists dangling.img
	run "$WUC" image src -o -
	assert_failure 1
	assert_output "wuc: -: expected the name of a file (a file of this name is ./-)"
	assert_file_not_exist ./-
	umask 077
	"$WUC" image -q src -o private.img --mtree private.mtree
	assert_equal "$(stat -c %a private.img private.mtree | xargs)" "600 600"
	local long
	long=$(printf '%0255d' 0)
	"$WUC" image -q src -o "$long"
	cmp "$long" x.img
}

@test "the image cannot be part of its source" {
	make_source
	mkdir mtree
	run "$WUC" image src -o src/sub/x.img
	assert_failure 1
	assert_output "wuc: src/sub/x.img: would be part of its own source src: expected a place outside of it"
	run env -C src "$WUC" image . -o x.img
	assert_failure 1
	assert_output "wuc: x.img: would be part of its own source .: expected a place outside of it"
	ln -s src/sub inside
	run "$WUC" image src -o inside/x.img
	assert_failure 1
	assert_output "wuc: inside/x.img: would be part of its own source src: expected a place outside of it"
	run "$WUC" image src -o x.img --mtree src/list
	assert_failure 1
	assert_output "wuc: src/list: would be part of its own source src: expected a place outside of it"
	run "$WUC" image src -o x.img --mtree ./x.img
	assert_failure 1
	assert_output "wuc: ./x.img: expected another file for the listing"
	tar -C src -cf x.tar .
	cp x.tar before
	run "$WUC" image x.tar -o ./x.tar
	assert_failure 1
	assert_output "wuc: ./x.tar: is a source: expected another name"
	cmp x.tar before
	assert_not_exist src/list
	nothing_but before inside mtree src x.tar
	# A neighbour whose name begins alike is outside.
	mkdir src2
	"$WUC" image -q src -o src2/x.img
}

@test "what a dead build left goes; what a living one makes stays" {
	make_source
	mkdir .x.img.wuc-00000001 .x.img.wuc-00000002 .other.img.wuc-00000003
	echo half >.x.img.wuc-00000001/x.img
	exec 9<.x.img.wuc-00000002
	flock 9
	"$WUC" image -q src -o x.img
	assert_equal "$(find . -mindepth 1 -maxdepth 1 -name '.*' -printf '%P\n' | sort | xargs)" \
		".other.img.wuc-00000003 .x.img.wuc-00000002"
	exec 9<&-
	"$WUC" image -q src -o x.img
	assert_not_exist .x.img.wuc-00000002
}

@test "a disk that fills up leaves the old image and says so" {
	make_source
	head -c 3000000 /dev/zero | tr '\0' x >src/large
	echo old >x.img
	run bash -c 'ulimit -f 1000; "$WUC" image src -o x.img'
	assert_failure 1
	assert_output "wuc: x.img: File too large"
	assert_equal "$(cat x.img)" old
	nothing_but src x.img
}

@test "blocks are shared with the source where the filesystem has reflinks" {
	[ "$(id -u)" -eq 0 ] && command -v mkfs.xfs >/dev/null || skip "lacks root, or mkfs.xfs (xfsprogs)"
	truncate -s 400M fs.img
	mkfs.xfs -q fs.img
	mkdir fs src
	mount -o loop fs.img fs 2>/dev/null || skip "lacks loop devices, or a kernel with XFS"
	head -c 100000001 /dev/urandom >src/large
	truncate -s 120000001 src/large
	echo small >src/small
	"$WUC" image -q --epoch 1 src -o there.img
	local status=0
	cp -a src fs/ && sync fs/src/large &&
		"$WUC" image -q --epoch 1 fs/src -o fs/o.img && cmp fs/o.img there.img || status=$?
	# Two files of 100 MB each in room for little more than one.
	used=$(df --output=used -m fs | tail -n 1)
	umount fs
	assert_equal "$status" 0
	assert [ "$used" -lt 160 ]
}

@test "zeros are no archive, a disk image is none, and an empty archive is one" {
	make_source
	"$WUC" image -q src -o disk.img
	truncate -s 1M zeros.tar
	gzip -c disk.img >disk.img.gz
	local name
	for name in disk.img zeros.tar disk.img.gz; do
		run "$WUC" image "$name" -o x.img
		assert_failure 1
		assert_equal "${#lines[@]}" 1
		assert_output --partial "wuc: $name: expected an archive, found no file in it (is it a disk image?"
		assert_not_exist x.img
	done
	tar -cf empty.tar -T /dev/null
	tar -czf empty.tar.gz -T /dev/null
	tar -cf labelled.tar -V name -T /dev/null
	for name in empty.tar empty.tar.gz labelled.tar; do
		run "$WUC" image "$name" -o x.img
		assert_success
		assert_output --partial "x.img: 0 files"
	done
}
