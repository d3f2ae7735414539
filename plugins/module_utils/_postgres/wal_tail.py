# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Read a stopped (or running) node's own WAL after a point: where it ends, how many commits it holds."""

from __future__ import annotations

import os
import re

from . import layout as layouts
from . import lsn as wal
from . import wal_records
from .facts import Tail

_SEGMENT = re.compile(r"^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$")
_COMMITS = re.compile(r"^Transaction/COMMIT(?:_PREPARED)?\s+(\d+)", re.MULTILINE)
_LAST_RECORD = re.compile(r"error in WAL record at ([0-9A-F]+/[0-9A-F]+): (.*)")
_BETWEEN = re.compile(r"^WAL statistics between \S+ and ([0-9A-F]+/[0-9A-F]+):", re.MULTILINE)
_POSITION = re.compile(r"\b[0-9A-F]+/[0-9A-F]+\b")
_NOTHING_AFTER = "could not find a valid record after"
LIMIT = 900.0


def read(*, runner, layout, spans, segment_size):
    """Return the ``Tail`` over ``spans``: ``(timeline, start, end or None)``, oldest first.

    ``end`` None means to the end of what is there.
    """
    tool = layout.tool("pg_waldump")
    if not os.access(tool, os.X_OK):
        runner = None  # PostgreSQL 10 and 11 may come without it: their records are read by ourselves
        if layouts.major(layout.version) not in wal_records.KNOWN:
            return Tail(note="pg_waldump is not installed with this PostgreSQL")
    tails = [_read_span(runner, layout, span, segment_size) for span in spans]
    unknown = next((tail for tail in tails if tail.commits is None), None)
    if unknown is not None:
        return Tail(tails[-1].end_lsn, None, unknown.note)
    return Tail(tails[-1].end_lsn, sum(tail.commits for tail in tails))


def bounded(layout, spans, segment_size):
    """Yield the spans that have files, each with an end: pg_waldump waits five seconds for a file that is missing."""
    for timeline, start, end in spans:
        boundary = _end_of_files(layout, timeline, start, segment_size)
        if boundary > start:
            yield timeline, start, boundary if end is None else min(end, boundary)


def _read_span(runner, layout, span, segment_size):
    timeline, start, end = next(bounded(layout, [span], segment_size), (*span[:2], None))
    if end is None:
        return _before(layout, timeline, start, segment_size)
    if runner is None:
        return wal_records.read(os.path.join(layout.data_directory, "pg_wal"), (timeline, start, end), segment_size)
    return parse(_dump(runner, layout, (timeline, start, end), segment_size), start, end)


def _end_of_files(layout, timeline, start, segment_size):
    """Return where the WAL files that are there without a gap end, from the one of ``start`` on."""
    position = start // segment_size * segment_size
    while os.path.exists(_file(layout, timeline, position, segment_size)):
        position += segment_size
    return position


def _file(layout, timeline, position, segment_size):
    name = wal.wal_file_name(timeline, position, segment_size)
    return os.path.join(layout.data_directory, "pg_wal", name)


def _dump(runner, layout, span, segment_size):
    argv = command(layout, span, segment_size, "-r", "Transaction", "--stats=record")
    return runner.run(argv, user=layout.postgres_user, timeout=LIMIT)


def command(layout, span, segment_size, *options):
    """Return the words of pg_waldump for a span.

    The first file is named: else the size of a segment is read from any file, and one that was only prepared is empty.
    And the last one, if it is another: else the first one has to hold the end, too.
    """
    timeline, start, end = span
    argv = [layout.tool("pg_waldump"), "-p", os.path.join(layout.data_directory, "pg_wal")]
    argv += ["-s", wal.render(start), "-e", wal.render(end), *options]
    files = [wal.wal_file_name(timeline, position, segment_size) for position in (start, max(start, end - 1))]
    return [*argv, *dict.fromkeys(files)]


def parse(answer, start, end):
    """Return the ``Tail`` that one run of pg_waldump shows. It ends with an error whenever it meets the end of WAL."""
    if answer.rc is None:
        return Tail(note=f"pg_waldump did not end within {LIMIT:g} s")
    if _NOTHING_AFTER in answer.stderr:
        return Tail(start, 0)
    last = _LAST_RECORD.search(answer.stderr)
    if answer.rc != 0 and last is None:
        return Tail(note=answer.stderr.strip()[-300:] or f"pg_waldump ended with {answer.rc}")
    commits = sum(int(number) for number in _COMMITS.findall(answer.stdout))
    return Tail(_end(answer, last, start, end), commits)


def _end(answer, last, start, end):
    """The error tells the start of the last good record and, mostly, where the next one should have been."""
    if last is None:
        return end
    record = wal.parse(last.group(1))
    told = [wal.parse(text) for text in _POSITION.findall(last.group(2))]
    between = [wal.parse(text) for text in _BETWEEN.findall(answer.stdout)]
    return max([record + 1] + [position for position in told + between if record < position])


def _before(layout, timeline, start, segment_size):
    """The file that would hold ``start`` is missing: the WAL ends right there, or it was removed."""
    if start % segment_size == 0 and os.path.exists(_file(layout, timeline, start - 1, segment_size)):
        return Tail(start, 0)
    return Tail(note=f"the WAL at {wal.render(start)} is not there any more")


def _segment_start(name, segment_size):
    match = _SEGMENT.match(name)
    per_id = (1 << 32) // segment_size
    return (int(match.group(2), 16) * per_id + int(match.group(3), 16)) * segment_size


def oldest(names, segment_size):
    """Return the position at which the oldest of these WAL files begins, or None."""
    starts = [_segment_start(name, segment_size) for name in names if _SEGMENT.match(name)]
    return min(starts) if starts else None


__all__ = ("bounded", "command", "oldest", "parse", "read")
