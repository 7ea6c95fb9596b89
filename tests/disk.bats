#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# disk: complete disks as bases: their formats, what is refused, what units on them hold;
# floppies, the CD that brings the agent, and the layouts of one disk. No guest boots here.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be
# shellcheck disable=SC2154 # bats sets output, stderr and their lines

load helpers
load build_helpers

setup_file() {
	export DISKS=$BATS_FILE_TMPDIR
	cd "$DISKS" || return
	truncate -s 8M raw.img
	echo 'start=2048, type=83, bootable' | sfdisk -q raw.img
	seq 300000 | dd of=raw.img bs=1M seek=2 conv=notrunc status=none
	for format in qcow2 vmdk vdi vpc vhdx qed; do
		qemu-img convert -f raw -O "$format" raw.img "disk.$format"
	done
	mkdir -p tree/home/auto tree/etc
	echo guest >tree/etc/hostname
	truncate -s 16M guest.img
	echo 'start=63, type=83, bootable' | sfdisk -q guest.img
	mke2fs -q -t ext3 -d tree -E offset=32256 guest.img 15M
	sha256sum ./*.img disk.* >digests
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	cp --reflink=auto --sparse=always "$DISKS"/*.img "$DISKS"/disk.* .
	OUTER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache WUC_RECIPES=$ROOT/recipes
	STORE=$XDG_CACHE_HOME/workunit
}

# Whatever was done: no image was written to.
teardown() {
	cd "$BATS_TEST_TMPDIR" && sha256sum --quiet -c "$DISKS/digests"
}

# disk WORDS: a base's recipe in disk.lua.
disk() {
	printf 'return disk { %s }\n' "$1" >base.lua
}

# refused WORDS PATTERN: no base comes of it, one line says why, and nothing is left.
refused() {
	disk "$1"
	run --separate-stderr "$WUC" base build -q ./base.lua
	assert_failure 1
	assert_equal "$output" ""
	assert_equal "${#stderr_lines[@]}" 1
	# shellcheck disable=SC2053 # a pattern
	[[ $stderr == $2 ]] || fail "expected $2, found $stderr"
	[ ! -d "$STORE" ] || assert_equal "$(find "$STORE/bases" "$STORE/tmp" -mindepth 1)" ""
}

field() {
	jq -r "$2" "$1/unit.json"
}

@test "an image is a base in its own format, which its first bytes tell" {
	local format folder
	for format in qcow2 vmdk vdi vpc vhdx qed; do
		disk "\"disk.$format\", name = \"$format\""
		run "$WUC" base build ./base.lua
		assert_success
		assert_line --regexp "^base $format: built /.*"
		folder=$("$WUC" base path ./base.lua)
		cmp "disk.$format" "$folder/disk.img"
		assert_equal "$(jq -r .disk.format "$folder/base.json")" "$format"
		run qemu-img compare -f "$format" -F raw "$folder/disk.img" raw.img
		assert_success
		run "$WUC" base build ./base.lua
		assert_output "base $format: up to date, $folder"
	done
	run "$WUC" base list
	assert_equal "${#lines[@]}" 6
	run "$WUC" base show qcow2
	assert_line "disk         qcow2, has the agent, home /home/auto"
}

@test "a raw image is copied with its holes; what is said of it is kept" {
	local folder
	disk '"raw.img", partition = 1, home = "/srv/wu", agent = "none", description = "a guest"'
	run "$WUC" base build -q ./base.lua
	assert_success
	folder=$("$WUC" base path ./base.lua)
	cmp raw.img "$folder/disk.img"
	[ "$(stat -c %b "$folder/disk.img")" -le "$(($(stat -c %b raw.img) + 128))" ]
	assert_equal "$(stat -c %a "$folder/disk.img")" 444
	assert_equal "$(jq -c .disk "$folder/base.json")" \
		'{"agent":"none","format":"raw","home":"/srv/wu","partition":1}'
	assert_equal "$(jq -r '.files["disk.img"].sha256' "$folder/base.json")" \
		"$(sha256sum <raw.img | cut -d' ' -f1)"
	assert_equal "$(sha256sum <"$folder/base.json" | cut -d' ' -f1)" "${folder##*/}"
}

