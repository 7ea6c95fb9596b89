#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Units that are one disk which boots by itself: the disk as other tools see it, and real
# boots of it, by wurun, by QEMU's firmware alone and by Bochs, whose output must be that
# of the same recipe on disks beside a kernel.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load run_helpers

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	[ -r /usr/lib/grub/i386-pc/boot.img ] || return 0
	make_recipes
	"$WUC" build -q disks.lua -o disks >disks.out 2>&1 || true
	"$WUC" build -q bootable.lua -o bootable >bootable.out 2>&1 || true
	command -v qemu-system-x86_64 >/dev/null || return 0
	"$WURUN" run disks -o wanted >wanted.out 2>&1 || true
}

setup() {
	[ -r /usr/lib/grub/i386-pc/boot.img ] || skip "lacks grub-pc-bin"
	cd "$BATS_FILE_TMPDIR" || return
}

need() {
	command -v "$1" >/dev/null || skip "lacks $1"
}

# The same recipe twice: an application, its input, two parameters of which one is no
# plain word, output in a folder, on standard output and standard error.
make_recipes() {
	local layout
	mkdir data
	seq 1 2000 >data/numbers
	printf 'not\tplain\n' >"data/a file's name"
	for layout in disks bootable; do
		cat >$layout.lua <<-LUA
			return unit {
				name = "sums",
				layout = "$layout",
				base = "mini",
				app = { ["sum.awk"] = text [[
			{ sum += \$1 * factor }
			END { printf "%s %.0f\n", name, sum }
			]] },
				input = { "data" },
				params = {
					factor = 3,
					name = "it's \"two words\" \$HOME \\\\",
				},
				command = [[
			mkdir /output/results
			awk -v factor={factor} -f /app/sum.awk -v name=sum /input/data/numbers |
				tee /output/results/sum
			printf '%s\n' {name} >"/output/results/a name"
			cat /input/data/a* >/output/copy
			head -c 3000000 /dev/zero | tr '\\0' x >/output/large
			ln -s copy /output/link
			(cd / && find app input scripts | sort) >/output/found
			id -u >&2
			]],
				output = { size = "8M" },
				machine = { memory = "256M", time = "3m" },
			}
		LUA
	done
}

# of UNIT FIELD: what its manifest says.
of() {
	jq -r "$2" "$1/unit.json"
}

# partitions IMAGE: a line each: number, first sector, sectors.
partitions() {
	"$(run_tool sfdisk)" -J "$1" |
		jq -r '.partitiontable.partitions | to_entries[] | "\(.key + 1) \(.value.start) \(.value.size)"'
}

# take_partition IMAGE NUMBER FILE
take_partition() {
	local start size
	read -r start size < <(partitions "$1" | sed -n "s/^$2 //p")
	dd if="$1" of="$3" bs=512 skip="$start" count="$size" conv=sparse status=none
	truncate -s $((size * 512)) "$3"
}

# take_output UNIT DISK FOLDER: what a run left on its copy of the unit's disk.
take_output() {
	local offset size
	offset=$(of "$1" .disk.output.offset)
	size=$(of "$1" .disk.output.size)
	dd if="$2" of="$2.output" bs=512 skip=$((offset / 512)) count=$((size / 512)) \
		conv=sparse status=none
	truncate -s "$size" "$2.output"
	"$(run_tool e2fsck)" -fn "$2.output" || return
	"$WURUN" unpack "$2.output" "$3"
}

# same_output FILES RECORD: what stood on the output disk, and the folder with stdout,
# stderr and result.json: as the layout "disks" has them.
same_output() {
	local wanted
	wanted=wanted/$(of disks '.instances[0].id')
	diff -r -x .wu "$wanted/files" "$1"
	diff "$wanted/stdout" "$2/stdout"
	diff "$wanted/stderr" "$2/stderr"
	diff <(jq '.class, .exit_status, .scripts[0].name' "$wanted/result.json") \
		<(jq '.class, .exit_status, .scripts[0].name' "$2/result.json")
}

# boot_qemu DISK CD: by the machine's own firmware; it ends where the guest ends it.
boot_qemu() {
	timeout 120 qemu-system-x86_64 -M pc -accel tcg -m 256 \
		-drive "file=$1,format=raw,if=ide" -cdrom "$2" -no-reboot -nographic \
		-net none </dev/null >"$1.console" 2>&1
}

