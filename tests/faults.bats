#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# faults: every call by which wuc changes files, and every allocation, goes wrong once, in
# each way that it can; and wuc dies at each of them. What was there before stays, or what
# was to come is there; errors are told with their cause; the next run sets all right.

load helpers
load build_helpers

SHIM=${WUC%/*}/tests/fault.so
DRIVE=${WUC%/*}/tests/fault-drive

# Failures that wuc passes over, and why:
tolerated=(
	# A time stamp is for make(1); without it a build is at worst made again.
	-t utimensat:unit.json
	# Caches: without them the next build reads and makes more.
	-t :cache/workunit/known
	-t :cache/workunit/disks
	# What is left of a finished run's own temporary folder is removed by the next.
	-t unlinkat:.wuc-
	# An unlinked file whose bytes are all read back by then.
	-t "close:(deleted)"
)

# A base of nothing but a kernel: as few allocations as there can be. One file of several
# pieces, one with a hole, two names of one, one of no bytes, a symlink.
make_source() {
	local name
	mkdir -p "$1/data"
	(
		cd "$1/data" || return
		seq 300000 | head -c 1500000 >big
		truncate -s 300K hole
		printf x | dd of=hole bs=1 seek=200000 conv=notrunc status=none
		ln big again
		: >none
		ln -s big link
	)
	tar -C "$1" -czf "$1/data.tar.gz" data
	for name in new old; do
		cp "$ROOT/recipes/mini.lock" "$1/$name.lock"
		cat >"$1/$name.lua" <<-END
			return unit {
				name = "u",
				base = base { name = "kernel", kernel = deb "linux-image-cloud-amd64" },
				app = { "data" },
				command = "echo $name",
				output = { size = "4M" },
			}
		END
	done
	sed -i 's/app = .*/params = { a = 1 },/' "$1/old.lua"
}