@test "an image that changed is another base; touched it is the same" {
	local first second
	cp raw.img mine.img
	disk '"mine.img"'
	"$WUC" base build -q ./base.lua
	first=$("$WUC" base path ./base.lua)
	touch mine.img
	assert_equal "$("$WUC" base path ./base.lua)" "$first"
	echo more | dd of=mine.img bs=1M seek=7 conv=notrunc status=none
	run "$WUC" base path ./base.lua
	assert_failure 1
	"$WUC" base build -q ./base.lua
	second=$("$WUC" base path ./base.lua)
	assert_not_equal "$first" "$second"
	cmp mine.img "$second/disk.img"
}

@test "an image that was looked at long ago is not read again" {
	cp raw.img mine.img
	disk '"mine.img"'
	sleep 3 # what changed just now could change again unseen
	"$WUC" base build -q ./base.lua
	run strace -f -y -e trace=read,pread64 -o trace "$WUC" base build -q ./base.lua
	assert_success
	run grep -c 'mine.img.* = 131072\|mine.img.* = 65536\|mine.img.* = 1048576' trace
	assert_output 0
}

@test "a damaged copy in the store is made again" {
	local folder
	disk '"raw.img"'
	"$WUC" base build -q ./base.lua
	folder=$("$WUC" base path ./base.lua)
	chmod u+w "$folder/disk.img"
	truncate -s 1M "$folder/disk.img"
	run --separate-stderr "$WUC" base build ./base.lua
	assert_success
	assert_equal "${stderr_lines[0]}" "wuc: warning: $folder/disk.img: has not the size that it was made with; building it again"
	cmp raw.img "$folder/disk.img"
}

@test "an image that names other files is refused before anything of it is opened" {
	qemu-img create -q -f qcow2 -b raw.img -F raw back.qcow2
	refused '"back.qcow2"' './base.lua:1: disk: back.qcow2: *complete in itself*backing file*'
	qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on data.qcow2 4M
	refused '"data.qcow2"' './base.lua:1: disk: data.qcow2: *data file*'
	qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw.img flat.vmdk
	refused '"flat.vmdk"' './base.lua:1: disk: flat.vmdk: *data file*'
	qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse raw.img two.vmdk
	refused '"two.vmdk"' './base.lua:1: disk: two.vmdk: *data file*'
	qemu-img create -q -f vmdk -b disk.vmdk -F vmdk child.vmdk
	refused '"child.vmdk"' './base.lua:1: disk: child.vmdk: *backing file: disk.vmdk*'
	qemu-img create -q -f qed -b raw.img -F raw back.qed
	refused '"back.qed"' './base.lua:1: disk: back.qed: *backing file*'
	qemu-img create -q -f qcow -b raw.img -F raw back.qcow
	refused '"back.qcow"' './base.lua:1: disk: back.qcow: *backing file*'
	# One that has its description inside and its extents elsewhere: no capacity.
	cp disk.vmdk inside.vmdk
	dd if=/dev/zero of=inside.vmdk bs=1 seek=12 count=8 conv=notrunc status=none
	refused '"inside.vmdk"' './base.lua:1: disk: inside.vmdk: *data file*'
}

@test "an image that is encrypted or was not left clean is refused" {
	local bit format
	for format in qcow2 qcow; do
		qemu-img create -q -f "$format" --object secret,id=s,data=abc \
			-o encrypt.format=aes,encrypt.key-secret=s "secret.$format" 4M
		refused "\"secret.$format\"" "./base.lua:1: disk: secret.$format: *not encrypted"
	done
	# LUKS by its number in the header: qemu-img times its key's derivation, and
	# now and then gives up where the processor is fast.
	cp disk.qcow2 luks.qcow2
	printf '\002' | dd of=luks.qcow2 bs=1 seek=35 conv=notrunc status=none
	refused '"luks.qcow2"' './base.lua:1: disk: luks.qcow2: *not encrypted'
	for bit in '\001' '\002'; do # dirty, corrupt
		cp disk.qcow2 unclean.qcow2
		printf '%b' "$bit" | dd of=unclean.qcow2 bs=1 seek=79 conv=notrunc status=none
		refused '"unclean.qcow2"' './base.lua:1: disk: unclean.qcow2: *left clean*'
	done
}

