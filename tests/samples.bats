#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# samples: the sample repositories as their users have them, by units.mk, with real boots.

load helpers

setup_file() {
	load helpers
	# Copies without what somebody made in the folders before.
	local sample
	for sample in hello sir image light geyser transposons; do
		mkdir -p "$BATS_FILE_TMPDIR/$sample"
		(cd "$ROOT/samples/$sample" && find . -maxdepth 1 -type f \( -name '*.[chl]*' \
			-o -name '*.awk' -o -name '*.fa' -o -name '*.py' -o -name '*.R' \
			-o -name '*.sh' -o -name Makefile \) ! -name tiles.csv \
			-exec cp -t "$BATS_FILE_TMPDIR/$sample" {} +)
	done
	PKG_CONFIG_PATH=$(cd "$(dirname "$WUC")" && pwd)
	export PKG_CONFIG_PATH
	unset WUCFLAGS WURUNFLAGS UNITS UNITS_DIR RESULTS_DIR
}

setup() {
	# units.mk takes the programs from pkg-config, where nobody names others.
	build_wuc=$WUC
	unset WUC WURUN
}

teardown() {
	WUC=$build_wuc
}

# need_base [NAME|RECIPE]
need_base() {
	local base=${1:-mini} said
	said=$("$build_wuc" base build -q "$base" 2>&1) || skip "lacks the base $base: ${said##*$'\n'}"
}

need_guests() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	need_base "$@"
}

in_sample() {
	cd "$BATS_FILE_TMPDIR/$1" || return
}

# same_here UNIT PARAMETER COMMAND…: makes the unit's results; what each instance left is what
# the command, with the parameter's value in place of VALUE, leaves on this host, byte by
# byte; and no guest changed what it booted.
same_here() {
	local unit=$1 parameter=$2 result value
	shift 2
	run make -j"$(nproc)" results
	assert_success
	for result in "results/$unit"/*/result.json; do
		assert_equal "$(jq -r .class "$result")" ok
		value=$(jq -r ".params.$parameter" "$result")
		mkdir -p "here/$value"
		(cd "here/$value" && "${@/VALUE/$value}")
		diff -r "here/$value" "${result%/*}/files"
	done
	run find "here" -name metrics.json
	assert_equal "${#lines[@]}" "$(find "units/$unit/params" -name '*.iso' | wc -l)"
	"$(pkg-config --variable=wurun workunit)" verify -q "units/$unit"
}

# A wurun that notes its arguments, for what units.mk makes of make's own.
make_recorder() {
	cat >recorder <<-'END'
		#!/bin/sh
		echo "begin $*" >>calls
		sleep 0.2
		echo end >>calls
	END
	chmod +x recorder
	rm -f calls
}

@test "hello: one instance says hello" {
	need_guests
	in_sample hello
	run make results
	assert_success
	run cat results/hello/44136fa355b3/stdout
	assert_output --regexp '^hello from Linux [0-9]'
	run make results
	assert_success
	assert_output --partial "Nothing to be done for 'results'"
}

@test "sir: at least 50 instances, and a second make units does nothing" {
	need_base
	in_sample sir
	run make units
	assert_success
	run find units/sir/params -name '*.iso'
	assert [ "${#lines[@]}" -ge 50 ]
	run make units
	assert_success
	assert_output "make: Nothing to be done for 'units'."
}

@test "sir: what the recipe reads is made again when it changes" {
	need_base
	in_sample sir
	make units
	touch sir.lua
	run make units
	assert_success
	assert_output --partial "up to date, 52 instances"
	cp cases.csv cases.kept
	sed -i 's/^13,5$/13,6/' cases.csv
	run make units WUCFLAGS=--why
	assert_success
	assert_output --partial "/input/cases.csv"
	mv cases.kept cases.csv
	run make units
	assert_success
	run make units
	assert_output "make: Nothing to be done for 'units'."
}

@test "sir: the best fit is the literature's" {
	need_guests
	in_sample sir
	run make -j"$(nproc)" results
	assert_success
	assert_output --partial "52 ok"
	run grep -L '"class": "ok"' results/sir/*/result.json
	refute_output
	run make --no-print-directory best
	assert_success
	assert_line --index 0 --regexp '^ +beta +gamma +R0 +peak +squares +instance$'
	# A heading, ten rows, the path; columns as wide as the heading's.
	assert [ "${#lines[@]}" -eq 12 ]
	for row in "${lines[@]:1:10}"; do
		assert_regex "$row" '^ *[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+   [0-9a-f]{12}$'
		assert [ "${#row}" -eq "${#lines[1]}" ]
	done
	assert_line --index 11 "52 instances, results in $PWD/results/sir"
	read -r beta gamma _ <<<"${lines[1]}"
	assert awk -v b="$beta" -v g="$gamma" \
		'BEGIN { exit !(b >= 1.6 && b <= 1.8 && g >= 0.4 && g <= 0.5) }'
	run jq -s 'min_by(.metrics.sse).params | .beta >= 1.6 and .beta <= 1.8
		and .gamma >= 0.4 and .gamma <= 0.5' results/sir/*/result.json
	assert_output true
}

