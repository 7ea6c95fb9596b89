#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent that nobody should trust, at the socket of an instance that seems to run.

    stranger.py RESULTS KIND

Makes RESULTS/.work-0123…, answers one connection with what KIND has, and ends.
"""
import fcntl
import os
import socket
import sys
import time

WORK = ".work-012345678900-test"
FULL = b"x" * 16384


def message(word, payload=b""):
    return word + b" %d\n" % len(payload) + payload


KINDS = {
    "parent": [message(b"file", b"644 1 ../../escaped"), message(b"data", b"x")],
    "absolute": [message(b"file", b"644 1 /tmp/escaped"), message(b"data", b"x")],
    "dots": [message(b"folder", b"755 .."), message(b"file", b"644 0 escaped")],
    "link": [message(b"link", b"out\0/etc"), message(b"folder", b"755 out"),
             message(b"file", b"644 0 escaped"), message(b"leave"), message(b"end")],
    "through": [message(b"folder", b"755 a"), message(b"link", b"l\0b"),
                message(b"file", b"644 1 l"), message(b"data", b"x")],
    "leave": [message(b"leave"), message(b"file", b"644 0 escaped"), message(b"end")],
    "deep": [message(b"folder", b"755 d")] * 65,
    "setuid": [message(b"file", b"4755 0 tool"), message(b"end")],
    "huge": [message(b"file", b"644 9999999999999 f")],
    "trickle": [message(b"file", b"644 10 f"), message(b"data", b"x")],
    "short": [message(b"file", b"644 10 f"), message(b"end")],
    "nul": [message(b"file", b"644 0 a\0b"), message(b"end")],
    "other": [message(b"folder", b"755 d"), message(b"other", b"\x1b[2J"), message(b"leave"),
              message(b"other", b"f"), message(b"end")],
    "others": [message(b"folder", b"755 " + b"d" * 255)] * 8 + [message(b"other", b"f")] * 105
              + [message(b"leave")] * 8 + [message(b"end")],
    "otherpath": [message(b"other", b"../f"), message(b"end")],
    "othernul": [message(b"other", b"f\0g"), message(b"end")],
    "otherwhole": [message(b"file", b"644 2 f"), message(b"other", b"g"), message(b"end")],
    "nonsense": [b"\x1b[2J" * 100],
    "large": [b"data 99999\n" + FULL],
    "silent": [],
    "gone": None,
    "good": [message(b"folder", b"755 d"), message(b"file", b"640 16385 f"),
             message(b"data", FULL), message(b"data", b"y"), message(b"leave"), message(b"end")],
    "endless": [message(b"stdout", FULL)] * 200,
    "status": [message(b"exited", b"status 999")],
    "place": [message(b"place", b"folder"), message(b"error", b"\x1b[2Jno room")],
}


def main():
    results, kind = sys.argv[1:]
    work = os.path.join(results, WORK)
    os.makedirs(work)
    lock = os.open(work, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    listener = socket.socket(socket.AF_UNIX)
    # Who finds it can connect to it at once.
    listener.bind(os.path.join(work, "new"))
    listener.listen()
    os.rename(os.path.join(work, "new"), os.path.join(work, "control"))
    listener.settimeout(20)
    host = listener.accept()[0]
    host.settimeout(20)
    heard = b""
    while b"open 1 " not in heard or not heard.split(b"open 1 ")[1].endswith(b"\n"):
        heard += host.recv(65536)
    token = heard.split(b"open 1 ")[1][:32]
    if kind == "mute":
        time.sleep(5)
        return
    # What an earlier connection was told comes first.
    host.sendall(message(b"stdout", b"stale") + b"\nopened 1 " + b"0" * 32 + b"\nstdout 100\nst")
    host.sendall(b"\nopened 1 " + token + b"\n")
    try:
        host.recv(65536)
        for part in KINDS[kind] or []:
            host.sendall(part)
        if kind != "gone":
            time.sleep(float(os.environ.get("STRANGER_SECONDS", "5")))
    except OSError:
        pass


main()
