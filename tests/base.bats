#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# base: Debian packages -> a base in the store. Real packages throughout: those in the
# user's own store, where it has them, are shared by hard links.

# shellcheck disable=SC2154 # bats sets output, stderr and their lines
load helpers

# In setup_file a skip would not reach the tests: they look at the files that it leaves.
setup_file() {
	export WUC_RECIPES=$ROOT/recipes
	local helper=/usr/lib/apt/apt-helper mirror=${WU_DEBIAN_MIRROR:-http://deb.debian.org}
	SEED=$BATS_FILE_TMPDIR/packages
	mkdir "$SEED"
	export SEED
	if ! "$WUC" base build -q mini 2>"$BATS_FILE_TMPDIR/why"; then
		echo "the mini base: $(tail -n 1 "$BATS_FILE_TMPDIR/why")" >"$BATS_FILE_TMPDIR/lacks"
		return 0
	fi
	local store=${XDG_CACHE_HOME:-$HOME/.cache}/workunit
	"$WUC" base path mini >"$BATS_FILE_TMPDIR/path"
	# The base may be older than the packages' last visit to the store.
	while read -r digest; do
		[ ! -e "$store/packages/$digest.deb" ] ||
			ln "$store/packages/$digest.deb" "$SEED/" 2>/dev/null ||
			cp "$store/packages/$digest.deb" "$SEED/"
	done < <(sed -n 's/^SHA256: //p' "$ROOT/recipes/mini.lock")
	"$helper" -qq download-file "$mirror/debian/dists/bookworm/InRelease" \
		"$BATS_FILE_TMPDIR/InRelease" 2>"$BATS_FILE_TMPDIR/offline" &&
		rm "$BATS_FILE_TMPDIR/offline"
	return 0
}

# A folder that other users can reach, unlike bats' own; a store with the packages in it;
# a copy of the recipe, whose lock the tests may change.
setup() {
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || skip "lacks $(cat "$BATS_FILE_TMPDIR/lacks")"
	DIR=$(mktemp -d)
	chmod 755 "$DIR"
	export WUC_RECIPES=$DIR/recipes XDG_CACHE_HOME=$DIR/cache
	STORE=$XDG_CACHE_HOME/workunit
	mkdir -p "$STORE/packages" "$WUC_RECIPES"
	cp "$ROOT"/recipes/{mini.lua,mini.lock,wu-progress} "$WUC_RECIPES/"
	chmod -R u+w "$WUC_RECIPES"
	LOCK=$WUC_RECIPES/mini.lock
	seed "$STORE"
}

teardown() {
	[ -z "${DIR:-}" ] || rm -rf "$DIR"
}

seed() {
	mkdir -p "$1/packages"
	for deb in "$SEED"/*.deb; do
		[ ! -e "$deb" ] || ln "$deb" "$1/packages/" 2>/dev/null || cp "$deb" "$1/packages/"
	done
}

# The base itself too, for tests of what happens when it is there.
seed_base() {
	local path key
	path=$(cat "$BATS_FILE_TMPDIR/path")
	mkdir -p "$STORE/bases" "$STORE/keys"
	cp -r "$path" "$STORE/bases/"
	for key in "$path"/../../keys/*; do
		! grep -q "$(basename "$path")" "$key" || cp "$key" "$STORE/keys/"
	done
}

need_network() {
	[ ! -e "$BATS_FILE_TMPDIR/offline" ] || skip "lacks Debian's archive"
}

# Only what the lock pins: no test here needs the network by accident.
offline() {
	WU_DEBIAN_MIRROR=http://127.0.0.1:9 "$@"
}

need_packages() {
	[ "$(find "$SEED" -name '*.deb' | wc -l)" -ge 2 ] || need_network
}

busybox_digest() {
	sed -n '/^Package: busybox-static/,/^SHA256/s/^SHA256: //p' "$LOCK"
}

# The lock of a year ago: a version of BusyBox that the archive has no more.
pin_what_is_gone() {
	sed -i -e 's/1:1\.35\.0-4[^ ]*$/1:1.35.0-3/' \
		-e 's|^Filename: \(pool/main/b/busybox/\).*|Filename: \1busybox-static_1.35.0-3_amd64.deb|' \
		-e "s/$(busybox_digest)/$(printf '%064d' 7)/" "$LOCK"
	grep -q '^Version: 1:1.35.0-3$' "$LOCK"
}

assert_store_clean() {
	assert_equal "$(ls -A "$STORE/tmp")" ""
}

@test "base: mini is built into the store, named by its content" {
	need_packages
	run -0 offline "$WUC" base build --locked mini
	run --separate-stderr "$WUC" base path mini
	assert_success
	assert_equal "$output" "$STORE/bases/$(basename "$(cat "$BATS_FILE_TMPDIR/path")")"
	local path=$output
	assert_equal "$(sha256sum <"$path/base.json")" "$(basename "$path")  -"
	assert_equal "$(cd "$path" && echo *)" "base.json initrd kernel"
	assert_equal "$(stat -c %a "$path"/*)" "$(printf '444\n444\n444')"
	for file in kernel initrd; do
		grep -q "$(sha256sum <"$path/$file" | cut -c1-64)" "$path/base.json"
	done
	assert_store_clean
}

@test "base: a second build opens no package and needs no network" {
	seed_base
	rm -r "$STORE/packages"
	local before
	before=$(find "$STORE/bases" "$STORE/keys" -printf '%p %i %T@\n' | sort)
	run -0 offline "$WUC" base build mini
	assert_output --partial "up to date"
	assert_equal "$(find "$STORE/bases" "$STORE/keys" -printf '%p %i %T@\n' | sort)" "$before"
	run -0 offline "$WUC" base build --locked mini
}

@test "base: the initrd holds agent, BusyBox and modules in loading order" {
	command -v busybox >/dev/null || skip "lacks busybox"
	mkdir "$DIR/x"
	(cd "$DIR/x" && busybox cpio -i) <"$(cat "$BATS_FILE_TMPDIR/path")/initrd"
	cmp "$WUGUEST" "$DIR/x/init"
	run -0 "$DIR/x/bin/busybox" echo hello
	assert_output hello
	assert_equal "$(readlink "$DIR/x/bin/awk")" busybox
	local module
	while read -r module; do
		assert_file_exists "$DIR/x$module"
	done <"$DIR/x/etc/modules"
	[ "$(grep -n '/virtio\.ko' "$DIR/x/etc/modules" | cut -d: -f1)" -lt \
		"$(grep -n '/virtio_blk\.ko' "$DIR/x/etc/modules" | cut -d: -f1)" ]
	grep -qx 'virtio:d00000001v\*' "$DIR/x/etc/drivers"
	while read -r module; do
		assert_file_exists "$DIR/x$module"
		run -1 grep -x "$module" "$DIR/x/etc/modules"
	done < <(grep ^/ "$DIR/x/etc/drivers")
	[ "$(grep -n '/scsi_mod\.ko' "$DIR/x/etc/drivers" | head -n 1 | cut -d: -f1)" -lt \
		"$(grep -n '/sd_mod\.ko' "$DIR/x/etc/drivers" | cut -d: -f1)" ]
}

@test "base: drivers that cannot be are refused at the recipe's line" {
	need_packages
	sed -i 's/drivers = {.*/drivers = { "virtio_blk", "ext4", "libata" },/' "$WUC_RECIPES/mini.lua"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_output --regexp 'mini\.lua:[0-9]+: base: no device asks for the driver libata: list it as one of the modules'
	sed -i 's/"libata"/"no_such"/' "$WUC_RECIPES/mini.lua"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_output --regexp 'mini\.lua:[0-9]+: base: the kernel has no module no_such'
}

@test "base: a damaged package in the store is fetched again" {
	need_network
	local deb
	deb=$STORE/packages/$(busybox_digest).deb
	rm -f "$deb"
	echo tampered >"$deb"
	run "$WUC" base build mini
	assert_success
	assert_output --partial "is damaged; fetching busybox-static again"
	assert_equal "$(sha256sum <"$deb")" "$(busybox_digest)  -"
	assert_equal "$(basename "$("$WUC" base path mini)")" \
		"$(basename "$(cat "$BATS_FILE_TMPDIR/path")")"
}

@test "base: a damaged package is not built from where no other can be had" {
	local deb
	deb=$STORE/packages/$(busybox_digest).deb
	rm -f "$deb"
	echo tampered >"$deb"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_equal "$(ls "$STORE/bases")" ""
	assert_store_clean
}

@test "base: a mirror that gives other bytes is refused" {
	need_packages
	local file
	file=$DIR/mirror/debian/$(sed -n 's/^Filename: \(.*busybox.*\)/\1/p' "$LOCK")
	mkdir -p "$(dirname "$file")"
	head -c 928188 /dev/zero >"$file"
	rm -f "$STORE/packages/$(busybox_digest).deb"
	WU_DEBIAN_MIRROR=file:$DIR/mirror run "$WUC" base build mini
	assert_failure 1
	assert_output --partial "busybox-static"
	assert_file_not_exists "$STORE/packages/$(busybox_digest).deb"
	assert_store_clean
}

@test "base: a folder can be the mirror" {
	need_packages
	local deb file
	deb=$STORE/packages/$(busybox_digest).deb
	assert_file_exists "$deb"
	file=$DIR/mirror/debian/$(sed -n 's/^Filename: \(.*busybox.*\)/\1/p' "$LOCK")
	mkdir -p "$(dirname "$file")"
	mv "$deb" "$file"
	WU_DEBIAN_MIRROR=file:$DIR/mirror run -0 "$WUC" base build --locked mini
	assert_equal "$(sha256sum <"$deb")" "$(busybox_digest)  -"
}

@test "base: without network and package: one line that says what and what to do" {
	rm -rf "$STORE/packages"
	run --separate-stderr offline "$WUC" base build -q mini
	assert_failure 1
	assert_equal "$output" ""
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == "wuc: base mini needs busybox-static 1:1.35.0-"*", which cannot be fetched: "*"127.0.0.1"*"; connect to the network, or name a mirror in WU_DEBIAN_MIRROR, and try again" ]]
	assert_store_clean
}

