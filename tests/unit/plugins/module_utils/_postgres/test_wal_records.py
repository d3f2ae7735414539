# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WAL made by hand: pages, records with checksums, files of 64 KiB."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import lsn as wal
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import wal_records
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.crc32c import crc32c

SEGMENT, PAGE, BEGIN = 65536, 8192, 3 * 65536
COMMIT, PREPARED, ABORT, HEAP, SWITCH = (1, 0x80), (1, 0x30), (1, 0x20), (10, 0), (0, 0x40)


class Wal:
    """Writes records as a server does."""

    def __init__(self, folder, timeline=1, begin=BEGIN):
        self.folder, self.timeline, self.position, self.previous = folder, timeline, begin, begin - 64
        self.pages, self.starts = {}, []

    def add(self, kind, size=40):
        manager, info = kind
        body = b"x" * (size - 24)
        if self.position % PAGE == 0:
            self._page(0)
        start = self.position
        head = struct.pack("=IIQBBH", size, 7, self.previous, info, manager, 0)
        left = head + struct.pack("=I", crc32c(body + head)) + body
        while left:
            if self.position % PAGE == 0:
                self._page(len(left))
            page = self.pages[self.position // PAGE * PAGE]
            room = PAGE - self.position % PAGE
            page[self.position % PAGE : self.position % PAGE + min(room, len(left))] = left[:room]
            self.position, left = self.position + min(room, len(left)), left[room:]
        self.position = (self.position + 7) // 8 * 8
        self.previous = start
        self.starts.append(start)
        if kind == SWITCH:
            self.position = -(-self.position // SEGMENT) * SEGMENT
        return self

    def _page(self, rest):
        address, first = self.position, self.position % SEGMENT == 0
        flags = (1 if rest else 0) | (2 if first else 0)
        head = struct.pack("=HHIQI", 0xD098, flags, self.timeline, address, rest)
        self.pages[address] = bytearray(head.ljust(40 if first else 24, b"\0").ljust(PAGE, b"\0"))
        self.position += 40 if first else 24

    def write(self):
        for address, page in self.pages.items():
            path = self.folder / wal.wal_file_name(self.timeline, address, SEGMENT)
            content = bytearray(path.read_bytes() if path.exists() else bytes(SEGMENT))
            content[address % SEGMENT : address % SEGMENT + PAGE] = page
            path.write_bytes(content)
        return self

    def read(self, start=BEGIN, timeline=None, end=BEGIN + 4 * SEGMENT, **options):
        self.write()
        return wal_records.read(str(self.folder), (timeline or self.timeline, start, end), SEGMENT, **options)


@pytest.fixture
def journal(tmp_path):
    return Wal(tmp_path)


def test_commits_are_counted_and_the_end_is_where_the_next_record_would_be(journal):
    for kind in (HEAP, COMMIT, ABORT, PREPARED, HEAP):
        journal.add(kind)
    tail = journal.read()
    assert (tail.end_lsn, tail.commits, tail.note) == (journal.position, 2, "")


def test_records_go_on_over_pages_and_files(journal):
    for number in range(400):
        journal.add(HEAP, 300 + number)
        journal.add(COMMIT, 34)
    tail = journal.read()
    assert journal.position > BEGIN + 2 * SEGMENT
    assert (tail.end_lsn, tail.commits) == (journal.position, 400)


def test_a_record_of_many_pages(journal):
    assert journal.add(HEAP, 50000).add(COMMIT).read().end_lsn == journal.position


def test_a_switch_fills_its_file(journal):
    tail = journal.add(COMMIT).add(SWITCH, 24).add(COMMIT).read()
    assert (tail.end_lsn, tail.commits) == (BEGIN + SEGMENT + 40 + 40, 2)


def test_a_start_at_the_very_end_holds_nothing(journal):
    end = journal.add(COMMIT).position
    assert journal.read(end)[:2] == (end, 0)
    assert journal.read(BEGIN + PAGE)[:2] == (BEGIN + PAGE, 0), "the next page was never written"


def test_what_an_older_file_left_behind_is_no_record(journal):
    end = journal.add(COMMIT).position
    page = journal.pages[BEGIN]
    page[end % PAGE : end % PAGE + 24] = struct.pack("=IIQBBHI", 40, 7, 64, 0x80, 1, 0, 99)
    assert journal.read()[:2] == (end, 1)
    assert journal.read(end)[:2] == (end, 0), "asked for the first record, its checksum decides"


def test_a_last_record_that_is_torn_does_not_count(journal):
    journal.add(COMMIT).add(COMMIT, 80)
    start = journal.starts[-1]
    journal.pages[BEGIN][start % PAGE + 60 : start % PAGE + 80] = bytes(20)
    assert journal.read()[:2] == (start, 1)


def test_a_chain_that_breaks_before_the_wal_ends_is_an_unknown_end(journal):
    for _number in range(500):
        journal.add(HEAP, 100)
    broken = next(start for start in journal.starts if start > BEGIN + PAGE)
    journal.pages[BEGIN + PAGE][broken % PAGE : broken % PAGE + 4] = bytes(4)
    tail = journal.read()
    assert (tail.end_lsn, tail.commits) == (None, None)
    assert "goes on" in tail.note


def test_a_first_page_that_cannot_be_read_before_others_is_an_unknown_end(journal):
    for _number in range(500):
        journal.add(HEAP, 100)
    journal.pages[BEGIN + PAGE][8:16] = bytes(8)
    assert journal.read(BEGIN + PAGE).end_lsn is None


def test_it_stops_where_it_is_asked_to(journal):
    for _number in range(5):
        journal.add(COMMIT)
    assert journal.read(end=journal.starts[3])[:2] == (journal.starts[3], 3)


def test_pages_of_a_later_timeline_or_of_no_file_are_not_its_wal(journal, tmp_path):
    journal.add(COMMIT)
    assert journal.read(timeline=2)[:2] == (BEGIN, 0), "no file of timeline 2"
    assert wal_records.read(str(tmp_path / "none"), (1, BEGIN + 8, BEGIN + 99), SEGMENT).note
    later = Wal(tmp_path, timeline=5).add(COMMIT)
    later.write()
    (tmp_path / wal.wal_file_name(5, BEGIN, SEGMENT)).rename(tmp_path / wal.wal_file_name(3, BEGIN, SEGMENT))
    assert later.read(timeline=3)[:2] == (BEGIN, 0)


def test_time_that_runs_out_is_an_unknown_end(journal):
    times = iter([0.0, wal_records.LIMIT + 1])
    assert journal.add(COMMIT).read(clock=lambda: next(times)).end_lsn is None
