-- The smallest base: Linux and BusyBox. For shell scripts, awk, and static programs.
-- mini.lock pins its packages; `wuc base build --update mini` renews it.

local applets = {
	-- files
	"basename", "cat", "chgrp", "chmod", "chown", "cp", "dd", "df", "dirname", "du",
	"fallocate", "find", "link", "ln", "ls", "mkdir", "mkfifo", "mknod", "mktemp",
	"mv", "readlink", "realpath", "rm", "rmdir", "shred", "stat", "sync", "touch",
	"truncate", "unlink",
	-- text
	"awk", "cmp", "cut", "diff", "ed", "egrep", "expand", "fgrep", "fold", "grep",
	"head", "less", "more", "nl", "od", "paste", "patch", "printf", "rev", "sed",
	"shuf", "sort", "strings", "tac", "tail", "tee", "tr", "unexpand", "uniq", "vi",
	"wc", "xargs", "xxd", "hexdump", "dos2unix", "unix2dos",
	-- numbers, dates, digests
	"base64", "bc", "cal", "crc32", "date", "dc", "expr", "factor", "md5sum", "seq",
	"sha1sum", "sha256sum", "sha3sum", "sha512sum",
	-- archives
	"ar", "bunzip2", "bzcat", "bzip2", "cpio", "gunzip", "gzip", "lzma", "tar",
	"uncompress", "unlzma", "unxz", "unzip", "xz", "xzcat", "zcat",
	-- the shell and processes
	"[", "[[", "ash", "chroot", "echo", "env", "false", "getopt", "id", "kill",
	"killall", "logname", "nproc", "pidof", "ps", "pwd", "renice", "setpriv",
	"setsid", "sh", "sleep", "start-stop-daemon", "su", "taskset", "test", "time",
	"timeout", "top", "true", "tty", "usleep", "watch", "which", "whoami", "yes",
	-- the system
	"arch", "blockdev", "dmesg", "free", "groups", "hostname", "insmod", "losetup",
	"lsmod", "mount", "rmmod", "stty", "sysctl", "umount", "uname", "uptime",
	-- the network, for units that ask for one
	"ifconfig", "ip", "nc", "nslookup", "ping", "route", "udhcpc", "wget",
}

local passwd = [[
root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:user:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/tmp:/bin/false
]]

local group = [[
root:x:0:
user:x:1000:
nogroup:x:65534:
]]

local files = {
	["bin/busybox"] = deb { "busybox-static", "bin/busybox" },
	["sbin"] = symlink "bin",
	["usr/bin"] = symlink "../bin",
	["usr/sbin"] = symlink "../bin",
	["usr/local/bin/wu-progress"] = file { "wu-progress", mode = "0755" },
	["etc/passwd"] = text(passwd),
	["etc/group"] = text(group),
	["etc/hosts"] = text "127.0.0.1 localhost\n",
	["root"] = folder { mode = "0700" },
	["tmp"] = folder { mode = "1777" },
}

for _, applet in ipairs(applets) do
	files["bin/" .. applet] = symlink "busybox"
end

for _, name in ipairs {
	"app", "dev", "input", "output", "params", "proc", "run", "scripts", "sys", "var",
} do
	files[name] = folder {}
end

return base {
	name = "mini",
	description = "Linux and BusyBox: shell scripts and static programs",
	suite = "bookworm",
	kernel = deb "linux-image-cloud-amd64",
	-- What QEMU's virtio disks, port and entropy need, no more: each module costs every
	-- boot some milliseconds. ext4 is part of this kernel.
	modules = { "virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "isofs" },
	-- A machine may have these, or not: the network, disks on SCSI and IDE. (This kernel
	-- has no driver for SATA; NVMe is part of it.)
	drivers = { "virtio_net", "virtio_scsi", "ata_piix", "sd_mod", "sr_mod" },
	initrd = files,
	-- The last three cost every boot time and serve no unit: ciphers that are tested, lock
	-- prefixes that are taken out where there is one processor, access policies of which
	-- nobody has any.
	append = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests " ..
		"noreplace-smp lsm=",
}
