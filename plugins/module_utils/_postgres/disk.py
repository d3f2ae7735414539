# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Where the data directory lies, how big it is and what there is room for; read only."""

from __future__ import annotations

import os

from . import marks
from .facts import Disk

NEW_SUFFIX = ".pgops-new"
SALVAGE_SUFFIX = ".pgops-salvage-"
COPY_MARK = "pgops.json"
COPY_DATA = "data"


def read(data_directory, *, salvage_directory, primary):
    """Return the ``Disk`` of a data directory (which need not be there yet)."""
    real = os.path.realpath(data_directory)
    parent = existing(os.path.dirname(real))
    salvage_parent = os.path.abspath(salvage_directory) if salvage_directory else os.path.dirname(real)
    salvage_base = existing(salvage_parent)
    pg_wal = os.path.join(real, "pg_wal")
    return Disk(
        real_path=real,
        data_bytes=size_of(real),
        wal_bytes=size_of(os.path.realpath(pg_wal)),
        free_bytes=free_bytes(parent),
        salvage_parent=salvage_parent,
        salvage_free_bytes=free_bytes(salvage_base),
        salvage_elsewhere=os.stat(salvage_base).st_dev != os.stat(parent).st_dev,
        mount_point=os.path.ismount(real),
        wal_elsewhere=os.path.realpath(pg_wal) if os.path.islink(pg_wal) else None,
        tablespaces=tablespaces(real),
        finished_copy=finished_copy(real, primary),
    )


def finished_copy(real_path, primary):
    """Tell whether an interrupted run left a complete copy beside the data directory, of this primary as it is."""
    mark = marks.read_json(os.path.join(real_path + NEW_SUFFIX, COPY_MARK)) or {}
    return bool(mark.get("complete")) and mark.get("origin") == origin(primary)


def origin(primary):
    """Return what a copy must have come from to be used: the same server on the same timeline."""
    return {
        "server": primary.server,
        "system_identifier": primary.system_identifier,
        "timeline": primary.timeline,
    }


def tablespaces(real_path):
    """Return the directories of tablespaces outside the data directory."""
    folder = os.path.join(real_path, "pg_tblspc")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    return tuple(os.path.realpath(os.path.join(folder, name)) for name in names)


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
    "COPY_DATA",
    "COPY_MARK",
    "NEW_SUFFIX",
    "SALVAGE_SUFFIX",
    "existing",
    "finished_copy",
    "free_bytes",
    "origin",
    "read",
    "size_of",
    "tablespaces",
)