@test "base: a pinned package that is gone: goes on with the newest, and says so" {
	need_network
	pin_what_is_gone
	cp "$LOCK" "$DIR/lock"
	run "$WUC" base build mini
	assert_success
	assert_output --partial "warning: "
	assert_output --partial "busybox-static 1:1.35.0-3 has left the archive; building from busybox-static 1:1.35.0-"
	assert_output --partial "so digests differ; \`wuc base build --update mini\` renews the lock"
	cmp "$LOCK" "$DIR/lock"
	# The next one remembers, and still says so.
	run offline "$WUC" base build mini
	assert_success
	assert_output --partial "pins packages that have left the archive"
	# What was not built from the pinned packages is no answer to --locked.
	run "$WUC" base build --locked mini
	assert_failure 1
	assert_output --partial "--locked allows no other"
	# And --update ends it.
	run -0 "$WUC" base build --update mini
	refute_output --partial "has left the archive"
	run -0 offline "$WUC" base build --locked mini
	run ! cmp "$LOCK" "$DIR/lock"
	assert_store_clean
}

@test "base: a pinned version with another digest than the archive's is refused" {
	need_network
	sed -i "s/$(busybox_digest)/$(printf '%064d' 7)/" "$LOCK"
	run "$WUC" base build mini
	assert_failure 1
	assert_output --partial "is not what the archive has under that version"
	assert_store_clean
}

