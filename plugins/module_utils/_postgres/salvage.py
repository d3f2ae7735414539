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
    """What is kept and how; ``refusal`` is set where it can't be."""

    how: str = ""  # wal | copy | move; empty: nothing is kept
    expected_bytes: int = 0
    reason: str = ""
    discard_first: bool = False  # the old directory goes before the new copy is made
    discard_after: bool = False  # it goes once the new node is verified
    refusal: str = ""
    way_out: str = ""

    @property
    def kind(self):
        return KINDS.get(self.how)


def decide(method, observed, desired):
    """Return the ``Keeping`` for a method that overwrites; for the others nothing is kept."""
    if method == "rewind":
        return _for_rewind(observed, desired)
    if method == "basebackup":
        return _for_basebackup(observed, desired)
    return Keeping(reason="nothing is overwritten")


def _for_rewind(observed, desired):
    disk = observed.disk
    if desired.salvage_skip:
        return Keeping(reason="salvage_skip is set: what the old node has and the primary has not is given up")
    if observed.tail.commits == 0:
        kept = Keeping(WAL, disk.wal_bytes, "no commit after the fork: pg_wal and the control file are kept")
    elif disk.tablespaces:
        return Keeping(
            refusal=f"a full copy would not hold the tablespaces outside: {', '.join(disk.tablespaces)}",
            way_out="copy data directory and tablespaces away yourself, then set salvage_skip: true",
        )
    else:
        many = observed.tail.commits if observed.tail.commits is not None else "an unknown number of"
        kept = Keeping(COPY, disk.data_bytes, f"{many} commits after the fork: a full copy is kept")
    return kept if fits(kept.expected_bytes, disk.salvage_free_bytes) else _no_room(kept, disk)


def _for_basebackup(observed, desired):
    target, disk = observed.target, observed.disk
    needed = 0 if disk.finished_copy else observed.primary.data_bytes or 0
    if target.state == ABSENT:
        kept = Keeping(reason="there is nothing to keep")
        return kept if fits(needed, disk.free_bytes) else _no_room_for_copy(needed, disk)
    kept = _old_directory(observed, desired)
    if kept.refusal or fits(needed, disk.free_bytes):
        return kept
    expendable = desired.salvage_skip or target.interrupted or kept.how == COPY
    if expendable and fits(needed, disk.free_bytes + disk.data_bytes):
        return kept._replace(discard_first=True, discard_after=False)
    return _no_room_for_copy(needed, disk)


def _old_directory(observed, desired):
    target, disk = observed.target, observed.disk
    if desired.salvage_skip:
        return Keeping(MOVE, 0, "salvage_skip is set: the old directory goes once the copy is verified", False, True)
    if target.interrupted:
        where = target.kept_before or "nowhere: salvage_skip was set"
        return Keeping(MOVE, 0, f"a half rewound directory; what it was is kept already ({where})", False, True)
    if target.exists and observed.fork.relation not in forks.APART:
        return Keeping(
            MOVE,
            0,
            "the old directory holds nothing that the primary lacks; it goes once the copy is verified",
            False,
            True,
        )
    if not disk.salvage_elsewhere:
        return Keeping(MOVE, 0, "the old directory is moved aside and kept")
    kept = Keeping(COPY, disk.data_bytes, "the old directory is copied to the salvage place before it is replaced")
    return kept if fits(kept.expected_bytes, disk.salvage_free_bytes) else _no_room(kept, disk)


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


def _no_room_for_copy(needed, disk):
    return Keeping(
        refusal=(
            f"no room for a copy: {megabytes(needed)} are needed beside {disk.real_path} and "
            f"{megabytes(disk.free_bytes)} are free (the old directory takes {megabytes(disk.data_bytes)})"
        ),
        way_out=WAY_OUT,
    )


def megabytes(count):
    """Return bytes for people."""
    return f"{count / 1048576:.0f} MiB"


__all__ = ("COPY", "MARGIN", "MOVE", "WAL", "WAY_OUT", "Keeping", "decide", "fits", "megabytes")
