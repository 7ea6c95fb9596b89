#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# oci: container images by umoci and skopeo; the tree of each is what umoci unpacks.

# shellcheck disable=SC2154 # bats sets output, stderr and their lines
load helpers

LIST=${WUC%/*}/tests/oci-list

# In setup_file a skip would not reach the tests: they look at the files that it leaves.
setup_file() {
	local program
	for program in umoci skopeo jq zstd; do
		command -v "$program" >/dev/null || echo "$program" >>"$BATS_FILE_TMPDIR/lacks"
	done
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_image >log 2>&1 || { cat log; return 1; }
	"$LIST" "$PWD/image:t" >list.full || return
	seconds <list.full >list
}

setup() {
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] ||
		skip "lacks $(paste -sd' ' "$BATS_FILE_TMPDIR/lacks")"
	cd "$BATS_TEST_TMPDIR" || return
	MADE=$BATS_FILE_TMPDIR
}

teardown() {
	[ ! -e "${REGISTRY_PID:-/none}" ] || kill "$(cat "$REGISTRY_PID")"
}

# umoci does not keep fractions of seconds.
seconds() {
	sed -E 's/ time=(-?[0-9]+)\.[0-9]+/ time=\1/'
}

unpack() { # IMAGE BUNDLE
	local rootless=--rootless
	[ "$(id -u)" -ne 0 ] || rootless=
	umoci unpack ${rootless:+"$rootless"} --image "$1" "$2"
}

# A plain user's files are all their own; whose they are in the image stands in an
# attribute, a message of protobuf: 08 UID 10 GID, zeros left out. Links cannot have it.
owners() {
	if [ "$(id -u)" -eq 0 ]; then
		cat
		return
	fi
	awk '
	function flush() {
		if (line != "") {
			owner = (uid ? " uid=" uid : "") (gid ? " gid=" gid : "")
			sub(/ time=/, owner " time=", line)
			printf "%s\n%s", line, extra
		}
		line = extra = ""; uid = gid = 0
	}
	function byte(at) {
		return 16 * (index(d, substr(hex, at, 1)) - 1) + index(d, substr(hex, at + 1, 1)) - 1
	}
	function decode(    at, field, scale, value, b) {
		for (at = 1; at < length(hex); ) {
			field = byte(at); at += 2; value = 0; scale = 1
			do { b = byte(at); at += 2; value += b % 128 * scale; scale *= 128 } while (b > 127)
			if (field == 8) uid = value; else gid = value
		}
	}
	BEGIN { d = "0123456789abcdef" }
	/^# xattr user.rootlesscontainers=/ { hex = $0; sub(/.*=/, "", hex); decode(); next }
	/^#|^\/set/ && line == "" { print; next }
	/^# / { extra = extra $0 "\n"; next }
	{ flush(); line = $0; gsub(/ [ug]id=[0-9]+/, "", line) }
	END { flush() }'
}

make_first() {
	mkdir -p usr/lib etc opaque/sub gone/deep was-folder home/user links touched/kept
	ln -s usr/lib lib
	echo one >usr/lib/one
	echo a >opaque/a
	echo b >opaque/sub/b
	echo g >gone/deep/g
	ln gone/deep/g links/from-gone
	echo o >original
	ln original links/first
	echo f >was-file
	echo in >was-folder/in
	ln -s /etc/passwd was-link
	echo old >replaced
	ln replaced links/to-replaced
	echo low >touched/low
	echo low >touched/kept/low
	mkfifo pipe
	truncate -s 1M sparse
	echo end >>sparse
	chmod 4755 original
	chmod 1777 home
	chmod 2711 etc
	touch -d @1500000000 usr/lib/one usr/lib
	setfattr -n user.origin -v here usr/lib/one links/first || true
	# More than is read before it is known which image is meant.
	head -c 9000000 /dev/urandom >large
	[ "$(id -u)" -ne 0 ] || as_root
}

# What only root can make.
as_root() {
	mknod null c 1 3
	mknod disk b 7 300
	mknod nought c 0 0
	chown 1000:100 home/user
	chown -h 12:0 was-link
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 usr/lib/one || true
}

make_second() {
	rm -r gone was-folder was-file was-link replaced
	echo now >was-folder
	mkdir was-file
	echo now >was-file/in
	echo now >was-link
	echo new >replaced
	ln original links/second
	echo new >usr/lib/new
	chmod 0700 etc
	rmdir home/user
}

# Names that a layer brings through a link of a lower one; an opaque folder said so after
# what the layer puts there; a whiteout and a file of one name; whiteouts of nothing and
# of a folder that the layer has a part of. The folders come last: umoci leaves the time of
# one in which a whiteout has removed something as it happens to be.
make_third() {
	mkdir lib opaque opaque/sub touched touched/kept
	echo via >lib/via
	ln -s via lib/link
	echo fresh >opaque/fresh
	echo fresh >opaque/sub/fresh
	echo again >replaced
	echo up >touched/kept/up
	mkdir no-folder
	touch opaque/.wh..wh..opq .wh.replaced .wh.nothing no-folder/.wh.x .wh.touched
	tar --sort=none --numeric-owner --owner=5:5 --group=6 --mtime=@1600000000 --no-recursion \
		-cf ../third.tar lib/via lib/link opaque/fresh opaque/sub/fresh opaque/.wh..wh..opq \
		replaced .wh.replaced .wh.nothing no-folder/.wh.x touched/kept/up .wh.touched \
		opaque/sub touched/kept touched
}

# Hard links to files of lower layers alone: tar's own members of those are cut out.
make_fourth() {
	mkdir links usr usr/lib
	echo x >original
	ln original links/third
	echo y >usr/lib/one
	ln usr/lib/one links/one
	tar -cf ../fourth.tar original links/third usr/lib/one links/one
	tar --delete -f ../fourth.tar original usr/lib/one
}

repacked() { # STEP
	unpack image:t bundle
	(cd bundle/rootfs && "$1")
	umoci repack --image image:t bundle
	umoci_gone bundle
}

umoci_gone() {
	chmod -R u+rwX "$1" && rm -rf "$1"
}

layer() { # STEP NAME
	mkdir "$2"
	(cd "$2" && "$1")
	rm -r "$2"
	umoci raw add-layer --image image:t "$2.tar"
}

make_image() (
	set -e
	umask 022
	umoci init --layout image
	umoci new --image image:t
	repacked make_first
	repacked make_second
	layer make_third third
	layer make_fourth fourth
	umoci config --image image:t --config.env 'A=b c' --config.user 1000:100 \
		--config.workingdir /home --config.entrypoint /bin/run --config.cmd -x --config.cmd 'a b'
	umoci gc --layout image
)

same_as_list() { # IMAGE[:TAG]
	"$LIST" "$1" | seconds | diff "$MADE/list" -
}

@test "an image's tree is what umoci unpacks" {
	unpack "$MADE/image:t" bundle
	"$LIST" --folder "$PWD/bundle/rootfs" | seconds | owners >unpacked
	umoci_gone bundle
	cp "$MADE/list" list
	[ "$(id -u)" -eq 0 ] || sed -i '/ type=link /s/ [ug]id=[0-9]*//g' list
	run -0 diff list unpacked
	# What it is to show is in it.
	run -0 grep -c 'nlink=4 ' "$MADE/list"
	assert_output 4
	run -1 grep -E '\.wh\.|/gone|opaque/a|touched/low' "$MADE/list"
	run -0 grep -E '^\./(usr/lib/via|lib|was-file/in|replaced|touched/kept/up|opaque/sub/fresh) ' "$MADE/list"
	assert_equal "${#lines[@]}" 6
}