@test "a truncated image is refused" {
	local format
	for format in qcow2 vmdk vdi vpc vhdx qed; do
		head -c "$(($(stat -c %s "disk.$format") / 2))" "disk.$format" >"cut.$format"
		refused "\"cut.$format\"" "./base.lua:1: disk: cut.$format: *"
	done
	head -c 4000000 raw.img >cut.img
	refused '"cut.img"' './base.lua:1: disk: cut.img: is cut off: partition 1 *'
	truncate -s 8M gpt.img
	printf 'label: gpt\n2048,8192,L\n' | sfdisk -q gpt.img
	head -c 4M gpt.img >cut.img
	refused '"cut.img"' './base.lua:1: disk: cut.img: is cut off, or its partition table (GPT) is damaged*'
	head -c 100 raw.img >cut.img
	refused '"cut.img"' './base.lua:1: disk: cut.img: *less than a sector'
}

@test "a format that the image has not is refused" {
	refused '"disk.qcow2", format = "raw"' \
		'./base.lua:1: disk: disk.qcow2: expected an image of the format raw, found qcow2 *'
	refused '"disk.vmdk", format = "qcow2"' '*the format qcow2, found vmdk*'
	refused '"raw.img", format = "qcow2"' '*the format qcow2, found a raw one*'
	refused '"raw.img", format = "vpc"' './base.lua:1: disk: raw.img: qemu-img: *'
	refused '"raw.img", format = "nbd"' './base.lua:1: format: expected raw or qcow2 or *'
}

@test "what is no image, or out of reach, is refused" {
	mkfifo fifo
	mkdir -p sub
	refused '"fifo"' './base.lua:1: disk: fifo: expected a disk image, found a named pipe'
	refused '"sub"' './base.lua:1: disk: sub: expected a disk image, found a folder'
	refused '"none.img"' './base.lua:1: disk: expected a disk image, found nothing at none.img'
	refused '"/etc/passwd"' "*below the recipe's folder, found /etc/passwd*"
	refused '' './base.lua:1: expected a disk image, found nothing*'
	refused '"raw.img", home = "../up"' './base.lua:1: home: expected an absolute path *'
	refused '"raw.img", home = "/a/../b"' './base.lua:1: home: expected an absolute path *'
	refused '"raw.img", agent = "seeds"' './base.lua:1: agent: expected guest or seed or none, *'
	refused '"raw.img", files = {}' './base.lua:1: files: unknown name*'
	printf 'return disk { "raw.img" }' >sub/base.lua
	run "$WUC" base build ./sub/base.lua
	assert_failure 1
}

@test "an image that another program writes to is refused" {
	exec {fd}<raw.img
	flock -n -x "$fd"
	refused '"raw.img"' '*raw.img: is in use by another program: expected none'
	exec {fd}<&-
}

@test "a partition that is not there is told at once" {
	disk '"raw.img", partition = 2'
	run "$WUC" check base.lua
	assert_failure 1
	assert_output 'base.lua:1: disk: raw.img: has no partition 2: expected partition = 1'
}

@test "without qemu-img raw images are bases, others are told what they need" {
	local program folder=$BATS_TEST_TMPDIR/programs
	mkdir "$folder"
	for program in sh env; do
		ln -s "$(command -v $program)" "$folder/"
	done
	disk '"disk.qcow2"'
	run env PATH="$folder" "$WUC" base build -q ./base.lua
	assert_failure 1
	assert_output --partial "disk: disk.qcow2: needs qemu-img to look at it, which is not installed (Debian: apt-get install qemu-utils)"
	disk '"raw.img"'
	run env PATH="$folder" "$WUC" base build -q ./base.lua
	assert_success
}

@test "an interrupted copy leaves nothing in the store" {
	truncate -s 1G large.img
	seq 20000000 | dd of=large.img conv=notrunc status=none
	disk '"large.img"'
	"$WUC" base build -q ./base.lua 3>&- &
	local pid=$! tries
	for ((tries = 0; tries < 600; tries++)); do
		compgen -G "$STORE/tmp/*/disk.img" >/dev/null && break
		sleep 0.05
	done
	kill -KILL "$pid"
	run wait "$pid"
	[ "$tries" -lt 600 ]
	"$WUC" base list
	assert_equal "$(find "$STORE/bases" -mindepth 1)" ""
	disk '"raw.img"'
	"$WUC" base build -q ./base.lua
	assert_equal "$(find "$STORE/tmp" -mindepth 1)" ""
	rm large.img
}

