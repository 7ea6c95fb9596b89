# SPDX-License-Identifier: GPL-2.0-or-later
# The same recipe and inputs give the same bytes, whoever builds, wherever, whenever: what
# reprotest varies, one by one and all at once.

load helpers
load build_helpers

# The store stays where it is, wherever HOME goes.
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
VARY=${WUC%/*}/tests/vary.so
WITH=(env)

setup_file() {
	build_require_base
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_project project
	(cd project && build ../expected)
	digests expected >expected.sums
	# A unit and an image of the same tree.
	[ "$(wc -l <expected.sums)" -gt 5 ]
}

# What is built: files of many sizes, holes, links, a folder of several blocks, an archive.
make_project() {
	mkdir -p "$1/data/many" "$1/data/deep/er"
	(
		cd "$1" || exit
		local i
		for i in $(seq 600); do
			printf '%d\n' "$i" >"data/many/a rather long name for a file, number $i"
		done
		head -c 3000000 /dev/urandom >data/large
		truncate -s 9M data/holes
		printf x | dd of=data/holes bs=1 seek=5000000 conv=notrunc status=none
		ln data/large data/deep/large-too
		ln -s ../large data/deep/link
		: >data/deep/er/empty
		tar -cf data.tar --sort=name --mtime=@0 --owner=0 --group=0 data
		find data -exec touch -h -d '2001-02-03 04:05:06.789' {} +
		cat >unit.lua <<-'LUA'
			return unit {
				name = "same",
				app = { "data", unpacked = archive "data.tar" },
				params = grid { a = range(1, 3) },
				command = "true",
			}
		LUA
	)
}

# build OUT: the unit and the image of the project in the current folder. With -B, so that
# no disk is a link to one that an earlier build stored.
build() {
	"${WITH[@]}" "$WUC" build -qB unit.lua -o "$1/unit" &&
		"${WITH[@]}" "$WUC" image -q --all-root data -o "$1/data.img" &&
		"${WITH[@]}" "$WUC" image -q --epoch 7 data.tar -o "$1/tar.img"
}

digests() {
	(cd "$1" && find . -type f ! -path './unit/base/*' -exec sha256sum {} + | sort -k 2)
}

expect_same() {
	local out=${1:-out}
	digests "$out" >"$BATS_TEST_TMPDIR/sums"
	diff "$BATS_FILE_TMPDIR/expected.sums" "$BATS_TEST_TMPDIR/sums"
}

setup() {
	build_skip_if_lacking
	cd "$BATS_FILE_TMPDIR/project" || return
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
}

@test "same bytes: environment" {
	WITH=(env -i PATH="$PATH" XDG_CACHE_HOME="$XDG_CACHE_HOME" HOME="$HOME" CAPTURE=1 LD_BIND_NOW=1
		TMPDIR="$BATS_TEST_TMPDIR" COLUMNS=3 MALLOC_PERTURB_=165)
	build "$out"
	expect_same "$out"
}

@test "same bytes: build path and exec path" {
	cp -a "$BATS_FILE_TMPDIR/project" "$BATS_TEST_TMPDIR/some where else"
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp "$WUC" "$BATS_TEST_TMPDIR/bin/other-name"
	cd "$BATS_TEST_TMPDIR/some where else"
	WUC=$BATS_TEST_TMPDIR/bin/other-name WUC_RECIPES=$ROOT/recipes WUC_AGENT=$WUGUEST build "$out"
	expect_same "$out"
}

@test "same bytes: kernel name and address space layout" {
	WITH=(setarch --uname-2.6 -R)
	"${WITH[@]}" true 2>/dev/null || skip "setarch may not change the personality here"
	build "$out"
	expect_same "$out"
}

@test "same bytes: one processor or all, so one thread or several" {
	[ "$(nproc)" -gt 1 ] || skip "there is but one processor"
	WITH=(taskset -c 0)
	build "$out"
	expect_same "$out"
}

@test "same bytes: the clock, ten years on" {
	WITH=(env LD_PRELOAD="$VARY" VARY_SECONDS=315360000)
	# The library is really in the way.
	run -0 env LD_PRELOAD="$VARY" VARY_SECONDS=315360000 date +%Y
	assert [ "$output" -ge "$(($(date +%Y) + 9))" ]
	build "$out"
	expect_same "$out"
}

@test "same bytes: file ordering" {
	WITH=(env LD_PRELOAD="$VARY" VARY_ORDER=1)
	local many=data/many
	# shellcheck disable=SC2012 # the order is the point
	[ "$("${WITH[@]}" ls -f "$many" | head -n 5)" != "$(ls -f "$many" | head -n 5)" ]
	build "$out"
	expect_same "$out"
}

@test "same bytes: user and group" {
	WITH=(unshare --user --map-user=4321 --map-group=5432)
	"${WITH[@]}" true 2>/dev/null || skip "there are no user namespaces for us here"
	assert_equal "$("${WITH[@]}" id -u)" 4321
	build "$out"
	expect_same "$out"
}

@test "same bytes: domain and host" {
	WITH=(unshare --user --map-root-user --uts sh -c 'hostname other-host && "$@"' sh)
	"${WITH[@]}" true 2>/dev/null || skip "there are no namespaces for us here"
	build "$out"
	expect_same "$out"
}

@test "same bytes: home, locale, time zone and umask" {
	mkdir "$BATS_TEST_TMPDIR/home"
	local locale
	locale=$(locale -a | grep -i -m 1 'utf' || echo C)
	WITH=(env HOME="$BATS_TEST_TMPDIR/home" LC_ALL="$locale" LANG=de_CH.UTF-8 TZ=Asia/Kathmandu)
	umask 077
	build "$out"
	expect_same "$out"
	rm -rf "$out"
	mkdir "$out"
	umask 0
	build "$out"
	expect_same "$out"
}

@test "same bytes: ext4 and tmpfs, for the inputs and for the output" {
	local place kinds=
	for place in /dev/shm /var/tmp "$BATS_TEST_TMPDIR"; do
		[ -w "$place" ] || continue
		kinds+=" $(stat -f -c %T "$place")"
		local here=$place/wu-same.$$
		cp -a --sparse=always "$BATS_FILE_TMPDIR/project" "$here"
		mkdir "$here.out"
		(cd "$here" && TMPDIR=$place build "$here.out") && expect_same "$here.out" ||
			{ rm -rf "$here" "$here.out"; return 1; }
		rm -rf "$here" "$here.out"
	done
	echo "on$kinds"
	case $kinds in *tmpfs*ext*) ;; *) skip "there are not both: only$kinds" ;; esac
}

@test "same bytes: whether the host keeps holes" {
	cp -a --sparse=never "$BATS_FILE_TMPDIR/project" "$BATS_TEST_TMPDIR/full"
	cd "$BATS_TEST_TMPDIR/full"
	[ "$(stat -c %b data/holes)" != "$(stat -c %b "$BATS_FILE_TMPDIR/project/data/holes")" ]
	build "$out"
	expect_same "$out"
}

@test "same bytes: a second build finds everything as it was" {
	build "$out"
	run -0 "$WUC" build unit.lua -o "$out/unit"
	assert_output --partial "up to date"
	rm "$out"/*.img
	build "$out"
	expect_same "$out"
}

@test "same bytes: everything at once" {
	local as=()
	unshare --user --map-user=4321 --map-group=5432 --uts true 2>/dev/null &&
		as=(unshare --user --map-user=4321 --map-group=5432 --uts)
	cp -a --sparse=never "$BATS_FILE_TMPDIR/project" "$BATS_TEST_TMPDIR/x y"
	mkdir "$BATS_TEST_TMPDIR/home"
	cd "$BATS_TEST_TMPDIR/x y"
	WITH=("${as[@]}" setarch -R taskset -c 0 env LD_PRELOAD="$VARY" VARY_SECONDS=99999999 VARY_ORDER=1
		HOME="$BATS_TEST_TMPDIR/home" TZ=America/St_Johns)
	umask 027
	build "$out"
	expect_same "$out"
}

# What the digests are taken of does matter: another byte gives others.
@test "same bytes: not where an input differs" {
	cp -a "$BATS_FILE_TMPDIR/project" "$BATS_TEST_TMPDIR/other"
	cd "$BATS_TEST_TMPDIR/other"
	printf y | dd of=data/holes bs=1 seek=5000000 conv=notrunc status=none
	build "$out"
	digests "$out" >sums
	run -1 diff <(grep data.img "$BATS_FILE_TMPDIR/expected.sums") <(grep data.img sums)
	run -1 diff <(grep app.img "$BATS_FILE_TMPDIR/expected.sums") <(grep app.img sums)
	diff <(grep tar.img "$BATS_FILE_TMPDIR/expected.sums") <(grep tar.img sums)
}
