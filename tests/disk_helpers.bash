# SPDX-License-Identifier: GPL-2.0-or-later
# disk: complete small operating systems on disk images, made without root, mounts or
# loop devices: BusyBox's init on Debian's cloud kernel, booted by GRUB from the disk.
# shellcheck shell=bash

DISK_OFFSET=32256 # sector 63, where partitions began for decades
DISK_LABEL=guest-root

# In the order in which they depend on each other.
DISK_MODULES='crc-t10dif scsi_common scsi_mod cdrom libata ata_piix sd_mod sr_mod isofs
	fat vfat nls_cp437 nls_ascii virtio_ring virtio virtio_pci_legacy_dev
	virtio_pci_modern_dev virtio_pci virtio_blk virtio_scsi virtio_console rng-core
	virtio-rng'

# What making such an image needs, or the line "lacks …" for build_skip_if_lacking. The
# packages come from the store, where the mini base brought them.
disk_require() {
	local tool lacks=$BATS_FILE_TMPDIR/lacks
	PATH=$PATH:/usr/sbin:/sbin
	for tool in qemu-system-x86_64 sfdisk mke2fs e2fsck debugfs grub-mkimage cpio \
		dpkg-deb; do
		command -v "$tool" >/dev/null && continue
		echo "lacks $tool" >"$lacks"
		return 1
	done
	if [ ! -e /usr/lib/grub/i386-pc/boot.img ]; then
		echo "lacks GRUB for a PC's firmware (Debian: grub-pc-bin)" >"$lacks"
		return 1
	fi
	build_require_base
	[ ! -e "$lacks" ]
}