# Templates for the driver: fresh, with an old unit and image, with the unit as it should be.
make_templates() {
	local store=${XDG_CACHE_HOME:-$HOME/.cache}/workunit
	mkdir -p fresh/place fresh/cache/workunit/packages fresh/tmp
	make_source fresh/source
	cp "$store"/packages/*.deb fresh/cache/workunit/packages/
	XDG_CACHE_HOME=$PWD/fresh/cache "$WUC" build -q fresh/source/new.lua -o scratch/u
	rm -rf scratch fresh/cache/workunit/packages/* fresh/cache/workunit/{disks,known}
	cp -a fresh old
	XDG_CACHE_HOME=$PWD/old/cache "$WUC" build -q old/source/old.lua -o old/place/u
	echo mine >old/place/u/notes.txt
	echo old >old/place/d.img
	cp -a old same
	XDG_CACHE_HOME=$PWD/same/cache "$WUC" build -q same/source/new.lua -o same/place/u
}

setup_file() {
	local room=/dev/shm
	build_require_base
	# In memory, where there is room: tens of thousands of runs.
	if [ "$(stat -f -c %T "$room")" != tmpfs ] || [ ! -w "$room" ] ||
		[ "$(df --output=avail -k "$room" | tail -n 1)" -lt 500000 ]; then
		room=$BATS_FILE_TMPDIR
	fi
	FAULTS=$(mktemp -d "$room/wu-faults-XXXXXX")
	export FAULTS
	cd "$FAULTS" || return
	[ -e "$BATS_FILE_TMPDIR/lacks" ] || make_templates
}

teardown_file() {
	rm -rf "$FAULTS"
}

setup() {
	build_skip_if_lacking
	cd "$FAULTS" || return
}

# drive TEMPLATE MINIMUM KINDS OPTION… -- TARGET COMMAND…: a line of counts a kind.
drive() {
	local template=$1 minimum=$2 kinds=$3 kind options=() status=0
	shift 3
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	for kind in $kinds; do
		"$DRIVE" -m "$minimum" -i cache/workunit "${tolerated[@]}" "${options[@]}" \
			"$SHIM" "$kind" "$FAULTS/$template" "$@" >counts 2>said || status=1
		printf '# %s: %s\n' "$BATS_TEST_DESCRIPTION" "$(cat counts)" >&3
		head -n 60 said
	done
	return "$status"
}

build=(place/u "$WUC" build -B -q source/new.lua -o place/u)

@test "a new unit" {
	drive fresh 40 "eio enospc kill killed interrupt" -- "${build[@]}"
	drive fresh 10 short -- "${build[@]}"
}

@test "a unit over an old one" {
	drive old 60 "eio enospc kill killed interrupt" -u notes.txt -- "${build[@]}"
	drive old 10 short -u notes.txt -- "${build[@]}"
}

@test "a unit on a poor file system" {
	export FAULT_LACKS=links,exchange,copies
	drive old 60 "eio enospc kill killed interrupt" -u notes.txt -- "${build[@]}"
	drive old 10 short -u notes.txt -- "${build[@]}"
}

@test "a unit that shares a disk" {
	# A disk that cannot be shared is made.
	drive same 10 "eio kill killed" -t renameat:app.img -t renameat:output.img -- \
		place/u2 "$WUC" build -q source/new.lua -o place/u2
}

@test "an image of a folder" {
	local image=(place/d.img "$WUC" image -q source/data -o place/d.img)
	drive fresh 15 "eio enospc kill killed interrupt" -- "${image[@]}"
	drive fresh 5 short -- "${image[@]}"
}

@test "an image of an archive over an old one" {
	local image=(place/d.img "$WUC" image -q source/data.tar.gz -o place/d.img)
	drive old 20 "eio enospc kill killed interrupt" -- "${image[@]}"
	drive old 5 short -- "${image[@]}"
}

@test "no memory for a unit" {
	drive same 3000 "memory no-memory" -u notes.txt -- \
		place/u "$WUC" build -q source/new.lua -o place/u
	drive old 300 memory -c -u notes.txt -- "${build[@]}"
}

@test "no memory for an image" {
	drive fresh 50 memory -- place/d.img "$WUC" image -q source/data -o place/d.img
	drive old 50 memory -- place/d.img "$WUC" image -q source/data.tar.gz -o place/d.img
}

# What strace sees of one run, and what the library counted in it.
trace() {
	local calls=write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,splice
	calls+=,vmsplice,tee,truncate,ftruncate,fallocate,fsync,fdatasync,syncfs
	calls+=,sync_file_range,msync,rename,renameat,renameat2,link,linkat,symlink,symlinkat
	calls+=,mkdir,mkdirat,mknod,mknodat,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,chown
	calls+=,fchown,lchown,fchownat,utime,utimes,futimesat,utimensat,setxattr,fsetxattr
	calls+=,lsetxattr,removexattr,fremovexattr,lremovexattr,open,creat,openat,openat2
	calls+=,io_uring_setup,io_submit,mmap
	FAULT_KIND=eio FAULT_AT=0 FAULT_LOG=77 TMPDIR=$PWD/tmp XDG_CACHE_HOME=$PWD/cache \
		strace -f -qq -e signal=none -e trace="$calls" -o ../seen \
		-E LD_PRELOAD="$SHIM" "$@" 77>../counted
	# Not its own, not what goes to the terminal, and what only reads.
	sed -E 's/^[0-9]+ +//' ../seen | grep -vE '^<|^\+|^write\((1|2|77),' |
		grep -vE '^mmap\(.*(MAP_PRIVATE|PROT_READ, )' >../changes
	grep -E '^open' ../changes | grep -E 'O_WRONLY|O_RDWR' | grep -cvE '= -1 ' >../opened
	grep -vE '^open.*' ../changes >../others || true
	grep -E '^open.*(O_CREAT|O_TMPFILE)' ../changes >>../others || true
	cut -d'(' -f1 ../others | sort | uniq -c >../expected
	cut -f1 ../counted | grep -v '^close$' | sort | uniq -c >../found
	grep -c '^close	' ../counted >../closed
	cat ../expected
	diff ../expected ../found && diff ../opened ../closed
}

@test "no call that changes files escapes" {
	cp -a old traced
	cd traced
	trace "$WUC" build -B -q source/new.lua -o place/u
	[ "$(wc -l <../expected)" -ge 12 ]
	trace "$WUC" image -q source/data.tar.gz -o place/d.img --mtree place/d.mtree
}

@test "who passes an error over is found out" {
	local appends='printf 1 >>place/d.img; printf 2 >>place/d.img'
	run drive fresh 1 eio -- place/x sh -c 'printf new >place/x; true'
	assert_failure
	assert_output --partial "success without it"
	run drive old 1 killed -- place/d.img sh -c "$appends"
	assert_failure
	assert_output --partial "the next run gives or leaves another"
	run drive fresh 1000 eio -- place/x sh -c 'printf new >place/x'
	assert_failure
	assert_output --partial "expected at least 1000 faults"
}