@test "image: the tiles of guests join to the picture that the host renders" {
	need_guests
	command -v musl-gcc >/dev/null || skip "lacks musl-gcc"
	in_sample image
	local size=(COLUMNS=2 ROWS=1 WIDTH=80 HEIGHT=60)
	run make -j2 "${size[@]}"
	assert_success
	assert_output --partial "image.png: 80 x 60 pixels"
	./tile 80 60 0 0 80 60 >whole.ppm
	./join whole.png whole.ppm
	cmp image.png whole.png
	assert_equal "$(head -c 8 image.png | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
	run make "${size[@]}"
	assert_output "make: 'image.png' is up to date."
	# Another size is another sweep; nothing of the old one gets into it.
	run make -n "${size[@]}" WIDTH=96
	assert_output --partial "wuc build image.lua"
	assert_output --partial "wurun run units/image"
}

@test "image: join wants every tile, and tiles of one picture" {
	command -v musl-gcc >/dev/null || skip "lacks musl-gcc"
	in_sample image
	make tile join
	./tile 8 6 0 0 4 6 >left.ppm
	./tile 8 6 4 0 4 6 >right.ppm
	./tile 9 6 4 0 4 6 >other.ppm
	head -c 40 right.ppm >short.ppm
	run ./join out.png left.ppm
	assert_failure 1
	assert_output "join: out.png: some of its tiles are missing"
	assert_not_exist out.png
	run ./join out.png left.ppm other.ppm
	assert_failure 1
	assert_output "join: other.ppm: a tile of another picture"
	run ./join out.png left.ppm short.ppm
	assert_failure 1
	assert_output "join: short.ppm: ends too early"
	./join out.png left.ppm right.ppm
	run ./tile 8 6 4 0 5 6
	assert_failure 2
}

@test "light: numpy's trimmed means in guests are those of this host" {
	need_guests debian-python
	/usr/bin/python3 -c 'import numpy' || skip "lacks python3-numpy"
	in_sample light
	same_here light trim /usr/bin/python3 "$PWD/light.py" VALUE "$PWD/times.csv"
	run make --no-print-directory table
	assert_line --index 0 trim,error,estimate,high,low
	assert_line --index 4 --regexp '^0\.5,0\.6[0-9]+,27\.0,28\.5,26\.0$'
	assert [ "${#lines[@]}" -eq 5 ]
}