@test "no base goes on from a disk" {
	echo 'return debian { from = disk "raw.img" }' >base.lua
	run "$WUC" check base.lua
	assert_failure 1
	assert_output "base.lua:1: from: expected a base with files to go on from, found a disk image"
}

# What a unit on a disk base is made from.
write_unit() {
	echo hello >a.txt
	cat >u.lua <<-'EOF'
		return unit {
			name = "u", base = disk { "disk.qcow2", agent = "seed", name = "guest" },
			app = { "a.txt" }, floppy = true, params = grid { beta = { 1.5, 2.5 } },
			command = "cat /app/a.txt; echo {beta}",
		}
	EOF
}

@test "a unit on a disk holds the image, says its format, and keeps what stays" {
	write_unit
	run "$WUC" build u.lua
	assert_success
	cmp disk.qcow2 units/u/base/disk.img
	assert_equal "$(field units/u '.disk | tojson')" '{"file":"base/disk.img","format":"qcow2"}'
	assert_equal "$(field units/u '.layout')" null
	assert_equal "$(field units/u '[.seed, .floppy] | tojson')" '[true,true]'
	assert_equal "$(cd units/u && find . -type f | grep -v params | sort | tr '\n' ' ')" \
		"./app.img ./app.mtree ./base/disk.img ./base/seed.iso ./output.img ./run.sh ./unit.json "
	assert_equal "$(field units/u '.files["base/disk.img"].sha256')" \
		"$(sha256sum <disk.qcow2 | cut -d' ' -f1)"
	local before
	before=$(stamps units/u)
	run "$WUC" build --why u.lua
	assert_output "units/u: up to date, 2 instances"
	assert_equal "$(stamps units/u)" "$before"
	run "$WUC" inspect units/u
	assert_line "boots        base/disk.img, qcow2, with a seed, with a floppy"
}

@test "two builds give the same bytes, wherever" {
	write_unit
	"$WUC" build -q u.lua -o one
	mkdir other
	cp u.lua a.txt disk.qcow2 other/
	(
		cd other
		umask 077
		TZ=Asia/Tokyo XDG_CACHE_HOME=$PWD/cache "$WUC" build -q u.lua -o two
	)
	diff <(digests one) <(digests other/two)
}

@test "floppies have what the CDs have, and old systems read them" {
	write_unit
	"$WUC" build -q u.lua
	local id name
	for id in $(field units/u '.instances[].id'); do
		run fsck.fat -n "units/u/params/$id.img"
		assert_success
		assert_equal "$(mdir -b -i "units/u/params/$id.img" :: | tr '\n' ' ')" \
			"::/args ::/params.json ::/params.sh ::/params.txt "
		for name in args params.json params.sh params.txt; do
			cmp <(mtype -i "units/u/params/$id.img" "::$name") \
				<(cd_file "units/u/params/$id.iso" "$name")
		done
		assert_equal "$(blkid -o value -s LABEL "units/u/params/$id.img")" WU_PARAMS
		assert_equal "$(stat -c %s "units/u/params/$id.img")" 1474560
		assert_equal "$(field units/u ".instances[] | select(.id == \"$id\").floppy.sha256")" \
			"$(sha256sum <"units/u/params/$id.img" | cut -d' ' -f1)"
	done
}

@test "a sweep's floppies are made where they are lacking, and told of" {
	write_unit
	sed -i 's/floppy = true,//' u.lua
	"$WUC" build -q u.lua
	assert_equal "$(find units/u/params -name '*.img')" ""
	write_unit
	run "$WUC" build --why u.lua
	assert_line "params: 2 floppies are new"
	local id
	id=$(field units/u '.instances[0].id')
	rm "units/u/params/$id.img"
	run "$WUC" build --why u.lua
	assert_line "params: 1 floppy is missing or damaged"
	sed -i 's/2.5/2.5, 3.5/' u.lua
	run "$WUC" build --why u.lua
	assert_line "params: 1 instance is new"
	refute_output --partial floppy
	assert_equal "$(find units/u/params -name '*.img' | wc -l)" 3
}

