#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Devices that a machine may have or not: the base's drivers are loaded where they are.
# Each machine is booted once; the tests look at what it left.

load helpers
load build_helpers

setup_file() {
	local tool
	for tool in qemu-system-x86_64 debugfs busybox jq; do
		command -v "$tool" >/dev/null || {
			echo "lacks $tool" >"$BATS_FILE_TMPDIR/lacks"
			return 0
		}
	done
	build_require_base
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_unit disks none <<-'EOS'
		cut -d' ' -f1-3 /proc/mounts | grep ^/dev/
		cut -d' ' -f1 /proc/modules
		cat /app/datum
		cp /input/datum copy
	EOS
	make_unit alone none <<-'EOS'
		ls /sys/class/net
		cut -d' ' -f1 /proc/modules
		[ ! -e /etc/resolv.conf ] || echo "a resolver without a network"
		wget -T 2 -O- http://10.0.2.2:1/ || echo "no way out"
	EOS
	serve
	make_unit online user <<-EOS
		ls /sys/class/net
		ip -o -4 addr show eth0
		cat /etc/resolv.conf
		wget -q -O- http://10.0.2.2:$(cat port)/datum
	EOS
	boot_disks 3>&- &
	run_units 3>&-
	wait $! || true
}

teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/server" ] || kill "$(cat "$BATS_FILE_TMPDIR/server")"
}

setup() {
	build_skip_if_lacking
	cd "$BATS_FILE_TMPDIR" || return
}

# make_unit NAME NETWORK: a unit that runs standard input as its script.
make_unit() {
	mkdir -p app
	echo "a datum" >app/datum
	cat >"$1.lua" <<-EOF
		return unit {
			name = "$1",
			app = { "app/datum" },
			input = { "app/datum" },
			command = [==[
		$(cat)
		]==],
			output = { size = "8M" },
			machine = { memory = "128M", time = "20s", network = "$2" },
		}
	EOF
	"$WUC" build -q "$1.lua" -o "$1"
}

# A server on the host's own loopback address, on a port that is free.
serve() {
	local port=$((20000 + RANDOM % 10000))
	mkdir www
	echo "from the host" >www/datum
	for _ in {1..20}; do
		busybox httpd -f -p "127.0.0.1:$port" -h www 3>&- 2>/dev/null &
		sleep 0.1
		! kill -0 $! 2>/dev/null || break
		port=$((port + 1))
	done
	echo $! >server
	echo $port >port
}

run_units() {
	"$WURUN" run -q alone -o results/alone >/dev/null 2>alone.err || true
	"$WURUN" run -q online -o results/online >/dev/null 2>online.err || true
	WURUN_ACCEL=tcg sh online/run.sh "$(basename online/params/*.iso .iso)" script.img \
		>script.out 2>&1 || true
}

boot_disks() {
	boot ide pc -device ide-hd,drive=app,bus=ide.0,unit=0 \
		-device ide-hd,drive=output,bus=ide.1,unit=0 \
		-device ide-cd,drive=params,bus=ide.1,unit=1
	boot scsi q35 -device virtio-scsi-pci -device scsi-hd,drive=app \
		-device scsi-hd,drive=output -device scsi-cd,drive=params
	mkfifo monitor
	plug_in 'device_add scsi-hd,drive=output' &
	boot late q35 -device virtio-scsi-pci -device virtio-blk-pci,drive=app \
		-device virtio-blk-pci,drive=params -monitor stdio <>monitor
	wait
}

# Once the guest has said that it is there, it has looked for its disks. QEMU holds both
# ends of the FIFO, so writing to it waits for nobody.
plug_in() {
	for _ in {1..300}; do
		[ ! -e late/port ] || ! grep -q ready late/port || break
		sleep 0.1
	done
	sleep 0.3
	echo "$1" 1<>monitor
}

# boot NAME MACHINE DEVICE…: the unit `disks` on a machine of another kind. IDE disks
# cannot be read only.
boot() {
	local name=$1 machine=$2 cd status=0
	shift 2
	cd=$(echo disks/params/*.iso)
	mkdir "$name"
	cp --sparse=always disks/output.img "$name/output.img"
	chmod u+w "$name/output.img"
	timeout 60 qemu-system-x86_64 -M "$machine" -accel tcg -cpu max -m 128 -nodefaults \
		-display none -no-reboot -serial "file:$name/console" \
		-kernel disks/base/kernel -initrd disks/base/initrd \
		-drive "if=none,id=app,file=disks/app.img,format=raw,snapshot=on" \
		-drive "if=none,id=params,file=$cd,format=raw,readonly=on" \
		-drive "if=none,id=output,file=$name/output.img,format=raw,cache=unsafe" \
		-device virtio-rng-pci -device virtio-serial-pci \
		-chardev "file,id=port,path=$name/port" \
		-device virtserialport,name=org.workunit.0,chardev=port \
		-append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests noreplace-smp lsm=" \
		"$@" >"$name/qemu" 2>&1 || status=$?
	echo "$status" >"$name/status"
	cat_from "$name/output.img" .wu/result.json >"$name/result.json"
	cat_from "$name/output.img" .wu/stdout >"$name/stdout"
}

# assert_ran NAME: its record says ok, and the script saw its disks.
assert_ran() {
	assert_equal "$(cat "$1/status")" 0
	[ -s "$1/result.json" ] || fail "no record: $(cat "$1/console" "$1/qemu")"
	assert_equal "$(jq -r '.class + .reason' "$1/result.json")" ok
	assert_equal "$(cat_from "$1/output.img" copy)" "a datum"
}

@test "drivers: disks on IDE and a CD drive" {
	assert_ran ide
	run cat ide/stdout
	assert_line --regexp '^/dev/sd[ab] /output ext4$'
	assert_line --regexp '^/dev/sd[ab] /app ext4$'
	assert_line '/dev/sr0 /params iso9660'
	assert_line ata_piix
	refute_line virtio_scsi
	refute_line virtio_net
}

@test "drivers: disks on virtio-scsi" {
	assert_ran scsi
	run cat scsi/stdout
	assert_line --regexp '^/dev/sd[ab] /output ext4$'
	assert_line '/dev/sr0 /params iso9660'
	assert_line virtio_scsi
	refute_line libata
}

@test "drivers: a disk that comes while the agent waits for it" {
	assert_ran late
	run cat late/stdout
	assert_line '/dev/sda /output ext4'
	assert_line '/dev/vda /app ext4'
	assert_line sd_mod
	refute_line sr_mod
}

@test "network none: no interface but the loopback device, and no driver loaded" {
	run cat results/alone/*/stdout
	assert_line --index 0 lo
	assert_line --index 1 isofs
	assert_line "no way out"
	refute_line --regexp '^(virtio_net|scsi_mod|libata|sd_mod|eth0)$'
	refute_output --partial "resolver"
}

@test "network user: the guest reaches the host, as QEMU's user network has it" {
	run cat results/online/*/stdout
	assert_line eth0
	assert_line --partial "inet 10.0.2.15/24 "
	assert_line "nameserver 10.0.2.3"
	assert_line "from the host"
	assert_equal "$(jq -r .class results/online/*/result.json)" ok
}

@test "network user: run.sh gives it, too" {
	run cat_from script.img .wu/stdout
	assert_line "from the host"
}
