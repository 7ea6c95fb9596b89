#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests on a root disk, in real boots: the disk under an overlay in memory, what the base
# says of it, its own init; whatever they do, the disk stays what it was.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	cd "$BATS_FILE_TMPDIR" || return
	XDG_CACHE_HOME=$(own_cache) && export XDG_CACHE_HOME
	make_tree tree
	"$WUC" image -q --label wu-root tree -o root.img
	sha256sum root.img >digests
	make_said
	make_marks
	make_broken
	make_init
	run_all
	make_systemd
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
	XDG_CACHE_HOME=$(own_cache)
	export XDG_CACHE_HOME
}

# A cache of our own with the packages of the user's, so that snapshots neither help nor
# suffer.
own_cache() {
	local theirs=${XDG_CACHE_HOME:-$HOME/.cache}/workunit/packages
	mkdir -p "$BATS_FILE_TMPDIR/cache/workunit"
	[ -e "$BATS_FILE_TMPDIR/cache/workunit/packages" ] || [ ! -d "$theirs" ] ||
		cp -r "$theirs" "$BATS_FILE_TMPDIR/cache/workunit"
	echo "$BATS_FILE_TMPDIR/cache"
}

# make_tree FOLDER: a root with BusyBox, which lacks most mount points and has others in
# odd shapes.
make_tree() {
	local mini
	"$WUC" base build -q mini
	mini=$("$WUC" base path mini)
	mkdir -p "$1"/{bin,etc/init.d,sbin,data,var/tmp}
	(cd "$1" && cpio -i --quiet --no-absolute-filenames 'bin/*' <"$mini/initrd")
	chmod 1777 "$1/var/tmp"
	mkdir "$1/data/old"
	echo "from the disk" | tee "$1/data/file" "$1/data/old/file" >"$1/file"
	ln -s nowhere "$1/output"
	echo "no folder" >"$1/dev"
	: >"$1/etc/resolv.conf"
	echo "/dev/sdz1 /data ext4 defaults 0 0" >"$1/etc/fstab"
}

# make_unit NAME LINES UNIT-FIELDS SCRIPT [IMAGE]: a unit on a base of ours, whose root disk
# is put into its folder by hand.
make_unit() {
	local name=$1 image=${5:-root.img}
	cp "$ROOT/recipes/mini.lock" "base-$name.lock"
	{
		echo "return base { name = \"base-$name\", suite = \"bookworm\","
		echo "kernel = deb \"linux-image-cloud-amd64\", initrd = { [\"etc/base\"] = text [==["
		printf '%s\n]==] },\n' "$2"
		cat <<-'END'
			modules = { "virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "isofs", "overlay" },
			drivers = { "virtio_net" },
			append = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests noreplace-smp lsm=",
		}
		END
	} >"base-$name.lua"
	compile_unit "$name" "\"./base-$name.lua\"" "$3" "$4"
	[ -s "$image" ] || return 0
	cp "$image" "$name/base/root.img"
	jq --arg digest "$(sha256sum <"$image" | cut -d ' ' -f 1)" --argjson size "$(stat -c %s "$image")" \
		'.files["base/root.img"] = {size: $size, sha256: $digest}' \
		"$name/unit.json" >unit.new
	mv unit.new "$name/unit.json"
}

# compile_unit NAME BASE UNIT-FIELDS SCRIPT: a unit on what makes a base in its recipe.
compile_unit() {
	{
		echo "return unit { name = \"$1\", base = $2, output = { size = \"8M\" },"
		echo "app = { [\"case.sh\"] = text [==["
		printf '%s\n]==] }, command = "exec sh /app/case.sh", %s }\n' "$4" "$3"
	} >"$1.lua"
	"$WUC" build -q "$1.lua" -o "$1"
}

make_said() {
	make_unit said "root
user 1234 2345 77 88
folder /work/not there
environment HOME=/work
environment MINE=a = b
environment WU_case=mine
environment WU_other=mine" 'params = grid { case = { "1" } },
		machine = { memory = "128M", time = "30s", network = "user" }' "$(cat <<-'END'
		echo "as $(id -u):$(id -g):$(id -G)"
		echo "in $PWD"
		env
		cat /file /data/file
		for path in /app /input /scripts /params /file /data/file / /run; do
			touch "$path/x" 2>/dev/null || touch "$path" 2>/dev/null && echo "$path is writable"
		done
		for path in /tmp /var/tmp /output /dev/shm; do
			echo here >$path/x || echo "$path is not writable"
		done
		awk '{ print $2, $3, substr($4, 1, 2) }' /proc/mounts | sort
		cat /etc/resolv.conf
		ls -a /
		END
	)"
}

