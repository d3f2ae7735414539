# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""One run at a time on a host: a lock that knows its owner, and that the long commands of a killed run still hold."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time

from .._errors import PgopsError
from .._ports import wait_for
from .marks import SCHEMA, utc
from .overrides import here

# Commands of a killed run that may be ended: what they write carries our mark and is removed by the next run.
ENDABLE = ("pg_basebackup", "cp")


class Locked(PgopsError):
    """Another run is at work on this host."""

    code = "locked"


@contextlib.contextmanager
def hold(path, *, what, timeout, clock):
    """Hold the lock for the time of a block; yields its descriptor. Waits up to ``timeout`` seconds for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if not wait_for(lambda: _try(descriptor, path), clock=clock, timeout=timeout, interval=0.5):
            raise _busy(path, timeout)
        _write(descriptor, {"schema": SCHEMA, "pid": os.getpid(), "started": utc(), "epoch": time.time(), "what": what})
        yield descriptor
        _write(descriptor, {})
    finally:
        os.close(descriptor)


def _try(descriptor, path):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        end_orphans(path)
        return False
    return True


def end_orphans(path, *, kill=os.kill):
    """When the owner is gone, end those of its commands whose work is thrown away anyway; the others are waited for."""
    owner, alive = read_owner(path), holders(path)
    if owner.get("pid") in alive:
        return
    for pid, name in alive.items():
        if name in ENDABLE:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGTERM)


def read_owner(path):
    """Return what the owner wrote about itself, or ``{}``."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def holders(path):
    """Return ``{pid: program}`` of the other processes that have the lock file open."""
    found, wanted = {}, os.path.realpath(path)
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        if pid != os.getpid() and _has_open(pid, wanted):
            found[pid] = program(pid)
    return found


def program(pid):
    """Return the name of a process's program, or an empty text."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _has_open(pid, wanted):
    try:
        return any(os.readlink(entry.path) == wanted for entry in os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def _write(descriptor, content):
    data = (json.dumps(content, sort_keys=True) + "\n").encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def _busy(path, timeout):
    owner, alive = read_owner(path), holders(path)
    age = time.time() - owner["epoch"] if "epoch" in owner else None
    who = f"process {owner.get('pid', 'unknown')}" + (f", at work for {age:.0f} s" if age is not None else "")
    processes = ", ".join(f"{pid} ({name})" for pid, name in sorted(alive.items())) or "none that can be seen"
    return Locked(
        "start working on the data directory",
        server=here(),
        seen=f"another run still holds {path} after {timeout:g} s: {who}: {owner.get('what', 'unknown')}; "
        f"processes: {processes}",
        next_step="let it end, then run this again (it goes on from there); a hung one may be ended by its process id",
        evidence={"owner": owner, "processes": {str(pid): name for pid, name in alive.items()}},
    )


__all__ = ("ENDABLE", "Locked", "end_orphans", "hold", "holders", "program", "read_owner")
