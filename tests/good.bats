#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# good: what recipes become. tests/good/NAME.txt holds the instances of NAME.lua, an id and
# the canonical form a line; everything.mtree what its app disk holds.

load helpers
load build_helpers

setup_file() {
	build_require_base
	GOOD=$BATS_FILE_TMPDIR/good
	export GOOD
	cp -a "$ROOT/tests/good" "$GOOD"
	make_fixtures "$GOOD/made"
}

setup() {
	build_skip_if_lacking
}

# What a repository should not hold: archives, a sparse file, files of every mode.
make_fixtures() (
	mkdir -p "$1/tree/sub/deep" "$1/tree/none"
	cd "$1" || exit
	echo tool >tool
	chmod 0640 tool
	echo a >a.txt
	echo b >b.txt
	echo c >c.txt
	seq 1 3 >part-1.csv
	seq 4 6 >part-2.csv
	truncate -s 5M sparse
	printf start | dd of=sparse conv=notrunc status=none
	printf middle | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
	echo deep >tree/sub/deep/file
	echo run >tree/program
	chmod 0755 tree/program
	chmod 0600 tree/sub/deep/file
	ln -s sub/deep/file tree/link
	ln tree/program tree/again
	ln -s /etc/passwd tree/outside
	tar -czf tree.tar.gz tree
	tar -cJf tree.tar.xz tree
	tar --zstd -cf tree.tar.zst tree
	zip -qry tree.zip tree
	mkdir kept kept/folder
	echo run >kept/program
	mkfifo -m 0602 kept/pipe
	chmod 2750 kept/folder
	chmod 6751 kept/program
	tar --format=pax --owner=11 --group=12 --mtime='2001-02-03 04:05:06.7 UTC' \
		--pax-option="exthdr.name=x,LIBARCHIVE.xattr.trusted.t:=eA==" -C kept -cf kept.tar .
)

instances_of() {
	sed -n 's/^    {"id": "\([0-9a-f]*\)", "params": \(.*\), "size": [0-9]*, "sha256": "[0-9a-f]*"},\{0,1\}$/\1 \2/p' \
		"$1/unit.json"
}

