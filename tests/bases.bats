#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bases: root disks from folders and archives, bases that go on from others, and the store
# that holds them: what is built, when, and what clearing away leaves.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be
# shellcheck disable=SC2154 # bats sets output, stderr and their lines

load helpers
load build_helpers

setup_file() {
	export WUC_RECIPES=$ROOT/recipes
	build_require_base
	[ -e "$BATS_FILE_TMPDIR/lacks" ] || make_tree "$BATS_FILE_TMPDIR/tree"
}

# A root file system in small: BusyBox, a set-id program, a folder that others may not see.
make_tree() {
	local mini
	mini=$("$WUC" base path mini)
	mkdir -p "$1"/{bin,etc,root,srv}
	(cd "$1" && cpio -i --quiet --no-absolute-filenames 'bin/*' <"$mini/initrd")
	echo below >"$1/etc/who"
	printf '#!/bin/sh\necho tool\n' >"$1/bin/tool"
	chmod 4755 "$1/bin/tool"
	chmod 700 "$1/root"
	touch -d '2001-02-03 04:05:06 UTC' "$1/etc/who"
}

setup() {
	build_skip_if_lacking
	export WUC_RECIPES=$ROOT/recipes
	local theirs=${XDG_CACHE_HOME:-$HOME/.cache}/workunit
	cd "$BATS_TEST_TMPDIR" || return
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	STORE=$XDG_CACHE_HOME/workunit
	mkdir -p "$STORE/packages"
	while read -r digest; do
		cp "$theirs/packages/$digest.deb" "$STORE/packages/"
	done < <(sed -n 's/^SHA256: //p' "$ROOT/recipes/mini.lock")
	cp -a "$BATS_FILE_TMPDIR/tree" tree
	echo 'return root { "tree", name = "lower" }' >lower.lua
	cat >upper.lua <<-'EOF'
		return base {
			name = "upper", from = "./lower.lua",
			files = { ["etc/who"] = text "above\n", ["srv/data"] = folder { mode = "0770" } },
		}
	EOF
	echo 'return unit { name = "u", base = "./upper.lua", command = "cat /etc/who" }' >u.lua
}

in_store() {
	(cd "$STORE" && find bases keys layers images tmp 2>/dev/null | sort)
}

path_of() {
	"$WUC" base path "$1"
}

@test "bases: a folder becomes a root disk, whoever owns it here" {
	"$WUC" base build -q ./lower.lua
	local image
	image=$(path_of ./lower.lua)/root.img
	run -0 e2fsck -fn "$image"
	assert_equal "$(cat_from "$image" /etc/who)" below
	run stat_of "$image" /bin/tool
	assert_output --partial "Mode:  04755"
	assert_output --regexp "User: +0 +Group: +0"
	run stat_of "$image" /root
	assert_output --partial "Mode:  0700"
	run stat_of "$image" /etc/who
	assert_output --partial "mtime: 0x3a7b8372:00000000 -- Sat Feb  3 04:05:06 2001"
	assert_equal "$(stat -c %a "$image")" 444
	# The same from another folder, at another time.
	cp -a tree moved
	sed 's/"tree"/"moved"/' lower.lua >again.lua
	rm -rf "$STORE/bases" "$STORE/keys"
	"$WUC" base build -q ./again.lua
	cmp "$(path_of ./again.lua)/root.img" "$image" || [ ! -e "$image" ]
	assert_equal "$(path_of ./again.lua)" "${image%/root.img}"
}

@test "bases: an archive keeps its owners, and goes on top of a folder" {
	mkdir -p more/etc
	echo top >more/etc/who
	tar --owner=7 --group=8 --mtime=@5 -C more -czf more.tar.gz ./etc/who
	echo 'return root { "tree", "more.tar.gz" }' >both.lua
	"$WUC" base build -q ./both.lua
	local image
	image=$(path_of ./both.lua)/root.img
	assert_equal "$(cat_from "$image" /etc/who)" top
	run stat_of "$image" /etc/who
	assert_output --regexp "User: +7 +Group: +8"
	run stat_of "$image" /bin/tool
	assert_output --partial "Mode:  04755"
}

@test "bases: what links lead elsewhere counts, and is not taken for changed" {
	mkdir -p one/bin two tree/usr
	mv tree/bin tree/usr/bin
	ln -s usr/bin tree/bin
	tar -C tree -cf merged.tar .
	echo one >one/bin/added
	ln -s usr/bin two/bin
	# The archive makes /bin a link; the last folder names it once more.
	echo 'return root { "merged.tar", "one", "two", files = { again = hardlink "usr/bin/busybox" } }' >links.lua
	"$WUC" base build -q ./links.lua
	"$WUC" get -q "$(path_of ./links.lua)/root.img" /usr/bin/added first
	assert_equal "$(cat first)" one
	run "$WUC" base build ./links.lua
	assert_output --partial "up to date"
	echo other >one/bin/added
	"$WUC" base build -q ./links.lua
	"$WUC" get -q "$(path_of ./links.lua)/root.img" /usr/bin/added second
	assert_equal "$(cat second)" other
}

