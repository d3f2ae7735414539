# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Where the data directory and its parts lie, how big they are and what there is room for; read only."""

from __future__ import annotations

import os
import re

from . import staging
from .facts import Disk, Part

SALVAGE_SUFFIX = ".pgops-salvage-"
_ESCAPED = re.compile(r"\\([0-7]{3})")


def read(data_directory, *, salvage_directory, primary):
    """Return the ``Disk`` of a data directory (which need not be there yet)."""
    real = os.path.realpath(data_directory)
    mount_point = real in mount_points()
    base = existing(real if mount_point else os.path.dirname(real))
    salvage_parent = os.path.abspath(salvage_directory) if salvage_directory else os.path.dirname(real)
    salvage_base = existing(salvage_parent)
    mark = staging.read_mark(real, mount_point)
    return Disk(
        real_path=real,
        data_bytes=size_of(real),
        wal_bytes=size_of(os.path.realpath(os.path.join(real, "pg_wal"))),
        device=os.stat(base).st_dev,
        free_bytes=free_bytes(base),
        salvage_parent=salvage_parent,
        salvage_device=os.stat(salvage_base).st_dev,
        salvage_free_bytes=free_bytes(salvage_base),
        mount_point=mount_point,
        parts=parts(real, data_directory, primary, mark),
        finished_copy=mark.get("method", "") if finished(mark, primary) and staging.staged(real, mount_point) else "",
    )


def finished(mark, primary):
    """Tell whether an interrupted run left a complete copy, of this primary as it is."""
    return bool(mark.get("complete")) and mark.get("origin") == origin(primary)


def origin(primary):
    """Return what a copy must have come from to be used: the same server on the same timeline."""
    return {
        "server": primary.server,
        "system_identifier": primary.system_identifier,
        "timeline": primary.timeline,
    }


def parts(real, data_directory, primary, mark):
    """Return the ``Part``s: those behind the links of the old directory, and those that a new copy will have."""
    found = {}
    link = os.path.join(real, "pg_wal")
    remembered = {each["name"]: each["path"] for each in mark.get("parts", ())}
    if os.path.islink(link):
        found["pg_wal"] = Part("pg_wal", os.path.realpath(link), old=True, new=True)
    elif "pg_wal" in remembered and not os.path.lexists(link):
        found["pg_wal"] = Part("pg_wal", remembered["pg_wal"], new=True)
    for name, path in _old_tablespaces(real):
        found[name] = Part(name, path, _version_folder(path, primary), old=True)
    for each in mark.get("parts", ()):  # the links of a directory that is parked already
        if not each["new"] and each["name"] not in found:
            found[each["name"]] = Part(each["name"], each["path"], each["entry"], old=True)
    for space in primary.tablespaces:
        part = _of_primary(space, real, data_directory, primary, found.get(f"pg_tblspc/{space.oid}"), remembered)
        if part is not None:
            found[part.name] = part
    return tuple(_measured(part) for part in found.values())


def _of_primary(space, real, data_directory, primary, old, remembered):
    """One tablespace of the primary as a new copy here will have it: at the same path; None inside the data."""
    name, path = f"pg_tblspc/{space.oid}", os.path.realpath(space.location)
    if (space.location + os.sep).startswith(primary.data_directory.rstrip(os.sep) + os.sep):
        if os.path.realpath(primary.data_directory) in (real, os.path.realpath(data_directory)):
            return None
        problem = f"the primary's tablespace {space.location} lies in its data directory, which has another path here"
        return Part(name, path, space.folder, new=True, problem=problem)
    mine = old is not None and old.path == path
    problem = ""
    if not mine and remembered.get(name) != path and os.path.isdir(os.path.join(path, space.folder)):
        problem = f"{os.path.join(path, space.folder)} is there already, and it is no tablespace of this data directory"
    if old is not None and not mine:
        problem = f"the tablespace lies in {old.path} here and in {space.location} on the primary"
    return Part(name, path, space.folder, old=mine, new=True, new_bytes=space.size, problem=problem)


def _measured(part):
    """Add what is there and what is free."""
    base = existing(part.path)
    content = os.path.join(part.path, part.entry) if part.entry else part.path
    old_bytes = size_of(content) if part.old else 0
    return part._replace(old_bytes=old_bytes, device=os.stat(base).st_dev, free_bytes=free_bytes(base))


def _old_tablespaces(real):
    """Return (name, path) of the tablespaces behind links that lead out of the data directory."""
    folder = os.path.join(real, "pg_tblspc")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    links = [name for name in names if os.path.islink(os.path.join(folder, name))]
    found = [(f"pg_tblspc/{name}", os.path.realpath(os.path.join(folder, name))) for name in links]
    return [(name, path) for name, path in found if not (path + os.sep).startswith(real + os.sep)]


def _version_folder(path, primary):
    """The directory of this major version in a tablespace's location (after an upgrade there may be older ones)."""
    try:
        names = sorted(name for name in os.listdir(path) if name.startswith(f"PG_{primary.major}_"))
    except OSError:
        return f"PG_{primary.major}_"
    return names[-1] if names else f"PG_{primary.major}_"


def mount_points():
    """Return the directories on which something is mounted (bind mounts of the same file system too)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
            fields = [line.split(" ") for line in stream]
    except OSError:
        return frozenset()
    return frozenset(_ESCAPED.sub(lambda match: chr(int(match.group(1), 8)), each[4]) for each in fields)


def size_of(path):
    """Return the bytes that the files below a directory take on disk; what vanishes meanwhile does not count."""
    total, waiting = 0, [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total


def free_bytes(path):
    """Return what an ordinary user may still write there."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def existing(path):
    """Return the nearest directory upwards that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


__all__ = (
    "SALVAGE_SUFFIX",
    "existing",
    "finished",
    "free_bytes",
    "mount_points",
    "origin",
    "parts",
    "read",
    "size_of",
)
