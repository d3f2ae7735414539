# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import pwd
import stat
import subprocess
import sys

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import progress
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress import Meter, Progress

from tests.unit.rejoin_cases import FakeClock, work

MIB = 1 << 20


@pytest.mark.parametrize(
    ("parser", "line", "seen"),
    [
        ("pg_basebackup", "     0/423959 kB (0%), 0/1 tablespace", (0, 423959)),
        ("pg_basebackup", " 47104/423959 kB (11%), 0/1 tablespace", (47104, 423959)),
        ("pg_basebackup", "423969/423969 kB (100%), 3/3 tablespaces", (423969, 423969)),
        ("pg_basebackup", "47104/423959 kB (11%), 0/2 tablespaces (/data/main/base/5/16384     )", (47104, 423959)),
        ("pg_basebackup", "waiting for checkpoint", None),
        ("pg_basebackup", "pg_basebackup: error: could not receive data", None),
        ("pg_rewind", "    0/53045 kB (0%) copied", (0, 53045)),
        ("pg_rewind", "53045/53045 kB (100%) copied", (53045, 53045)),
        ("pg_rewind", "pg_rewind: need to copy 51 MB (total source directory size is 70 MB)", None),
        ("pg_rewind", "47104/423959 kB (11%), 0/1 tablespace", None),
    ],
)
def test_what_the_tools_of_postgresql_print(parser, line, seen):
    assert getattr(progress, parser)(line) == (seen and (seen[0] * 1024, seen[1] * 1024))


def test_progress_is_told_from_what_people_have_to_read():
    assert progress.is_progress(" 47104/423959 kB (11%), 0/1 tablespace")
    assert not progress.is_progress("pg_rewind: error: 1/2 of it is missing")


def test_the_kernel_knows_what_a_process_wrote():
    script = "import os, sys; os.write(1, b'x' * 5000); sys.stdin.read()"
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.read(5000)
        assert progress.written(process.pid) >= 5000
        process.stdin.close()
    assert progress.written(process.pid) is None


@pytest.mark.parametrize(
    ("wchar", "pages", "seen"),
    [(70000, 65536, 70000), (0, 494075904, 494075904), (5, 0, 5)],
    ids=["write() of cp", "one long copy_file_range() on ext4", "no pages on tmpfs"],
)
def test_what_is_under_way_counts(tmp_path, wchar, pages, seen):
    (tmp_path / "7").mkdir()
    lines = f"rchar: 1\nwchar: {wchar}\nread_bytes: 9\nwrite_bytes: {pages}\ncancelled_write_bytes: 999999999\n"
    (tmp_path / "7" / "io").write_text(lines)
    assert progress.written(7, proc=str(tmp_path)) == seen
    assert progress.written(8, proc=str(tmp_path)) is None


def test_rsync_reads_twice_what_it_takes_over(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "io").write_text("rchar: 9000\nwchar: 5\nread_bytes: 77\n")
    assert progress.compared(7, proc=str(tmp_path)) == 4500
    assert progress.compared(8, proc=str(tmp_path)) is None


def test_a_process_that_only_its_own_user_may_look_at(tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "io").write_text("rchar: 9000\n")
    real, users = progress._text, []

    @contextlib.contextmanager
    def acting_as(user):
        users.append(user)
        yield

    def text(path):
        if not users:
            raise PermissionError
        return real(path)

    monkeypatch.setattr(progress, "_text", text)
    monkeypatch.setattr(progress, "acting_as", acting_as)
    assert progress.compared(7, proc=str(tmp_path)) == 4500
    assert users == [pwd.getpwuid(os.stat(tmp_path).st_uid).pw_name]


class Recorder(Progress):
    """Keeps what would be written."""

    def __init__(self):
        super().__init__()
        self.told = []

    def write(self, content):
        self.told.append(content)


class Step:
    """A step under way; ``at`` lets a line come so many seconds after its beginning."""

    def __init__(self, parser=progress.pg_rewind, **options):
        self.clock, self.recorder = FakeClock(), Recorder()
        self.meter = Meter(self.recorder, self.clock, "rewind", parser, **options)
        self.begun = self.clock.now()

    def at(self, second, done=None, total=100):
        self.clock.time = self.begun + second
        if done is None:
            self.meter.tick(4711)
        else:
            self.meter.line(f"{done * 1024}/{total * 1024} kB (1%) copied")
        return self.recorder.told[-1] if self.recorder.told else None


