# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os

from .._errors import ParseError
from . import lsn as wal


def parse(text):
    """Return the switches of a timeline history file, oldest first: ``[{timeline, switch_lsn, reason}]``.

    ``timeline`` was left at ``switch_lsn``. The file of timeline N lists its ancestors, never N itself.
    """
    entries = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        entry = _parse_line(line)
        if entries and entry["timeline"] <= entries[-1]["timeline"]:
            raise _not_understood(line)
        entries.append(entry)
    return entries


def file_name(timeline):
    """Return the name of the history file of a timeline."""
    return f"{timeline:08X}.history"


def read_local(layout, timeline):
    """Return the parsed history of ``timeline`` from the data directory; ``[]`` for timeline 1 or no such file."""
    path = os.path.join(layout.data_directory, "pg_wal", file_name(timeline))
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return parse(stream.read())
    except FileNotFoundError:
        return []


def fork_point(history_of_primary, old_timeline):
    """Return the LSN (text) at which the primary's history left ``old_timeline``; None when it never was on it.

    Only numbers are compared: a node that might sit on another fork of the same number needs ``common_ancestor``.
    """
    for entry in history_of_primary:
        if entry["timeline"] == old_timeline:
            return entry["switch_lsn"]
    return None


def common_ancestor(history_a, tli_a, history_b, tli_b):
    """Return ``(timeline, lsn)``: where two histories part.

    ``(timeline, None)``: the same timeline with the same ancestors, nothing in the histories parts them.
    ``(None, None)``: nothing in common. Timelines are the same only if number *and* beginning are: two nodes
    promoted by themselves both call their fork 2. (Two forks that begin at the very same LSN look the same here.)
    """
    common = (None, None)
    for a, b in zip(_spans(history_a, tli_a), _spans(history_b, tli_b)):
        if a[:2] != b[:2]:
            break
        ends = [end for end in (a[2], b[2]) if end is not None]
        common = (a[0], wal.render(min(ends)) if ends else None)
    return common


def _spans(history, timeline):
    """Return ``(timeline, begin, end)`` of each ancestor and of the timeline itself (its end is open)."""
    spans, begin = [], 0
    for entry in history:
        end = wal.parse(entry["switch_lsn"])
        spans.append((entry["timeline"], begin, end))
        begin = end
    spans.append((timeline, begin, None))
    return spans


def _parse_line(line):
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].isdigit():
        raise _not_understood(line)
    return {
        "timeline": int(words[0]),
        "switch_lsn": wal.render(wal.parse(words[1])),
        "reason": words[2].strip() if len(words) > 2 else "",
    }


def _not_understood(line):
    return ParseError(
        "read a timeline history file",
        server="this host",
        seen=f"the line {line!r} is not 'timeline LSN reason' with rising timelines",
        next_step="compare the file with the one on the primary; a damaged history file must be restored from there",
    )


__all__ = ("common_ancestor", "file_name", "fork_point", "parse", "read_local")