@test "an image archive, packed or not, and what docker saves are the same" {
	skopeo copy -q "oci:$MADE/image:t" oci-archive:o.tar:t
	skopeo copy -q "oci:$MADE/image:t" docker-archive:d.tar:lab/app:1.0
	same_as_list "$PWD/o.tar"
	same_as_list "$PWD/d.tar"
	same_as_list "$PWD/d.tar:1.0"
	same_as_list "$PWD/d.tar:lab/app:1.0"
	gzip -k d.tar
	zstd -q o.tar
	same_as_list "$PWD/d.tar.gz"
	same_as_list "$PWD/o.tar.zst"
}

digest_of() {
	sha256sum "$1" | cut -c-64
}

# Puts the last layer's blob in place of the old one: file, media type.
replace_layer() { # LAYOUT FILE TYPE
	local blobs=$1/blobs/sha256 manifest new size
	manifest=$(jq -r '.manifests[0].digest' "$1/index.json")
	new=$(digest_of "$2") size=$(stat -c %s "$2")
	cp "$2" "$blobs/$new"
	jq -c --arg d "sha256:$new" --argjson s "$size" --arg t "$3" \
		'.layers[-1] |= {mediaType: $t, digest: $d, size: $s}' \
		"$blobs/${manifest#*:}" >manifest
	store_manifest "$1" manifest
}