@test "base: a pinned version that is not the package's own is refused" {
	need_packages
	"$WUC" base build -q --locked mini
	sed -i '/^Package: busybox-static/,/^$/s/^Version: .*/Version: 9.9-1/' "$LOCK"
	run offline "$WUC" base build -q --locked mini
	assert_failure 1
	assert_equal "${#lines[@]}" 1
	assert_output --partial "mini.lock: pins busybox-static 9.9-1 (amd64), but the package of that SHA-256 is busybox-static 1:1."
	assert_output --partial "; \`wuc base build --update mini\` renews the lock"
	assert_store_clean
}

@test "base: a lock that does not pin all" {
	need_network
	seed_base
	sed -i '/^Package: busybox-static/,/^$/d' "$LOCK"
	run "$WUC" base build --locked mini
	assert_failure 1
	assert_output --partial "mini.lock: does not pin busybox-static, and --locked allows no other"
	run "$WUC" base path mini
	assert_failure 1
	run -0 "$WUC" base build mini
	assert_file_contains "$LOCK" "^Package: busybox-static"
}

@test "base: a recipe without a lock gets one" {
	need_network
	seed_base
	rm "$LOCK"
	run -0 "$WUC" base build mini
	run -0 offline "$WUC" base build --locked mini
	assert_equal "$(grep -c ^Package: "$LOCK")" 2
	assert_file_contains "$LOCK" "^For: linux-image-cloud-amd64"
}

