#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# debian: packages -> layers of a root disk, by mmdebstrap. Real packages throughout; the
# packages and layers of the user's own store, where it has them, are shared.

# shellcheck disable=SC2154 # bats sets output, stderr and their lines
# shellcheck disable=SC2030,SC2031 # a test is a process of its own, and so is a subshell
load helpers

# In setup_file a skip would not reach the tests: they look at the files that it leaves.
setup_file() {
	local helper=/usr/lib/apt/apt-helper mirror=${WU_DEBIAN_MIRROR:-http://deb.debian.org}
	export WUC_RECIPES=$ROOT/recipes
	SEED=${XDG_CACHE_HOME:-$HOME/.cache}/workunit
	export SEED
	if ! "$WUC" base build -q --locked debian-python 2>"$BATS_FILE_TMPDIR/why" ||
		! make_layers_there; then
		echo "the base debian-python: $(tail -n 1 "$BATS_FILE_TMPDIR/why")" \
			>"$BATS_FILE_TMPDIR/lacks"
		return 0
	fi
	build_fresh 2>"$BATS_FILE_TMPDIR/fresh.err" || true
	"$helper" -qq download-file "$mirror/debian/dists/bookworm/InRelease" \
		"$BATS_FILE_TMPDIR/InRelease" 2>"$BATS_FILE_TMPDIR/offline" &&
		rm "$BATS_FILE_TMPDIR/offline"
	return 0
}

teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/fresh" ] || rm -rf "$(cat "$BATS_FILE_TMPDIR/fresh")"
}

# as_nobody FILE COMMAND…: as a plain user who has subordinate ids, which the host need not
# know of: FILE takes the place of its own two, for this command only.
as_nobody() {
	[ -x /usr/bin/newuidmap ] || return
	echo "$(id -u nobody):100000:65536" >"$1"
	# shellcheck disable=SC2016 # the inner shell's own words
	unshare --mount sh -c 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid &&
		shift && exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"' - "$@"
}

# The same once more, from nothing: by a plain user where root runs the tests, in a folder
# with an odd name that only the user may enter, with another umask, locale, zone and
# environment.
build_fresh() {
	local dir as=() user=''
	dir=$(mktemp -d)
	echo "$dir" >"$BATS_FILE_TMPDIR/fresh"
	chmod 755 "$dir"
	if [ "$(id -u)" -eq 0 ]; then
		user=nobody
		# Not --map-auto: where it fails, the process that helps it stays.
		as_nobody "$dir/ids" unshare --user true || return
		as=(as_nobody "$dir/ids")
	fi
	mkdir -p "$dir/a b%20'c/workunit" "$dir/tmp"
	cp -r "$SEED/packages" "$dir/a b%20'c/workunit/"
	cp -r "$ROOT/recipes" "$WUC" "$WUGUEST" "$dir/"
	chmod -R a+rX "$dir"
	[ -z "$user" ] || chown -R "$user" "$dir/a b%20'c" "$dir/tmp"
	chmod 700 "$dir/a b%20'c"
	(
		umask 077
		export TZ=Asia/Tokyo LC_ALL=C.UTF-8 APT_CONFIG=/nonexistent DPKG_ROOT=/nonexistent
		export PERL5LIB=/nonexistent DEBIAN_FRONTEND=readline TMPDIR=$dir/tmp
		export SOURCE_DATE_EPOCH=1 XDG_CACHE_HOME="$dir/a b%20'c" HOME=$dir
		export WUC_AGENT=$dir/wuguest WUC_RECIPES=$dir/recipes
		export WU_DEBIAN_MIRROR=http://127.0.0.1:9
		cd /
		"${as[@]}" "$dir/wuc" base build -q --locked debian-python
	)
}

# A base may be older than its layers' last visit to the store: build it anew, then.
make_layers_there() {
	local copy=$BATS_FILE_TMPDIR/anew
	mkdir "$copy"
	cp "$ROOT"/recipes/{debian,debian-python}.{lua,lock} "$ROOT/recipes/wu-progress" \
		"$ROOT"/recipes/mini.{lua,lock} "$copy"
	sed -i 's/description = ".*"/description = "for tests"/' "$copy"/debian*.lua
	WUC_RECIPES=$copy "$WUC" base build -q --locked debian-python 2>"$BATS_FILE_TMPDIR/why"
}