store_manifest() { # LAYOUT FILE
	local digest size
	digest=$(digest_of "$2") size=$(stat -c %s "$2")
	cp "$2" "$1/blobs/sha256/$digest"
	jq -c --arg d "sha256:$digest" --argjson s "$size" \
		'.manifests[0] |= . + {digest: $d, size: $s}' "$1/index.json" >index
	mv index "$1/index.json"
}

last_layer() { # LAYOUT
	local manifest
	manifest=$(jq -r '.manifests[0].digest' "$1/index.json")
	jq -r '.layers[-1].digest' "$1/blobs/sha256/${manifest#*:}" | sed "s|^sha256:|$1/blobs/sha256/|"
}

@test "layers in zstd and layers that are not packed" {
	cp -r "$MADE/image" z
	gzip -dc <"$(last_layer z)" >layer.tar
	zstd -q layer.tar
	replace_layer z layer.tar.zst application/vnd.oci.image.layer.v1.tar+zstd
	same_as_list "$PWD/z:t"
	replace_layer z layer.tar application/vnd.oci.image.layer.v1.tar
	same_as_list "$PWD/z"
}

@test "what an image says of running it" {
	run -0 "$LIST" --config "$MADE/image:t"
	assert_line 'environment A=b c'
	assert_line 'user 1000:100'
	assert_line 'folder /home'
	assert_line --index $((${#lines[@]} - 3)) 'command /bin/run'
	assert_line --index $((${#lines[@]} - 2)) 'command -x'
	assert_line --index $((${#lines[@]} - 1)) 'command a b'
}

# A cache of our own with the packages of the user's, and a kernel.
own_cache() {
	local theirs=${XDG_CACHE_HOME:-$HOME/.cache}/workunit/packages
	export XDG_CACHE_HOME=$PWD/cache WUC_RECIPES=$ROOT/recipes
	mkdir -p cache/workunit
	[ ! -d "$theirs" ] || cp -r "$theirs" cache/workunit/
	"$WUC" base build -q mini 2>why || skip "lacks the mini base: $(tail -n 1 why)"
}

in_store() {
	(cd cache/workunit && find bases packages keys layers tmp | sort)
}

@test "the root disk of a base" {
	own_cache
	[ "$(id -u)" -eq 0 ] || skip "lacks root, without which umoci gives the files away"
	cp -r "$MADE/image" image
	echo 'return oci "image:t"' >base.lua
	"$WUC" base build -q ./base.lua
	unpack "$MADE/image:t" bundle
	"${LIST%/*}/truth-debugfs" "$("$WUC" base path ./base.lua)/root.img" | fit >disk
	"${LIST%/*}/truth-walk" bundle/rootfs | fit >unpacked
	run -0 diff disk unpacked
	grep -q ^links/third disk
}

# Neither fractions of seconds, nor where a file has holes.
fit() {
	sed -E 's/(time=-?[0-9]+)\.[0-9]+/\1/; s/ data=[^ ]*//'
}

@test "a bad image leaves the store as it was" {
	own_cache
	cp -r "$MADE/image" image
	umoci config --image image:t --config.user 77
	truncate -s -9 "$(last_layer image)"
	echo 'return oci "image"' >base.lua
	in_store >before
	run -1 --separate-stderr "$WUC" base build -q ./base.lua
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" '^\./base\.lua:1: oci: image: blobs/sha256/.*: expected [0-9]+ bytes, found [0-9]+$'
	in_store >after
	run -0 diff before after
}

@test "of several images one is named by its tag" {
	cp -r "$MADE/image" two
	umoci tag --image two:t other
	same_as_list "$PWD/two:other"
	umoci config --image two:other --config.user 7
	run -1 "$LIST" "$PWD/two"
	assert_output "oci-list: image: expected one image, found 2: name one by its tag, as in \"PATH:TAG\" (tags: t, other)"
	run -1 "$LIST" "$PWD/two:third"
	assert_output "oci-list: image: no image for linux/amd64 has the tag \"third\" (tags: t, other)"
	run -0 "$LIST" --config "$PWD/two:other"
	assert_line 'user 7'
}

@test "of many tags the message names twenty" {
	cp -r "$MADE/image" many
	# shellcheck disable=SC2016 # they are jq's
	edit many/index.json '.manifests[0] as $m | .manifests = [range(300) as $i | $m |
		.annotations["org.opencontainers.image.ref.name"] = "t\($i)" |
		.digest |= .[:-4] + "\($i + 1000)"]'
	run -1 "$LIST" "$PWD/many"
	assert_output --regexp 'found 300: .*\(tags: t0, t1, .*, t18, t19 and 280 more\)$'
	run -1 "$LIST" "$PWD/many:other"
	assert_output --regexp '"other" \(tags: t0, .*, t19 and 280 more\)$'
	edit many/index.json '.manifests[].platform = {os: "linux", architecture: "arm64"}'
	run -1 "$LIST" "$PWD/many"
	assert_output --regexp 't19 for linux/arm64 and 280 more\)$'
	edit many/index.json 'del(.manifests[] | .platform, .annotations)'
	run -1 "$LIST" "$PWD/many"
	assert_output --regexp 'found 300 without tags: .* \(sha256:[^ ]*1000, .*1019 and 280 more\)$'
}

edit() { # FILE FILTER
	jq -c "$2" "$1" >edited
	mv edited "$1"
}

@test "of images without tags one is named by its digest" {
	cp -r "$MADE/image" two
	umoci tag --image two:t other
	umoci config --image two:other --config.user 7
	edit two/index.json 'del(.manifests[].annotations)'
	local first second
	read -r first second < <(jq -r '[.manifests[].digest] | join(" ")' two/index.json)
	run -1 "$LIST" "$PWD/two"
	assert_output "oci-list: image: expected one image, found 2 without tags: name one by its digest, as in \"PATH@sha256:HEX\" ($first, $second)"
	run -0 "$LIST" --config "$PWD/two@$second"
	assert_line 'user 7'
	same_as_list "$PWD/two@$first"
	run -1 "$LIST" "$PWD/two@sha256:$(printf %064d 0)"
	assert_output --partial 'no image for linux/amd64 has the digest "'
	skopeo copy -q "oci:$MADE/image:t" docker-archive:d.tar:lab/app:1.0
	tar -xf d.tar manifest.json
	edit manifest.json '[.[], .[] | .RepoTags = null]'
	tar -rf d.tar manifest.json
	run -1 "$LIST" "$PWD/d.tar"
	assert_output --partial "found 2 without tags: save one by its name, as in \`docker save NAME:TAG\`"
}

# As docker writes it from version 25 on.
@test "an archive with both lists names its images by tag and by digest" {
	cp -r "$MADE/image" both
	local digest none
	digest=$(jq -r '.manifests[0].digest' both/index.json)
	none=sha256:$(printf %064d 0)
	jq '[{Config: ("blobs/" + (.config.digest | sub(":"; "/"))), RepoTags: ["lab:1"],
		Layers: [.layers[].digest | "blobs/" + sub(":"; "/")]}]' \
		"both/blobs/${digest/://}" >both/manifest.json
	tar -C both -cf both.tar .
	same_as_list "$PWD/both.tar"
	same_as_list "$PWD/both.tar:1"
	same_as_list "$PWD/both.tar@$digest"
	fails "no image for linux/amd64 has the digest \"$none\" (tags: t)" "$PWD/both.tar@$none"
	tar --delete -f both.tar ./index.json
	fails "no image for linux/amd64 has the digest \"$digest\" (tags: lab:1)" \
		"$PWD/both.tar@$digest"
}

@test "a tag that only other machines have" {
	cp -r "$MADE/image" arm
	edit arm/index.json '.manifests[0].platform = {os: "linux", architecture: "arm64"}'
	run -1 "$LIST" "$PWD/arm:t"
	assert_output 'oci-list: image: no image for linux/amd64 has the tag "t" (tags: t for linux/arm64)'
	run -1 "$LIST" "$PWD/arm"
	assert_output 'oci-list: image: expected an image for linux/amd64, found none (tags: t for linux/arm64)'
}

@test "of an image for many machines ours is taken, another's is refused" {
	cp -r "$MADE/image" many
	local first
	first=$(jq -c '.manifests[0] | del(.annotations)' many/index.json)
	jq -nc --argjson m "$first" '{schemaVersion: 2, manifests: [
		($m + {platform: {os: "linux", architecture: "arm64"}, digest: ("sha256:" + "0" * 64)}),
		($m + {platform: {os: "linux", architecture: "amd64"}})]}' >nested
	store_manifest many nested
	jq -c '.manifests[0].mediaType = "application/vnd.oci.image.index.v1+json"' many/index.json >index
	mv index many/index.json
	same_as_list "$PWD/many:t"
	# One more index, which holds nothing for us, comes first.
	jq -c 'del(.manifests[1])' nested >arm
	cp arm "many/blobs/sha256/$(digest_of arm)"
	jq -c --arg d "sha256:$(digest_of arm)" --argjson s "$(stat -c %s arm)" '.manifests |= [
		{mediaType: "application/vnd.oci.image.index.v1+json", digest: $d, size: $s}, .[]]' \
		nested >mixed
	rm arm
	store_manifest many mixed
	same_as_list "$PWD/many:t"
	edit mixed 'del(.manifests[1:])'
	store_manifest many mixed
	run -1 "$LIST" "$PWD/many"
	assert_output "oci-list: image: expected an image for linux/amd64, found none"
	cp -r "$MADE/image" arm
	umoci config --image arm:t --architecture arm64
	run -1 "$LIST" "$PWD/arm"
	assert_output "oci-list: image: expected an image for linux/amd64, found linux/arm64"
}

fails() { # TEXT ARGUMENT…: one line, and no more
	local text=$1
	shift
	run -1 --separate-stderr "$LIST" "$@"
	assert_output ""
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == *"$text"* ]] || fail "$stderr"
}

@test "damaged images end in one line" {
	local layer
	cp -r "$MADE/image" bad
	layer=$(last_layer bad)
	# As long, but another.
	cp "$layer" good
	printf '\001' | dd of="$layer" bs=1 seek=4 conv=notrunc status=none
	fails "expected the digest ${layer##*/}, found" "$PWD/bad"
	head -c 100 good >"$layer"
	fails "blobs/sha256/${layer##*/}: expected $(stat -c %s good) bytes, found 100" "$PWD/bad"
	rm "$layer"
	fails "blobs/sha256/${layer##*/}: no such file in the image" "$PWD/bad"
	# A blob that is cut off under a digest of its own, and one that is no tar.
	head -c 150 good >cut.gz
	replace_layer bad cut.gz application/vnd.oci.image.layer.v1.tar+gzip
	fails "(blobs/sha256/$(digest_of cut.gz)): " "$PWD/bad"
	head -c 4000 /dev/zero | tr '\0' x >noise
	replace_layer bad noise application/vnd.oci.image.layer.v1.tar
	fails "Unrecognized archive format" "$PWD/bad"
	# One that holds what the configuration does not name.
	tar -cf other.tar good
	replace_layer bad other.tar application/vnd.oci.image.layer.v1.tar
	fails "expected the unpacked digest" "$PWD/bad"
	replace_layer bad other.tar application/x-other
	fails 'expected a layer of files, found one of the type "application/x-other"' "$PWD/bad"
}

@test "damaged archives and what is no image end in one line" {
	skopeo copy -q "oci:$MADE/image:t" docker-archive:d.tar
	head -c $(($(stat -c %s d.tar) / 2)) d.tar >half.tar
	fails "image: " "$PWD/half.tar"
	echo none >text
	fails "image: " "$PWD/text"
	mkdir empty
	fails "found neither index.json nor manifest.json" "$PWD/empty"
	fails "No such file or directory" "$PWD/missing"
	mkdir unpacked
	tar -C unpacked -xf d.tar
	fails "found manifest.json but no index.json in it: what \`docker save\` writes is taken as a tar" \
		"$PWD/unpacked"
	fails "expected a folder or an archive" /dev/null
	echo '{"manifests": [' >empty/index.json
	fails "index.json: expected an object in JSON" "$PWD/empty"
	echo '{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
		"digest": "sha256:../../../etc/passwd"}]}' >empty/index.json
	fails "expected the name of a blob as sha256:HEX" "$PWD/empty"
}