# Each instance fills the root, changes what the disk has and marks it; none sees another's.
make_marks() {
	compile_unit marks 'root { "tree" }' 'params = grid { case = { "1", "2", "3" } },
		machine = { memory = "128M", time = "60s", user = "root" }' "$(cat <<-'END'
		echo "marks $(ls / /data /tmp | grep -c mark)"
		m=MARK; m=${m}ED-BY-$WU_case-OF-MANY
		echo "on disks $(cat /dev/vd* 2>/dev/null | grep -ac 'MARKED-BY-[0-9]-OF')"
		cat /file
		for place in / /data /tmp; do echo $m >$place/mark; done
		mv /data/old /data/new && cat /data/new/file
		echo changed >/file; rm /data/file; chmod 600 /bin/busybox; chmod 755 /bin/busybox
		cat /file; ls /data
		dd if=/dev/zero of=/dev/vdd bs=4096 count=1 conv=notrunc 2>&1 | grep -o 'not permitted\|Read-only'
		yes $m | dd of=/fill bs=64k 2>&1 | grep -o 'No space'
		echo "still here"
		END
	)"
}

make_broken() {
	local script='echo never'
	head -c 65536 /dev/urandom >noise
	cp root.img damaged.img
	dd if=noise of=damaged.img bs=1024 seek=4 conv=notrunc status=none
	make_unit damaged root '' "$script" damaged.img
	make_unit missing root '' "$script" none
	make_unit lines $'root\nfrobnicate now' '' "$script"
	make_unit noinit $'root\ninit /sbin/init' '' "$script"
	make_unit nofolder $'root\nfolder /file/below' '' "$script"
}

make_init() {
	cp -r tree tree-init
	ln -s ../bin/busybox tree-init/sbin/init
	printf '#!/bin/sh\necho begun >/run/begun\nmount -a || echo "mount -a fails" >/run/begun\nsleep 1000 &\n' \
		>tree-init/etc/init.d/rcS
	chmod +x tree-init/etc/init.d/rcS
	compile_unit init 'root { "tree-init", init = true }' 'params = grid { case = { "good", "slow" } },
		machine = { memory = "128M", time = "4s" }' "$(cat <<-'END'
		cat /run/begun /proc/1/comm
		echo "as $(id -u):$(id -g), in $PWD"
		tr '\0' ' ' </proc/$PPID/cmdline; echo
		[ $WU_case = good ] || sleep 100
		END
	)"
}

# Two at a time; bats waits for whoever holds its descriptor 3.
run_all() {
	local unit
	for unit in said damaged missing lines noinit nofolder init; do
		"$WURUN" run "$unit" -o "$unit-results" --warm off -j 2 >"$unit.out" 2>&1 3>&- || true
	done
	"$WURUN" run marks -o marks-results --warm on -j 1 >marks.out 2>&1 3>&- || true
	"$WURUN" run init -o init-warm --warm on -j 1 >init-warm.out 2>&1 3>&- || true
}

make_systemd() {
	command -v mmdebstrap >/dev/null || { echo "lacks mmdebstrap" >lacks-systemd; return 0; }
	compile_unit systemd 'debian { suite = "bookworm", packages = { "systemd-sysv" }, init = true }' \
		'params = grid { case = { "1", "2", "slow", "memory" } },
		machine = { memory = "256M", time = "30s", user = "root" }' "$(cat <<-'END'
		cat /proc/1/comm
		systemctl is-system-running
		systemctl is-active default.target
		ls /mark* 2>/dev/null
		echo >/mark-$WU_case
		case $WU_case in
		slow) sleep 100 ;;
		memory) tail -n 1 /dev/zero; exit 9 ;;
		esac
		END
	)" 2>systemd.log || { echo "lacks Debian's packages: $(tail -n 1 systemd.log)" >lacks-systemd; return 0; }
	"$WURUN" run systemd -o systemd-results --warm on -j 1 >systemd.out 2>&1 3>&- || true
}

