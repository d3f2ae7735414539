# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Where a new copy is built, and how it takes the place of the old directory.

Beside the data directory, so that two renames exchange them. What can't be renamed itself (a mount point, the location
of a tablespace, pg_wal on another disk) has the new copy inside it and its entries are exchanged one by one; a mark
tells a run that comes after a killed one which of the entries are the new ones. The old ones stay parked until the new
node is verified.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil

from .._errors import PgopsError, Refused
from . import marks
from .overrides import here

NEW, OLD = "pgops-new", "pgops-old"
MARK = "pgops.json"
DATA = "data"
NOT_OURS = (NEW, OLD, "lost+found")
CONTROL = "global"  # the directory of the control file: goes first and comes last, nothing starts without it


def new_root(real_path, mount_point):
    """Return the directory that holds the new copy and its mark."""
    return os.path.join(real_path, NEW) if mount_point else f"{real_path}.{NEW}"


def old_root(real_path, mount_point):
    """Return where the old directory waits until the new one is verified."""
    return os.path.join(real_path, OLD) if mount_point else f"{real_path}.{OLD}"


def data_of(disk):
    """Return the data directory of the new copy."""
    return os.path.join(new_root(disk.real_path, disk.mount_point), DATA)


def part_data(part):
    """Return the directory for what a new copy has in a part that lies elsewhere."""
    return os.path.join(part.path, NEW, DATA)


def read_mark(real_path, mount_point):
    """Return what is written about the new copy, or ``{}``."""
    return marks.read_json(os.path.join(new_root(real_path, mount_point), MARK)) or {}


def make_room(disk, user, **more):
    """Make the directories of the copy; what an interrupted run of ours left there goes, anything else stays."""
    root = new_root(disk.real_path, disk.mount_point)
    news = [part for part in disk.parts if part.new]
    for path in [root] + [os.path.join(part.path, NEW) for part in news]:
        _require_ours(path)
    for part in news:
        if not os.path.isdir(part.path):
            os.makedirs(part.path)
            os.chmod(part.path, 0o700)
            give(part.path, user)
        _fresh(os.path.join(part.path, NEW), user)
        marks.write_json(os.path.join(part.path, NEW, MARK), {"schema": 1, "of": disk.real_path}, mode=0o600)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    _fresh(root, user)
    write_mark(disk, complete=False, **more)


def write_mark(disk, *, complete, **more):
    """Say what the new copy is and how far it is."""
    places = [{"name": each.name, "path": each.path, "entry": each.entry, "new": each.new} for each in disk.parts]
    content = dict(more, schema=1, complete=complete, parts=places, written=marks.utc())
    marks.write_json(os.path.join(new_root(disk.real_path, disk.mount_point), MARK), content, mode=0o600)


def staged(real_path, mount_point):
    """Tell whether a new copy, or a rest of it, still waits to be moved into place."""
    try:
        return bool(os.listdir(os.path.join(new_root(real_path, mount_point), DATA)))
    except OSError:
        return False


def _require_ours(path):
    if os.path.lexists(path) and not _marked(path) and not _begun(path):
        raise Refused(
            "make the copy",
            server=here(),
            seen=f"{path} is in the way, and it does not carry our mark",
            next_step=f"look at {path} and move it away, then run this again",
        )


def _marked(path):
    return marks.read_json(os.path.join(path, MARK)) is not None


def _fresh(path, user):
    if os.path.lexists(path):
        remove(path)
    os.mkdir(path, 0o700)
    give(path, user)


def settle_links(disk, tablespaces, data):
    """Have the links of the copy lead to where its parts will lie, not to where they were copied."""
    folder = os.path.join(data, "pg_tblspc")
    for space in tablespaces:
        link = os.path.join(folder, str(space.oid))
        if os.path.islink(link):
            _relink(link, space.location)
    for part in disk.parts:
        if part.name == "pg_wal" and part.new:
            link = os.path.join(data, "pg_wal")
            if os.path.isdir(link) and not os.path.islink(link):
                os.rmdir(link)
            _relink(link, part.path)


def _relink(link, target):
    owner = os.lstat(link) if os.path.lexists(link) else os.stat(os.path.dirname(link))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link)
    os.symlink(target, link)
    if os.geteuid() == 0:
        os.lchown(link, owner.st_uid, owner.st_gid)


def repoint(data, before, after):
    """Have links to tablespaces inside a data directory follow it when it is moved or copied."""
    folder = os.path.join(data, "pg_tblspc")
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            link = os.path.join(folder, name)
            place = os.path.realpath(link)  # the link may have been made through a link to the data directory
            if os.path.islink(link) and (place + os.sep).startswith(before + os.sep):
                _relink(link, after + place[len(before) :])


def exchange(disk, user, kept=""):
    """Put the new copy into the place of the old directory, which goes to ``kept`` or is parked.

    Killed anywhere and called again, it goes on.
    """
    real = disk.real_path
    if not disk.mount_point:
        _park_directory(disk, kept)
    elif os.path.isdir(os.path.join(real, NEW)):
        _begin_inside(real, user)
    for part in disk.parts:
        if part.new:
            exchange_inside(part.path, part.entry, user)
        elif part.old:
            park(part.path, part.entry, user)
    if disk.mount_point:
        exchange_inside(real, "", user)
        return
    root = new_root(real, False)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    os.rename(os.path.join(root, DATA), real)
    marks.sync_directory(os.path.dirname(real))
    remove(root)