@test "every good recipe has its instances: in order, with the right ids" {
	local recipe name failed=0 id json
	for recipe in "$GOOD"/*.lua; do
		name=$(basename "$recipe" .lua)
		[ "$name" != everything ] || continue
		"$WUC" build -q -o "$BATS_TEST_TMPDIR/$name" "$recipe"
		instances_of "$BATS_TEST_TMPDIR/$name" | diff -u "$GOOD/$name.txt" - || failed=1
		while read -r id json; do
			assert_equal "$id" "$(id_of "$json")"
			assert_file_exists "$BATS_TEST_TMPDIR/$name/params/$id.iso"
		done <"$GOOD/$name.txt"
		assert_equal "$(find "$BATS_TEST_TMPDIR/$name/params" -type f | wc -l)" \
			"$(wc -l <"$GOOD/$name.txt")"
	done
	[ "$failed" -eq 0 ]
}

@test "the manifest is JSON that agrees with the files" {
	local unit=$BATS_TEST_TMPDIR/unit path size sha
	cd "$BATS_TEST_TMPDIR"
	"$WUC" build -q -o "$unit" "$GOOD/grid.lua"
	run jq -r '.format, .version, .name, .scripts[0], .parameters[0], (.instances | length)' "$unit/unit.json"
	assert_output "$(printf '%s\n' workunit 1 grid 10-main a 6)"
	jq -r '(.files | to_entries[] | [.key, .value.size, .value.sha256]),
		(.instances[] | ["params/" + .id + ".iso", .size, .sha256]) | @tsv' "$unit/unit.json" >listed
	while read -r path size sha; do
		assert_equal "$(stat -c %s "$unit/$path")" "$size"
		assert_equal "$(sha256sum <"$unit/$path")" "$sha  -"
	done <listed
	# And nothing is there that it does not list.
	{ cut -f1 listed; echo unit.json; } | sort >names
	(cd "$unit" && find . -type f -printf '%P\n' | sort) | diff names -
	assert_equal "$(jq -r .recipe.sha256 "$unit/unit.json")" "$(sha256sum <"$GOOD/grid.lua" | cut -d' ' -f1)"
}

@test "metadata, machine and output stand in the manifest" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		return unit {
			name = "all-fields",
			description = "Ünïcode \"quoted\" \\ text",
			version = "1.2",
			license = "CC0-1.0",
			authors = { "A. Author", "B. Author" },
			epoch = 1000000000,
			command = "true",
			output = { size = "32M", metrics = "sub/metrics.json" },
			machine = { cpus = 3, memory = "1.5G", time = "1h30m", network = "user", user = "root" },
		}
	EOF
	"$WUC" build -q recipe.lua
	run jq -c '[.name, .description, .release, .licence, .authors, .epoch, .output, .machine.cpus,
		.machine.memory_bytes, .machine.time_ms, .machine.network, .machine.user]' units/all-fields/unit.json
	assert_output '["all-fields","Ünïcode \"quoted\" \\ text","1.2","CC0-1.0",["A. Author","B. Author"],1000000000,{"size_bytes":33554432,"metrics":"sub/metrics.json"},3,1610612736,5400000,"user","root"]'
	assert_equal "$(stat -c %s units/all-fields/output.img)" 33554432
	run "$WUC" inspect units/all-fields
	assert_success
	assert_line "unit         all-fields"
	assert_line --partial "3 CPUs, 1.5 GiB, at most 1h30m, network user, scripts run as root"
	run "$WUC" inspect --json units/all-fields
	assert_output "$(cat units/all-fields/unit.json)"
}

@test "several commands run in their order" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		local commands = {}
		for i = 1, 12 do
			commands[i] = i % 2 == 0 and { "echo", i } or "echo " .. i
		end
		return unit { commands = commands }
	EOF
	"$WUC" build -q -o unit recipe.lua
	assert_equal "$(jq -r '.scripts | join(" ")' unit/unit.json)" \
		"010-step 020-step 030-step 040-step 050-step 060-step 070-step 080-step 090-step 100-step 110-step 120-step"
	assert_equal "$(jq -r '.scripts[]' unit/unit.json | LC_ALL=C sort | tr '\n' ' ')" \
		"$(jq -r '.scripts[]' unit/unit.json | tr '\n' ' ')"
	for name in $(jq -r '.scripts[]' unit/unit.json); do
		cat_from unit/app.img "/scripts/$name" >script
		sh script
	done >found
	assert_equal "$(tr '\n' ' ' <found)" "1 2 3 4 5 6 7 8 9 10 11 12 "
	assert_equal "$(stat_of unit/app.img /scripts/010-step | grep -c 'Mode:  0755')" 1
}

@test "the app disk holds every kind of file as its listing says" {
	local unit=$BATS_TEST_TMPDIR/unit
	"$WUC" build -q -o "$unit" "$GOOD/everything.lua"
	diff -u "$GOOD/everything.mtree" "$unit/app.mtree"
	run e2fsck -fn "$unit/app.img"
	assert_success
	assert_equal "$(stat -c %s "$unit/app.img")" $((8 << 20))
}

@test "another reader finds on the app disk what the listing says" {
	local unit=$BATS_TEST_TMPDIR/unit path
	"$WUC" build -q -o "$unit" "$GOOD/everything.lua"
	mkdir "$BATS_TEST_TMPDIR/disk"
	debugfs -R "rdump / $BATS_TEST_TMPDIR/disk" "$unit/app.img" >/dev/null 2>&1
	cd "$BATS_TEST_TMPDIR/disk"
	# Contents: mtree(5) escapes blanks and bytes beyond ASCII as \ooo.
	grep 'type=file' "$unit/app.mtree" | grep -v '^/set' | sed 's/ .*sha256digest=/ /; s/ nlink=.*//' |
		while read -r path sha; do printf '%s  %b\n' "$sha" "${path//\\/\\0}"; done >../sums
	[ "$(wc -l <../sums)" -ge 30 ]
	sha256sum --quiet -c ../sums
	assert_equal "$(readlink app/bin/link)" "../share/text"
	assert_equal "$(readlink app/dangling)" "/nowhere/at all"
	assert_equal "$(readlink app/all/outside)" "/etc/passwd"
	cmp input/sparse "$GOOD/made/sparse"
	for path in gz/tree zst/tree zip/tree xz; do
		diff -r --no-dereference "$GOOD/made/tree" "input/$path"
	done
}

@test "modes, owners, links, times, holes and attributes are as the recipe says" {
	local unit=$BATS_TEST_TMPDIR/unit file
	"$WUC" build -q -o "$unit" "$GOOD/everything.lua"
	cd "$unit"
	has() { stat_of app.img "$1" | grep -qE "$2" || fail "$1: no $2 in: $(stat_of app.img "$1")"; }
	has /app/run.sh "Type: regular    Mode:  0755"
	has /app/bin/tool "Mode:  0750"
	has /app/bin/tool "Links: 2"
	has /app/share/text "Mode:  0644"
	has /app/share/script "Mode:  0755"
	has /app/share/marked "Mode:  0600"
	has /app/share/marked "user.origin \(6\) = \"recipe\""
	has /app/share/marked "user.raw \(2\) = 00 ff"
	has /app/share/nul "Size: 3"
	has /app/share/none "Size: 0"
	has /app/var/empty "Type: directory    Mode:  01777"
	has /app/all/sub/deep/file "Mode:  0644"
	has /app/all/program "Mode:  0755"
	has /app/all/program "Links: 2"
	has /input/zst/tree/program "Mode:  0755"
	has /input/sparse "Size: 5242880"
	has /input/sparse "Blockcount: 16"
	for file in / /app /app/run.sh /app/bin/link /input/gz/tree /scripts/10-main /app/all/program; do
		has "$file" "User:     0   Group:     0"
		has "$file" "mtime: 0x386d4380:00000000"
		has "$file" "ctime: 0x386d4380:00000000"
		has "$file" "crtime: 0x386d4380:00000000"
	done
	has /app/with\ space/é "Size: 2"
}

