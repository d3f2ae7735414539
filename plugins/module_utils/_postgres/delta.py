# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The rung ``delta``: a new copy that takes what is unchanged from the old directory and the rest from the primary.

rsync compares by content, since both servers write times of their own. One session holds a non-exclusive backup on the
primary meanwhile, and the node's slot keeps the WAL: nothing has to happen fast.
"""

from __future__ import annotations

import os
import re

from . import backup, progress, rebuild, staging, standby_config
from .primary_files import SSH, remote
from .work import MethodFailed, failed

# What PostgreSQL's documentation leaves out of a copy of a running server; directories whose content goes stay as such.
EMPTIED = (
    "pg_dynshmem",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat_tmp",
    "pg_subtrans",
)
LEFT_OUT = (
    "/pg_wal",
    "/postmaster.pid",
    "/postmaster.opts",
    "/backup_label*",
    "/tablespace_map*",
    "/backup_manifest",
    "/standby.signal",
    "/recovery.signal",
    "/recovery.conf",
    "/recovery.done",
    "/current_logfiles*",
    "/postgresql.auto.conf.tmp",
    "/lost+found",
    f"/{staging.NEW}",
    f"/{staging.OLD}",
    f"/{staging.MARK}",
    "pgsql_tmp*",
    "pg_internal.init*",
    "/global/pg_control",  # comes last
)
FLUSH = ("sync", "--file-system")
VANISHED = 24  # files that went while they were copied: the server is at work
PARTIAL = 23  # among others: a file changed under the copy twice
ATTEMPTS = 3
_RECEIVED = re.compile(r"^Total bytes received: ([\d,.]+)", re.MULTILINE)


def run(work, observed, decision):
    """Copy, check, exchange; returns ``(bytes, place of the salvage, bytes kept)``."""
    return rebuild.run(work, observed, decision, copy)


def copy(work, observed, data):
    """Make the copy in ``data``; returns the bytes that came over the network."""
    primary, disk = observed.primary, observed.disk
    parts = [part for part in disk.parts if part.new and part.entry]
    folders = {f"pg_tblspc/{space.oid}": space.location for space in primary.tablespaces}
    os.mkdir(data, 0o700)
    staging.give(data, work.user)
    with backup.held(work) as session:
        moved = _rsync(work, primary.data_directory, data, disk.real_path, _filters(), primary.data_bytes)
        for part in parts:
            source = os.path.join(folders[part.name], part.entry)
            target = os.path.join(staging.part_data(part), part.entry)
            _make(os.path.dirname(target), work.user)
            moved += _rsync(work, source, target, os.path.join(part.path, part.entry), ["--exclude=pgsql_tmp*"])
        control = session.control_file()
        ended = backup.stop(session, work)
    standby_config.write_file(os.path.join(data, "global"), "pg_control", control)
    _complete(work, observed, data, ended)
    return moved + len(control)


def _filters():
    return [f"--exclude=/{name}/*" for name in EMPTIED] + [f"--exclude={pattern}" for pattern in LEFT_OUT]


def _rsync(work, source, target, old, filters, size=None):
    """Copy one tree; what ``old`` has with the same content comes from there. Returns the bytes received."""
    argv = command(work, source, target, old, filters)
    flush = _Flush(work.runner, target)
    moved, watch = 0, work.meter("copy what differs", total=size, count=progress.compared, also=flush)
    for attempt in range(ATTEMPTS):
        answer = work.change(argv, long=True, user=work.user, timeout=None, watch=watch)
        found = _RECEIVED.search(answer.stdout)
        moved += int(re.sub(r"\D", "", found.group(1))) if found else 0
        if answer.rc in (0, VANISHED):
            return moved
        if answer.rc != PARTIAL or attempt == ATTEMPTS - 1 or "failed verification" not in answer.stderr:
            break
    raise failed(
        "copy what differs",
        answer,
        kind=MethodFailed,
        next_step=f"look at {work.desired.primary} and at the disk here, then run this again; the old data is kept",
    )


def command(work, source, target, old, filters):
    """Return the words of rsync. Never in place: what is written is new, what is read stays as it was."""
    argv = ["rsync", "--archive", "--checksum", "-s", "--stats", "--no-human-readable"]
    argv += ["--no-motd", "--rsh", " ".join(SSH)]
    argv += [f"--copy-dest={old}"] if old and os.path.isdir(old) else []
    argv += [f"--bwlimit={_kilobytes(work.desired.max_rate)}"] if work.desired.max_rate else []
    return [*argv, *filters, remote(work, source.rstrip("/") + "/"), target.rstrip("/") + "/"]


def _kilobytes(rate):
    """Return pg_basebackup's way to write a rate (kB, or k or M behind) as rsync's, in KiB."""
    factor = 1024 if rate.endswith("M") else 1
    return int(rate.rstrip("kM")) * factor


def _complete(work, observed, data, ended):
    """Add what belongs to a copy of a running server, and have all of it on disk before it is moved into place."""
    standby_config.write_file(data, "backup_label", ended.backup_label)
    if ended.tablespace_map:
        standby_config.write_file(data, "tablespace_map", ended.tablespace_map)
    wal = next((part for part in observed.disk.parts if part.name == "pg_wal" and part.new), None)
    folder = staging.part_data(wal) if wal else os.path.join(data, "pg_wal")
    _make(folder, work.user)
    _make(os.path.join(folder, "archive_status"), work.user)
    if wal:
        _make(os.path.join(data, "pg_wal"), work.user)  # becomes a link when the links are settled
    mode = os.stat(data).st_mode & 0o777
    for path in (folder, os.path.join(folder, "archive_status")):
        os.chmod(path, mode)
    places = [staging.part_data(part) for part in observed.disk.parts if part.new]
    work.must_change("have the copy written to the disk", [*FLUSH, data, *places], timeout=None)


class _Flush:
    """Has what is copied written to the disk meanwhile, so that little is left to wait for at the end."""

    def __init__(self, runner, path):
        self._runner, self._path, self._ended = runner, path, None

    def __call__(self):
        if os.path.isdir(self._path) and (self._ended is None or self._ended()):
            self._ended = self._runner.begin([*FLUSH, self._path])


def _make(path, user):
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
        staging.give(path, user)


__all__ = ("EMPTIED", "LEFT_OUT", "command", "copy", "run")
