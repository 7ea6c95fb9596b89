#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a guest whose own init starts the agent, and hands it one instance after the other.

    guest.py FOLDER [--no-port] [--image IMAGE | --kernel KERNEL --initrd INITRD] STEP…

FOLDER holds app.img and a folder for each instance: output.img, params.iso, maybe
`during`, a script that is run once the instance's first script has started. Without a
port the guest is told nothing: it must see the disks by itself. Steps:

    NAME     the instance's disks are put in, and it runs to its end (the guest reboots)
    NAME+    the same with wu.next=1: afterwards its disks are taken out
    NAME?    the same with a line that makes no sense
    :SECONDS a pause

Left in FOLDER: console, port (the agent's messages, host's marked by >), status (QEMU's).
The control port's socket is results/.work-012345678900-test/control, as wurun has it.
"""
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time

LIMIT = float(os.environ.get("SERVE_SECONDS", "240"))
WORK = "results/.work-012345678900-test"


class Guest:
    def __init__(self, folder, how, has_port):
        self.folder = folder
        self.until = time.monotonic() + LIMIT
        self.heard = b""
        self.log = open(os.path.join(folder, "port"), "wb")
        os.makedirs(os.path.join(folder, WORK))
        self.lock = os.open(os.path.join(folder, WORK), os.O_RDONLY)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.has_port = has_port
        self.process = subprocess.Popen(self.command(how, has_port), cwd=folder,
                                        stdin=subprocess.DEVNULL,
                                        stderr=open(os.path.join(folder, "qemu"), "wb"))
        self.port = self.connect("port.sock") if has_port else None
        self.monitor = self.connect("qmp.sock")
        self.replies = self.monitor.makefile("r")
        self.replies.readline()
        self.qmp("qmp_capabilities")

    @staticmethod
    def command(how, has_port):
        memory = os.environ.get("SERVE_MEMORY", "128")
        ports = ["-chardev", "socket,id=port,path=port.sock,server=on,wait=off",
                 "-chardev", f"socket,id=control,path={WORK}/control,server=on,wait=off",
                 "-device", "virtio-serial-pci",
                 "-device", "virtserialport,name=org.workunit.0,chardev=port",
                 "-device", "virtserialport,name=org.workunit.1,chardev=control"]
        return ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", "max", "-m", memory,
                "-nodefaults", "-display", "none", "-no-reboot", "-serial", "file:console",
                *how, "-device", "virtio-scsi-pci,id=scsi", "-device", "virtio-rng-pci",
                "-blockdev", "driver=raw,node-name=app,read-only=on,"
                "file.driver=file,file.filename=app.img",
                "-device", "scsi-hd,bus=scsi.0,drive=app",
                "-device", "ide-cd,bus=ide.1,id=cd",
                *(ports if has_port else []), "-qmp", "unix:qmp.sock,server=on,wait=off"]

    def connect(self, name):
        os.chdir(self.folder)
        while time.monotonic() < self.until:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(name)
                return s
            except OSError:
                s.close()
                time.sleep(0.05)
                if self.process.poll() is not None:
                    break
        sys.exit("QEMU does not start")

    def qmp(self, command, **arguments):
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            reply = json.loads(self.replies.readline())
            if "error" in reply:
                sys.exit(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]

    def say(self, line):
        self.log.write(b"> " + line.encode() + b"\n")
        self.log.flush()
        self.port.sendall(line.encode() + b"\n")

    def line(self):
        """The agent's next line; None where the guest has ended."""
        while b"\n" not in self.heard:
            left = self.until - time.monotonic()
            if left <= 0 or not select.select([self.port], [], [], left)[0]:
                self.process.kill()
                sys.exit("time is over")
            got = self.port.recv(65536)
            if not got:
                return None
            self.log.write(got)
            self.log.flush()
            self.heard += got
        line, self.heard = self.heard.split(b"\n", 1)
        word, *rest = line.decode(errors="replace").split(" ")
        if word in ("stdout", "stderr"):
            size = int(rest[0])
            while len(self.heard) < size:
                self.heard += self.port.recv(65536)
            self.heard = self.heard[size:]
        return " ".join([word, *rest])

    def wait_for(self, word):
        while True:
            line = self.line()
            if line is None:
                sys.exit(f"the guest ended before `{word}`")
            if line.split(" ")[0] == word:
                return line

    def put_in(self, name):
        self.qmp("blockdev-add", **{"driver": "raw", "node-name": "output", "file": {
            "driver": "file", "filename": f"{name}/output.img"}})
        self.qmp("device_add", driver="scsi-hd", bus="scsi.0", drive="output", id="output")
        self.qmp("blockdev-change-medium", id="cd", filename=f"{name}/params.iso", format="raw",
                 force=True, **{"read-only-mode": "read-only"})

    def take_out(self):
        self.qmp("device_del", id="output")
        while True:
            try:
                self.qmp("blockdev-del", **{"node-name": "output"})
                return
            except SystemExit:
                if time.monotonic() > self.until:
                    raise
                time.sleep(0.05)

    def run(self, name, arguments, sense=True):
        self.put_in(name)
        if not self.has_port:
            return
        now = time.time()
        seconds = f"{int(now)}.{int(now % 1 * 1e9):09d}" if sense else "soon"
        self.say(f"resume {seconds} {os.urandom(32).hex()}{arguments}")
        if os.path.exists(f"{name}/during"):
            self.wait_for("started")
            with open(f"{name}/during.log", "wb") as log:
                subprocess.run(["bash", "./during"], cwd=name, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, check=False)
        self.wait_for("done")

    def end(self):
        try:
            status = self.process.wait(max(1, self.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "killed"
        with open(os.path.join(self.folder, "status"), "w", encoding="ascii") as f:
            f.write(f"{status}\n")


def main():
    folder = os.path.abspath(sys.argv[1])
    words = sys.argv[2:]
    how = []
    has_port = words[:1] != ["--no-port"]
    if not has_port:
        words = words[1:]
    while words and words[0].startswith("--"):
        kind, value = words[0], words[1]
        words = words[2:]
        if kind == "--image":
            how += ["-drive", f"if=ide,index=0,file={value},format=raw,snapshot=on"]
        elif kind == "--kernel":
            how += ["-kernel", value, "-append", "console=ttyS0 quiet panic=-1"]
        else:
            how += ["-initrd", value]
    guest = Guest(folder, how, has_port)
    try:
        if has_port:
            guest.wait_for("ready")
        for step in words:
            if step.startswith(":"):
                time.sleep(float(step[1:]))
                continue
            guest.run(step.rstrip("+?"), " wu.next=1" if step.endswith("+") else "",
                      not step.endswith("?"))
            if step.endswith("+"):
                guest.wait_for("ready")
                guest.take_out()
        if not words or not words[-1].endswith("+"):
            guest.end()
    finally:
        if guest.process.poll() is None:
            guest.process.kill()
            guest.process.wait()


main()