@test "base: a lock has to be writable to be renewed" {
	[ "$(id -u)" != 0 ] || skip "lacks a user other than root: root may write anywhere"
	chmod a-w "$WUC_RECIPES"
	run offline "$WUC" base build --update mini
	chmod u+w "$WUC_RECIPES"
	assert_failure 1
	assert_output --partial "copy the recipe to a folder of your own"
}

@test "base: --update and --locked exclude each other" {
	run "$WUC" base build --update --locked mini
	assert_failure
	assert_output --partial "exclude each other"
}

@test "base: a lock with a hostile field is refused before anything is fetched" {
	sed -i 's|^Filename: pool/main.*|Filename: pool/../../../x.deb|' "$LOCK"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_output --regexp 'mini\.lock:[0-9]+: Filename: expected a path below pool/'
}

@test "base: a damaged lock: what to do, and --update does it" {
	local text
	for text in "" garbage "$(head -n 8 "$LOCK")"; do
		printf %s "$text" >"$LOCK"
		run offline "$WUC" base build mini
		assert_failure 1
		assert_equal "${#lines[@]}" 1
		assert_output --regexp "^$LOCK:[0-9]+: .*; restore the file, or \`wuc base build --update mini\` renews the lock$"
	done
	need_network
	run "$WUC" base build --update mini
	assert_success
	assert_output --regexp "warning: $LOCK:[0-9]+: .*; the lock is renewed"
	run -0 offline "$WUC" base build --locked -q mini
	assert_store_clean
}

@test "base: mistakes in a recipe name their line" {
	need_packages
	sed -i 's/"virtio_rng"/"virtio_xyz"/' "$WUC_RECIPES/mini.lua"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_output --regexp 'mini\.lua:[0-9]+: .*the kernel has no module virtio_xyz'
	cp "$ROOT/recipes/mini.lua" "$WUC_RECIPES/"
	sed -i 's|"bin/busybox" }|"bin/nothing" }|' "$WUC_RECIPES/mini.lua"
	run offline "$WUC" base build mini
	assert_failure 1
	assert_output --regexp 'mini\.lua:[0-9]+: .*busybox-static 1:1.* holds no bin/nothing'
	assert_equal "$(ls "$STORE/bases")" ""
	assert_store_clean
}

@test "base: a damaged base is built again" {
	need_packages
	seed_base
	local path
	path=$("$WUC" base path mini)
	chmod u+w "$path/initrd"
	truncate -s 1000 "$path/initrd"
	run "$WUC" base build mini
	assert_success
	assert_output --partial "building it again"
	[ "$(stat -c %s "$path/initrd")" -gt 1000000 ]
	assert_store_clean
}

@test "base: two builds at once" {
	need_packages
	"$WUC" base build mini >"$DIR/one" 2>&1 3>&- &
	local first=$!
	"$WUC" base build mini >"$DIR/two" 2>&1 3>&- &
	local second=$!
	wait "$first"
	wait "$second"
	assert_equal "$(find "$STORE/bases" -mindepth 1 -maxdepth 1 | wc -l)" 1
	assert_store_clean
	run -0 offline "$WUC" base build --locked mini
}

@test "base: a killed build leaves nothing that counts" {
	need_packages
	"$WUC" base build mini >/dev/null 2>&1 3>&- &
	local pid=$! tries=0
	until compgen -G "$STORE/tmp/*/kernel" >/dev/null || [ $((tries += 1)) -gt 500 ]; do
		sleep 0.01
	done
	pkill -KILL -P "$pid" # who would sweep dies too, as with the whole host
	kill -KILL "$pid"
	wait "$pid" || true
	assert_equal "$(ls "$STORE/bases" "$STORE/keys")" "$(printf '%s:\n\n%s:' "$STORE/bases" "$STORE/keys")"
	[ -n "$(ls -A "$STORE/tmp")" ]
	run -0 "$WUC" base build mini
	assert_store_clean
	assert_equal "$(basename "$("$WUC" base path mini)")" \
		"$(basename "$(cat "$BATS_FILE_TMPDIR/path")")"
}