# boot_bochs DISK CD: fails unless it was the guest that switched the machine off; Bochs
# has one exit status for that and all errors.
boot_bochs() {
	local share=/usr/share/bochs
	cat >bochsrc <<-END
		display_library: term
		romimage: file=$share/BIOS-bochs-latest
		vgaromimage: file=$share/VGABIOS-lgpl-latest
		megs: 256
		cpu: model=corei7_sandy_bridge_2600k, count=1, ips=200000000
		clock: sync=none, time0=utc
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=disk, path=$1, mode=flat, cylinders=$(($(stat -c %s "$1") / 516096)), heads=16, spt=63
		ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
		ata1-master: type=cdrom, path=$2, status=inserted
		boot: disk
		com1: enabled=1, mode=file, dev=$1.console
		sound: driver=dummy, waveoutdrv=dummy
		log: $1.log
		panic: action=fatal
		error: action=report
		info: action=report
		debug: action=ignore
	END
	# Debian's Bochs is its debugger, which waits to be told.
	printf 'c\nq\n' >bochs.commands
	TERM=vt100 timeout 240 bochs -q -f bochsrc -rc bochs.commands </dev/null \
		>"$1.screen" 2>"$1.errors" || true
	grep 'ACPI control: soft power off' "$1.log"
}

@test "the unit is one disk, its CDs, and what tells of them" {
	cat bootable.out
	assert_equal "$(of bootable .layout)" bootable
	assert_equal "$(of bootable .disk.file)" disk.img
	assert_equal "$(of bootable .disk.format)" raw
	assert_equal "$(of bootable .disk.output.folder)" /
	assert_file_exist bootable/disk.img
	assert_file_not_exist bootable/app.img
	assert_file_not_exist bootable/output.img
	assert_equal "$(of bootable '.files["disk.img"].sha256')" \
		"$(sha256sum <bootable/disk.img | cut -d ' ' -f 1)"
}

@test "sfdisk finds no fault with the table, nor e2fsck with what is in it" {
	run "$(run_tool sfdisk)" --verify bootable/disk.img
	assert_success
	assert_line "No errors detected."
	run "$(run_tool sfdisk)" -d bootable/disk.img
	assert_success
	assert_line "label: dos"
	assert_line --regexp "^bootable/disk.img1 : start= +2048, size= +[0-9]+, type=83, bootable$"
	assert_line --regexp "^bootable/disk.img2 : start= +[0-9]+, size= +16384, type=83$"
	for number in 1 2; do
		take_partition bootable/disk.img $number part
		run "$(run_tool e2fsck)" -fn part
		assert_success
	done
	rm part
}

@test "the first partition is the app disk with /boot, the second the output disk" {
	take_partition bootable/disk.img 1 one
	take_partition bootable/disk.img 2 two
	cmp two disks/output.img
	mkdir -p one.d app.d
	"$(run_tool debugfs)" -R "rdump / one.d" one 2>/dev/null
	"$(run_tool debugfs)" -R "rdump / app.d" disks/app.img 2>/dev/null
	cmp one.d/boot/kernel disks/base/kernel
	cmp one.d/boot/initrd disks/base/initrd
	run cat one.d/boot/grub/grub.cfg
	assert_line --partial "linux /boot/kernel 'console=ttyS0' "
	assert_line --partial " 'wu.time_ms=180000' "
	rm -r one.d/boot
	diff -r one.d app.d
	cmp bootable/app.mtree disks/app.mtree
	rm -r one two one.d app.d
}

@test "the same recipe gives the same disk: another folder, umask, zone and time" {
	mkdir other
	cp -r bootable.lua data other
	find other -exec touch -d 2001-01-01 {} +
	(umask 077 && cd other &&
		TZ=Asia/Kathmandu "$WUC" build -q -B bootable.lua -o unit)
	cmp bootable/disk.img other/unit/disk.img
	cmp bootable/unit.json other/unit/unit.json
	rm -r other
}

@test "wurun runs it, and its output is that of the other layout" {
	need qemu-system-x86_64
	run cat wanted.out
	id=$(of disks '.instances[0].id')
	assert_equal "$(jq -r .class "wanted/$id/result.json")" ok
	assert_equal "$(cat "wanted/$id/files/results/sum")" "sum 6003000"
	run "$WURUN" run bootable -o by-wurun
	assert_success
	same_output "by-wurun/$id/files" "by-wurun/$id"
	assert_equal "$(sha256sum <bootable/disk.img | cut -d ' ' -f 1)" \
		"$(of bootable '.files["disk.img"].sha256')"
}