# result UNIT FIELD…: of its first instance.
result() {
	local unit=$1
	shift
	jq -r "[.$1${2+, .$2}${3+, .$3}] | join(\"|\")" "$unit"-results/*/result.json
}

# stdout RESULTS CASE: what the instance with this parameter wrote.
stdout() {
	local folder
	for folder in "$1"/*/; do
		[ "$(jq -r .params.case "$folder/result.json")" != "$2" ] || cat "$folder/stdout"
	done
}

# class RESULTS CASE
class() {
	jq -r "select(.params.case == \"$2\") | .class" "$1"/*/result.json
}

@test "root: scripts run as the base says" {
	assert_equal "$(result said class)" ok
	run cat said-results/*/stdout
	assert_line "as 1234:2345:2345 77 88"
	assert_line "in /work/not there"
	assert_line HOME=/work
	assert_line "MINE=a = b"
	assert_line WU_case=1
	assert_line WU_other=mine
	assert_line TMPDIR=/tmp
	refute_line WU_case=mine
	refute_line HOME=/tmp
}

@test "root: the disk is there, and only memory is written to" {
	run cat said-results/*/stdout
	assert_equal "$(grep -c "from the disk" <<<"$output")" 2
	refute_output --partial "is writable"
	refute_output --partial "is not writable"
	assert_line "/ overlay rw"
	assert_line "/tmp tmpfs rw"
	assert_line "/output ext4 rw"
	assert_line "/app ext4 ro"
	assert_line "/params iso9660 ro"
	assert_line "nameserver 10.0.2.3"
	refute_line .root
}

@test "root: instances that go on from one snapshot see nothing of each other" {
	assert_equal "$(jq -r .class marks-results/*/result.json | sort -u)" ok
	assert_equal "$(jq -r .host.start marks-results/*/result.json | sort -u)" warm
	local case
	for case in 1 2 3; do
		run stdout marks-results "$case"
		assert_output "$(printf '%s\n' "marks 0" "on disks 0" "from the disk" "from the disk" changed \
			mark new "not permitted" "No space" "still here")"
	done
}

@test "root: a disk that is missing or damaged, or makes no sense, is in the record" {
	assert_equal "$(result missing class reason)" "host-error|no disk has the label wu-root"
	assert_equal "$(result damaged class reason)" "host-error|wu-root: cannot mount it: it is damaged"
	assert_equal "$(result lines class reason)" \
		"host-error|/etc/base: a line that makes no sense: frobnicate now"
	assert_equal "$(result noinit class reason)" \
		"host-error|/sbin/init: cannot be started: No such file or directory"
	assert_equal "$(result nofolder class reason)" \
		"host-error|/file/below: cannot make it: Not a directory"
}

@test "root: BusyBox's init starts the agent" {
	local results
	for results in init-results init-warm; do
		assert_equal "$(class "$results" good)" ok
		assert_equal "$(class "$results" slow)" time-limit
		run stdout "$results" good
		assert_output "$(printf '%s\n' begun init "as 1000:1000, in /output" "/.workunit/wuguest --daemon ")"
	done
	assert_equal "$(jq -r .host.start init-warm/*/result.json | sort -u)" warm
}

@test "root: systemd starts the agent once the system is up" {
	[ ! -e lacks-systemd ] || skip "$(cat lacks-systemd)"
	local case
	for case in 1 2; do
		assert_equal "$(class systemd-results "$case")" ok
		run stdout systemd-results "$case"
		assert_output $'systemd\nrunning\nactive'
	done
	assert_equal "$(class systemd-results slow)" time-limit
	assert_equal "$(class systemd-results memory)" out-of-memory
	assert_equal "$(jq -r .host.start systemd-results/*/result.json | sort -u)" warm
}

@test "root: after all runs the disks are what they were" {
	sha256sum -c digests
	local unit
	for unit in said marks noinit init systemd; do
		[ -e "$unit/unit.json" ] || continue
		assert_equal "$(sha256sum <"$unit/base/root.img" | cut -d ' ' -f 1)" \
			"$(jq -r '.files["base/root.img"].sha256' "$unit/unit.json")"
	done
}