@test "base: a killed download leaves nothing that counts" {
	need_network
	rm -rf "$STORE/packages"
	"$WUC" base build mini >/dev/null 2>&1 3>&- &
	local pid=$! tries=0
	until compgen -G "$STORE/tmp/*/apt.conf" >/dev/null || [ $((tries += 1)) -gt 500 ]; do
		sleep 0.005
	done
	kill -KILL "$pid"
	wait "$pid" || true
	for deb in "$STORE"/packages/*.deb; do
		[ ! -e "$deb" ] || assert_equal "$(sha256sum <"$deb")" "$(basename "$deb" .deb)  -"
	done
	seed_base
	run -0 "$WUC" base build mini
	assert_store_clean
}

@test "base: another user, home and umask give the same digest" {
	need_packages
	local home=$DIR/home as=()
	mkdir -p "$home/.cache/workunit/packages"
	cp "$SEED"/*.deb "$home/.cache/workunit/packages/"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		chown -R 65534:65534 "$home"
		"${as[@]}" test -x "$WUC" || skip "lacks a program that another user can reach: $WUC"
	fi
	(
		umask 077
		unset XDG_CACHE_HOME
		HOME=$home TZ=Asia/Tokyo SOURCE_DATE_EPOCH=1 "${as[@]}" "$WUC" base build --locked -q mini
	)
	run -0 ls "$home/.cache/workunit/bases"
	assert_output "$(basename "$(cat "$BATS_FILE_TMPDIR/path")")"
}

@test "base: list shows what the store holds" {
	run -0 "$WUC" base list
	assert_output ""
	seed_base
	mkdir -p "$STORE/bases/$(printf '%064d' 1)" "$STORE/bases/other"
	run -0 "$WUC" base list
	assert_equal "${#lines[@]}" 1
	assert_output --regexp "^mini +[0-9a-f]{12} +[0-9.]+ MiB +$STORE/bases/"
}

@test "base: a store that cannot be made or written: its path, and what to do" {
	local as=() verb advice="; make it writable, or choose another with XDG_CACHE_HOME"
	for verb in list "build mini" gc; do
		# shellcheck disable=SC2086 # a verb and what it is about
		XDG_CACHE_HOME=/dev/null/x run "$WUC" base $verb
		assert_failure 1
		assert_equal "${#lines[@]}" 1
		assert_output --regexp \
			"^wuc: /dev/null/x/workunit: the store cannot be written: .*Not a directory$advice$"
	done
	need_packages
	seed_base
	run -0 "$WUC" base list
	touch -d '100 days ago' "$STORE"/bases/*
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		chown 65534:65534 "$STORE" "$STORE"/*
		"${as[@]}" test -x "$WUC" || skip "lacks a program that another user can reach: $WUC"
	fi
	rm -f "$STORE"/keys/*
	find "$STORE" -type d -exec chmod a=rx {} +
	for verb in "build --locked mini" gc "remove mini"; do
		# shellcheck disable=SC2086 # a verb and what it is about
		run --separate-stderr "${as[@]}" "$WUC" base $verb
		assert_failure 1
		assert_regex "$stderr" \
			"wuc: $STORE: the store cannot be written: build-[0-9a-f]+: Permission denied$advice$"
	done
	run -0 "${as[@]}" "$WUC" base list
	assert_output --regexp "^mini "
	find "$STORE" -type d -exec chmod u+w {} +
}

@test "base: no mount, no loop device, no setuid program" {
	command -v strace >/dev/null || skip "lacks strace"
	need_network
	rm -rf "$STORE/packages"
	run -0 strace -f -qq --seccomp-bpf -o "$DIR/trace" -e trace=execve,mount,openat \
		"$WUC" base build --update mini
	run ! grep -E ' mount\(|/dev/loop' "$DIR/trace"
	while read -r program; do
		[ ! -u "$program" ] && [ ! -g "$program" ]
	done < <(sed -n 's/.* execve("\([^"]*\)".* = 0$/\1/p' "$DIR/trace" | sort -u)
}