@test "a layer's names that lead out" {
	cp -r "$MADE/image" out
	echo x >x
	tar -cf x.tar --transform='s|^|../../|' -P x
	umoci raw add-layer --image out:t x.tar
	fails "../../x: expected a path inside the image's root" "$PWD/out"
	# A link that climbs ends at the root.
	cp -r "$MADE/image" link
	mkdir folder
	ln -s ../../../../../.. folder/up
	tar -cf x.tar folder/up
	umoci raw add-layer --image link:t x.tar
	rm folder/up
	mkdir folder/up
	mv x folder/up/wu-oci-x
	tar -cf x.tar folder/up/wu-oci-x
	umoci raw add-layer --image link:t x.tar
	run -0 "$LIST" "$PWD/link:t"
	assert_output --regexp $'\n\\./wu-oci-x type=file'
	assert_not_exist /wu-oci-x
}

start_registry() {
	export HOME=$PWD REGISTRY_PID=$PWD/registry.pid
	local port=$((20000 + RANDOM % 20000)) try
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: "127.0.0.1:%d"}\n' \
		"$PWD" "$port" >registry.yml
	docker-registry serve registry.yml >registry.log 2>&1 3>&- &
	echo $! >"$REGISTRY_PID"
	HOST=127.0.0.1:$port
	mkdir -p .config/containers
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$HOST" >.config/containers/registries.conf
	for try in {1..50}; do
		! curl -fs "http://$HOST/v2/" >/dev/null || return 0
		sleep 0.1
	done
	return "$try"
}