# A folder that other users can reach, unlike bats' own; copies of the recipes, whose locks
# the tests may change.
setup() {
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || skip "lacks $(cat "$BATS_FILE_TMPDIR/lacks")"
	DIR=$(mktemp -d)
	chmod 755 "$DIR"
	export WUC_RECIPES=$DIR/recipes XDG_CACHE_HOME=$DIR/cache
	STORE=$XDG_CACHE_HOME/workunit
	mkdir -p "$STORE" "$WUC_RECIPES"
	cp "$ROOT"/recipes/* "$WUC_RECIPES/"
	chmod -R u+w "$WUC_RECIPES"
	seed packages
	seed layers
}

# What killed tests left may belong to subordinate ids.
teardown() {
	[ -z "${DIR:-}" ] || rm -rf "$DIR" 2>/dev/null ||
		unshare --map-auto --map-root-user rm -rf "$DIR"
}

seed() {
	mkdir -p "$STORE/$1"
	cp -lr "$SEED/$1/." "$STORE/$1/" 2>/dev/null || cp -r "$SEED/$1/." "$STORE/$1/"
}

need_network() {
	[ ! -e "$BATS_FILE_TMPDIR/offline" ] || skip "lacks Debian's archive"
}

# Only what is there: no test here needs the network by accident.
offline() {
	WU_DEBIAN_MIRROR=http://127.0.0.1:9 "$@"
}

# What bases and packages are made of; known/ and downloads come and go.
list_store() {
	find "$STORE"/{bases,layers,keys,tmp} -mindepth 1 -printf '%P %i %s %m\n' | sort
}

# recipe NAME FROM PACKAGE…: a recipe beside the others.
recipe() {
	local name=$1 from=$2
	shift 2
	{
		echo "return debian { name = \"$name\", from = \"$from\","
		printf 'packages = {'
		printf ' "%s",' "$@"
		echo ' } }'
	} >"$WUC_RECIPES/$name.lua"
}

# lock_local NAME PACKAGE FILE: a lock on top of debian that pins one package of our own, in
# an archive of our own.
lock_local() {
	local path=pool/main/l/local/$2_1_all.deb
	mkdir -p "$DIR/mirror/debian/$(dirname "$path")"
	cp "$3" "$DIR/mirror/debian/$path"
	cat >"$WUC_RECIPES/$1.lock" <<-END
		Format: workunit-lock 1
		Suite: bookworm
		Packages: $2
		$(grep '^Below: ' "$WUC_RECIPES/debian-python.lock")

		Package: $2
		Step: packages
		Version: 1
		Architecture: all
		Size: $(stat -c %s "$3")
		SHA256: $(sha256sum "$3" | cut -d ' ' -f 1)
		Archive: debian
		Filename: $path
	END
	export WU_DEBIAN_MIRROR=file:$DIR/mirror
}

# make_package NAME SCRIPT: a package whose postinst is this, at $DIR/NAME.deb.
make_package() {
	mkdir -p "$DIR/$1/DEBIAN" "$DIR/$1/usr/share/doc/$1" "$DIR/$1/usr/share/man/man1" \
		"$DIR/$1/usr/share/locale/de" "$DIR/$1/usr/share/locale/en_GB"
	cat >"$DIR/$1/DEBIAN/control" <<-END
		Package: $1
		Version: 1
		Architecture: all
		Maintainer: nobody <nobody@example.org>
		Description: for tests
		 of more than one line
	END
	printf '#!/bin/sh\n%s\n' "$2" >"$DIR/$1/DEBIAN/postinst"
	chmod 755 "$DIR/$1/DEBIAN/postinst"
	echo licence >"$DIR/$1/usr/share/doc/$1/copyright"
	echo text >"$DIR/$1/usr/share/doc/$1/README"
	echo page >"$DIR/$1/usr/share/man/man1/$1.1"
	echo de >"$DIR/$1/usr/share/locale/de/words"
	echo en >"$DIR/$1/usr/share/locale/en_GB/words"
	dpkg-deb --root-owner-group -b "$DIR/$1" "$DIR/$1.deb" >/dev/null
}

# The tars of all layers; those that are not in $DIR/before. By name: a layer that is used
# gets a new time, and shares it with the user's own.
layers() {
	find "$STORE/layers" -name '*.tar' | sort
}

new_layers() {
	layers | comm -13 "$DIR/before" -
}

in_layer() {
	tar -xOf "$1" "./$2"
}

@test "the locks pin all that the recipes ask for" {
	for base in debian debian-python debian-r; do
		run grep '^Packages:' "$ROOT/recipes/$base.lock"
		assert_success
		run ! grep -q '^For:' "$ROOT/recipes/$base.lock"
	done
	# Nothing of the system below is pinned again.
	run grep -c '^Step: essential' "$ROOT/recipes/debian-python.lock"
	assert_output 0
	run comm -12 <(sed -n 's/^Package: //p' "$ROOT/recipes/debian.lock" | sort) \
		<(sed -n 's/^Package: //p' "$ROOT/recipes/debian-python.lock" | sort)
	assert_output ""
}

@test "root and a plain user get the same bytes, wherever and however they build" {
	local fresh layer count=0
	fresh=$(cat "$BATS_FILE_TMPDIR/fresh")/"a b%20'c"/workunit
	if [ "$(id -u)" -eq 0 ]; then
		[ -e "$fresh" ] || skip "lacks newuidmap, or namespaces of users and mounts"
	fi
	cat "$BATS_FILE_TMPDIR/fresh.err"
	for layer in "$fresh"/layers/*; do
		cmp "$layer" "$STORE/layers/${layer##*/}"
		count=$((count + 1))
	done
	assert_equal "$count" 6 # three tars with their digests
	# The bases made of them have the same digest, which is their name.
	assert_equal "$(ls "$fresh/bases")" "$(basename "$(XDG_CACHE_HOME=${SEED%/workunit} "$WUC" base path debian-python)")"
	run find "$fresh/tmp" -mindepth 1
	assert_output ""
}

