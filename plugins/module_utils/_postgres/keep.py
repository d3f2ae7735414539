# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Keep what the old node has, beside its data directory or where the user said: copy or move. Never by link."""

from __future__ import annotations

import contextlib
import hashlib
import os

from . import lsn as wal
from . import marks, rejoin, salvage, standby_config
from .disk import SALVAGE_SUFFIX, size_of
from .overrides import here
from .staging import DATA, NOT_OURS, give, remove, repoint
from .work import failed

MANIFEST = "manifest.json"
COPY_LIMIT = None  # as long as it takes: its seconds are told apart


def keep(work, observed, decision):
    """Copy what is kept by copying; returns ``(place, bytes)``. What is moved is moved later, see rebuild.

    A complete salvage of the very same state, which an earlier run made that did not get through, is not made again.
    """
    how = decision.keeping.how
    if how not in (salvage.WAL, salvage.COPY):
        return "", 0
    found = _same_state(observed, decision)
    if found:
        return found, size_of(found)
    place = make_place(work, observed, decision)
    kept = _keep_wal(work, observed, place) if how == salvage.WAL else _keep_copy(work, observed, place)
    write_manifest(work, place, observed, decision, complete=True)
    return place, kept


def make_place(work, observed, decision):
    """Make the directory of this salvage and write its manifest; returns its path."""
    disk = observed.disk
    os.makedirs(disk.salvage_parent, exist_ok=True)
    remove_unfinished(disk.salvage_parent, disk.real_path)
    name = os.path.basename(disk.real_path) + SALVAGE_SUFFIX + marks.stamp()
    place = _new_directory(os.path.join(disk.salvage_parent, name))
    give(place, work.user)
    write_manifest(work, place, observed, decision, complete=False)
    return place


def _new_directory(path):
    """Make a directory that was not there; two in one second get numbers."""
    for number in range(1, 100):
        candidate = path if number == 1 else f"{path}-{number}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(candidate, 0o700)
            return candidate
    raise FileExistsError(path)


def _manifests(parent, real_path):
    """Yield ``(place, manifest)`` of the salvages of a data directory."""
    for place in _ours(parent, real_path):
        manifest = marks.read_json(os.path.join(place, MANIFEST)) or {}
        if manifest.get("data_directory") == real_path:
            yield place, manifest


def _ours(parent, real_path):
    """Return the directories that have the name of a salvage of this data directory."""
    names = sorted(os.listdir(parent)) if os.path.isdir(parent) else []
    begin = os.path.basename(real_path) + SALVAGE_SUFFIX
    found = [os.path.join(parent, name) for name in names if name.startswith(begin)]
    return [path for path in found if os.path.isdir(path) and not os.path.islink(path)]


def _same_state(observed, decision):
    disk = observed.disk
    digest = control_digest(disk.real_path)
    wanted = (True, decision.keeping.kind, digest)
    for place, manifest in _manifests(disk.salvage_parent, disk.real_path):
        if digest and (manifest.get("complete"), manifest.get("kind"), manifest.get("control")) == wanted:
            return place
    return ""


def control_digest(real_path):
    """Return the digest of the control file: equal as long as no server has run in the directory."""
    try:
        with open(os.path.join(real_path, "global", "pg_control"), "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return ""


def remove_unfinished(parent, real_path):
    """Remove copies that a killed run did not finish: their origin is still there, untouched.

    What was moved is no copy: it is complete as soon as it is there.
    """
    for place, manifest in list(_manifests(parent, real_path)):
        if manifest.get("complete") is False and not _was_moved(place, manifest):
            remove(place)
    for place in _ours(parent, real_path):  # killed before it said what it would be
        if set(os.listdir(place)) <= {MANIFEST + marks.TEMPORARY}:
            remove(place)


def _was_moved(place, manifest):
    return bool(manifest.get("moved")) and os.path.isdir(os.path.join(place, DATA))


def tidy(parent, real_path):
    """Complete what was moved aside, by this run or one that was killed, and remove what is unfinished."""
    for place, manifest in list(_manifests(parent, real_path)):
        if manifest.get("complete") is False and _was_moved(place, manifest):
            data = os.path.join(place, DATA)
            repoint(data, real_path, data)
            clear_standby_marks(data, wrote_itself=manifest.get("wrote_itself", False))
            _rewrite(place, dict(manifest, complete=True))
    remove_unfinished(parent, real_path)


def prune(parent, real_path, count, *, current=""):
    """Remove the oldest complete salvages of this data directory beyond ``count`` (0: none); returns their paths.

    The one that this run made is never among them.
    """
    if not count:
        return []
    complete = [(each["written"], place) for place, each in _manifests(parent, real_path) if each.get("complete")]
    removed = [place for _written, place in sorted(complete, reverse=True)[count:] if place != current]
    for place in removed:
        remove(place)
    return removed


def write_manifest(work, place, observed, decision, *, complete):
    """Say in the salvage what it is. Not ``complete``: a copy that was cut off, or what is not moved there yet."""
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
        "lost": observed.lost,
        "method": decision.method,
        "primary": work.desired.primary,
        "control": control_digest(observed.disk.real_path),
        "content": {"data": "the whole data directory"} if full else {"pg_wal": "its WAL", "global": "pg_control"},
        "starts_standalone": full,
        "moved": decision.keeping.how == salvage.MOVE,
        "wrote_itself": target.wrote_itself,
    }
    path = os.path.join(place, MANIFEST)
    marks.write_json(path, content, mode=0o600)
    give(path, work.user)