@test "a registry's image is fetched once, and then needs no network" {
	command -v docker-registry >/dev/null || skip "lacks docker-registry"
	[ -e /etc/containers/policy.json ] || skip "lacks /etc/containers/policy.json"
	start_registry
	export XDG_CACHE_HOME=$PWD/cache
	skopeo copy -q "oci:$MADE/image:t" "docker://$HOST/lab/app:1"
	fails "docker://$HOST/lab/app:2: skopeo: " --fetch "docker://$HOST/lab/app:2"
	run -0 "$LIST" --fetch "docker://$HOST/lab/app:1"
	local digest=${lines[0]} layout=${lines[1]}
	run -0 curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$HOST/v2/lab/app/manifests/1"
	assert_output --partial "sha256:$digest"
	same_as_list "$layout"
	kill "$(cat "$REGISTRY_PID")"
	rm "$REGISTRY_PID"
	run -0 "$LIST" --fetch "docker://$HOST/lab/app@sha256:$digest"
	assert_line "$layout"
	fails "skopeo: " --fetch "docker://$HOST/lab/app:1"
	run -1 env PATH=/nowhere "$LIST" --fetch docker://debian:12
	assert_output "oci-list: docker://debian:12: needs skopeo to fetch it, which is not installed (Debian: apt-get install skopeo)"
	fails "expected docker://HOST/NAME[:TAG][@sha256:DIGEST]" --fetch "docker://a b"
	run -0 find cache/workunit/tmp cache/workunit/images -mindepth 1 -maxdepth 1
	assert_output "cache/workunit/images/$digest"
}