@test "nothing of the host is in a layer, nor what nobody reads there" {
	local layer fresh
	fresh=$(cat "$BATS_FILE_TMPDIR/fresh")/"a b%20'c"/workunit
	[ -e "$fresh" ] || fresh=$SEED
	for layer in "$fresh"/layers/*.tar; do
		tar -tf "$layer" >"$DIR/names"
		run ! grep -E '^\./usr/share/(man/.*[^/]$|info/.)' "$DIR/names"
		run ! grep -E '^\./usr/share/doc/[^/]*/.' <(grep -v '/copyright$\|/$' "$DIR/names")
		run ! grep -E '^\./usr/share/locale/[^/]*/' <(grep -v '/locale/en' "$DIR/names")
		# systemd's package has a README there; what else is in it was logged.
		run ! grep -E '^\./var/(log/.*[^/]|cache/apt/.|lib/apt/lists/.|lib/dpkg/lock)$' \
			<(grep -vx './var/log/README' "$DIR/names")
		run ! grep -E '99mmdebstrap|-old$|/(passwd|group|shadow)-$' "$DIR/names"
		grep -q '^./usr/share/doc/bash/copyright$' "$DIR/names"
		assert_equal "$(in_layer "$layer" etc/hostname)" workunit
		assert_equal "$(in_layer "$layer" etc/resolv.conf)" ""
		assert_equal "$(in_layer "$layer" etc/hosts)" "127.0.0.1 localhost"
		in_layer "$layer" etc/passwd | grep -qx 'user:x:1000:1000:user:/tmp:/bin/sh'
		assert_equal "$(in_layer "$layer" etc/apt/sources.list | head -n 1)" \
			"deb http://deb.debian.org/debian bookworm main"
		# No time but the recipe's or an older one.
		run ! grep -v ' [12][0-9][0-9][0-9]-' <(tar --full-time -tvf "$layer")
		assert_equal "$(tar --full-time -tvf "$layer" --utc | awk '{ print $4 }' |
			sort | tail -n 1)" 2000-01-01
	done
}

