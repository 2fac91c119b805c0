"""Moves this process into namespaces of its own, where nothing of the machine can be changed or reached.

Runs in the supervisor's process, so it knows only the standard library. Without privileges it makes a user namespace;
root needs none, and gives up being root for the program instead. Raises OSError where the system refuses.
Sources: man 7 user_namespaces, man 7 mount_namespaces, man 2 pivot_root.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import struct
from collections.abc import Sequence
from typing import Any

NOBODY = 65534
# linux/sched.h, linux/mount.h, linux/prctl.h, linux/sockios.h
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
KEPT_FLAGS = RDONLY | NOSUID | NODEV | NOEXEC  # which may not be taken off; statvfs tells them by the same bits
DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
AF_INET, SOCK_DGRAM, GET_FLAGS, SET_FLAGS, IFF_UP = 2, 2, 0x8913, 0x8914, 1
OLD_ROOT = "/.old"
DEVICES = ("null", "zero", "full", "random", "urandom")
MOST_FILES = 16384  # in /tmp, whose names take memory too

_libc: Any = ctypes.CDLL(None, use_errno=True)


def program_ids() -> tuple[int, int]:
    """Return the user and group that a program runs as: our own, or nobody where we are root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)


def enter(visible: Sequence[tuple[str, str]], folder: str, place: str, tmp_bytes: int) -> None:
    """Return in a new process that is the first of its own small world; the calling one waits for it, and ends.

    There it sees `visible` to read, and can write to /tmp, which holds `tmp_bytes`, and to `folder` where one is given,
    which lies at `place` there.
    """
    user, group = os.getuid(), os.getgid()
    spaces = NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS
    _call("unshare", spaces | (NEWUSER if user else 0))
    if user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _build(visible, folder, place, tmp_bytes)
    if user:
        with contextlib.suppress(OSError):  # no namespaces within: they would give privileges over new mounts
            _write("/proc/sys/user/max_user_namespaces", "0")
    with contextlib.suppress(OSError):
        _raise_loopback()


def confine() -> None:
    """Give up, for good, every privilege that the program must not have; the last step before it starts.

    Who is no root loses the privileges over the namespaces by starting a program (man 7 capabilities).
    """
    user, group = program_ids()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if user != os.getuid():
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process (man 2 prctl)."""
    _call("prctl", option, value, 0, 0, 0)


def _build(visible: Sequence[tuple[str, str]], folder: str, place: str, tmp_bytes: int) -> None:
    """Make a root of what may be seen, and let go of the machine's."""
    _mount(None, "/", None, REC | PRIVATE)
    links = {there: os.readlink(there) for there, real in visible if not real}
    _mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "mode=0755,size=1m,nr_inodes=4096")
    os.mkdir("/tmp" + OLD_ROOT)
    _call("pivot_root", b"/tmp", ("/tmp" + OLD_ROOT).encode())
    os.chdir("/")
    os.mkdir("/tmp")
    _mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, f"mode=01777,size={tmp_bytes},nr_inodes={MOST_FILES}")
    for link, target in links.items():
        os.symlink(target, link)
    shown = [(there, real) for there, real in visible if real]
    inside = [(there, real) for there, real in shown if folder and there.startswith(place + "/")]
    for there, real in shown:
        if (there, real) not in inside:
            _show(real, there, RDONLY | NODEV)
    if folder:
        _show(folder, place, NODEV)
    for there, real in inside:
        _show(real, there, RDONLY | NODEV)
    _make_dev()
    os.makedirs("/proc")
    _mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    _call("umount2", OLD_ROOT.encode(), DETACH)
    os.rmdir(OLD_ROOT)
    _write_etc()
    _mount(None, "/", None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def _show(real: str, place: str, flags: int) -> None:
    """Let `real` of the old root appear at `place`, with all that is mounted below it."""
    source = OLD_ROOT + real
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, place, None, BIND | REC)
    for point in _mount_points(place):
        kept = os.statvfs(point).f_flag & KEPT_FLAGS
        _mount(None, point, None, REMOUNT | BIND | NOSUID | flags | kept)


def _mount_points(place: str) -> list[str]:
    """Return the mount points at and below a place (man 5 proc: mountinfo, octal escapes)."""
    with open(f"{OLD_ROOT}/proc/self/mountinfo", "rb") as file:
        points = [line.split()[4] for line in file]
    names = {os.fsdecode(re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), point)) for point in points}
    return sorted(name for name in names if name == place or name.startswith(place.rstrip("/") + "/"))


def hand_over(folder: str) -> None:
    """Where we are root, let nobody own what a program may change, so that it can without being root."""
    if os.getuid():
        return
    for parent, _, names in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            os.chown(path, *program_ids(), follow_symlinks=False)


def _make_dev() -> None:
    os.mkdir("/dev")
    for name in DEVICES:
        _show(f"/dev/{name}", f"/dev/{name}", 0)
    os.makedirs("/tmp/.shm", 0o1777)
    os.chmod("/tmp/.shm", 0o1777)
    os.symlink("/tmp/.shm", "/dev/shm")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")


def _write_etc() -> None:
    user, group = program_ids()
    os.makedirs("/etc", exist_ok=True)
    _write("/etc/passwd", f"user:x:{user}:{group}::/tmp:/bin/sh\n")
    _write("/etc/group", f"user:x:{group}:\n")
    _write("/etc/hosts", "127.0.0.1 localhost\n")


def _raise_loopback() -> None:
    """Let programs reach themselves, and nobody else, over 127.0.0.1 (man 7 netdevice)."""
    probe = _libc.socket(AF_INET, SOCK_DGRAM, 0)
    flags = struct.unpack("16sh22x", fcntl.ioctl(probe, GET_FLAGS, struct.pack("16sh22x", b"lo", 0)))[1]
    fcntl.ioctl(probe, SET_FLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
    os.close(probe)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), options.encode() or None)


def _call(name: str, *words: Any) -> None:
    if getattr(_libc, name)(*words) != 0:
        code = ctypes.get_errno()
        about = next((os.fsdecode(word) for word in words[1:2] if isinstance(word, bytes)), None)
        raise OSError(code, f"{name}: {os.strerror(code)}", about)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