@test "QEMU boots it by -hda alone" {
	need qemu-system-x86_64
	id=$(of bootable '.instances[0].id')
	cp --sparse=always bootable/disk.img qemu.img
	boot_qemu qemu.img "bootable/params/$id.iso"
	run cat qemu.img.console
	assert_output --partial "reboot: Power down"
	take_output bootable qemu.img by-qemu
	same_output by-qemu by-qemu/.wu
	rm qemu.img*
}

# Where partitions began when disks were counted in cylinders.
@test "QEMU boots it with its first partition at sector 63" {
	need qemu-system-x86_64
	id=$(of bootable '.instances[0].id')
	dd if=bootable/disk.img of=gap bs=512 skip=63 count=$((2048 - 63)) status=none
	cmp -n $(((2048 - 63) * 512)) gap /dev/zero
	take_partition bootable/disk.img 1 one
	take_partition bootable/disk.img 2 two
	sectors=$((($(stat -c %s one) + 511) / 512))
	dd if=bootable/disk.img of=old.img bs=512 count=63 status=none
	truncate -s $(((63 + sectors) * 512 + 9 * 1048576)) old.img
	"$(run_tool sfdisk)" -q --wipe never old.img <<-END
		label: dos
		start=63, size=$sectors, type=83, bootable
		start=$((63 + sectors)), size=16384, type=83
	END
	dd if=one of=old.img bs=512 seek=63 conv=notrunc,sparse status=none
	dd if=two of=old.img bs=512 seek=$((63 + sectors)) conv=notrunc,sparse status=none
	boot_qemu old.img "bootable/params/$id.iso"
	dd if=old.img of=two bs=512 skip=$((63 + sectors)) count=16384 status=none
	"$WURUN" unpack two by-old
	same_output by-old by-old/.wu
	rm gap one two old.img*
}

@test "Bochs boots it" {
	need qemu-system-x86_64
	need bochs
	id=$(of bootable '.instances[0].id')
	cp --sparse=always bootable/disk.img bochs.img
	boot_bochs bochs.img "bootable/params/$id.iso"
	run cat bochs.img.console
	assert_output --partial "reboot: Power down"
	take_output bootable bochs.img by-bochs
	same_output by-bochs by-bochs/.wu
	rm bochs.img*
}

# A root of BusyBox alone, so that nothing is fetched but mini.
@test "a base with a root disk boots from its third partition" {
	need qemu-system-x86_64
	mini=$("$WUC" base path mini)
	mkdir -p tree/{bin,data}
	(cd tree && cpio -i --quiet --no-absolute-filenames 'bin/*' <"$mini/initrd")
	echo "from the root disk" >tree/data/file
	cat >rooted.lua <<-'LUA'
		return unit {
			name = "rooted",
			layout = "bootable",
			base = root { "tree" },
			app = {},
			params = { word = "hello" },
			command = "cat /data/file > /output/file; echo {word}",
			output = { size = "4M" },
			machine = { memory = "256M", time = "2m" },
		}
	LUA
	"$WUC" build -q rooted.lua -o rooted
	assert_equal "$(partitions rooted/disk.img | wc -l)" 3
	take_partition rooted/disk.img 3 three
	cmp three "${XDG_CACHE_HOME:-$HOME/.cache}/workunit/bases/$(of rooted .base.digest)/root.img"
	run "$(run_tool e2fsck)" -fn three
	assert_success
	id=$(of rooted '.instances[0].id')
	cp --sparse=always rooted/disk.img rooted.img
	boot_qemu rooted.img "rooted/params/$id.iso"
	take_output rooted rooted.img by-root
	assert_equal "$(cat by-root/file)" "from the root disk"
	take_partition rooted.img 3 after
	cmp three after
	rm -r three after rooted.img* tree
}

@test "no GRUB, no disk: one line that names the packages" {
	need unshare
	unshare -rm true 2>/dev/null || skip "lacks user namespaces"
	run --separate-stderr unshare -rm sh -c \
		'mount -t tmpfs none /usr/lib/grub && exec "$@"' - \
		"$WUC" build -q -B bootable.lua -o no-grub
	assert_failure 1
	# shellcheck disable=SC2154 # run sets it
	assert_equal "$stderr" "wuc: /usr/lib/grub/i386-pc/boot.img: No such file or directory: a disk that boots by itself needs GRUB's images: install them (Debian: apt install grub-common grub-pc-bin)"
	assert_file_not_exist no-grub
}