@test "bases: archives by a pattern, and by a name that looks like one" {
	local name image
	for name in 1 2; do
		mkdir -p "part$name/etc"
		echo "$name" | tee "part$name/etc/who" >"part$name/etc/only$name"
		tar -C "part$name" -cf "lab-$name.tar" ./etc
	done
	mkdir "lab-folder"
	echo folder >lab-folder/a
	echo 'return root { "tree", "lab-*", name = "parts" }' >parts.lua
	"$WUC" base build -q ./parts.lua
	image=$(path_of ./parts.lua)/root.img
	assert_equal "$(cat_from "$image" /etc/who)" 2
	assert_equal "$(cat_from "$image" /etc/only1)" 1
	assert_equal "$(cat_from "$image" /lab-folder/a)" folder
	run -0 "$WUC" ls "$image" /
	refute_output --partial lab-1.tar
	mv lab-1.tar 'q[1].tar'
	echo 'return root { "tree", "q[1].tar", name = "odd" }' >odd.lua
	"$WUC" base build -q ./odd.lua
	assert_equal "$(cat_from "$(path_of ./odd.lua)/root.img" /etc/who)" 1
	head -c 1000 lab-2.tar >'q[1].tar'
	run -1 "$WUC" base build -q ./odd.lua
	assert_output --regexp '^\./odd\.lua:1: root\[2\]: q\[1\]\.tar: '
	mkfifo pipe
	echo 'return root "pipe"' >bad.lua
	run -1 "$WUC" base build -q ./bad.lua
	assert_output --regexp '^\./bad\.lua:1: root(\[1\])?: expected a folder or an archive, found a named pipe at pipe$'
}

@test "bases: of what a pattern matches archives are unpacked, all else is placed" {
	local image
	mkdir -p rfs/bin more/etc
	mv tree/bin/* rfs/bin
	printf '#!/bin/sh\n' >rfs/init
	chmod 750 rfs/init
	ln -s bin/sh rfs/linuxrc
	ln -s init rfs/first
	: >rfs/none.tar
	gzip -c rfs/init >rfs/init.gz
	[ -e rfs/bin/sh ] || cp rfs/bin/busybox rfs/bin/sh
	echo 'return root { "rfs/*", name = "rfs" }' >rfs.lua
	"$WUC" base build -q ./rfs.lua
	image=$(path_of ./rfs.lua)/root.img
	run stat_of "$image" /init
	assert_output --partial "Mode:  0750"
	"$WUC" get -q "$image" /linuxrc linuxrc
	cmp linuxrc rfs/bin/sh
	# With an archive among them, whatever its name is, they stay what they were.
	echo more >more/etc/who
	tar -C more -czf rfs/layer ./etc
	command -v python3 >/dev/null || skip "lacks python3"
	python3 -m zipfile -c more.zip more/etc
	cat rfs/bin/busybox more.zip >rfs/program
	"$WUC" base build -q ./rfs.lua
	image=$(path_of ./rfs.lua)/root.img
	run -0 "$WUC" ls "$image" /
	refute_output --partial layer
	assert_equal "$(cat_from "$image" /etc/who)" more
	run stat_of "$image" /init
	assert_output --partial "Mode:  0750"
	rm linuxrc
	"$WUC" get -q "$image" /linuxrc /first /none.tar /init.gz /program .
	cmp linuxrc rfs/bin/sh
	cmp first rfs/init
	cmp none.tar rfs/none.tar
	cmp init.gz rfs/init.gz
	cmp program rfs/program
}

@test "bases: one goes on from another; a guest sees what both say" {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	"$WUC" build -q u.lua
	local before
	before=$(sha256sum units/u/base/root.img)
	run -0 "$WURUN" run units/u -o results
	assert_equal "$(cat results/*/stdout)" above
	assert_equal "$(sha256sum units/u/base/root.img)" "$before"
	run -0 "$WURUN" verify units/u
	image=$(path_of ./upper.lua)/root.img
	run stat_of "$image" /srv/data
	assert_output --partial "Mode:  0770"
}

