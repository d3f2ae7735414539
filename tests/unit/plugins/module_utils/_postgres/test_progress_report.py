# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import progress_report
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress_report import Listener, read, render

MIB, GIB = 1 << 20, 1 << 30


def entry(**changes):
    facts = {"schema": 1, "run": "r1", "step": "copy the primary", "done": 1288490188, "total": 4402341478}
    facts.update(rate=118 * MIB, eta=25, seconds=10.0, updated=1700000000.0)
    return dict(facts, **changes)


def texts(*entries):
    return "".join(json.dumps(one) + "\n" for one in entries)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "[db1] copy the primary: 1.2 GiB of 4.1 GiB (29%), 118 MiB/s, 25 s left"),
        ({"total": None, "eta": None}, "[db1] copy the primary: 1.2 GiB, 118 MiB/s"),
        ({"rate": None, "eta": None}, "[db1] copy the primary: 1.2 GiB of 4.1 GiB (29%)"),
        ({"rate": 0, "eta": None}, "[db1] copy the primary: 1.2 GiB of 4.1 GiB (29%), 0 B/s"),
        ({"done": 5 * GIB}, "[db1] copy the primary: 5.0 GiB of 4.1 GiB (100%), 118 MiB/s, 25 s left"),
        ({"step": "a\x1b[2Jb\n" + "c" * 99}, None),
    ],
)
def test_the_line(changes, line):
    rendered = render("db1", entry(**changes))
    if line is None:
        assert rendered.startswith("[db1] a?[2Jb?ccc")
        assert "c" * 60 not in rendered
    else:
        assert rendered == line


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (99 * MIB, "99.0 MiB"), (118 * MIB, "118 MiB")]
    + [(1023.7 * MIB, "1.0 GiB"), (GIB, "1.0 GiB"), (3 << 40, "3.0 TiB"), (5000 << 50, "5000 PiB"), (-1, "0 B")],
)
def test_bytes_for_people(count, text):
    assert progress_report.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (205, "3 min 25 s"), (3900, "1 h 05 min")],
)
def test_seconds_for_people(seconds, text):
    assert progress_report.duration(seconds) == text


@pytest.mark.parametrize(
    "text",
    ["", "cat: no such file", "{", "[1]", "7", "{}"]
    + [
        texts(entry(**wrong))
        for wrong in (
            {"schema": 2},
            {"done": None},
            {"done": "1"},
            {"total": [1]},
            {"rate": float("nan")},
            {"updated": float("inf")},
            {"eta": True},
            {"step": 5},
            {"run": None},
        )
    ],
)
def test_what_is_not_ours_is_passed_over(text):
    assert read(text) == []
    assert len(read(text + "\n" + texts(entry()))) == 1


class Console:
    """A run as the controller sees it; the file is made anew each second from ``begun`` to ``ended``."""

    def __init__(self, latency=0.2):
        self.listener, self.now, self.latency = Listener(), 0.0, latency

    def watch(self, until, *steps, stale=()):
        """``steps``: (begun, ended, name). Returns the moments of lines with their steps."""
        lines = []
        while True:
            self.now += self.listener.wait(self.now)
            if self.now > until:
                return lines
            seen = texts(*stale, *(self.file(*step) for step in steps if step[0] + 1 <= self.now <= step[1]))
            self.now += self.latency
            told = self.listener.hear(seen, self.now)
            if told:
                lines.append((round(self.now, 1), told["step"]))

    def file(self, begun, _ended, name):
        second = int(self.now - begun)
        return entry(step=name, seconds=float(second), updated=1700000000.0 + begun + second)


@pytest.mark.parametrize("latency", [0.0, 0.3, 1.2])
def test_a_long_step_is_told_every_ten_seconds_at_least_and_no_more_than_that(latency):
    moments = [moment for moment, _step in Console(latency).watch(120, (0, 120, "copy"))]
    assert moments[0] <= 7
    gaps = [after - before for before, after in zip(moments, moments[1:])]
    assert max(gaps) <= 10
    assert min(gaps) >= 8


@pytest.mark.parametrize("begun", [0, 0.9, 2, 4.4, 7])
def test_short_work_is_not_told(begun):
    assert Console().watch(60, (begun, begun + 2.4, "copy")) == []


def test_nothing_is_said_once_the_step_is_over():
    """The file stays as it is while the run goes on to steps without numbers."""
    console = Console()
    last = console.watch(60, (0, 20, "copy"))[-1][0]
    assert last <= 21
    console.listener = Listener()
    assert console.watch(200, stale=[entry()]) == []


def test_a_new_step_is_told_soon_but_not_at_once():
    lines = Console().watch(60, (0, 13, "keep"), (13, 60, "copy"))
    change = next(index for index, (_moment, step) in enumerate(lines) if step == "copy")
    gap = lines[change][0] - lines[change - 1][0]
    assert 5 <= gap <= 10


def test_what_a_killed_run_left_is_not_told():
    stale = [entry(run="old", seconds=99.0)]
    assert Console().watch(60, stale=stale) == []
    steps = [step for _moment, step in Console().watch(60, (5, 60, "copy"), stale=[entry(run="old", step="old")])]
    assert steps
    assert set(steps) == {"copy"}


def test_of_several_files_the_newest_speaks():
    listener = Listener()
    listener.hear("", 1.5)
    entries = [entry(run=name, updated=updated) for name, updated in (("a", 5.0), ("b", 7.0), ("c", 6.0))]
    told = listener.hear(texts(*entries), 4)
    assert told["run"] == "b"