def test_done_total_rate_and_what_is_left():
    step = Step()
    first = step.at(1, done=0)
    assert (first["step"], first["done"], first["rate"], first["eta"]) == ("rewind", 0, None, None)
    told = step.at(5, done=20)
    assert (told["done"], told["total"], told["rate"], told["eta"]) == (20 * MIB, 100 * MIB, 5 * MIB, 16)
    assert told["seconds"] == 5.0


def test_the_rate_is_that_of_the_last_seconds():
    step = Step()
    for second in range(0, 31):
        told = step.at(second, done=second * 2)  # 2 MiB/s
    assert told["rate"] == 2 * MIB
    for second in range(31, 43):
        told = step.at(second, done=60 + second - 30)  # 1 MiB/s
    assert told["rate"] == MIB


def test_what_stands_still_is_told_without_an_end():
    step = Step()
    for second in range(0, 5):
        step.at(second, done=10)
    told = step.at(16)
    assert (told["done"], told["rate"], told["eta"], told["seconds"]) == (10 * MIB, 0, None, 16.0)


def test_a_second_try_begins_anew():
    step = Step()
    for second in range(0, 5):
        step.at(second, done=second * 10)
    assert (step.at(6, done=2)["rate"], step.recorder.told[-1]["eta"]) == (None, None)
    assert step.at(8, done=6)["rate"] == 2 * MIB


def test_nothing_is_told_before_there_is_a_number():
    assert Step().at(5) is None


def test_it_is_told_once_a_second_at_most():
    step = Step()
    for tenth in range(0, 31):
        step.at(tenth / 10, done=tenth)
    assert len(step.recorder.told) == 4


def test_other_lines_are_no_news():
    step = Step()
    step.meter.line("pg_rewind: servers diverged at WAL location 0/3001000 on timeline 1")
    assert step.recorder.told == []
    assert step.meter.done is None


def test_a_total_may_come_from_outside():
    step = Step(lambda line: (int(line), None), total=4000)
    step.meter.line("1000")
    assert (step.recorder.told[0]["done"], step.recorder.told[0]["total"]) == (1000, 4000)
    step.at(2)
    step.meter.line("5000")
    assert step.at(4)["total"] == 5000, "an estimate that was too low"


def test_a_command_that_tells_nothing_is_asked_for_at_the_kernel(monkeypatch):
    answers = iter([1000, 3000, None])
    monkeypatch.setattr(progress, "written", lambda pid: next(answers) if pid == 4711 else None)
    step = Step(None, total=9000)
    assert step.at(1)["done"] == 1000
    told = step.at(2)
    assert (told["rate"], told["eta"]) == (2000, 3)
    assert step.at(3)["done"] == 3000, "the process has ended: what was known stays"


def test_the_file_is_for_everybody_and_whole(tmp_path):
    place = tmp_path / "run"
    before = os.umask(0o077)
    try:
        told = Progress.of(work(tmp_path).layout, directory=str(place))
        told.write({"step": "rewind", "done": 1})
    finally:
        os.umask(before)
    path = place / "progress-15-main.json"
    assert os.listdir(place) == [path.name]
    assert (stat.S_IMODE(place.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o755, 0o644)
    text = path.read_text()
    assert text.count("\n") == 1, "several files can be read one after the other"
    assert json.loads(text) == {"schema": 1, "run": told.run, "step": "rewind", "done": 1}
    told.remove()
    assert os.listdir(place) == []
    told.remove()


def test_a_file_of_another_run_stays(tmp_path):
    path = tmp_path / "progress.json"
    Progress(str(path)).write({"done": 1})
    Progress(str(path)).remove()
    assert path.exists()


def test_where_it_cannot_be_written_the_run_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    told = Progress(str(tmp_path / "file" / "progress.json"))
    told.write({"done": 1})
    told.remove()


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("x")
    (tmp_path / "progress.json.tmp").symlink_to(tmp_path / "victim")
    Progress(str(tmp_path / "progress.json")).write({"done": 1})
    assert (tmp_path / "victim").read_text() == "x"


def test_without_a_path_nobody_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Progress().write({"done": 1})
    assert os.listdir(tmp_path) == []


def test_two_runs_have_two_names():
    assert Progress().run != Progress().run


def test_a_long_command_of_a_run_is_metered(tmp_path):
    job = work(tmp_path)._replace(progress=Recorder())
    meter = job.meter("copy what differs", total=2000, count=lambda pid: 1000)
    meter.tick(4711)
    assert job.progress.told[0]["step"] == "copy what differs"
    assert job.progress.told[0]["total"] == 2000
