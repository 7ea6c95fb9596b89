#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the Debian packages that a target needs and that are not there yet.
# usage: make/deps.sh build|run|check…
set -eu

build="gcc libc6-dev make pkgconf musl-tools zlib1g-dev
	libarchive-dev libelf-dev libext2fs-dev libfdisk-dev libisofs-dev libjansson-dev liblua5.4-dev
	libseccomp-dev libssl-dev"
run="apt debian-archive-keyring grub-common grub-pc-bin mmdebstrap qemu-system-x86 qemu-utils uidmap"
check="bats bats-assert bats-file bats-support binutils bochs bochs-term bochsbios busybox-static
	bzip2 clang-format cpio curl dosfstools e2fsprogs fdisk genisoimage git hmmer hmmer-examples jq kmod libcmocka-dev lua-check
	mtools munge procps psmisc python3-numpy python3-pandas r-base-core scdoc
	shellcheck skopeo slurm-client slurmctld slurmd strace time umoci util-linux vgabios
	xfsprogs xorriso xz-utils zip zstd"
bench="bsdextrautils erofs-utils genext2fs hyperfine jq openssl perl squashfs-tools time"

wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	run) wanted="$wanted $run" ;;
	check) wanted="$wanted $check" ;;
	bench) wanted="$wanted $bench" ;;
	*)
		echo "deps.sh: no group '$group' (known: build, run, check, bench)" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: this is no Debian system; what is needed, by Debian's names:" >&2
	# shellcheck disable=SC2086 # a list of words
	echo $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	# What another package provides counts: pkg-config is pkgconf's on some systems.
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ]; then
	as_root=
elif command -v sudo >/dev/null; then
	as_root=sudo
else
	echo "deps: neither root nor sudo: ask for this to be run as root, then try again:" >&2
	echo "    apt-get update && $install" >&2
	exit 1
fi

echo "deps: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a command and its words
$as_root env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null || {
	echo "deps: could not install what is missing; run by hand to see why:" >&2
	echo "    apt-get update && $install" >&2
	exit 1
}
