# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import wal_tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import SEGMENT, FakeRunner, work

STATS = """WAL statistics between 0/3012360 and 0/3025240:
Type                                           N      (%)          Record size      (%)
----                                           -      ---          -----------      ---
Transaction/COMMIT                             {}    (100.00)                   34 (100.00)
Transaction/ABORT                              9    (100.00)                   34 (100.00)
Transaction/COMMIT_PREPARED                    2    (100.00)                   34 (100.00)
"""
END = "pg_waldump: error: error in WAL record at 0/3025240: {}\n"
START = 0x3012360

OUTPUTS = {
    "up to the end of WAL": (
        (1, STATS.format(5), END.format("invalid record length at 0/3025278: wanted 24, got 0")),
        7,
    ),
    "no commits": ((1, "", END.format("invalid record length at 0/3025278: wanted 24, got 0")), 0),
    "PostgreSQL 13 says fatal": (
        (
            1,
            STATS.format(1),
            END.replace("error: error", "fatal: error").format("invalid magic number 0000 in log file"),
        ),
        3,
    ),
    "up to a given end": ((0, STATS.format(1), ""), 3),
    "nothing after it": ((1, "", "pg_waldump: error: could not find a valid record after 0/3012360\n"), 0),
    "an error of another kind": ((1, "", "pg_waldump: error: could not open directory\n"), None),
    "too slow": ((None, "", ""), None),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_commits(case):
    answer, commits = OUTPUTS[case]
    assert wal_tail.parse(CommandResult((), *answer), START, None).commits == commits


@pytest.mark.parametrize(
    ("message", "end"),
    [
        ("invalid record length at 0/3025278: wanted 24, got 0", 0x3025278),
        ("unexpected pageaddr 0/1025000 in log segment", 0x3025241),  # an older address is no end
        ("invalid magic number 0000 in log file", 0x3025241),
    ],
)
def test_the_end_lies_past_the_last_good_record(message, end):
    answer = CommandResult((), 1, "", END.format(message))
    assert wal_tail.parse(answer, START, None).end_lsn == end


def test_nothing_after_the_start_means_that_it_ends_there():
    answer = CommandResult((), 1, "", "pg_waldump: error: could not find a valid record after 0/3012360\n")
    assert wal_tail.parse(answer, START, None).end_lsn == START


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A node with WAL files of timeline 1 (and the first of timeline 2), whose pg_waldump gives this answer."""
    monkeypatch.setattr(wal_tail.os, "access", lambda _path, _mode: True)

    def build(answer, files=(3, 4)):
        run = work(tmp_path, FakeRunner(pg_waldump=answer))
        folder = tmp_path / "main" / "pg_wal"
        folder.mkdir(exist_ok=True)
        for number in files:
            folder.joinpath(f"0000000100000000000000{number:02X}").write_text("")
        folder.joinpath("000000020000000000000003").write_text("")
        return run

    return build


def read(run, spans):
    return wal_tail.read(runner=run.runner, layout=run.layout, spans=spans, segment_size=SEGMENT)


@pytest.mark.parametrize(
    ("timeline", "end", "asked"),
    [
        (1, None, "0/5000000"),  # never past the last file: pg_waldump would wait five seconds for the next
        (1, 9 * SEGMENT, "0/5000000"),
        (1, 0x3025240, "0/3025240"),
        (2, None, "0/4000000"),
    ],
)
def test_the_question_to_pg_waldump(node, timeline, end, asked):
    run = node((0, "", ""))
    read(run, [(timeline, START, end)])
    words = " ".join(run.runner.calls[0])
    # Named, since an empty one that was only prepared may be the first; and the one that holds the end, if another.
    files = [f"0000000{timeline}00000000{number:08X}" for number in ((3, 4) if asked == "0/5000000" else (3,))]
    assert words.endswith(f"main/pg_wal -s 0/3012360 -e {asked} -r Transaction --stats=record {' '.join(files)}")


def test_commits_of_all_timelines_count(node):
    run = node((0, STATS.format(1), ""))
    assert read(run, [(1, START, START + 9), (2, START + 9, START + 99)]).commits == 6


def test_one_unknown_stretch_makes_the_number_unknown(node):
    run = node(
        lambda words: (
            (1, "", "pg_waldump: error: broken\n") if words[-1].startswith("00000001") else (0, STATS.format(1), "")
        )
    )
    tail = read(run, [(1, START, START + 9), (2, START + 9, START + 99)])
    assert tail.commits is None
    assert "broken" in tail.note


def test_wal_that_fills_its_last_file_ends_there(node):
    tail = read(node((0, STATS.format(1), "")), [(1, 3 * SEGMENT + 40, None)])
    assert (tail.end_lsn, tail.commits) == (5 * SEGMENT, 3)


def test_wal_behind_a_gap_is_not_reached(node):
    tail = read(node((0, "", ""), files=(3, 5)), [(1, 3 * SEGMENT + 40, None)])
    assert tail.end_lsn == 4 * SEGMENT


@pytest.mark.parametrize(("files", "commits"), [((3,), 0), ((2,), None)])
def test_a_fork_at_a_file_boundary(node, files, commits):
    run = node((1, "", "not asked"), files=files)
    assert read(run, [(1, 4 * SEGMENT, None)]).commits == commits
    assert run.runner.calls == []


def test_wal_that_was_removed_is_said_to_be_gone(node):
    tail = read(node((0, "", ""), files=(7,)), [(1, 4 * SEGMENT + 40, None)])
    assert (tail.end_lsn, tail.commits) == (None, None)
    assert "not there any more" in tail.note


def test_without_the_tool_nothing_is_known(tmp_path):
    assert "not installed" in read(work(tmp_path), [(1, START, None)]).note


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["00000001000000000000000A", "000000020000000000000009", "00000002.history", "archive_status"], 9 * SEGMENT),
        (["000000010000000100000000"], 1 << 32),
        (["00000001000000000000000A.partial"], None),
        ([], None),
    ],
)
def test_the_oldest_wal(names, expected):
    assert wal_tail.oldest(names, SEGMENT) == expected


@pytest.mark.parametrize(("major", "expected"), [("11", Tail(START + 9, 4)), ("10", Tail(START + 9, 4)), ("15", None)])
def test_without_pg_waldump_the_records_of_old_versions_are_read(tmp_path, monkeypatch, major, expected):
    asked = []
    monkeypatch.setattr(wal_tail.wal_records, "read", lambda *words: asked.append(words) or Tail(START + 9, 4))
    layout = work(tmp_path, major=major).layout._replace(bin_directory=str(tmp_path / "bin"))
    pg_wal = tmp_path / "main" / "pg_wal"
    pg_wal.mkdir()
    (pg_wal / "000000010000000000000003").touch()
    found = wal_tail.read(runner=None, layout=layout, spans=[(1, START, None)], segment_size=SEGMENT)
    if expected is None:
        assert (found.end_lsn, asked) == (None, [])
        return
    assert found == expected
    assert asked == [(str(pg_wal), (1, START, 4 * SEGMENT), SEGMENT)]
