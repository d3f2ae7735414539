# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Where the histories of two servers part. Pure."""

from __future__ import annotations

from . import history
from . import lsn as wal
from .facts import Fork

PREFIX = "prefix"  # the target holds nothing that the primary's history does not contain
DIVERGED = "diverged"  # it wrote (or received) WAL after the point where the primary went another way
TWIN = "twin"  # both wrote by themselves on a timeline of the same number and beginning
AHEAD = "ahead"  # the same timeline, but the target holds more of it than the primary
UNRELATED = "unrelated"  # no common timeline is known
UNKNOWN = "unknown"  # it can't be told how far the target's WAL goes

APART = (DIVERGED, TWIN, AHEAD, UNRELATED, UNKNOWN)


def compare(target, primary, *, end_lsn=None, end_known=True):
    """Return the ``Fork`` of a target that holds WAL up to ``end_lsn`` (default: the position it told).

    Where only the *start* of the target's last record is known, give start + 1: a record that begins before the fork
    also ends before it, because both sides share it.
    """
    end = target.lsn if end_lsn is None else end_lsn
    if target.timeline is None or end is None:
        return Fork(UNKNOWN)
    timeline, text = history.common_ancestor(target.history, target.timeline, primary.history, primary.timeline)
    if timeline is None:
        return Fork(UNRELATED)
    if text is None:
        return _same_timeline(target, primary, end)
    fork = wal.parse(text)
    if timeline != target.timeline or end > fork:
        return Fork(DIVERGED, timeline, fork)
    return Fork(PREFIX if end_known else UNKNOWN, timeline, fork)


def newer(target, primary):
    """Tell whether the target's history goes on where the primary's ended: the "primary" may be the old one."""
    if target.timeline is None:
        return False
    return target.timeline > primary.timeline


def proven_false_primary(target, primary):
    """Tell whether a running primary is an old one: the primary's newer timeline descends from the target's."""
    if target.timeline is None or target.timeline >= primary.timeline:
        return False
    timeline, _lsn = history.common_ancestor(target.history, target.timeline, primary.history, primary.timeline)
    return timeline == target.timeline


def _same_timeline(target, primary, end):
    if target.may_write or target.wrote_itself:
        return Fork(TWIN, target.timeline, None)
    if end > primary.lsn:
        return Fork(AHEAD, target.timeline, primary.lsn)
    return Fork(PREFIX, target.timeline, None)


__all__ = (
    "AHEAD",
    "APART",
    "DIVERGED",
    "PREFIX",
    "TWIN",
    "UNKNOWN",
    "UNRELATED",
    "compare",
    "newer",
    "proven_false_primary",
)