@test "geyser: R's polynomials in guests are those of this host" {
	need_guests debian-r
	command -v Rscript >/dev/null || skip "lacks r-base-core"
	in_sample geyser
	same_here geyser degree Rscript "$PWD/geyser.R" VALUE
	run jq -s 'min_by(.metrics.cv_rmse).params.degree' results/geyser/*/result.json
	assert_output 4
	run make --no-print-directory table
	assert_line --index 0 degree,aic,cv_rmse,p_value,r_squared,sigma
	assert_line --index 1 1,1742.7594,5.934033,1,0.811461,5.914009
}

@test "transposons: what HMMER finds in guests is what it finds on this host" {
	in_sample transposons
	need_guests ./hmmer.lua
	command -v nhmmer >/dev/null || skip "lacks hmmer"
	same_here transposons evalue \
		sh "$PWD/search.sh" VALUE "$PWD/MADE1.hmm" "$PWD/dna_target.fa"
	cmp hmmer.lock "$ROOT/samples/transposons/hmmer.lock"
	run jq -s -c 'sort_by(.params.evalue) | map(.metrics.hits)' results/transposons/*/result.json
	assert_output '[1,3,4,5]'
	run make --no-print-directory table
	assert_line --index 4 10,152,38.8,3,3,5,2
}

@test "transposons: the data are those of hmmer-examples" {
	local data=/usr/share/doc/hmmer/examples/tutorial
	[ -e "$data/MADE1.hmm" ] || skip "lacks hmmer-examples, with its documentation"
	in_sample transposons
	cmp MADE1.hmm "$data/MADE1.hmm"
	cmp dna_target.fa "$data/dna_target.fa"
}

@test "units.mk: make's -j becomes wurun's, one wurun at a time" {
	need_base
	mkdir "$BATS_TEST_TMPDIR/two" && cd "$BATS_TEST_TMPDIR/two"
	echo 'return unit { command = "true" }' | tee one.lua >two.lua
	# shellcheck disable=SC2016 # for make
	printf '%s\n' 'UNITS := one.lua two.lua' \
		'include $(shell pkg-config --variable=mk workunit)' >Makefile
	make_recorder
	make -j3 results WURUN="$PWD/recorder" WURUNFLAGS=--verify
	assert_equal "$(grep -c -- '-j 3 --verify$' calls)" 2
	assert_equal "$(sed 's/ .*//' calls | tr '\n' ' ')" "begin end begin end "
	rm calls
	run make results WURUN="$PWD/recorder"
	assert_output --partial "Nothing to be done"
	make clean-results
	make results WURUN="$PWD/recorder"
	run grep -e '-j' calls
	refute_output
	make clean-units
	assert_not_exist units/one
	assert_not_exist units/one.d
}

@test "units.mk: a failed run leaves no stamp" {
	need_base
	mkdir "$BATS_TEST_TMPDIR/bad" && cd "$BATS_TEST_TMPDIR/bad"
	cp "$ROOT"/samples/hello/{Makefile,hello.lua} .
	run make results WURUN=false
	assert_failure
	assert_not_exist results/hello/.stamp
	assert_exist units/hello/unit.json
}

@test "installed below DESTDIR, a sample builds with what is there" {
	need_base
	local place=$BATS_TEST_TMPDIR/place
	make -s -C "$ROOT" install BUILD="${build_wuc%/*}" DESTDIR="$place" PREFIX=/usr
	export PKG_CONFIG_PATH=$place/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR=$place
	assert_equal "$(pkg-config --variable=mk workunit)" "$place/usr/share/workunit/units.mk"
	assert_equal "$(pkg-config --modversion workunit)" "$("$place/usr/bin/wuc" --version | cut -d' ' -f2)"
	cp -r "$BATS_FILE_TMPDIR/hello" "$BATS_TEST_TMPDIR/hello"
	cd "$BATS_TEST_TMPDIR/hello"
	rm -rf units results
	run make units
	assert_success
	assert_output --partial "$place/usr/bin/wuc build hello.lua"
	"$place/usr/bin/wurun" verify -q units/hello
	if command -v scdoc >/dev/null; then
		assert_exist "$place/usr/share/man/man1/wuc.1"
		assert_exist "$place/usr/share/man/man5/workunit-recipe.5"
		assert_exist "$place/usr/share/man/man8/wuguest.8"
	fi
	make -s -C "$ROOT" uninstall BUILD="${build_wuc%/*}" DESTDIR="$place" PREFIX=/usr
	run find "$place" -type f
	refute_output
}