@test "a base of a registry's image: its digest goes to the lock" {
	command -v docker-registry >/dev/null || skip "lacks docker-registry"
	[ -e /etc/containers/policy.json ] || skip "lacks /etc/containers/policy.json"
	own_cache
	start_registry
	skopeo copy -q "oci:$MADE/image:t" "docker://$HOST/lab/app:1"
	echo "return oci \"docker://$HOST/lab/app:1\"" >base.lua
	run -0 "$WUC" base build ./base.lua
	assert_output --partial "fetching docker://$HOST/lab/app:1"
	local first
	first=$("$WUC" base path ./base.lua)
	run -0 grep -E '^Image-SHA256: [0-9a-f]{64}$' base.lock
	# The tag moves on; the lock does not.
	umoci_changed
	"$WUC" base remove base
	rm -r cache/workunit/images
	"$WUC" base build -q ./base.lua
	assert_equal "$("$WUC" base path ./base.lua)" "$first"
	kill "$(cat "$REGISTRY_PID")"
	rm "$REGISTRY_PID"
	"$WUC" base build -q ./base.lua
	rm base.lock
	run -1 --separate-stderr "$WUC" base build -q ./base.lua
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" 'docker://.*: skopeo: '
	assert_not_exist base.lock
}

umoci_changed() {
	cp -r "$MADE/image" changed
	umoci config --image changed:t --config.user 99
	skopeo copy -q oci:changed:t "docker://$HOST/lab/app:1"
}
