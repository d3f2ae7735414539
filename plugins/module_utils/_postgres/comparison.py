# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Both sides put next to each other, as a person compares them before anything is changed. Pure."""

from __future__ import annotations

from . import forks
from . import lsn as wal


def comparison(observed, evidence, keeping):
    """Return the result's ``comparison``; what was not needed, and so not read, is null."""
    target, primary, fork, tail = observed.target, observed.primary, observed.fork, observed.tail
    end = tail.end_lsn if tail.end_lsn is not None else target.lsn
    return {
        "system_identifier": {"target": target.system_identifier, "primary": primary.system_identifier},
        "timeline": {"target": target.timeline, "primary": primary.timeline},
        "lsn": {"target": _text(end), "primary": _text(primary.lsn)},
        "oldest_wal": {"target": _text(target.oldest_wal), "primary": _text(primary.oldest_wal)},
        "wal_needed_from": _text(_needed_from(observed, end)),
        "fork": {"relation": fork.relation, "timeline": fork.timeline, "lsn": _text(fork.lsn)},
        "past_fork": _past_fork(observed, end),
        "pages": _pages(evidence.get("control") or {}),
        "disk": _disk(observed.disk, keeping),
    }


def _needed_from(observed, end):
    """Where WAL has to be there from: the fork for a node that went another way, else the end of what it has."""
    position = observed.fork.lsn if observed.fork.relation == forks.DIVERGED else end
    size = (observed.primary.settings or {}).get("segment_size")
    if position is None or not size or observed.fork.relation not in (forks.DIVERGED, forks.PREFIX):
        return None
    return position // size * size


def _past_fork(observed, end):
    """Nothing on a node whose data is a part of the primary's history; null is unknown."""
    fork = observed.fork
    if fork.relation == forks.PREFIX:
        return {"wal_bytes": 0, "commits": 0}
    known = fork.lsn is not None and end is not None and fork.relation in forks.APART
    return {"wal_bytes": max(0, end - fork.lsn) if known else None, "commits": observed.tail.commits}


def _pages(control):
    return {name: control.get(name) for name in ("data_checksums", "wal_log_hints")}


def _disk(disk, keeping):
    if disk is None:
        return None
    return {
        "data_directory": disk.real_path,
        "data_bytes": disk.data_bytes,
        "free_bytes": disk.free_bytes,
        "salvage_directory": disk.salvage_parent,
        "salvage_free_bytes": disk.salvage_free_bytes,
        "salvage_bytes": keeping.expected_bytes,
    }


def _text(position):
    return None if position is None else wal.render(position)


__all__ = ("comparison",)
