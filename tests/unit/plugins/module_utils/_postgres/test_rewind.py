# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import disk, marks, progress, rejoin, rewind
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import FORK, FakeRunner, observed, old_primary, primary, work

IDLE = primary(slot=None, sender=None)
PLAN = "pg_rewind: need to copy 51 MB (total source directory size is 70 MB)\n"
PROGRESS = PLAN + "    0/53045 kB (0%) copied\r53045/53045 kB (100%) copied\npg_rewind: Done!\n"


class Node:
    """A stopped old primary."""

    def __init__(self, folder, pg_rewind=(0, "", PROGRESS), states=("shut down",), commits=3):
        self.folder, self.data = folder, folder / "main"
        (self.data / "pg_wal").mkdir(parents=True)
        (self.data / "global").mkdir()
        for name in ("global/pg_control", "old", "standby.signal", "postgresql.auto.conf"):
            (self.data / name).write_text("# x\n")
        (self.data / "pg_replslot" / "pgops_1").mkdir(parents=True)
        self.data.chmod(0o700)
        self.states = list(states)
        self.runner = FakeRunner(pg_rewind=pg_rewind, cp=lambda words: LocalRunner().run(words)[1:])
        self.job = work(folder, self.runner)
        where = disk.read(str(self.data), salvage_directory=None, primary=IDLE)
        self.seen = observed(old_primary(clean=False), IDLE, Tail(FORK + 9, commits), where)
        self.decision = rejoin.plan(self.seen, self.job.desired)

    def control(self, **_arguments):
        return {"state": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def run(self):
        return rewind.run(self.job, self.seen, self.decision)

    def salvages(self):
        return [path for path in self.folder.iterdir() if "salvage" in path.name]


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(rewind.primary_work, "fresh_control_file", lambda _work, _timeline: None)
    monkeypatch.setattr(rewind.last_look, "require_safe", lambda *_arguments: None)

    def make(**options):
        node = Node(tmp_path, **options)
        monkeypatch.setattr(rewind.controldata, "read", node.control)
        return node

    return make


def test_commits_past_the_fork_keep_a_full_copy_after_a_rehearsal(build):
    node = build()
    moved, place, kept = node.run()
    assert moved == 53045 * 1024
    assert kept > 0
    assert ["--dry-run" in words for words in node.runner.called("pg_rewind")] == [True, False]
    assert os.path.exists(os.path.join(place, "data", "old"))
    assert not os.path.exists(os.path.join(place, "data", "standby.signal"))
    assert json.loads((node.folder / place / "manifest.json").read_text())["kind"] == "full"


def test_without_commits_the_wal_is_kept_and_nothing_rehearsed(build):
    node = build(commits=0)
    _moved, place, _kept = node.run()
    assert sorted(os.listdir(place)) == ["global", "manifest.json", "pg_wal"]
    assert len(node.runner.called("pg_rewind")) == 1


def test_afterwards_it_is_a_standby_without_foreign_slots(build):
    node = build()
    node.run()
    assert (node.data / "standby.signal").exists()
    assert "pgops_0" in (node.data / "postgresql.auto.conf").read_text()
    assert not (node.data / "pg_replslot" / "pgops_1").exists()
    assert stat.S_IMODE(node.data.stat().st_mode) == 0o700
    assert node.job.marks.journal()["stage"] == marks.READY


def test_while_it_works_nothing_can_start_the_directory(build):
    modes = []

    def pg_rewind(words):
        if "--dry-run" not in words:
            modes.append((stat.S_IMODE(node.data.stat().st_mode), node.job.marks.journal()["stage"]))
        return 0, "", PROGRESS

    node = build(pg_rewind=pg_rewind)
    node.run()
    assert modes == [(0o720, marks.REWINDING)]


def test_no_wal_stays_of_a_timeline_that_the_primary_was_never_on(build):
    """The next promotion may give its number to another timeline. What pg_rewind leaves is in the salvage."""
    node = build(commits=0)
    own = ["000000010000000000000003", "000000020000000000000003", "00000002.history", "archive_status"]
    foreign = ["000000030000000000000003", "000000030000000000000004.partial", "00000003.history"]
    for name in own + foreign:
        (node.data / "pg_wal" / name).write_text("")
    _moved, place, _kept = node.run()
    assert sorted(os.listdir(node.data / "pg_wal")) == sorted(own)
    assert set(foreign) < set(os.listdir(os.path.join(place, "pg_wal")))


def test_a_rehearsal_that_fails_has_cost_nothing(build):
    node = build(pg_rewind=(1, "", "pg_rewind: error: no luck"))
    with pytest.raises(MethodFailed, match="no luck"):
        node.run()
    assert node.salvages() == []
    assert node.job.marks.journal() == {}


def test_a_failure_before_the_first_write_leaves_the_directory_usable(build):
    node = build(pg_rewind=(1, "", "pg_rewind: error: no luck"), commits=0)
    with pytest.raises(MethodFailed):
        node.run()
    assert node.job.marks.journal() == {}
    assert stat.S_IMODE(node.data.stat().st_mode) == 0o700
    assert node.salvages() == []


def test_a_failure_after_it_is_remembered_with_the_salvage(build):
    node = build(pg_rewind=(1, "", PLAN + "pg_rewind: error: no luck"), commits=0)
    with pytest.raises(MethodFailed):
        node.run()
    assert node.job.marks.journal()["stage"] == marks.REWINDING
    assert [node.job.marks.journal()["salvage"]] == [str(path) for path in node.salvages()]
    assert stat.S_IMODE(node.data.stat().st_mode) == 0o720, "it can't be started"


def test_a_failure_after_much_progress_is_one_after_the_first_write(build):
    """What it said before it began to write is long gone from the end of its output."""
    lines = "".join(f"{done}/53045 kB (1%) copied\n" for done in range(60))
    node = build(pg_rewind=(1, "", lines + "pg_rewind: error: no luck"), commits=0)
    with pytest.raises(MethodFailed, match="exit status 1: pg_rewind: error: no luck"):
        node.run()
    assert node.job.marks.journal()["stage"] == marks.REWINDING
    assert len(node.salvages()) == 1
    assert stat.S_IMODE(node.data.stat().st_mode) == 0o720


def test_it_tells_how_far_it_is(build, tmp_path):
    node = build()
    node.job = node.job._replace(progress=progress.Progress(str(tmp_path / "progress.json")))
    node.run()
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == "rewind"


def test_a_crashed_node_is_recovered_first_with_the_start_barred(build):
    seen = []

    def postgres(words):
        signal = (node.data / "standby.signal").exists()
        seen.append((signal, "262143" in (node.data / "postgresql.auto.conf").read_text(), words))
        return 0, "", ""

    node = build(states=("in production", "shut down"))
    node.runner.programs["postgres"] = postgres
    node.run()
    assert seen[0][:2] == (False, True)
    assert seen[0][2][1:6] == ["--single", "-D", str(node.data), "-c", "config_file=/etc/pg/postgresql.conf"]


def test_a_crash_recovery_that_fails_stops_here(build):
    node = build(states=("in production",))
    node.runner.programs["postgres"] = (1, "", "FATAL: no luck")
    with pytest.raises(MethodFailed, match="no luck"):
        node.run()
    assert (node.data / "standby.signal").exists()


def test_the_password_stays_in_its_file(build):
    node = build()
    node.run()
    for words in node.runner.called("pg_rewind"):
        source = words[words.index("--source-server") + 1]
        assert "passfile=/var/lib/postgresql/.pgpass" in source
        assert "password" not in source


@pytest.mark.parametrize(("major", "there"), [("15", True), ("12", False)])
def test_it_writes_the_signal_itself_where_it_can(tmp_path, major, there):
    run = work(tmp_path, FakeRunner(pg_rewind=(0, "", PROGRESS)), major=major)
    assert rewind.expected_bytes(run) == 51 * 1048576
    assert ("--write-recovery-conf" in run.runner.calls[0]) is there


def test_expected_bytes_are_unknown_when_it_cannot_tell(tmp_path):
    assert rewind.expected_bytes(work(tmp_path, FakeRunner(pg_rewind=(1, "", "no")))) is None


def test_what_a_killed_run_left_complete_is_only_finished(build):
    node = build()
    node.job.marks.note(marks.REWINDING, salvage="/s")
    rewind.resume(node.job, node.seen._replace(target=node.seen.target._replace(kept_before="/s")))
    assert node.runner.calls == []
    assert node.job.marks.journal()["salvage"] == "/s"
    assert (node.data / "standby.signal").exists()


def test_a_rehearsal_ends_as_soon_as_it_has_told_how_much_it_needs(build):
    """pg_rewind --dry-run fetches all of it, only to throw it away."""
    told = "pg_rewind: servers diverged\npg_rewind: need to copy 42 MB (total source directory size is 99 MB)\n"
    node = build(pg_rewind=lambda _words: (-9, "", told))
    assert rewind.expected_bytes(node.job) == 42 * 1048576
    node.runner.programs["pg_rewind"] = lambda _words: (-9, "", "pg_rewind: servers diverged\n")
    assert rewind.expected_bytes(node.job) is None, "killed before it told"