@test "parameters that no floppy holds are an error" {
	write_unit
	sed -i 's/beta = { 1.5, 2.5 }/beta = { ("\\39"):rep(131000) }, c = { ("\\39"):rep(131000) }/' u.lua
	run "$WUC" build u.lua
	assert_failure 1
	assert_line --partial "expected files that a floppy has room for (1457664 bytes), found more"
	assert_not_exist units/u
}

@test "the seed is a NoCloud seed with the agent, an autorun.sh and their wiring" {
	write_unit
	"$WUC" build -q u.lua
	local seed=units/u/base/seed.iso
	assert_equal "$(blkid -o value -s LABEL "$seed")" cidata
	assert_equal "$(xorriso -indev "$seed" -find / -type f -exec lsdl -- 2>/dev/null |
		awk '{ print $1, $NF }' | sort | tr '\n' ' ')" \
		"-r--r--r-- '/meta-data' -r--r--r-- '/user-data' -r-xr-xr-x '/autorun.sh' -r-xr-xr-x '/wuguest' "
	cd_file "$seed" wuguest >agent
	cmp agent "${WUC_AGENT:-$WUGUEST}"
	run cd_file "$seed" meta-data
	assert_line "instance-id: workunit-$(sha256sum <agent | cut -c1-12)"
	run cd_file "$seed" user-data
	assert_line --index 0 "#cloud-config"
	assert_output --partial autorun.sh
	run sh -n <(cd_file "$seed" autorun.sh)
	assert_success
}

# comes_to FILE TEXT: soon, for what was started goes its own way.
comes_to() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		[ "$(cat "$1" 2>/dev/null)" != "$2" ] || return 0
		sleep 0.1
	done
	assert_equal "$(cat "$1")" "$2"
}

# A guest in a folder: what autorun.sh starts is what is there.
@test "autorun.sh starts the unit that was placed, else the agent, from where it can" {
	disk '"raw.img", agent = "seed", home = "/here/auto"'
	"$WUC" base build -q ./base.lua
	mkdir cd bin
	xorriso -osirrox on -indev "$("$WUC" base path ./base.lua)/seed.iso" -extract / cd >/dev/null 2>&1
	chmod -R u+w cd
	# Of a container without an init what has ended stays listed.
	sed -i "s|pidof wuguest|pidof wu-nobody|; s|/usr/local/sbin|$PWD/sbin|; s|/run/systemd/system|/nonexistent|; s|/dev/console|$PWD/console|; s|'/here/auto'|'$PWD/auto'|" \
		cd/autorun.sh
	printf '#!/bin/sh\necho agent "$@"\n' >cd/wuguest
	for shell in dash 'busybox sh' bash; do
		rm -rf console sbin
		run $shell cd/autorun.sh
		assert_success
		comes_to console "agent --serve"
		assert_file_executable sbin/wuguest
	done
	mkdir auto
	printf '#!/bin/sh\necho autorun\n' >auto/autorun
	chmod +x auto/autorun
	run sh cd/autorun.sh
	assert_success
	comes_to console autorun
}

@test "a single disk has the unit in it, and its image stays as it is" {
	echo hello >a.txt
	cat >u.lua <<-'EOF'
		return unit {
			name = "u", layout = "single", base = disk { "guest.img", agent = "none" },
			app = { "a.txt" }, command = "cp /app/a.txt /output",
		}
	EOF
	run "$WUC" build u.lua
	assert_success
	assert_equal "$(cd units/u && find . -type f | sort | tr '\n' ' ')" \
		"./app.mtree ./disk.img ./params/44136fa355b3.iso ./run.sh ./unit.json "
	assert_equal "$(field units/u '[.layout, .disk] | tojson')" \
		'["single",{"file":"disk.img","format":"raw","output":{"offset":32256,"size":16744960,"folder":"/home/auto/output"}}]'
	assert_equal "$(cat_from 'units/u/disk.img?offset=32256' /home/auto/app/a.txt)" hello
	assert_equal "$(cat_from 'units/u/disk.img?offset=32256' /etc/hostname)" guest
	run "$WUC" build --why u.lua
	assert_output "units/u: up to date, 1 instance"
	echo other >a.txt
	run "$WUC" build --why u.lua
	assert_line "disk.img: /app/a.txt changed"
	assert_equal "$(cat_from 'units/u/disk.img?offset=32256' /home/auto/app/a.txt)" other
	cp guest.img changed.img
	echo x | dd of=changed.img bs=512 seek=1 conv=notrunc status=none
	sed -i 's/guest.img/changed.img/' u.lua
	run "$WUC" build --why u.lua
	assert_line --regexp "^disk.img: base u changed from [0-9a-f]{12} to [0-9a-f]{12}$"
	rm units/u/disk.img
	run "$WUC" build --why u.lua
	assert_line "disk.img: it is missing or damaged"
	run "$WUC" inspect units/u
	assert_line "boots        disk.img, raw, output in /home/auto/output at byte 32256"
}

