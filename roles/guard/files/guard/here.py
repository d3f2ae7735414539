# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host alone can tell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import re
import stat
import time

from .seen import NO_DATA, PRIMARY, STANDBY, Observed


def start_role(data_directory):
    """As what PostgreSQL would start here: none, standby or primary."""
    root = pathlib.Path(data_directory)
    if not (root / "PG_VERSION").exists():
        return NO_DATA
    major = int((root / "PG_VERSION").read_text().split(".")[0])
    if major >= 12:
        return STANDBY if (root / "standby.signal").exists() else PRIMARY
    recovery = root / "recovery.conf"
    lines = recovery.read_text(errors="replace").splitlines() if recovery.exists() else []
    wanted = re.compile(r"^\s*standby_mode\s*=?\s*'?(on|true|yes|1)\b", re.IGNORECASE)
    return STANDBY if any(wanted.match(line) for line in lines) else PRIMARY


def permit_problem(path, *, now, max_age):
    """Why the permit is not valid; None if it is. Only root can give it, and it grows old."""
    try:
        found, folder = os.lstat(path), os.stat(os.path.dirname(path))
    except OSError:
        return "there is none"
    if not stat.S_ISREG(found.st_mode) or any(one.st_uid or one.st_mode & 0o022 for one in (found, folder)):
        return "others than root could have written it"
    age = now - found.st_mtime
    return None if -5 <= age <= max_age else f"it is {age:.0f} s old (at most {max_age:g})"


def parse_controldata(text):
    """Return (timeline, system identifier) of pg_controldata's output."""
    timeline = re.search(r"Latest checkpoint's TimeLineID:\s+(\d+)", text)
    identifier = re.search(r"Database system identifier:\s+(\d+)", text)
    return (int(timeline.group(1)) if timeline else None, identifier.group(1) if identifier else None)


def own_timeline(controlled, data_directory):
    """pg_control is stale until the first checkpoint after a promotion; the history file is there before it."""
    histories = pathlib.Path(data_directory, "pg_wal").glob("*.history")
    numbers = [int(file.stem, 16) for file in histories if re.fullmatch(r"[0-9A-F]{8}", file.stem)]
    known = [*numbers, controlled] if controlled is not None else numbers
    return max(known, default=None)


def control_file(config):
    """The command that reads the control file."""
    return os.path.join(config["bin_directory"], "pg_controldata"), config["data_directory"]


def observe_here(config):
    """What matters before a start. A host that was fenced does not start alone: a standby was there to be promoted."""
    lone_start = config["lone_start"]
    problem = permit_problem(config["permit_file"], now=time.time(), max_age=config["permit_max_age"])
    holds = lone_start == "hold" or os.path.exists(config["fenced_file"])
    return Observed(
        name=config["name"],
        backend_id=config["backend_id"],
        data=start_role(config["data_directory"]),
        permitted=problem is None,
        paused=os.path.exists(config["paused_file"]),
        settle=float(config["settle"]),
        promote_after=None if holds else float(lone_start),
        unit=config["unit"],
    )


def use_up_permit(config):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(config["permit_file"])


def give_permit(config):
    """Allow the next start, whatever is seen."""
    path = config["permit_file"]
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    use_up_permit(config)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"given by {os.environ.get('SUDO_USER') or 'root'}\n")


def server_process(data_directory):
    """Return the number of the server's first process, None when there is none. The file outlives a killed server."""
    try:
        with open(os.path.join(data_directory, "postmaster.pid"), encoding="utf-8") as file:
            pid = int(file.readline())
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, _paren, rest = file.read().partition("(")[2].rpartition(")")
    except (OSError, ValueError):
        return None
    return pid if name.startswith("postgres") and rest.split()[:1] not in (["Z"], ["X"]) else None


def recovering(path):
    """Does a run of recover_standby hold its lock?"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