@test "bases: a kernel of one's own brings what root disks need" {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cat >kernel.lua <<-'EOF'
		return unit {
			base = root { "tree", kernel = deb "linux-image-cloud-amd64" },
			command = "grep -c '^overlay' /proc/modules; grep -c ^virtio_net /proc/modules || true",
		}
	EOF
	cp "$ROOT/recipes/mini.lock" kernel.lock
	"$WUC" build -q --locked kernel.lua
	run -0 --separate-stderr "$WURUN" run -q units/kernel -o results
	assert_equal "$(cat results/*/stdout)" "$(printf '1\n0')"
}

@test "bases: a unit is made anew when, and only when, its base changed" {
	"$WUC" build -q u.lua
	run -0 "$WUC" build --why u.lua
	assert_output "units/u: up to date, 1 instance"
	touch lower.lua tree/etc/who
	echo "-- a remark" >>upper.lua
	touch -d '2001-02-03 04:05:06 UTC' tree/etc/who
	run -0 "$WUC" build --why u.lua
	assert_output "units/u: up to date, 1 instance"
	echo changed >tree/srv/new
	run -0 --separate-stderr "$WUC" build --why u.lua
	assert_line --regexp '^base/root\.img: base upper changed from [0-9a-f]{12} to [0-9a-f]{12}$'
	assert_line "units/u: 1 instance, 2 files made, 7 kept"
	assert_equal "$(cat_from units/u/base/root.img /srv/new)" changed
}

@test "bases: a dry run gives no reason that it cannot know" {
	"$WUC" build -q u.lua
	sed -i 's/above/higher/' upper.lua
	run -0 --separate-stderr "$WUC" build -n --why u.lua
	assert_output --partial "base upper: not in the store; it would be built first"
	refute_output --partial run.sh
	rm -f units/u/run.sh
	run -0 --separate-stderr "$WUC" build -n --why u.lua
	assert_output --partial "run.sh: it is missing or damaged"
}

@test "bases: make hears of every file that decided" {
	"$WUC" build -q -MD -MF u.d u.lua
	for file in lower.lua upper.lua tree/etc/who tree/bin/tool mini.lua mini.lock; do
		grep -q "/$file\>\|^$file\>\| $file\>" u.d
	done
}

@test "bases: list, show and path tell what there is" {
	"$WUC" base build -q ./upper.lua
	run -0 "$WUC" base list
	assert_equal "${#lines[@]}" 1
	assert_output --regexp "^upper +[0-9a-f]{12} +[0-9.]+ MiB +$STORE/bases/[0-9a-f]{64}$"
	local digest
	digest=$(basename "$(path_of ./upper.lua)")
	run -0 "$WUC" base show upper
	assert_line --regexp "^name +upper$"
	assert_line --regexp "^digest +$digest$"
	assert_line --regexp "root\.img +[0-9.]+ [KM]iB +$(sha256sum <"$STORE/bases/$digest/root.img" | cut -c1-64)$"
	assert_line --regexp "linux-image-[^ ]+ [0-9]"
	local by_name=$output
	run -0 "$WUC" base show "${digest:0:12}"
	assert_output "$by_name"
	run -1 "$WUC" base show "${digest:0:11}"
	run -1 "$WUC" base show nothing
	assert_output "wuc: base nothing: not in the store (wuc base list says what is)"
	run -2 "$WUC" base shwo upper
	assert_line --index 0 "wuc: base: expected build, list, show, path, remove, gc or install-agent, found shwo"
	run -2 "$WUC" base list upper
	run -2 "$WUC" base gc --older-than soon
	assert_line --index 0 "wuc: --older-than: expected a time such as 30d, found soon"
}

@test "bases: remove takes one away, and its unit stays whole" {
	"$WUC" build -q u.lua
	run -0 "$WUC" base remove upper
	assert_output --regexp "^base upper: [0-9a-f]{12} removed$"
	run -0 "$WUC" base list
	assert_output ""
	run -1 "$WUC" base path ./upper.lua
	run -0 "$WURUN" verify units/u
	run -0 --separate-stderr "$WUC" build --why u.lua
	assert_output "units/u: up to date, 1 instance"
}

@test "bases: one whose record cannot be read can be removed" {
	local upper
	"$WUC" base build -q ./upper.lua
	upper=$(basename "$(path_of ./upper.lua)")
	chmod u+w "$STORE/bases/$upper/base.json"
	head -c 1100000 /dev/zero >"$STORE/bases/$upper/base.json"
	run -0 "$WUC" base list
	assert_output ""
	run -1 "$WUC" base remove upper
	run -0 "$WUC" base remove "$upper"
	assert_output "base (damaged): ${upper:0:12} removed"
	assert_dir_not_exists "$STORE/bases/$upper"
	# Of one that lacks a file the name is known.
	"$WUC" base build -q ./upper.lua
	rm -f "$STORE/bases/$upper/root.img"
	run -0 "$WUC" base remove upper
	assert_output "base upper: ${upper:0:12} removed"
}