def _park_directory(disk, kept):
    real = disk.real_path
    if not os.path.lexists(real):
        return
    if kept:
        os.rename(real, os.path.join(kept, DATA))
        marks.sync_directory(kept)
    elif not os.listdir(real):
        os.rmdir(real)
    else:
        parked = old_root(real, False)
        _require_ours(parked)
        if os.path.lexists(parked):
            remove(parked)
        marks.write_json(os.path.join(real, MARK), {"schema": 1, "parked": marks.utc()}, mode=0o600)
        os.rename(real, parked)
    marks.sync_directory(os.path.dirname(real))


def _begin_inside(path, user):
    """Take the control file away before any part is touched: from here on nothing starts until all is in place."""
    mark = marks.read_json(os.path.join(path, NEW, MARK)) or {}
    if not mark.get("moving"):
        park(path, CONTROL, user)


def exchange_inside(path, entry, user):
    """Exchange the entries of a directory that can't be moved itself for those in its ``pgops-new``."""
    new = os.path.join(path, NEW)
    data = os.path.join(new, DATA)
    if not os.path.isdir(data):  # done by an earlier run
        if _marked(new):
            remove(new)
        return
    mark = marks.read_json(os.path.join(new, MARK)) or {}
    if not mark.get("moving"):
        park(path, entry, user)
        marks.write_json(os.path.join(new, MARK), dict(mark, moving=True), mode=0o600)
    for name in sorted(os.listdir(data), key=lambda each: (each == CONTROL, each)):
        os.rename(os.path.join(data, name), os.path.join(path, name))
    os.chmod(path, os.stat(data).st_mode & 0o777)
    marks.sync_directory(path)
    remove(data)  # before the mark: without it, the entries would be taken for old ones
    remove(new)


def park(path, entry, user):
    """Move entries into ``pgops-old``. One that is parked already was the old one; what has its name now is not."""
    parked = os.path.join(path, OLD)
    _require_ours(parked)
    with contextlib.suppress(FileExistsError):
        os.mkdir(parked, 0o700)
        give(parked, user)
    marks.write_json(os.path.join(parked, MARK), {"schema": 1, "parked": marks.utc()}, mode=0o600)
    names = [entry] if entry else [name for name in os.listdir(path) if name not in NOT_OURS]
    for name in sorted(names, key=lambda each: (each != CONTROL, each)):
        here_, there = os.path.join(path, name), os.path.join(parked, name)
        if not os.path.lexists(here_):
            continue
        if os.path.lexists(there):
            remove(here_)
        else:
            os.rename(here_, there)
    marks.sync_directory(path)


def unpark(disk):
    """Put an old directory back that a killed run had parked, when its new copy can't be used any more."""
    parked = old_root(disk.real_path, False)
    if disk.mount_point or os.path.lexists(disk.real_path) or not _marked(parked):
        return False
    if any(os.path.lexists(os.path.join(part.path, OLD)) for part in disk.parts):
        return False
    os.unlink(os.path.join(parked, MARK))
    os.rename(parked, disk.real_path)
    marks.sync_directory(os.path.dirname(disk.real_path))
    return True


def discard(disk):
    """Remove the old directory and its parts, where there is no room for both (the caller has proven that it may)."""
    for path, entry in [(part.path, part.entry) for part in disk.parts if part.old] + [(disk.real_path, "")]:
        names = [entry] if entry else [name for name in os.listdir(path) if name not in NOT_OURS]
        for name in sorted(names, key=lambda each: (each != CONTROL, each)):
            if os.path.lexists(os.path.join(path, name)):
                remove(os.path.join(path, name))


def cleared(disk):
    """Return the directories to remove: what is parked, and what a killed run left of a copy."""
    return [
        path
        for root, name in ((old_root, OLD), (new_root, NEW))
        for path in (root(disk.real_path, disk.mount_point), *(os.path.join(part.path, name) for part in disk.parts))
        if _marked(path) or _begun(path)
    ]


def clear(disk):
    """Remove what is parked and left: the node is verified."""
    for path in cleared(disk):
        remove(path)


def _begun(path):
    """A directory that a killed run made and had not marked yet."""
    return os.path.isdir(path) and set(os.listdir(path)) <= {MARK + marks.TEMPORARY}


def require_as_planned(disk, absent):
    """Raise when files came into a directory that was empty when this was planned."""
    real = disk.real_path
    if absent and os.path.isdir(real) and set(os.listdir(real)) - set(NOT_OURS):
        raise PgopsError(
            "move the new copy into place",
            server=here(),
            seen=f"{real} is not empty, as it was when this was planned",
            next_step="look at what came there meanwhile, then run this again",
            code="refused",
        )


def remove(path):
    """Remove a file, a link or a directory of ours (the caller has made sure that it is one); our mark goes last."""
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    for entry in sorted(os.scandir(path), key=lambda each: each.name == MARK):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(path)


def give(path, user):
    """Hand a file or directory to the user of the database, where we are root."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


__all__ = (
    "DATA",
    "MARK",
    "NEW",
    "NOT_OURS",
    "OLD",
    "clear",
    "cleared",
    "data_of",
    "discard",
    "exchange",
    "exchange_inside",
    "give",
    "make_room",
    "new_root",
    "old_root",
    "park",
    "part_data",
    "read_mark",
    "remove",
    "repoint",
    "require_as_planned",
    "settle_links",
    "staged",
    "unpark",
    "write_mark",
)
