# SPDX-License-Identifier: GPL-2.0-or-later
# debian_disk: complete Debian systems on disk images: the root disk of a base of packages,
# with an init of Debian's own, behind GRUB. Needs disk_helpers.bash and build_helpers.bash.
# shellcheck shell=bash disable=SC2153 # DISK_OFFSET and others are disk_helpers.bash's

DEBIAN_LABEL=debian-root

# What costs a small guest its time, and tells nothing.
DEBIAN_MASKED='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer
	e2scrub_all.timer e2scrub_reap.service getty.target systemd-journal-flush.service
	systemd-networkd-wait-online.service systemd-networkd.socket
	systemd-networkd.service systemd-timesyncd.service systemd-update-utmp.service
	systemd-update-utmp-runlevel.service systemd-pstore.service
	systemd-tmpfiles-clean.timer systemd-ask-password-wall.path
	systemd-ask-password-console.path sys-kernel-debug.mount sys-kernel-tracing.mount
	dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount
	proc-sys-fs-binfmt_misc.mount systemd-binfmt.service modprobe@drm.service modprobe@efi_pstore.service'

debian_disk_require() {
	local tool
	disk_require || return
	for tool in mmdebstrap resize2fs tune2fs depmod; do
		command -v "$tool" >/dev/null && continue
		echo "lacks $tool" >"$BATS_FILE_TMPDIR/lacks"
		return 1
	done
}

# disk_make_debian IMAGE PACKAGE…: an MBR image whose one partition, ext4, at DISK_OFFSET,
# holds a minimal Debian with these packages. Its console is the first serial port. Kept in
# the user's store, for packages take their time. Where Debian's archive cannot be reached,
# that is what the tests lack.
disk_make_debian() {
	local image=$1 key store=${XDG_CACHE_HOME:-$HOME/.cache}/workunit/tests
	shift
	mkdir -p "$store" || return
	key=$(cat "$ROOT"/tests/{debian_disk,disk_helpers}.bash "$ROOT"/recipes/{mini,debian}.lock - \
		<<<"$*" | sha256sum | cut -c 1-16)
	# Suites run side by side: the second one waits for the first one's.
	(
		flock 9
		[ -e "$store/debian-$key.img" ] || debian_disk_build "$store/debian-$key.img" "$@"
	) 9>"$store/debian-$key.lock" 3>&- || return
	cp --sparse=always "$store/debian-$key.img" "$image"
}

# debian_disk_build KEPT PACKAGE…
debian_disk_build() {
	local kept=$1 folder said base status=0
	shift
	disk_unpack || return
	folder=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/debian-XXXXXX")
	debian_disk_tree "$folder/tree" || return
	printf 'return debian { name = "guest", from = "debian", packages = { %s },\n%s\n}\n' \
		"$(printf '"%s", ' "$@")" 'files = { [""] = "tree" }' >"$folder/guest.lua"
	if ! said=$("$WUC" base build -q "$folder/guest.lua" 2>&1) ||
		! base=$("$WUC" base path "$folder/guest.lua"); then
		echo "lacks a base of Debian's packages: ${said##*$'\n'}" >"$BATS_FILE_TMPDIR/lacks"
		status=1
	else
		debian_disk_assemble "$base/root.img" "$folder" || status=$?
		[ "$status" -ne 0 ] || mv "$folder/disk.img" "$kept.$$" && mv "$kept.$$" "$kept"
	fi
	rm -rf "$folder"
	return "$status"
}

# debian_disk_tree FOLDER: what is on the disk besides the packages' files.
debian_disk_tree() {
	local root=$1 unit module release modules
	mkdir -p "$root"/boot/grub/i386-pc "$root/etc/systemd/system"
	for module in $(disk_grub_modules); do
		cp "/usr/lib/grub/i386-pc/$module.mod" "$root/boot/grub/i386-pc/"
	done
	cp "$DISK_PARTS/vmlinuz" "$root/boot/vmlinuz"
	# As a distribution's own, it leaves no device of the machine out.
	disk_make_initrd "$root/boot/initrd" "$DEBIAN_LABEL" "$DISK_MODULES" || return
	cat >"$root/boot/grub/grub.cfg" <<-END
		insmod linux
		linux /boot/vmlinuz root=LABEL=$DEBIAN_LABEL ro console=ttyS0 quiet panic=-1 nokaslr mitigations=off
		initrd /boot/initrd
		boot
	END
	echo "LABEL=$DEBIAN_LABEL / ext4 defaults,noatime 0 0" >"$root/etc/fstab"
	for unit in $DEBIAN_MASKED; do
		ln -s /dev/null "$root/etc/systemd/system/$unit"
	done
	modules=$(echo "$DISK_PARTS"/kernel/lib/modules/*)
	release=${modules##*/}
	mkdir -p "$root/usr/lib/modules/$release"
	cp "$modules"/modules.{builtin,order}* "$root/usr/lib/modules/$release/"
	for module in $DISK_MODULES autofs4 floppy; do
		find "$modules" -name "$module.ko" -exec cp -t "$root/usr/lib/modules/$release" {} +
	done
	depmod -b "$root/usr" "$release"
}

# debian_disk_assemble ROOT-IMAGE FOLDER: FOLDER/disk.img.
debian_disk_assemble() {
	local part=$2/part.img image=$2/disk.img size
	cp --sparse=always "$1" "$part" && chmod u+w "$part" || return
	# A base's disk has no room. Inodes come with whole groups of 128 MiB.
	size=$((($(stat -c %s "$part") / 134217728 + 2) * 128))
	truncate -s "${size}M" "$part"
	e2fsck -fy "$part" >/dev/null 2>&1
	resize2fs -f "$part" >/dev/null 2>&1 || return
	tune2fs -L "$DEBIAN_LABEL" -J size=4 "$part" >/dev/null || return
	truncate -s $((size * 1048576 + DISK_OFFSET)) "$image"
	echo "$((DISK_OFFSET / 512)),$((size * 2048)),L,*" | sfdisk -q "$image" || return
	dd if="$part" of="$image" bs=1M oflag=seek_bytes seek="$DISK_OFFSET" conv=notrunc,sparse \
		status=none || return
	rm "$part"
	disk_install_grub "$image"
}