@test "a package of one's own: its script runs, its manual stays out, its licence in" {
	make_package local 'id -u >/etc/local; umask >>/etc/local; env | grep -c ^WU_WORD >>/etc/local; hostname >/run/gone; true'
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	layers >"$DIR/before"
	WU_WORD=x run --separate-stderr "$WUC" base build --locked own
	assert_success
	assert_regex "$stderr" 'installing 1 package for base own'
	local layer
	layer=$(new_layers)
	assert_equal "$(in_layer "$layer" etc/local | xargs)" "0 0022 0"
	run tar -tf "$layer"
	assert_line ./usr/share/doc/local/copyright
	assert_line ./usr/share/locale/en_GB/words
	refute_line ./usr/share/doc/local/README
	refute_line ./usr/share/man/man1/local.1
	refute_line ./usr/share/locale/de/words
	refute_line ./run/gone
}

@test "a package whose script fails: one line, and the store as before" {
	make_package local 'echo "E: made up" >&2; exit 3'
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	"$WUC" base build -q --locked debian # else what is below would be built now
	list_store >"$DIR/was"
	run --separate-stderr "$WUC" base build -q --locked own
	assert_failure
	assert_regex "$stderr" '^wuc: base own: its packages cannot be installed: '
	assert_equal "${#stderr_lines[@]}" 1
	diff "$DIR/was" <(list_store)
}

@test "a package that says to be another is refused" {
	make_package other true
	recipe own debian local
	lock_local own local "$DIR/other.deb"
	run --separate-stderr "$WUC" base build -q --locked own
	assert_failure
	assert_equal "$stderr" "wuc: $WUC_RECIPES/own.lock: pins local 1 (all), but the package of that SHA-256 is other 1 (all); \`wuc base build --update own\` renews the lock"
}

@test "a lock that gives a package another version is refused, though its layer is there" {
	make_package local true
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	"$WUC" base build -q --locked own
	sed -i 's/^Version: 1$/Version: 2/' "$WUC_RECIPES/own.lock"
	run --separate-stderr "$WUC" base build -q --locked own
	assert_failure
	assert_equal "$stderr" "wuc: $WUC_RECIPES/own.lock: pins local 2 (all), but the package of that SHA-256 is local 1 (all); \`wuc base build --update own\` renews the lock"
	sed -i 's/^Version: 2$/Version: 1/' "$WUC_RECIPES/own.lock"
	run "$WUC" base build -q --locked own
	assert_success
	run "$WUC" base show own
	assert_line --regexp ' local 1$'
}

@test "a package that was changed in the archive is refused" {
	make_package local true
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	sed -i 's/^SHA256: .*/SHA256: 0000000000000000000000000000000000000000000000000000000000000000/' \
		"$WUC_RECIPES/own.lock"
	run --separate-stderr "$WUC" base build -q --locked own
	assert_failure
	assert_regex "$stderr" '^wuc: base own needs local 1, which cannot be fetched: '
	assert_equal "${#stderr_lines[@]}" 1
}

@test "a package that does not exist: one line at the recipe's place, the store as before" {
	need_network
	"$WUC" base build -q --locked debian
	recipe own debian less no-such-package
	list_store >"$DIR/was"
	run --separate-stderr "$WUC" base build -q own
	assert_failure
	assert_equal "$stderr" "$WUC_RECIPES/own.lua:1: debian: packages: Debian's bookworm has no package of the name no-such-package"
	diff "$DIR/was" <(list_store)
	assert_file_not_exists "$WUC_RECIPES/own.lock"
}

@test "a name that apt would take for something else is no package" {
	recipe own debian less-
	run --separate-stderr offline "$WUC" base build -q own
	assert_failure
	assert_equal "$stderr" "$WUC_RECIPES/own.lua:1: debian: packages: expected the name of a Debian package, got \"less-\""
}

@test "a recipe that asks for more: what was pinned of the system stays, and its layer" {
	need_network
	sed -i 's/"less", /"less", "tree", /' "$WUC_RECIPES/debian.lua"
	run --separate-stderr offline "$WUC" base build -q --locked debian
	assert_failure
	assert_equal "$stderr" "wuc: $WUC_RECIPES/debian.lock: does not pin the packages of base debian's root disk as its recipe asks for them, and --locked allows no other"
	layers >"$DIR/before"
	run --separate-stderr "$WUC" base build debian
	assert_success
	refute_regex "$stderr" 'essential packages'
	assert_regex "$stderr" 'pins [0-9]+ packages'
	diff <(grep -A 8 -B 1 '^Step: essential' "$ROOT/recipes/debian.lock") \
		<(grep -A 8 -B 1 '^Step: essential' "$WUC_RECIPES/debian.lock")
	grep -qx 'Package: tree' "$WUC_RECIPES/debian.lock"
	assert_equal "$(new_layers | wc -l)" 1
	# Now it needs no archive.
	run offline "$WUC" base build -q --locked debian
	assert_success
}

