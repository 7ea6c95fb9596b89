#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloud: complete systems as bases, as `wurun run` has them: Debian under systemd, whose
# agent is handed one instance after the other; the same system without an agent, which its
# own cloud-init brings; guests that start an autorun.sh from a CD, or read a floppy.

load helpers
load build_helpers
load disk_helpers
load debian_disk

setup_file() {
	export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cd "$BATS_FILE_TMPDIR" || return
	write_app >app.sh
	disk_require || return 0
	make_autorun
	make_floppy
	if debian_disk_require && disk_make_debian guest.img systemd-sysv udev kmod cloud-init; then
		make_systemd
		make_cloud
	else
		mv lacks lacks-debian
	fi
	sha256sum ./*.img ./*.qcow2 >digests
	for unit in autorun floppy systemd cloud; do
		[ ! -e "$unit" ] || run_unit "$unit"
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	build_skip_if_lacking
}

need_debian() {
	[ ! -e lacks-debian ] || skip "$(cat lacks-debian)"
}

# What units run: the same here and in any guest.
write_app() {
	cat <<-'END'
		echo "$WU_n squared is $((WU_n * WU_n))"
		i=1
		while [ "$i" -le "$WU_n" ]; do
			echo "$i $((i * i * i))"
			i=$((i + 1))
		done >cubes
		[ -e /proc/1/comm ] || exit 0
		mkdir .guest
		cat /proc/1/comm >.guest/init
		cat /proc/sys/kernel/random/boot_id >.guest/boot
		cat "/proc/$PPID/cgroup" >.guest/cgroup
		cat /var/lib/cloud/data/instance-id >.guest/cloud 2>/dev/null
		exit 0
	END
}

# make_unit NAME BASE MEMORY N…
make_unit() {
	local name=$1 base=$2 memory=$3 values
	shift 3
	values=$(printf '%s, ' "$@")
	cat >"$name.lua" <<-END
		return unit {
			name = "$name", base = disk { $base }, app = { "app.sh" },
			params = grid { n = { $values } }, floppy = ${floppy:-false},
			command = "exec sh /app/app.sh",
			output = { size = "4M" }, machine = { memory = "$memory" },
		}
	END
	"$WUC" build -q "$name.lua" -o "$name" >"$name.out" 2>&1 || cat "$name.out" >&2
}

# A guest that waits for nobody would be waited for.
run_unit() {
	timeout 300 "$WURUN" run "$1" -o "$1-results" -j 1 >"$1.log" 2>&1 3>&- ||
		echo "status $?" >>"$1.log"
}

make_systemd() {
	"$WUC" base install-agent guest.img -o agent.img >install.log
	make_unit systemd '"agent.img"' 256M 2 3 5
}

# As cloud images come.
make_cloud() {
	qemu-img convert -f raw -O qcow2 guest.img guest.qcow2
	make_unit cloud '"guest.qcow2", agent = "seed"' 256M 7
}

# A system that looks for a CD with an autorun.sh, and starts that.
make_autorun() {
	mkdir -p autorun-files/etc/init.d
	cat >autorun-files/etc/init.d/auto <<-'END'
		#!/bin/sh
		for cd in /dev/sr*; do
			mount -t iso9660 -o ro "$cd" /mnt || continue
			[ ! -e /mnt/autorun.sh ] || sh /mnt/autorun.sh
			umount /mnt
		done
	END
	chmod 0755 autorun-files/etc/init.d/auto
	DISK_FILES=autorun-files disk_make_busybox autorun.img
	make_unit autorun '"autorun.img", agent = "seed"' 128M 4
}

# A system that has no agent and looks for no CD. Its boot loader reads the floppy, as its
# firmware does, and passes on what it finds; a script of its own keeps the contract.
make_floppy() {
	local floppy=true
	mkdir -p floppy-files/etc/init.d floppy-files/boot/grub/i386-pc
	cp /usr/lib/grub/i386-pc/{fat,configfile}.mod floppy-files/boot/grub/i386-pc/
	cat >floppy-files/boot/grub/grub.cfg <<-'END'
		insmod linux
		insmod fat
		insmod configfile
		source (fd0)/params.txt
		linux /boot/vmlinuz console=ttyS0 quiet panic=-1 nokaslr mitigations=off n=$n
		initrd /boot/initrd
		boot
	END
	cat >floppy-files/etc/init.d/auto <<-'END'
		#!/bin/sh
		exec >/dev/console 2>&1
		n=$(sed 's/.* n=\([^ ]*\).*/\1/' /proc/cmdline)
		mkdir /run/app /run/output
		mount -o ro "$(findfs LABEL=wu-app)" /run/app
		mount "$(findfs LABEL=wu-output)" /run/output
		cd /run/output || exit
		mkdir .wu
		WU_n=$n sh /run/app/app/app.sh >.wu/stdout 2>.wu/stderr
		cat >.wu/result.json <<-OBJECT
			{ "format": "workunit-result", "version": 1, "agent": "floppy 1", "class": "ok",
			  "reason": "", "script": null, "exit_status": $?, "signal": null,
			  "wall_ms": 0, "cpu_ms": 0, "peak_memory_bytes": 0, "scripts": [] }
		OBJECT
		cd /
		umount /run/output
		reboot -f
	END
	chmod 0755 floppy-files/etc/init.d/auto
	DISK_FILES=floppy-files disk_make_busybox floppy.img
	make_unit floppy '"floppy.img", agent = "none"' 128M 3 6
}

