# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What is kept of the old node before anything of it is overwritten, and whether there is room. Pure.

Never by hard link: pg_rewind and a running server write in place.
"""

from __future__ import annotations

import typing as t

from . import forks
from .facts import ABSENT

MARGIN = 64 * 1024 * 1024
WAL, COPY, MOVE = "wal", "copy", "move"
KINDS = {WAL: "wal", COPY: "full", MOVE: "full"}
WAY_OUT = (
    "make room, or name another place with the option salvage_directory (pgops_salvage_dir), or give up what the old "
    "node has and the primary has not: salvage_skip: true (recover_standby_salvage_skip)"
)


class Keeping(t.NamedTuple):
    """What is kept and how; ``refusal`` is set where it can't be.

    What is neither kept by moving nor discarded at first is parked until the new node is verified, and then removed.
    """

    how: str = ""  # wal | copy | move; empty: nothing is kept
    expected_bytes: int = 0
    reason: str = ""
    discard_first: bool = False  # the old directory goes before the new copy is made
    refusal: str = ""
    way_out: str = ""

    @property
    def kind(self):
        return KINDS.get(self.how)


def decide(method, observed, desired):
    """Return the ``Keeping`` for a method that overwrites; for the others nothing is kept."""
    if method == "rewind":
        return _for_rewind(observed, desired)
    if method in ("delta", "basebackup"):
        return _for_copy(method, observed, desired)
    return Keeping(reason="nothing is overwritten")


def _for_rewind(observed, desired):
    disk = observed.disk
    if desired.salvage_skip:
        return Keeping(reason="salvage_skip is set: what the old node has and the primary has not is given up")
    if observed.tail.commits == 0:
        kept = Keeping(WAL, disk.wal_bytes, "no commit after the fork: pg_wal and the control file are kept")
    else:
        many = observed.tail.commits if observed.tail.commits is not None else "an unknown number of"
        kept = Keeping(COPY, disk.old_bytes, f"{many} commits after the fork: a full copy is kept")
    return kept if fits(kept.expected_bytes, disk.salvage_free_bytes) else _no_room(kept, disk)


def _for_copy(method, observed, desired):
    kept = _old_directory(observed, desired)
    if kept.refusal:
        return kept
    short = _shortage(observed, kept)
    if not short:
        return kept
    target, disk = observed.target, observed.disk
    expendable = desired.salvage_skip or target.interrupted or kept.how == COPY
    if method == "basebackup" and target.exists and expendable and not _shortage(observed, kept, discarded=True):
        return kept._replace(how=kept.how if kept.how == COPY else "", discard_first=True)
    return Keeping(
        refusal=f"no room for a copy: {short} (the old directory takes {megabytes(disk.old_bytes)})", way_out=WAY_OUT
    )


def _old_directory(observed, desired):
    target, disk = observed.target, observed.disk
    if target.state == ABSENT:
        return Keeping(reason="there is nothing to keep")
    if desired.salvage_skip:
        return Keeping(reason="salvage_skip is set: the old directory goes once the copy is verified")
    if target.interrupted:
        where = target.kept_before or "nowhere: salvage_skip was set"
        return Keeping(reason=f"a half rewound directory; what it was is kept already ({where})")
    if not target.exists and target.swapping:
        where = f"what it was is kept in {target.kept_before}" if target.kept_before else "it held nothing to keep"
        return Keeping(reason=f"an earlier run was cut off while it exchanged the directories; {where}")
    if target.exists and observed.fork.relation not in forks.APART:
        return Keeping(
            reason="the old directory holds nothing that the primary lacks; it goes once the copy is verified"
        )
    if disk.plain and disk.salvage_device == disk.device:
        return Keeping(MOVE, 0, "the old directory is moved aside and kept")
    kept = Keeping(COPY, disk.old_bytes, f"the old directory is copied before it is replaced: {_why_copy(disk)}")
    return kept if fits(kept.expected_bytes, disk.salvage_free_bytes) else _no_room(kept, disk)


def _why_copy(disk):
    if disk.mount_point:
        return f"{disk.real_path} is a mount point, which can't be moved aside"
    if not disk.plain:
        return "parts of it lie elsewhere (" + ", ".join(part.name for part in disk.parts if part.old) + ")"
    return f"{disk.salvage_parent} is another file system"


def _shortage(observed, kept, *, discarded=False):
    """Say on which file system there is no room for salvage and copy together, or return an empty text."""
    needs = {}
    for path, device, free, count in _demands(observed, kept, discarded):
        where, had, so_far = needs.get(device, (path, free, 0))
        needs[device] = (where, max(had, free), so_far + count)
    for where, free, count in needs.values():
        if not fits(count, free):
            return f"{megabytes(count)} are needed in {where} and {megabytes(free)} are free"
    return ""


def _demands(observed, kept, discarded):
    disk = observed.disk
    if kept.how == COPY:
        yield disk.salvage_parent, disk.salvage_device, disk.salvage_free_bytes, kept.expected_bytes
    if disk.finished_copy:
        return
    elsewhere = sum(part.new_bytes for part in disk.parts)
    freed = disk.data_bytes if discarded else 0
    yield (
        disk.real_path,
        disk.device,
        disk.free_bytes + freed,
        max(0, (observed.primary.data_bytes or 0) - elsewhere),
    )
    for part in disk.parts:
        if part.new_bytes:
            yield part.path, part.device, part.free_bytes + (part.old_bytes if discarded else 0), part.new_bytes


def fits(needed, free):
    """Tell whether so many bytes may be written where so many are free."""
    return needed == 0 or needed + needed // 50 + MARGIN <= free


def _no_room(kept, disk):
    return kept._replace(
        refusal=(
            f"no room to keep the old data: {megabytes(kept.expected_bytes)} are needed in {disk.salvage_parent} and "
            f"{megabytes(disk.salvage_free_bytes)} are free"
        ),
        way_out=WAY_OUT,
    )


def megabytes(count):
    """Return bytes for people."""
    return f"{count / 1048576:.0f} MiB"


__all__ = ("COPY", "MARGIN", "MOVE", "WAL", "WAY_OUT", "Keeping", "decide", "fits", "megabytes")