@test "a package that has left the archive: the newest, a warning, the lock as it was" {
	need_network
	recipe own debian tree
	"$WUC" base build -q own
	sed -i -e 's/^Version: .*/Version: 0.1/' -e 's/_[^_]*_amd64.deb/_0.1_amd64.deb/' \
		-e "s/^SHA256: .*/SHA256: $(printf '%064d' 1)/" "$WUC_RECIPES/own.lock"
	cp "$WUC_RECIPES/own.lock" "$DIR/own.lock"
	run --separate-stderr "$WUC" base build --locked own
	assert_failure
	assert_regex "$stderr" 'own.lock: tree 0.1 has left the archive, and --locked allows no other'
	run --separate-stderr "$WUC" base build own
	assert_success
	assert_regex "$stderr" 'own.lock: tree 0.1 has left the archive; building from the newest packages'
	cmp "$WUC_RECIPES/own.lock" "$DIR/own.lock"
}

@test "a damaged layer is built again" {
	local layer
	layers >"$DIR/before"
	make_package local true
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	"$WUC" base build -q --locked own
	layer=$(new_layers)
	cp "$layer" "$DIR/was"
	chmod u+w "$layer"
	printf x | dd of="$layer" bs=1 seek=5000000 conv=notrunc status=none
	sed -i 's/name = "own"/name = "own2"/' "$WUC_RECIPES/own.lua"
	run --separate-stderr "$WUC" base build -q --locked "$WUC_RECIPES/own.lua"
	assert_success
	assert_regex "$stderr" 'is damaged; building it again'
	cmp "$layer" "$DIR/was"
}

# killed SIGNAL: a build that is ended while a package's script runs.
killed() {
	make_package local 'echo "Setting up marker" >&2; sleep 1000'
	recipe own debian local
	lock_local own local "$DIR/local.deb"
	"$WUC" base build -q --locked debian
	list_store >"$DIR/was"
	# A shell's background jobs ignore SIGINT; a new session's do not.
	perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$WUC" base build -q --locked own \
		>"$DIR/out" 2>&1 3>&- &
	local builder=$! tries=0
	until pgrep -f "postinst configure" >/dev/null && [ -n "$(find "$STORE/tmp" -name 'mmdebstrap.*')" ]; do
		sleep 0.2
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || { cat "$DIR/out"; return 1; }
	done
	kill "-$1" "$builder"
	wait "$builder" || true
	tries=0
	while [ -n "$(find "$STORE/tmp" -mindepth 1 2>/dev/null)" ]; do
		sleep 0.2
		tries=$((tries + 1))
		[ "$tries" -lt 150 ] || { find "$STORE/tmp" -maxdepth 2; return 1; }
	done
	run pgrep -f "$STORE"
	assert_failure
	diff "$DIR/was" <(list_store)
}

@test "SIGKILL in the midst: no process, no file is left" {
	killed KILL
}

@test "Ctrl-C in the midst: no process, no file is left" {
	killed INT
}

@test "a user without subordinate ids: one line that says what to do" {
	[ "$(id -u)" -eq 0 ] || skip "lacks root, who can become such a user"
	cp "$WUC" "$WUGUEST" "$DIR/"
	chmod 755 "$DIR/wuc" "$DIR/wuguest"
	chmod -R a+rX "$WUC_RECIPES"
	rm -rf "$STORE/layers"
	chown -R 65533 "$XDG_CACHE_HOME"
	WUC_AGENT=$DIR/wuguest run --separate-stderr setpriv --reuid=65533 --regid=65533 \
		--clear-groups "$DIR/wuc" base build -q --locked debian
	assert_failure
	assert_regex "$stderr" '^wuc: base debian: /etc/subuid gives user 65533 no range of 65536 ids'
	assert_regex "$stderr" 'usermod --add-subuids'
	assert_equal "${#stderr_lines[@]}" 1
	run find "$STORE/layers" "$STORE/tmp" "$STORE/bases" -mindepth 1
	assert_output ""
}