@test "bases: what could not be read is not kept" {
	"$WUC" base build -q mini
	in_store >before
	{
		echo 'return root { "tree", name = "large",'
		printf 'description = "%s" }\n' "$(head -c 1048576 /dev/zero | tr '\0' x)"
	} >large.lua
	run -1 "$WUC" base build -q ./large.lua
	assert_output --regexp '^\./large\.lua:1: root: expected a name, a description, a command and packages of at most 1048576 bytes'
	run -0 diff <(in_store) before
}

@test "bases: gc takes what was not used for long, and nothing else" {
	"$WUC" base build -q ./upper.lua
	"$WUC" base build -q ./lower.lua
	local upper lower
	upper=$(basename "$(path_of ./upper.lua)")
	lower=$(basename "$(path_of ./lower.lua)")
	run -0 "$WUC" base gc
	assert_output "0 entries, 0 B freed"
	touch -d '40 days ago' "$STORE/bases/$upper" "$STORE"/packages/*
	run -0 "$WUC" base gc -n
	assert_line --regexp " bases/$upper$"
	assert_line --regexp "entries, .* to free$"
	assert_dir_exists "$STORE/bases/$upper"
	# A build says that it is in use.
	"$WUC" base build -q ./upper.lua
	run -0 "$WUC" base gc
	refute_line --partial "$upper"
	touch -d '40 days ago' "$STORE/bases/$upper"
	run -0 "$WUC" base gc --older-than 41d
	assert_output "0 entries, 0 B freed"
	run -0 "$WUC" base gc -q
	assert_output ""
	assert_dir_not_exists "$STORE/bases/$upper"
	assert_dir_exists "$STORE/bases/$lower"
	run bash -c "grep -l $upper $STORE/keys/*"
	assert_output ""
	run bash -c "ls $STORE/packages $STORE/tmp | grep -c deb"
	assert_output 0
}

@test "bases: whatever ends a build, nothing of it is left" {
	# Large enough to be caught at it.
	head -c 300M /dev/urandom >tree/srv/large
	"$WUC" base build -q mini
	in_store >before
	local signal status
	for signal in INT TERM KILL; do
		# A shell has the interrupt ignored in what it runs in the background.
		env --default-signal=INT "$WUC" base build -q ./lower.lua 2>errors &
		until find "$STORE/tmp" -name root.img -size +1M | grep -q .; do
			kill -0 $! || fail "it is done already"
			sleep 0.02
		done
		kill -"$signal" $!
		status=0
		wait $! || status=$?
		[ "$status" -gt 128 ]
		for ((i = 0; i < 50; i++)); do
			[ "$(in_store)" != "$(cat before)" ] || break
			sleep 0.1
		done
		run -0 diff <(in_store) before
	done
}

@test "bases: two builds at once make one base" {
	head -c 100M /dev/urandom >tree/srv/large
	"$WUC" base build -q ./upper.lua &
	local first=$!
	"$WUC" base build -q ./upper.lua
	wait "$first"
	run -0 "$WUC" base list
	assert_equal "${#lines[@]}" 1
	assert_equal "$(find "$STORE/tmp" -mindepth 1 | wc -l)" 0
}

@test "bases: what changed while a build waited for another is what is built" {
	local image waited=0
	"$WUC" base build -q mini
	mkdir data
	echo original >data/a
	echo 'return root { "tree", name = "lower", files = { data = "data" } }' >lower.lua
	exec 9<"$STORE/packages"
	flock 9
	"$WUC" base build ./lower.lua >said 2>&1 9<&- &
	until grep -q "waiting for another build" said; do
		[ $((waited++)) -lt 300 ] || fail "does not wait: $(cat said)"
		sleep 0.1
	done
	echo changed >data/a
	flock -u 9
	wait $!
	image=$(path_of ./lower.lua)/root.img
	assert_equal "$(cat_from "$image" /data/a)" changed
	echo original >data/a
	"$WUC" base build -q ./lower.lua
	image=$(path_of ./lower.lua)/root.img
	assert_equal "$(cat_from "$image" /data/a)" original
}

@test "bases: a dry run makes nothing and asks nobody" {
	WU_DEBIAN_MIRROR=http://127.0.0.1:9 run -0 "$WUC" build -n u.lua
	assert_line --regexp "^units/u: 1 instance, [0-9]+ files to make"
	assert_equal "$(find "$STORE/bases" -mindepth 1 | wc -l)" 0
	assert_dir_not_exists units
}

@test "bases: check looks at every file that they name" {
	echo 'return unit { base = "./upper.lua", command = "true" }' >c.lua
	run -0 "$WUC" check -q c.lua
	sed -i 's/text "above.n"/"nothing"/' upper.lua
	run -1 "$WUC" check c.lua
	assert_output './upper.lua:3: files["etc/who"]: expected a file, folder or pattern, found nothing at nothing'
	run -1 "$WUC" check upper.lua
	echo 'return root { "/etc", "none.tar" }' >bad.lua
	run -1 "$WUC" check bad.lua
	assert_line --index 0 --regexp '^bad\.lua:1: root\[1\]: expected a file below'
	echo 'return oci "none.tar"' >bad.lua
	run -1 "$WUC" check bad.lua
	assert_output "bad.lua:1: oci: expected a container image, found nothing at none.tar"
}

@test "bases: an init that is asked for must be there" {
	echo 'return base { from = "./lower.lua", init = true }' >init.lua
	run -1 "$WUC" base build -q ./init.lua
	assert_output --regexp "^\./init\.lua:1: base: init: expected a root disk with an init"
}

@test "bases: bad sources end in one line and an unchanged store" {
	"$WUC" base build -q mini
	in_store >before
	tar -C tree -czf whole.tar.gz .
	head -c 300000 whole.tar.gz >short.tar.gz
	tar -P -C tree --transform 's,^\./etc/who,../../who,' -cf climbs.tar ./etc/who
	mkfifo pipe
	truncate -s 1M zeros.tar
	local source
	for source in short.tar.gz climbs.tar zeros.tar pipe missing /etc; do
		echo "return root { \"$source\", name = \"bad\" }" >bad.lua
		run -1 --separate-stderr "$WUC" base build -q ./bad.lua
		assert_equal "$output" ""
		assert_equal "${#stderr_lines[@]}" 1
		assert_regex "$stderr" "^\./bad\.lua:1: "
		run -0 diff <(in_store) before
	done
	echo 'return base { from = "mini", packages = {} }' >bad.lua
	run -1 "$WUC" base build -q ./bad.lua
	assert_output --partial "./bad.lua:1: packages: unknown name"
}

@test "bases: what would speak to the guest's own overlay" {
	command -v python3 >/dev/null || skip "lacks python3"
	python3 - <<-'EOF'
		import io, tarfile
		def member(tar, name, kind, data=b"", **attributes):
		    t = tarfile.TarInfo(name)
		    t.type, t.size = kind, len(data)
		    t.pax_headers = {"SCHILY.xattr." + k: v for k, v in attributes.items()}
		    tar.addfile(t, io.BytesIO(data))
		own = {"trusted.overlay.metacopy": "x", "trusted.mine": "y"}
		with tarfile.open("marks.tar", "w", format=tarfile.PAX_FORMAT) as tar:
		    member(tar, "marked", tarfile.REGTYPE, b"contents\n", **own)
		    member(tar, "folder", tarfile.DIRTYPE, **{"trusted.overlay.opaque": "y"})
		    member(tar, "nought", tarfile.CHRTYPE)
	EOF
	echo 'return root { "tree", "marks.tar", name = "marks" }' >marks.lua
	run -0 --separate-stderr "$WUC" base build -q ./marks.lua
	assert_equal "$stderr" "wuc: warning: base marks: /nought is a device 0:0, which the \
guest's overlay takes for a deleted file: it will not be seen"
	local image
	image=$(path_of ./marks.lua)/root.img
	run -0 debugfs -R 'ea_list /marked' "$image"
	assert_output --partial "trusted.mine (1) = "
	refute_output --partial "trusted.overlay"
	run -0 debugfs -R 'ea_list /folder' "$image"
	refute_output --partial "trusted.overlay"
	assert_equal "$(cat_from "$image" /marked)" contents
	# A disk of its own, under no overlay, keeps them.
	"$WUC" image -q marks.tar -o marks.img
	run -0 debugfs -R 'ea_list /marked' marks.img
	assert_output --partial "trusted.overlay.metacopy (1) = "
}

@test "bases: a unit without a command needs a base that brings one" {
	echo 'return unit { base = "./upper.lua" }' >none.lua
	run -1 "$WUC" build -q none.lua
	assert_output 'none.lua:1: unit: expected a command, found nothing (command = "…")'
	run -1 "$WUC" check none.lua
	assert_output 'none.lua:1: unit: expected a command, found nothing (command = "…")'
	assert_dir_not_exists "$STORE/bases"
	assert_dir_not_exists units
}