# shellcheck disable=SC2153 # ROOT is helpers.bash's
# disk_package NAME: the .deb of that name that the mini base pins, in the store.
disk_package() {
	local sha cache=${XDG_CACHE_HOME:-$HOME/.cache}/workunit/packages
	sha=$(awk -v name="$1" '$1 == "Package:" { here = index($2, name) == 1 }
		here && $1 == "SHA256:" { print $2 }' "$ROOT/recipes/mini.lock")
	echo "$cache/$sha.deb"
}

# Unpacks kernel, modules and BusyBox, once a file of tests.
disk_unpack() {
	DISK_PARTS=${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}/disk-parts
	[ ! -e "$DISK_PARTS/done" ] || return 0
	mkdir -p "$DISK_PARTS/kernel" "$DISK_PARTS/busybox"
	dpkg-deb --fsys-tarfile "$(disk_package linux-image)" |
		tar -x -C "$DISK_PARTS/kernel" ./lib/modules || return
	dpkg-deb --fsys-tarfile "$(disk_package busybox-static)" |
		tar -x -C "$DISK_PARTS/busybox" ./bin/busybox || return
	# The base's kernel is the package's, packed so that it starts soon under TCG.
	cp "$("$WUC" base path mini)/kernel" "$DISK_PARTS/vmlinuz" || return
	disk_make_initrd "$DISK_PARTS/initrd" "$DISK_LABEL" "$DISK_MODULES" || return
	touch "$DISK_PARTS/done"
}

# disk_make_initrd FILE LABEL MODULES: an initrd that loads these and leads on to the disk
# with this label.
disk_make_initrd() {
	local root=$1-root label=$2 modules=$3 module file
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/mnt" "$root/lib"
	cp "$DISK_PARTS/busybox/bin/busybox" "$root/bin/busybox"
	for module in $modules; do
		file=$(find "$DISK_PARTS/kernel/lib/modules" -name "$module.ko")
		[ -z "$file" ] || cp "$file" "$root/lib/"
	done
	cat >"$root/init" <<-END
		#!/bin/busybox sh
		PATH=/bin
		/bin/busybox --install -s /bin
		mount -t devtmpfs dev /dev
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		for module in ${modules//[[:space:]]/ }; do
			[ ! -e /lib/\$module.ko ] || insmod /lib/\$module.ko
		done
		tries=0
		until root=\$(findfs LABEL=$label 2>/dev/null); do
			tries=\$((tries + 1))
			[ \$tries -lt 200 ] || break
			usleep 50000
		done
		mount -o ro "\$root" /mnt
		mount -o move /dev /mnt/dev
		mount -o move /proc /mnt/proc
		mount -o move /sys /mnt/sys
		exec switch_root /mnt /sbin/init
	END
	chmod 0755 "$root/init"
	(cd "$root" && find . | sort | cpio -o -H newc --quiet) >"$1" && rm -r "$root"
}

# The modules that GRUB's `normal` and `linux` need, and these.
disk_grub_modules() {
	awk -v want='normal linux' '{ of = $1; sub(":", "", of); $1 = ""; needs[of] = $0 }
		END {
			count = split(want, list, " ")
			for (i = 1; i <= count; i++) {
				if (list[i] in seen)
					continue
				seen[list[i]] = 1
				print list[i]
				n = split(needs[list[i]], more, " ")
				for (j = 1; j <= n; j++)
					list[++count] = more[j]
			}
		}' /usr/lib/grub/i386-pc/moddep.lst
}

# disk_make_root FOLDER: the system's files. Its init starts /home/auto/autorun where
# there is one; where there is an agent neither, it powers off.
disk_make_root() {
	local root=$1 module
	mkdir -p "$root"/{bin,sbin,etc/init.d,dev,proc,sys,tmp,run,var,root,mnt} \
		"$root"/{usr/bin,usr/sbin,usr/local/sbin,boot/grub/i386-pc,home/auto}
	cp "$DISK_PARTS/busybox/bin/busybox" "$root/bin/busybox"
	ln -s ../bin/busybox "$root/sbin/init"
	ln -s busybox "$root/bin/sh"
	cp "$DISK_PARTS/vmlinuz" "$root/boot/vmlinuz"
	cp "$DISK_PARTS/initrd" "$root/boot/initrd"
	for module in $(disk_grub_modules); do
		cp "/usr/lib/grub/i386-pc/$module.mod" "$root/boot/grub/i386-pc/"
	done
	cat >"$root/boot/grub/grub.cfg" <<-END
		insmod linux
		linux /boot/vmlinuz console=ttyS0 quiet panic=-1 nokaslr mitigations=off
		initrd /boot/initrd
		boot
	END
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'auto:x:1000:1000:auto:/home/auto:/bin/sh' >>"$root/etc/passwd"
	printf '%s\n' root:x:0: auto:x:1000: >"$root/etc/group"
	cat >"$root/etc/inittab" <<-'END'
		::sysinit:/etc/init.d/rcS
		::once:/etc/init.d/auto
		::ctrlaltdel:/sbin/reboot
		::shutdown:/bin/umount -a -r
	END
	cat >"$root/etc/init.d/rcS" <<-'END'
		#!/bin/sh
		/bin/busybox mount -o remount,rw /
		[ -e /bin/mount ] || /bin/busybox --install -s /bin
		mount -t tmpfs tmpfs /run
		hostname guest
	END
	cat >"$root/etc/init.d/auto" <<-'END'
		#!/bin/sh
		exec >/dev/console 2>&1
		[ ! -x /home/auto/autorun ] || exec /home/auto/autorun
		[ -x /usr/local/sbin/wuguest ] || poweroff
	END
	chmod 0755 "$root"/etc/init.d/*
}

# disk_make_busybox IMAGE [FSTYPE [OPTION…]]: an MBR image whose one partition, at
# DISK_OFFSET, has a file system of this type (ext3), made by mke2fs with these options.
# DISK_SIZE is its size in MiB (40); what is in the folder DISK_FILES goes on top.
disk_make_busybox() {
	local image=$1 type=${2:-ext3} root size=${DISK_SIZE:-40}
	shift $(($# < 2 ? $# : 2))
	disk_unpack || return
	root=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/root-XXXXXX")
	disk_make_root "$root"
	[ -z "${DISK_FILES:-}" ] || cp -a "$DISK_FILES/." "$root/"
	rm -f "$image"
	truncate -s $((size * 1048576 + DISK_OFFSET)) "$image"
	echo "$((DISK_OFFSET / 512)),$((size * 2048)),L,*" | sfdisk -q "$image" || return
	mke2fs -q -F -t "$type" -L "$DISK_LABEL" -d "$root" -E "offset=$DISK_OFFSET" "$@" \
		"$image" "${size}M" 2>/dev/null || return
	rm -rf "$root"
	disk_install_grub "$image"
}

# GRUB's first sector, which loads its core image from the 62 sectors behind it.
disk_install_grub() {
	local image=$1 core=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/core.img
	grub-mkimage -d /usr/lib/grub/i386-pc -O i386-pc -o "$core" \
		-p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2 || return
	[ "$(stat -c %s "$core")" -le $((62 * 512)) ] || return
	dd if=/usr/lib/grub/i386-pc/boot.img of="$image" bs=440 count=1 conv=notrunc \
		status=none
	dd if="$core" of="$image" seek=1 conv=notrunc status=none
	rm "$core"
}

# disk_boot IMAGE [OPTION…]: plain QEMU, until the guest ends; its console to standard
# output.
disk_boot() {
	local image=$1
	shift
	timeout "${DISK_SECONDS:-120}" qemu-system-x86_64 -M pc -accel tcg -m 128 \
		-hda "$image" -no-reboot -display none -serial stdio "$@" </dev/null 2>&1
}

# disk_sound IMAGE: its file system is clean, and e2fsck finds nothing to mend.
disk_sound() {
	run e2fsck -fn "$1?offset=$DISK_OFFSET"
	assert_success
}
