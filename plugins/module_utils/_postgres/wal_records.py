# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Find the end of WAL, and count commits, without pg_waldump: go from record to record as a server does.

Only as far as the chain of records holds; a chain that breaks although the WAL goes on after it is an unknown end.
"""

from __future__ import annotations

import os
import struct
import sys
import time

from . import lsn as wal
from .crc32c import crc32c
from .facts import Tail

KNOWN = (10, 11)  # versions whose records were compared with what the server itself replays
PAGE = 8192
LIMIT = 300.0
_PAGE_HEADER = struct.Struct("=HHIQI")  # magic, flags, timeline, address, length of what goes on from before
_RECORD = struct.Struct("=IIQBBHI")  # length, transaction, previous record, info, resource manager, -, checksum
_CONTINUES, _LONG = 0x0001, 0x0002
_SHORT_SIZE, _LONG_SIZE = 24, 40
_XLOG, _TRANSACTION, _SWITCH = 0, 1, 0x40
_COMMITS = (0x00, 0x30)  # COMMIT, COMMIT PREPARED


class _Broken(Exception):
    """The chain of records ends here."""


class _Pages:
    """The pages of one timeline's WAL files."""

    def __init__(self, folder, timeline, segment_size):
        self._folder, self._timeline, self.segment_size = folder, timeline, segment_size
        self._name, self._content, self._magic, self._seen = None, b"", None, (None, None)

    def header(self, address):
        """Return ``(page, flags, length that goes on)``; raises where no page of this WAL is at this address."""
        if address != self._seen[0]:
            self._seen = (address, self._checked(address))
        return self._seen[1]

    def _checked(self, address):
        page = self._page(address)
        if len(page) < PAGE:
            raise _Broken
        magic, flags, timeline, told, rest = _PAGE_HEADER.unpack_from(page)
        if told != address or not 0 < timeline <= self._timeline or magic != (self._magic or magic) or not magic:
            raise _Broken
        self._magic = magic
        return page, flags, rest

    def begins(self, address):
        """Return where the content of a page begins."""
        return address + (_LONG_SIZE if self.header(address)[1] & _LONG else _SHORT_SIZE)

    def there(self, address):
        """Tell whether a page of this WAL is at an address."""
        try:
            self.header(address)
        except _Broken:
            return False
        return True

    def take(self, position, count, left=None):
        """Return ``(bytes, position behind them)``; ``left`` is how much of a record is still to come."""
        found, left = b"", count if left is None else left
        while count:
            address = position // PAGE * PAGE
            if position == address:
                flags, rest = self.header(address)[1:]
                if not flags & _CONTINUES or rest != left:
                    raise _Broken
                position = self.begins(address)
            part = min(count, address + PAGE - position)
            page = self.header(address)[0]
            found += page[position - address : position - address + part]
            position, count, left = position + part, count - part, left - part
        return found, position

    def _page(self, address):
        name = wal.wal_file_name(self._timeline, address, self.segment_size)
        if name != self._name:
            self._name, self._content = name, b""
            try:
                with open(os.path.join(self._folder, name), "rb") as stream:
                    self._content = stream.read(self.segment_size)
            except FileNotFoundError:
                pass
        at = address % self.segment_size
        return self._content[at : at + PAGE]


def read(folder, span, segment_size, clock=time.monotonic):
    """Return the ``Tail`` over ``(timeline, start, end)``; ``start`` is where a record begins or would begin."""
    timeline, start, end = span
    pages = _Pages(folder, timeline, segment_size)
    if not pages.there(start // PAGE * PAGE):
        ends = start % PAGE == 0 and not pages.there(start + PAGE)
        return Tail(start, 0) if ends else Tail(note=f"no WAL can be read at {wal.render(start)}")
    position, commits, before, last, until = start, 0, None, None, clock() + LIMIT
    while position < end:
        try:
            record = _record(pages, position, before)
        except _Broken:
            break
        if clock() > until:
            return Tail(note=f"the end of its WAL was not found within {LIMIT:g} s")
        before, last, position = record[0], record, record[2]
        commits += record[1]
    if last is not None and before is not None and not _sound(pages, before):
        position, commits = before, commits - last[1]
    if position < end and pages.there((position // PAGE + 1) * PAGE):
        return Tail(note=f"its WAL can't be read at {wal.render(position)}, and it goes on after that")
    return Tail(position, commits)


def _record(pages, position, before):
    """Return ``(start, 1 for a commit, start of the next)`` of the record at a position."""
    if position % PAGE == 0:
        position = pages.begins(position)
    header, behind = _header(pages, position)
    length, _xid, previous, info, manager = header[:5]
    if previous != before and (before is not None or not 0 < previous < position or not _sound(pages, position)):
        raise _Broken
    if behind is None:
        behind = pages.take(position, length)[1]
    following = (behind + 7) // 8 * 8
    if manager == _XLOG and info & 0xF0 == _SWITCH:
        following = -(-following // pages.segment_size) * pages.segment_size
    return position, int(manager == _TRANSACTION and info & 0x70 in _COMMITS), following


def _header(pages, position):
    """Return ``(header, where the record ends)`` of a record; the end is None for one that goes on in another page."""
    offset = position % PAGE
    page = pages.header(position - offset)[0]
    length = int.from_bytes(page[offset : offset + 4], sys.byteorder)
    if length < _RECORD.size:
        raise _Broken
    if offset + _RECORD.size > PAGE:
        return _RECORD.unpack(pages.take(position, _RECORD.size, left=length)[0]), None
    return _RECORD.unpack_from(page, offset), position + length if offset + length <= PAGE else None


def _sound(pages, position):
    """Tell whether the checksum of the record at a position is right."""
    try:
        header = _header(pages, position)[0]
        raw = pages.take(position, header[0])[0]
    except _Broken:
        return False
    return crc32c(raw[_RECORD.size :] + raw[: _RECORD.size - 4]) == header[-1]


__all__ = ("KNOWN", "LIMIT", "read")
