# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os
import typing as t

from .._local import acting_as

PID_FILE = "postmaster.pid"
PROGRAMS = ("postgres", "postmaster")


class Postmaster(t.NamedTuple):
    """The server process that holds a data directory. ``status`` is starting, stopping, ready or standby."""

    pid: int
    single_user: bool
    start_time: int | None
    port: int | None
    socket_directory: str | None
    status: str | None


def parse(text):
    """Return what a ``postmaster.pid`` says; None for one that is not (or not yet) written."""
    lines = [line.strip() for line in text.splitlines()] + [""] * 8
    try:
        pid = int(lines[0])
    except ValueError:
        return None
    return Postmaster(
        pid=abs(pid),
        single_user=pid < 0,
        start_time=_number(lines[2]),
        port=_number(lines[3]),
        socket_directory=lines[4] or None,
        status=lines[7] or None,
    )


def running(layout):
    """Return the ``Postmaster`` that runs in the data directory now, or None.

    The pid file of a crashed server stays behind and its number may belong to anybody by now: a server's working
    directory is its data directory, so that is compared too.
    """
    try:
        with open(os.path.join(layout.data_directory, PID_FILE), encoding="utf-8", errors="replace") as stream:
            process = parse(stream.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    if process is None or not _serves(process.pid, layout):
        return None
    return process


def orphans(layout):
    """Return the numbers of PostgreSQL processes that work in the data directory, for when the postmaster is gone.

    They go by themselves as soon as they notice; a busy or a frozen one does not, and can still write.
    """
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and _serves(int(name), layout))


def _serves(pid, layout):
    """Root of a container may not look at other users' processes (no CAP_SYS_PTRACE), their own user may."""
    directory = os.path.realpath(layout.data_directory)
    if not _is_postgres_of(pid, os.stat(directory).st_uid):
        return False
    try:
        with acting_as(layout.postgres_user):
            return os.path.realpath(os.readlink(f"/proc/{pid}/cwd")) == directory
    except (FileNotFoundError, ProcessLookupError):
        return False
    except (PermissionError, KeyError):
        return True


def _is_postgres_of(pid, uid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip() in PROGRAMS and os.stat(f"/proc/{pid}").st_uid == uid
    except (FileNotFoundError, ProcessLookupError):
        return False


def _number(text):
    return int(text) if text.isdigit() else None


__all__ = ("PID_FILE", "Postmaster", "orphans", "parse", "running")
