# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import PgopsError, Refused, Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import inspect, later, lock, sync
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import FORK, FakeClock, observed, old_primary, primary, stopped, target, work

IDLE = primary(slot=None, sender=None)
LOST = Tail(FORK + 0x2000, 3)
RUNNING = observed(old_primary(state="primary"), IDLE, LOST)
DIVERGED = observed(old_primary(), IDLE, LOST)
HALF = observed(stopped(interrupted="rewinding", kept_before="/kept"), IDLE)
HEALTHY = observed(target())
CLEANED = (("prune", 0), "clear")
AFTER = dict(inspect.blank(), role="standby", receiver={"status": "streaming"})


class Stage:
    """The module's surroundings: what is observed one after the other, and what each method does."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch, self.events = folder, monkeypatch, []
        self.sights, self.verdicts, self.broken, self.parked = [], [], {}, []
        self.old, self.no_process = [], False

    def play(self, *sights, check_mode=False, verdicts=(), broken=None, **options):
        self.sights, self.verdicts, self.broken = list(sights), list(verdicts), broken or {}
        self.job = work(self.folder, **options)
        patches = (
            (sync.observe, "observe", self.observe),
            (sync.server_control, "stop", lambda _w, **how: self.events.append(("stop", *how.values()))),
            (sync.server_control, "start", lambda _w: self.events.append("start")),
            (sync.server_control, "reload", lambda _w: self.events.append("reload")),
            (sync.primary_work, "ensure_slot", lambda _w: self.events.append("slot")),
            (sync.rewind, "run", lambda *_a: self.method("rewind")),
            (sync.rewind, "resume", lambda *_a: self.events.append("resume")),
            (sync.rewind, "expected_bytes", lambda _w: 4711),
            (sync.delta, "run", lambda *_a: self.method("delta")),
            (sync.basebackup, "run", lambda *_a: self.method("basebackup")),
            (sync.staging, "unpark", lambda _d: bool(self.parked and self.parked.pop())),
            (sync.staging, "cleared", lambda _d: list(self.old)),
            (sync.later, "detach", self.detach),
            (sync.staging, "clear", lambda _d: self.events.append("clear")),
            (sync.lost, "read", lambda *_a: self.events.append("lost") or {"commits": 3, "tables": []}),
            (sync.lost, "name_tables", lambda _w, report: dict(report, named=True)),
            (sync.keep, "prune", lambda *a, **k: self.events.append(("prune", a[2])) or ["/older"]),
            (sync.standby_config, "write", lambda *_a: self.events.append("settings")),
            (sync.standby_config, "mark_standby", lambda *_a: self.events.append("mark")),
            (sync.verify, "wait", self.verify),
            (sync.verify, "look", lambda _w: (["no receiver"], 0, dict(AFTER, receiver=None))),
        )
        for place, name, fake in patches:
            self.patch.setattr(place, name, fake)
        return sync.run(self.job, check_mode=check_mode)

    def observe(self, _work, _failed=()):
        sight = self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]
        if isinstance(sight, Exception):
            raise sight
        return sight, inspect.blank()

    def detach(self, task, *, descriptor, what):
        if self.no_process:
            raise OSError("no process")
        self.events.append(("detached", what))
        self.detached = task

    def method(self, name):
        self.events.append(name)
        if name in self.broken:
            raise self.broken[name]
        return 1000, "", 0

    def verify(self, _work):
        self.events.append("verify")
        if self.verdicts and self.verdicts[0]:
            raise self.verdicts.pop(0)
        return AFTER


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return Stage(tmp_path, monkeypatch)


def luckless(what="no luck"):
    return MethodFailed("try", server="db1", seen=what, next_step="look")


def methods(result):
    return [(reason["method"], reason["taken"]) for reason in result["reasons"]]


def test_a_healthy_standby_is_left_alone_and_no_state_is_written(stage, tmp_path):
    result = stage.play(HEALTHY)
    assert (result["changed"], result["method"], stage.events) == (False, "none", [])
    assert not (tmp_path / "state").exists()


UNFINISHED = observed(target(unfinished=True))


def test_what_a_run_left_that_did_not_live_to_clean_up_goes_without_touching_the_server(stage):
    stage.job = work(stage.folder)
    stage.job.marks.note("ready")
    result = stage.play(UNFINISHED)
    assert stage.events == ["verify", *CLEANED]
    assert (result["changed"], result["method"]) == (True, "none")
    assert stage.job.marks.journal() == {}


def test_check_mode_tells_that_something_was_left(stage):
    result = stage.play(UNFINISHED, check_mode=True)
    assert (result["changed"], result["method"], stage.events) == (True, "none", [])
    assert "interrupted run left" in result["plan"]["steps"][0]["action"]


def test_a_start_is_noted_until_it_is_verified(stage):
    """Or a run that is killed meanwhile would leave for ever what an earlier one had left."""
    stages = []
    stage.patch.setattr(Stage, "verify", lambda self, w: stages.append(w.marks.journal().get("stage")) or AFTER)
    stage.play(observed(stopped(), IDLE))
    assert (stages, stage.job.marks.journal()) == (["started"], {})


def test_check_mode_shows_the_plan_and_touches_nothing(stage, tmp_path):
    result = stage.play(RUNNING, check_mode=True)
    assert (result["changed"], result["method"], stage.events) == (True, "rewind", [])
    assert result["diverged"]["commits_past_fork"] == 3
    assert result["salvage"]["path"].endswith("main.pgops-salvage-<UTC time>")
    assert not (tmp_path / "state").exists()


def test_check_mode_asks_pg_rewind_for_its_bytes_where_it_can(stage):
    assert stage.play(DIVERGED, check_mode=True)["bytes_expected"] == 4711
    assert stage.play(RUNNING, check_mode=True)["bytes_expected"] is None


def test_a_refusal_changes_nothing(stage):
    with pytest.raises(Refused):
        stage.play(observed(target(), primary(in_recovery=True)))
    assert stage.events == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_another_run_makes_of_the_node_is_no_reason_to_refuse(stage, check_mode):
    """As the crash recovery of a run that was killed: a server that may write, and is nobody's live primary."""
    job = work(stage.folder)
    job.marks.prepare()
    held = os.open(job.marks.lock_path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    stage.patch.setattr(FakeClock, "sleep", lambda _clock, _seconds: os.close(held))
    strange = observed(target(state="silent", standby_signal=False, timeline=3, history=()), IDLE)
    assert stage.play(strange, HEALTHY, check_mode=check_mode)["changed"] is False


def test_another_run_that_goes_on_is_named(stage):
    job = work(stage.folder)
    job.marks.prepare()
    strange = observed(target(state="silent", standby_signal=False, timeline=3, history=()), IDLE)
    with open(job.marks.lock_path, "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(lock.Locked, match="another run still holds"):
            stage.play(strange, lock_timeout=3)


def test_a_running_old_primary_is_stopped_marked_and_rewound(stage):
    result = stage.play(RUNNING, RUNNING, DIVERGED)
    assert stage.events == [("stop", True, False), "mark", "slot", "lost", "rewind", "start", "verify", *CLEANED]
    assert (result["method"], result["changed"], result["bytes_moved"]) == ("rewind", True, 1000)
    assert result["postgres"] is AFTER
    assert result["fork_lsn"] == "0/3001000"


def test_an_old_primary_that_has_nothing_more_is_stopped_without_new_wal(stage):
    running = observed(old_primary(state="primary", lsn=FORK), IDLE, Tail(FORK, 0))
    after = observed(old_primary(lsn=FORK, clean=False), IDLE, Tail(FORK, 0))
    result = stage.play(running, running, after)
    assert stage.events[0] == ("stop", True, True)
    assert result["method"] == "start"


def test_a_standby_is_only_reloaded(stage):
    stage.play(observed(target(conninfo={"host": "x"}), IDLE))
    assert stage.events == ["slot", "settings", "reload", "verify", *CLEANED]


def test_a_rewound_directory_of_a_killed_run_is_only_finished(stage):
    stage.play(observed(stopped(resumable=True, kept_before="/kept"), IDLE))
    assert stage.events == ["slot", "resume", "settings", "start", "verify", *CLEANED]


def test_a_method_that_fails_falls_to_the_next_with_its_reason(stage):
    result = stage.play(DIVERGED, DIVERGED, DIVERGED, broken={"rewind": luckless()})
    assert stage.events == ["mark", "slot", "lost", "rewind", "mark", "slot", "basebackup", "start", "verify", *CLEANED]
    assert methods(result) == [
        ("none", False),
        ("start", False),
        ("rewind", False),
        ("delta", False),
        ("basebackup", True),
    ]
    assert result["reasons"][2]["reason"] == "tried and failed: no luck"


def test_what_a_half_done_rewind_had_kept_is_told(stage):
    result = stage.play(DIVERGED, DIVERGED, HALF, broken={"rewind": luckless()})
    assert result["salvage"]["path"] == "/kept"
    assert result["diverged"]["commits_past_fork"] == 3


def test_a_start_that_does_not_stream_falls_too(stage):
    seen = observed(stopped(), IDLE)
    result = stage.play(seen, seen, seen, verdicts=[luckless("not streaming"), None])
    assert result["method"] == "basebackup"
    assert stage.events.count("verify") == 2


def test_a_named_method_does_not_fall(stage):
    with pytest.raises(MethodFailed, match="no luck") as failed:
        stage.play(DIVERGED, broken={"rewind": luckless()}, method="rewind")
    assert failed.value.evidence == {}, "nothing else was planned"
    assert "basebackup" not in stage.events
    assert stage.events[-1] == ("stop", True)


def test_when_all_fail_the_last_error_is_told_and_the_node_stopped(stage):
    with pytest.raises(MethodFailed, match="copy broke") as failed:
        stage.play(DIVERGED, broken={"rewind": luckless(), "basebackup": luckless("copy broke")})
    assert "tried and failed" in failed.value.evidence["then"]
    assert stage.events[-1] == ("stop", True)


def test_a_primary_that_dies_meanwhile_does_not_hide_what_failed(stage):
    gone = Unreachable("ask", server="p", seen="refused", next_step="wait")
    with pytest.raises(MethodFailed, match="copy broke") as failed:
        stage.play(DIVERGED, DIVERGED, gone, broken={"rewind": luckless("copy broke")})
    assert "refused" in failed.value.evidence["then"]


def test_a_full_disk_is_a_clear_error_and_leaves_it_stopped(stage):
    with pytest.raises(PgopsError, match="No space left") as failed:
        stage.play(DIVERGED, broken={"rewind": OSError(28, "No space left on device")})
    assert failed.value.code == "system_error"
    assert stage.events[-1] == ("stop", True)


def test_a_standby_that_was_only_repointed_goes_on_after_a_failure(stage):
    with pytest.raises(MethodFailed):
        stage.play(observed(target(conninfo={"host": "x"}), IDLE), verdicts=[luckless()], method="start")
    assert ("stop", True) not in stage.events


def test_what_another_run_did_meanwhile_is_not_done_again(stage):
    result = stage.play(DIVERGED, HEALTHY)
    assert (result["changed"], stage.events) == (False, [])


def test_the_journal_is_gone_when_all_is_proven(stage):
    stage.folder.joinpath("main").mkdir()
    marks = work(stage.folder).marks
    marks.note("ready")
    stage.play(DIVERGED)
    assert marks.journal() == {}


def test_what_is_left_of_the_old_directory_goes_only_after_the_proof(stage):
    stage.play(DIVERGED)
    assert stage.events.index("verify") < stage.events.index("clear")
    with pytest.raises(MethodFailed):
        stage.play(DIVERGED, verdicts=[luckless()], method="rewind")
    assert stage.events.count("clear") == 1


BIG = DIVERGED._replace(disk=DIVERGED.disk._replace(data_bytes=later.SMALL + 1))


def test_a_large_old_tree_is_removed_by_a_process_of_its_own_and_the_journal_stays_until_then(stage):
    stage.old = ["/data/main.pgops-old"]
    stage.folder.joinpath("main").mkdir()
    marks = work(stage.folder).marks
    marks.note("ready")
    result = stage.play(BIG)
    assert result["removing"] == ["/data/main.pgops-old"]
    assert ("detached", "the removal of /data/main.pgops-old") in stage.events
    assert "clear" not in stage.events
    assert marks.journal() != {}
    stage.detached()
    assert stage.events[-1] == "clear"
    assert marks.journal() == {}


@pytest.mark.parametrize(
    ("seen", "old", "no_process"), [(DIVERGED, ["/old"], False), (BIG, [], False), (BIG, ["/old"], True)]
)
def test_a_small_tree_or_none_is_removed_before_the_run_ends(stage, seen, old, no_process):
    stage.old, stage.no_process = old, no_process
    result = stage.play(seen)
    assert (result["removing"], stage.events.count("clear")) == ([], 1)


def test_older_salvages_go_beyond_the_number_to_keep(stage):
    result = stage.play(DIVERGED, salvage_keep=2)
    assert ("prune", 2) in stage.events
    assert result["salvages_removed"] == ["/older"]


def test_delta_stands_between_rewind_and_basebackup(stage):
    seen = DIVERGED._replace(primary=DIVERGED.primary._replace(files_problem=""))
    result = stage.play(seen, broken={"rewind": luckless(), "delta": luckless("link lost")})
    assert [event for event in stage.events if event in ("rewind", "delta", "basebackup")] == [
        "rewind",
        "delta",
        "basebackup",
    ]
    assert result["reasons"][3] == {"method": "delta", "taken": False, "reason": "tried and failed: link lost"}


def test_a_parked_directory_comes_back_before_anything_is_decided(stage):
    stage.parked = [True]
    result = stage.play(observed(target(state="absent", timeline=None, lsn=None), IDLE), HEALTHY, HEALTHY)
    assert (result["method"], stage.events) == ("none", [])


def test_every_result_is_complete(stage):
    keys = {
        "changed", "method", "reasons", "plan", "bytes_moved", "bytes_expected", "seconds", "timings", "fork_lsn",
        "diverged", "comparison", "salvage", "observed", "postgres", "executed_commands", "diff",
        "salvages_removed", "removing", "lost",
    }  # fmt: skip
    assert set(stage.play(HEALTHY)) == keys
    assert set(stage.play(DIVERGED)) == keys
    assert set(stage.play(DIVERGED, check_mode=True)) == keys