# result UNIT N: the instance's folder.
result() {
	echo "$1-results/$(jq -r --argjson n "$2" \
		'.instances[] | select(.params.n == $n).id' "$1/unit.json")"
}

# field UNIT N FILTER
field() {
	jq -r "$3" "$(result "$1" "$2")/result.json"
}

# as_here UNIT N: the instance ended well, with what the program gives on this host.
as_here() {
	local here=$BATS_FILE_TMPDIR/here-$1-$2 result
	result=$(result "$1" "$2")
	cat "$1.log"
	assert_equal "$(field "$1" "$2" '.class + .reason')" ok
	mkdir "$here"
	(cd "$here" && WU_n=$2 sh ../app.sh >stdout && rm -rf .guest)
	diff "$here/stdout" "$result/stdout"
	diff "$here/cubes" "$result/files/cubes"
}

# seen UNIT N WHAT: what the program saw of its guest.
seen() {
	cat "$(result "$1" "$2")/files/.guest/$3"
}

@test "cloud: a system under systemd runs three instances without a reboot, by changed CDs" {
	need_debian
	run cat install.log
	assert_output --partial "systemd starts the agent"
	for n in 2 3 5; do
		as_here systemd "$n"
		assert_equal "$(seen systemd "$n" init)" systemd
		assert_equal "$(seen systemd "$n" boot)" "$(seen systemd 2 boot)"
	done
	assert_equal "$(field systemd 2 .host.start)" cold
	assert_equal "$(field systemd 3 .host.start)" kept
	assert_equal "$(field systemd 5 .host.start)" kept
	run seen systemd 5 cgroup
	assert_output --partial "/wuguest.service"
}

@test "cloud: cloud-init brings the agent into the same system, and the unit runs" {
	need_debian
	run debugfs -R "stat /usr/local/sbin/wuguest" "guest.img?offset=$DISK_OFFSET"
	assert_output --partial "File not found"
	as_here cloud 7
	assert_equal "$(seen cloud 7 init)" systemd
	run seen cloud 7 cloud
	assert_output --regexp '^workunit-[0-9a-f]{12}$'
	run seen cloud 7 cgroup
	assert_output --partial "/wuguest.service"
	run field cloud 7 .agent
	assert_output --partial wuguest
}

@test "cloud: a guest that starts an autorun.sh from a CD so gets the agent" {
	as_here autorun 4
	run field autorun 4 .agent
	assert_output --partial wuguest
}

@test "cloud: a guest that reads its parameters from a floppy finds them there" {
	for n in 3 6; do
		as_here floppy "$n"
		assert_equal "$(field floppy "$n" .agent)" "floppy 1"
	done
	run ! cmp -s "$(result floppy 3)/files/.guest/boot" "$(result floppy 6)/files/.guest/boot"
}

@test "cloud: the images are as they were, and so are the units' copies" {
	run sha256sum -c --quiet digests
	assert_success
	for pair in autorun:autorun.img floppy:floppy.img systemd:agent.img cloud:guest.qcow2; do
		[ -e "${pair#*:}" ] || continue
		cmp "${pair%:*}/base/disk.img" "${pair#*:}"
	done
}
