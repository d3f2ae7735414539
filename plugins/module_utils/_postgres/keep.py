# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Keep what the old node has, beside its data directory or where the user said: copy, move, remove. Never by link."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil

from . import lsn as wal
from . import marks, rejoin, salvage, standby_config
from .disk import COPY_DATA, SALVAGE_SUFFIX, size_of
from .overrides import here
from .work import failed

MANIFEST = "manifest.json"
COPY_LIMIT = None  # as long as it takes: its seconds are told apart


def make_place(work, observed, decision):
    """Make the directory of this salvage and write its manifest; returns its path, empty when nothing is kept."""
    if not decision.keeping.how:
        return ""
    disk = observed.disk
    parent = os.path.dirname(disk.real_path) if decision.keeping.discard_after else disk.salvage_parent
    os.makedirs(parent, exist_ok=True)
    remove_unfinished(parent, disk.real_path)
    place = _new_directory(os.path.join(parent, os.path.basename(disk.real_path) + SALVAGE_SUFFIX + marks.stamp()))
    give(place, work.user)
    write_manifest(work, place, observed, decision, complete=decision.keeping.how == salvage.MOVE)
    return place


def _new_directory(path):
    """Make a directory that was not there; two in one second get numbers."""
    for number in range(1, 100):
        candidate = path if number == 1 else f"{path}-{number}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(candidate, 0o700)
            return candidate
    raise FileExistsError(path)


def remove_unfinished(parent, real_path):
    """Remove copies that a killed run did not finish: their origin is still there, untouched."""
    for name in os.listdir(parent):
        if not name.startswith(os.path.basename(real_path) + SALVAGE_SUFFIX):
            continue
        manifest = marks.read_json(os.path.join(parent, name, MANIFEST)) or {}
        if manifest.get("complete") is False and manifest.get("data_directory") == real_path:
            remove_tree(os.path.join(parent, name))


def write_manifest(work, place, observed, decision, *, complete):
    """Say in the salvage what it is. Not ``complete``: a copy that was cut off (a move is complete or not there)."""
    target, fork = observed.target, observed.fork
    diverged = rejoin.diverged(observed) or {}
    full = decision.keeping.kind == "full"
    content = {
        "schema": 1,
        "complete": complete,
        "written": marks.utc(),
        "kind": decision.keeping.kind,
        "reason": decision.keeping.reason,
        "host": here(),
        "data_directory": observed.disk.real_path,
        "version": work.layout.version,
        "system_identifier": target.system_identifier,
        "timeline": target.timeline,
        "end_lsn": diverged.get("target_lsn") or (None if target.lsn is None else wal.render(target.lsn)),
        "fork_lsn": None if fork.lsn is None else wal.render(fork.lsn),
        "fork_timeline": fork.timeline,
        "commits_past_fork": diverged.get("commits_past_fork"),
        "wal_bytes_past_fork": diverged.get("wal_bytes_past_fork"),
        "method": decision.method,
        "primary": work.desired.primary,
        "content": {"data": "the whole data directory"} if full else {"pg_wal": "its WAL", "global": "pg_control"},
        "starts_standalone": full,
    }
    path = os.path.join(place, MANIFEST)
    marks.write_json(path, content, mode=0o600)
    give(path, work.user)


def keep_wal(work, observed, place):
    """Copy pg_wal (followed, where it is a link) and the control file."""
    source = observed.disk.real_path
    os.mkdir(os.path.join(place, "global"), 0o700)
    give(os.path.join(place, "global"), work.user)
    _copy(work, os.path.join(source, "global", "pg_control"), os.path.join(place, "global", "pg_control"))
    pg_wal = os.path.realpath(os.path.join(source, "pg_wal"))
    _copy(work, pg_wal, os.path.join(place, "pg_wal"), observed.disk.wal_bytes)
    return size_of(place)


def keep_copy(work, observed, place):
    """Copy everything, so that the copy starts as the server that this was: without the marks of a standby."""
    source, target = observed.disk.real_path, os.path.join(place, COPY_DATA)
    _copy(work, source, target, observed.disk.data_bytes)
    linked = os.path.join(target, "pg_wal")
    if os.path.islink(linked):
        os.unlink(linked)
        _copy(work, os.path.realpath(os.path.join(source, "pg_wal")), linked, observed.disk.wal_bytes)
    clear_standby_marks(target, wrote_itself=observed.target.wrote_itself)
    return size_of(target)


def clear_standby_marks(folder, *, wrote_itself):
    """Take our own marks out of kept data of a former primary: it shall start as what it was."""
    if os.path.exists(os.path.join(folder, standby_config.AUTO_CONF)):
        text = standby_config.read_file(folder, standby_config.AUTO_CONF)
        standby_config.write_file(folder, standby_config.AUTO_CONF, standby_config.unbar(text))
    if wrote_itself:
        standby_config.remove_file(folder, standby_config.STANDBY_SIGNAL)


def keep(work, observed, decision, place):
    """Copy what is kept by copying; returns its bytes. (What is moved is moved later, see basebackup.)"""
    how = decision.keeping.how
    if how not in (salvage.WAL, salvage.COPY):
        return 0
    kept = keep_wal(work, observed, place) if how == salvage.WAL else keep_copy(work, observed, place)
    write_manifest(work, place, observed, decision, complete=True)
    return kept


def remove_tree(path):
    """Remove a directory of ours (the caller has made sure that it is one)."""
    shutil.rmtree(path)


def give(path, user):
    """Hand a file or directory to the user of the database, where we are root."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _copy(work, source, target, total=None):
    argv = ["cp", "-a", "--reflink=auto", source, target]
    answer = work.change(argv, long=True, timeout=COPY_LIMIT, watch=work.meter("keep the old data", total=total))
    if answer.rc != 0:
        raise failed(
            "keep the old data",
            answer,
            next_step=f"make room in {os.path.dirname(target)} or name another place (salvage_directory); the old data "
            "is untouched, the unfinished copy can be removed",
        )


__all__ = (
    "MANIFEST",
    "clear_standby_marks",
    "give",
    "keep",
    "make_place",
    "remove_tree",
    "remove_unfinished",
    "write_manifest",
)