@test "what a recipe keeps of files is on the disk, and nothing else" {
	local unit=$BATS_TEST_TMPDIR/unit path
	"$WUC" build -q -o "$unit" "$GOOD/keep.lua"
	cd "$unit"
	has() { stat_of app.img "$1" | grep -qE "$2" || fail "$1: no $2 in: $(stat_of app.img "$1")"; }
	for path in "" /folder /program /pipe; do
		has "/app/all$path" "User: +11 +Group: +12 "
		has "/app/all$path" "mtime: 0x3a7b8372:a6e49c00"
		has "/app/all$path" "trusted.t"
		has "/app/owners$path" "User: +11 +Group: +12 "
		has "/app/owners$path" "mtime: 0x386d4380:00000000"
		has "/app/times$path" "User: +0 +Group: +0 "
		has "/app/times$path" "mtime: 0x3a7b8372:a6e49c00"
		has "/app/modes$path" "mtime: 0x386d4380:00000000"
		[ "$(stat_of app.img "/app/times$path" | grep -c trusted)" -eq 0 ]
	done
	for path in all modes; do
		has "/app/$path/folder" "Type: directory +Mode:  02750 "
		has "/app/$path/program" "Mode:  06751 "
		has "/app/$path/pipe" "Type: FIFO +Mode:  0602 "
	done
	has /app/owners/folder "Mode:  0755 "
	has /app/owners/program "Mode:  0755 "
	has /app/times/pipe "Type: FIFO +Mode:  0644 "
	has /app/one "Mode:  06751 "
	has /app/given "Mode:  04711 "
	has /app/none "Mode:  0755 "
	run e2fsck -fn app.img
	assert_success
}

@test "the bytes of the images are pinned: whoever changes them raises a writer's version" {
	local unit=$BATS_TEST_TMPDIR/unit
	cd "$GOOD"
	"$WUC" build -q -o "$unit" everything.lua
	(cd "$unit" && sha256sum app.img output.img app.mtree params/*.iso) >"$BATS_TEST_TMPDIR/found"
	sed "s/^# .*//; /^$/d" everything.sha256 | diff -u - "$BATS_TEST_TMPDIR/found"
}

@test "a base by path, and a base in the recipe itself" {
	cd "$BATS_TEST_TMPDIR"
	mkdir bases
	cp "$ROOT/recipes/mini.lua" bases/own.lua
	cp "$ROOT/recipes/mini.lock" bases/own.lock
	cp "$ROOT/recipes/wu-progress" bases/
	cp "$ROOT/recipes/wu-progress" .
	echo 'return unit { command = "true", base = "bases/own.lua" }' >by-path.lua
	"$WUC" build -q -o unit by-path.lua
	assert_equal "$(jq -r .base.name unit/unit.json)" mini
	cmp unit/base/kernel "$("$WUC" base path mini)/kernel"
	{
		sed '/^return base/,$d' "$ROOT/recipes/mini.lua"
		echo 'return unit { name = "inline", command = "true", base = base {'
		sed '1,/^return base/d' "$ROOT/recipes/mini.lua" | sed '$d'
		echo '} }'
	} >inline.lua
	run "$WUC" check inline.lua
	assert_success
	assert_output "inline.lua: unit inline is good: 1 instance, 0 files of 0 B"
}

@test "output disks are empty, sparse, sound, and anyone may write to them" {
	cd "$BATS_TEST_TMPDIR"
	"$WUC" build -q -o unit "$GOOD/hello.lua"
	run e2fsck -fn unit/output.img
	assert_success
	[ "$(stat -c %b unit/output.img)" -lt 2048 ]
	stat_of unit/output.img / | grep -q 'Mode:  01777'
	assert_equal "$(debugfs -R 'ls -p /' unit/output.img 2>/dev/null | cut -d/ -f6 | xargs)" ". .."
	assert_equal "$(blkid -p -o value -s LABEL unit/output.img unit/app.img | tr '\n' ' ')" "wu-output wu-app "
}

@test "an app disk that does not fit says needed and given" {
	cd "$BATS_TEST_TMPDIR"
	head -c 2000000 /dev/urandom >data
	echo 'return unit { command = "true", app = { "data" }, app_size = "1M" }' >recipe.lua
	run "$WUC" build -o unit recipe.lua
	assert_failure 1
	assert_output --regexp 'needed|needs'
	assert_output --partial "1.0 MiB"
	assert_not_exist unit
}

@test "run.sh is a good shell script" {
	cd "$BATS_TEST_TMPDIR"
	"$WUC" build -q -o unit "$GOOD/grid.lua"
	shellcheck -s sh unit/run.sh
	for shell in dash "busybox sh" bash; do
		# shellcheck disable=SC2086
		run $shell unit/run.sh
		assert_line --partial "5dbed8ed039d"
	done
}
