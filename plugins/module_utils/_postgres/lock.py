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

# The long commands of a run. Those that write into a place of ours only may be ended: the next run removes that place.
ENDABLE = ("pg_basebackup", "rsync", "cp")
WORKERS = (*ENDABLE, "pg_rewind", "postgres")


class Locked(PgopsError):
    """Another run is at work on this host."""

    code = "locked"


@contextlib.contextmanager
def hold(path, *, what, data_directory, timeout, clock):
    """Hold the lock for the time of a block; yields its descriptor. Waits up to ``timeout`` seconds for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if not wait_for(lambda: _try(descriptor, path, data_directory), clock=clock, timeout=timeout, interval=0.5):
            raise _busy(path, timeout, data_directory)
        _write(descriptor, dict(myself(), schema=SCHEMA, started=utc(), epoch=time.time(), what=what))
        yield descriptor
        if read_owner(path).get("pid") == os.getpid():
            _write(descriptor, {})
    finally:
        os.close(descriptor)


def hand_over(descriptor, pid, what):
    """Say that another process holds the lock from now on (it has inherited the descriptor)."""
    owner = {"pid": pid, "pid_start": _start_of(pid)}
    _write(descriptor, dict(owner, schema=SCHEMA, started=utc(), epoch=time.time(), what=what))


def wait_until_free(path, *, data_directory, timeout, clock):
    """Tell whether another run was at work; returns when it is through. Ends nothing and takes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if _free(descriptor):
            return False
        if not wait_for(lambda: _free(descriptor), clock=clock, timeout=timeout, interval=0.5):
            raise _busy(path, timeout, data_directory)
        return True
    finally:
        os.close(descriptor)


def _free(descriptor):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _try(descriptor, path, data_directory):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        end_orphans(read_owner(path), commands(data_directory))
        return False
    return True


def end_orphans(owner, workers, *, kill=os.kill):
    """When the owner is gone, end those of its commands whose work is thrown away anyway; the others are waited for."""
    if not owner or alive(owner):
        return
    for pid, name in workers.items():
        if name in ENDABLE:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGTERM)


def myself():
    """Return what tells this process from a later one of the same number."""
    return {"pid": os.getpid(), "pid_start": _start_of(os.getpid())}


def alive(owner):
    """Tell whether the process that wrote this about itself still runs."""
    return owner.get("pid_start") is not None and _start_of(owner.get("pid")) == owner["pid_start"]


def _start_of(pid):
    """The start of a process in ticks since boot (field 22; the name before it may hold blanks and parentheses)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return int(stream.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def read_owner(path):
    """Return what the owner wrote about itself, or ``{}``."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def commands(data_directory):
    """Return ``{pid: program}`` of the long commands at work on a data directory, by the words they were given.

    (Who has the lock file open can't be seen where root lacks CAP_SYS_PTRACE, as in most containers.)
    """
    found, wanted = {}, os.path.realpath(data_directory)
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        words = _words(pid)
        if program(pid) in WORKERS and any(word.startswith((wanted, data_directory)) for word in words[1:]):
            found[pid] = program(pid)
    return found


def _words(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().split("\0")
    except OSError:
        return []


def program(pid):
    """Return the name of a process's program, or an empty text."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _write(descriptor, content):
    data = (json.dumps(content, sort_keys=True) + "\n").encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def _busy(path, timeout, data_directory):
    owner, workers = read_owner(path), commands(data_directory)
    age = f", for {time.time() - owner['epoch']:.0f} s" if "epoch" in owner else ""
    state = "alive" if alive(owner) else "gone, but a command of it goes on"
    running = ", ".join(f"{name} (process {pid})" for pid, name in sorted(workers.items()))
    return Locked(
        "start working on the data directory",
        server=here(),
        seen=f"another run still holds {path} after {timeout:g} s: {owner.get('what', 'unknown')}, "
        f"process {owner.get('pid', 'unknown')} ({state}){age}" + (f"; at work: {running}" if running else ""),
        next_step="let it end, then run this again (it goes on from there); a hung one may be ended by its process id",
        evidence={"owner": owner, "commands": {str(pid): name for pid, name in workers.items()}},
    )


__all__ = (
    "ENDABLE",
    "Locked",
    "alive",
    "commands",
    "end_orphans",
    "hand_over",
    "hold",
    "myself",
    "program",
    "read_owner",
    "wait_until_free",
)