def name_tables(place, named):
    """Put the report with the names of its tables into the manifest."""
    manifest = marks.read_json(os.path.join(place, MANIFEST))
    if manifest is not None:
        _rewrite(place, dict(manifest, lost=named))


def _rewrite(place, manifest):
    path = os.path.join(place, MANIFEST)
    owner = os.stat(path)
    marks.write_json(path, manifest, mode=0o600)
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _keep_wal(work, observed, place):
    """Copy pg_wal (followed, where it is a link) and the control file."""
    source = observed.disk.real_path
    os.mkdir(os.path.join(place, "global"), 0o700)
    give(os.path.join(place, "global"), work.user)
    _copy(work, [os.path.join(source, "global", "pg_control")], os.path.join(place, "global"))
    pg_wal = os.path.realpath(os.path.join(source, "pg_wal"))
    _copy_folder(work, pg_wal, os.path.join(place, "pg_wal"), observed.disk.wal_bytes)
    return size_of(place)


def _keep_copy(work, observed, place):
    """Copy everything, so that the copy starts as the server that this was: without the marks of a standby.

    Parts that lie elsewhere become a part of the copy.
    """
    source, target = observed.disk.real_path, os.path.join(place, DATA)
    _copy_folder(work, source, target, observed.disk.data_bytes)
    for part in observed.disk.parts:
        if not part.old:
            continue
        link = os.path.join(target, part.name)
        if part.name == "pg_wal":
            os.unlink(link)
            _copy_folder(work, part.path, link, observed.disk.wal_bytes)
            continue
        folder = os.path.join(place, "tablespaces", os.path.basename(link))
        _make_folders(place, folder, work.user)
        _copy(work, [os.path.join(part.path, part.entry)], folder, part.old_bytes)
        os.unlink(link)
        os.symlink(folder, link)
    repoint(target, source, target)
    clear_standby_marks(target, wrote_itself=observed.target.wrote_itself)
    return size_of(place)


def _make_folders(place, folder, user):
    for path in (os.path.join(place, "tablespaces"), folder):
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            give(path, user)


def clear_standby_marks(folder, *, wrote_itself):
    """Take our own marks out of kept data of a former primary: it shall start as what it was."""
    if os.path.exists(os.path.join(folder, standby_config.AUTO_CONF)):
        text = standby_config.read_file(folder, standby_config.AUTO_CONF)
        standby_config.write_file(folder, standby_config.AUTO_CONF, standby_config.unbar(text))
    if wrote_itself:
        for name in (standby_config.STANDBY_SIGNAL, standby_config.RECOVERY_CONF):
            standby_config.remove_file(folder, name)


def _copy_folder(work, source, target, size):
    """Copy a directory under a new name, without what our own runs left in it."""
    os.mkdir(target, 0o700)
    names = [name for name in sorted(os.listdir(source)) if name not in NOT_OURS]
    for start in range(0, len(names), 500):  # pg_wal may hold very many files
        _copy(work, [os.path.join(source, name) for name in names[start : start + 500]], target, size)
    found = os.stat(source)
    os.chmod(target, found.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid)


def _copy(work, sources, folder, size=None):
    argv = ["cp", "-a", "--reflink=auto", "-t", folder, *sources]
    answer = work.change(argv, long=True, timeout=COPY_LIMIT, watch=work.meter("keep the old data", total=size))
    if answer.rc != 0:
        raise failed(
            "keep the old data",
            answer,
            next_step=f"make room in {os.path.dirname(folder)} or name another place (salvage_directory); the old data "
            "is untouched, the unfinished copy can be removed",
        )


__all__ = (
    "MANIFEST",
    "clear_standby_marks",
    "control_digest",
    "keep",
    "make_place",
    "name_tables",
    "prune",
    "remove_unfinished",
    "tidy",
    "write_manifest",
)