@test "a single disk with a seed brings that along" {
	cat >u.lua <<-'EOF'
		return unit {
			name = "u", layout = "single", base = disk { "guest.img", agent = "seed" }, command = "true",
		}
	EOF
	"$WUC" build -q u.lua
	assert_equal "$(cd units/u && find base -type f)" base/seed.iso
	assert_equal "$(field units/u .seed)" true
}

@test "a bootable disk is made, told of and kept" {
	export XDG_CACHE_HOME=$OUTER_CACHE
	"$WUC" base build -q mini || skip "lacks the mini base"
	[ -e /usr/lib/grub/i386-pc/boot.img ] || skip "lacks GRUB (grub-pc-bin)"
	echo hello >a.txt
	cat >u.lua <<-'EOF'
		return unit {
			name = "u", layout = "bootable", app = { "a.txt" }, output = { size = "8M" },
			command = "cp /app/a.txt /output",
		}
	EOF
	"$WUC" build -q u.lua
	assert_equal "$(field units/u '[.layout, .disk.file, .disk.format, .disk.output.folder] | tojson')" \
		'["bootable","disk.img","raw","/"]'
	assert_equal "$(field units/u '.disk.output.size')" 8388608
	[[ $(field units/u .disk.loader) =~ ^[0-9a-f]{64}$ ]]
	assert_not_exist units/u/base
	run "$WUC" build --why u.lua
	assert_output "units/u: up to date, 1 instance"
	sed -i 's/8M/9M/' u.lua
	run "$WUC" build --why u.lua
	assert_line "disk.img: its size or how wuc writes disks changed"
	sed -i 's/layout = "bootable", //' u.lua
	run "$WUC" build --why u.lua
	assert_line "app.img: the old unit has none"
	assert_not_exist units/u/disk.img
}

@test "layouts go with bases that they fit" {
	echo 'return unit { layout = "single", command = "true" }' >a.lua
	run "$WUC" check a.lua
	assert_failure 1
	assert_output 'a.lua:1: layout: expected a disk image as base, for "single" places all into it (base = disk "guest.img")'
	echo 'return unit { layout = "bootable", base = disk "raw.img", command = "true" }' >b.lua
	run "$WUC" build b.lua
	assert_failure 1
	assert_output --partial 'b.lua:1: layout: expected a base with a kernel, for "bootable"'
	echo 'return unit { layout = "triple", floppy = 1, command = "true" }' >c.lua
	run "$WUC" check c.lua
	assert_failure 1
	assert_line 'c.lua:1: layout: expected disks or single or bootable, found "triple"'
	assert_line 'c.lua:1: floppy: expected true or false, found the number 1'
	echo 'return unit { base = disk "raw.img" }' >d.lua
	run "$WUC" check d.lua
	assert_failure 1
	assert_output --partial 'expected a command, found nothing'
}

@test "a dry run says what would be made, and makes nothing" {
	write_unit
	run "$WUC" build -n u.lua
	assert_success
	assert_line --index 0 "base guest: not in the store; it would be built first, and then more files may have to be made"
	assert_not_exist units
	assert_equal "$(find "$STORE/bases" -mindepth 1)" ""
}

@test "a depfile names the image" {
	write_unit
	"$WUC" build -q -MD u.lua
	run cat units/u.d
	assert_output --partial "disk.qcow2"
}
