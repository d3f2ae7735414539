# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import (
    basebackup,
    disk,
    progress,
    rebuild,
    rejoin,
    staging,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import FORK, FakeRunner, observed, old_primary, primary, stopped, target, work

IDLE = primary(slot=None, sender=None)
ABSENT = target(state="absent", system_identifier=None, timeline=None, lsn=None, history=(), receiver=None)


def copied(words):
    """What pg_basebackup leaves."""
    data = words[words.index("-D") + 1]
    os.makedirs(os.path.join(data, "pg_wal"))
    os.makedirs(os.path.join(data, "pg_replslot", "inherited"))
    for name, text in (("PG_VERSION", "15\n"), ("backup_label", "x"), ("new", "x" * 9000), ("pg_wal/1", "x")):
        with open(os.path.join(data, name), "w", encoding="ascii") as stream:
            stream.write(text)
    return 0, "", ""


class Node:
    """A stopped node with data, its primary played by a fake."""

    def __init__(self, folder, **programs):
        self.folder, self.data = folder, folder / "main"
        self.programs = dict({"pg_basebackup": copied}, **programs)

    def fill(self):
        (self.data / "pg_wal").mkdir(parents=True)
        for name in ("PG_VERSION", "old", "pg_wal/1", "postgresql.auto.conf", "standby.signal"):
            (self.data / name).write_text(name)

    def run(self, node, tail=None, **options):
        runner = FakeRunner(cp=lambda words: LocalRunner().run(words)[1:], **self.programs)
        job = work(self.folder, runner, **options)
        if node.state == "absent":
            self.data.rmdir()
        where = disk.read(str(self.data), salvage_directory=job.desired.salvage_directory, primary=IDLE)
        seen = observed(node, IDLE, tail, where)
        decision = rejoin.plan(seen, job.desired)
        assert decision.method == "basebackup", decision.plan
        self.job = job
        return basebackup.run(job, seen, decision)

    def names(self):
        return sorted(path.name.split("salvage-")[0] for path in self.folder.iterdir() if path.name != "state")


@pytest.fixture(autouse=True)
def _outside_world(monkeypatch):
    monkeypatch.setattr(basebackup.primary_work, "wait_slot_free", lambda _work: None)
    monkeypatch.setattr(rebuild.last_look, "require_safe", lambda *_arguments: None)
    monkeypatch.setattr(rebuild.controldata, "read", lambda **_arguments: {"system_identifier": "77"})


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_the_first_copy(node):
    moved, place, kept = node.run(ABSENT)
    assert moved > 9000
    assert (place, kept) == ("", 0)
    assert node.names() == ["main"]
    assert (node.data / "standby.signal").exists()
    assert "pgops_0" in (node.data / "postgresql.auto.conf").read_text()
    assert not (node.data / "pg_replslot" / "inherited").exists()
    assert node.job.marks.intended()
    assert node.job.marks.journal()["stage"] == "ready"


def test_a_diverged_directory_is_moved_aside_whole(node):
    node.fill()
    _moved, place, kept = node.run(old_primary(page_safe=False), Tail(FORK + 0x2000, 3))
    assert node.names() == ["main", "main.pgops-"]
    assert kept > 0
    assert (node.folder / place / "data" / "old").exists()
    assert not (node.folder / place / "data" / "standby.signal").exists(), "it starts as what it was"
    manifest = json.loads((node.folder / place / "manifest.json").read_text())
    assert (manifest["kind"], manifest["commits_past_fork"], manifest["complete"]) == ("full", 3, True)
    assert (manifest["fork_lsn"], manifest["schema"]) == ("0/3001000", 1)
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o700
    assert (node.data / "new").exists()


def test_kept_data_of_a_standby_stays_a_standby(node):
    node.fill()
    _moved, place, _kept = node.run(stopped(lsn=FORK + 0x9000))
    assert (node.folder / place / "data" / "standby.signal").exists()


def test_behind_a_link_the_target_of_the_link_is_exchanged(tmp_path):
    node = Node(tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "a" / "main").symlink_to(tmp_path / "real" / "data")
    (tmp_path / "real" / "data").mkdir()
    (tmp_path / "real" / "data" / "old").write_text("x")
    node.run(old_primary(page_safe=False))
    assert (tmp_path / "a" / "main").is_symlink()
    assert (tmp_path / "a" / "main" / "new").exists()
    assert len(list((tmp_path / "real").iterdir())) == 2


def test_kept_on_another_disk_it_is_copied_there_first(node, monkeypatch):
    node.fill()
    real = disk.read
    monkeypatch.setattr(disk, "read", lambda *a, **k: real(*a, **k)._replace(salvage_device=0))
    _moved, place, kept = node.run(
        old_primary(page_safe=False), Tail(FORK + 9, 1), salvage_directory=str(node.folder / "far")
    )
    assert place.startswith(str(node.folder / "far" / "main.pgops-salvage-"))
    assert kept > 0
    assert node.names() == ["far", "main", "main.pgops-old"], "the old one is parked until all is verified"
    assert (node.data / "new").exists()


def test_a_copy_that_fails_leaves_the_old_data_alone(tmp_path):
    node = Node(tmp_path, pg_basebackup=(1, "", "pg_basebackup: error: no space left on device"))
    node.fill()
    with pytest.raises(MethodFailed, match="no space left"):
        node.run(old_primary(page_safe=False))
    assert (node.data / "old").exists()
    assert node.names() == ["main", "main.pgops-new"]


def bad(name):
    def run(words):
        copied(words)
        path = os.path.join(words[words.index("-D") + 1], name)
        with open(path, "w", encoding="ascii") as stream:
            stream.write("14\n")
        if name == "backup_label":
            os.unlink(path)
        return 0, "", ""

    return run


@pytest.mark.parametrize("name", ["PG_VERSION", "backup_label"])
def test_a_copy_that_is_not_right_never_comes_into_place(tmp_path, name):
    node = Node(tmp_path, pg_basebackup=bad(name))
    node.fill()
    with pytest.raises(MethodFailed, match="check the copy"):
        node.run(old_primary(page_safe=False))
    assert (node.data / "old").exists()


def test_a_copy_of_another_system_never_comes_into_place(node, monkeypatch):
    monkeypatch.setattr(rebuild.controldata, "read", lambda **_arguments: {"system_identifier": "78"})
    node.fill()
    with pytest.raises(MethodFailed, match="system identifier 78"):
        node.run(old_primary(page_safe=False))
    assert (node.data / "old").exists()


def test_what_a_killed_run_left_is_replaced(node):
    node.fill()
    new = node.folder / "main.pgops-new"
    (new / "data").mkdir(parents=True)
    (new / "data" / "half").write_text("x")
    (new / "pgops.json").write_text(json.dumps({"complete": False}))
    node.run(old_primary(page_safe=False))
    assert not (node.data / "half").exists()
    assert "main.pgops-new" not in node.names()


def test_killed_between_the_renames_the_next_run_knows_where_all_is(node, monkeypatch):
    node.fill()
    rename = os.rename

    def second_fails(source, target):
        if source.endswith("pgops-new/data"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(staging.os, "rename", second_fails)
    with pytest.raises(KeyboardInterrupt):
        node.run(old_primary(page_safe=False), Tail(FORK + 9, 1))
    journal = node.job.marks.journal()
    assert not node.data.exists()
    assert journal["stage"] == "swapping"
    assert os.path.exists(os.path.join(journal["salvage"], "data", "old"))
    assert disk.read(str(node.data), salvage_directory=None, primary=IDLE).finished_copy == "basebackup"


def test_a_strangers_directory_in_the_way_stays(node):
    node.fill()
    (node.folder / "main.pgops-new").mkdir()
    (node.folder / "main.pgops-new" / "file").write_text("x")
    with pytest.raises(Refused, match="does not carry our mark"):
        node.run(old_primary(page_safe=False))
    assert (node.folder / "main.pgops-new" / "file").exists()


def test_a_finished_copy_is_only_moved(node):
    node.fill()
    new = node.folder / "main.pgops-new"
    copied(["-D", str(new / "data")])
    (new / "pgops.json").write_text(json.dumps({"complete": True, "method": "basebackup", "origin": disk.origin(IDLE)}))
    moved, _place, _kept = node.run(old_primary(page_safe=False))
    assert moved == 0
    assert node.job.runner.called("pg_basebackup") == []
    assert (node.data / "new").exists()


def test_it_tells_how_far_it_is(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(progress.Progress, "write", lambda _self, content: told.append(content))
    lines = "    0/1000 kB (0%), 0/1 tablespace\n 1000/1000 kB (100%), 1/1 tablespace\n"
    node = Node(tmp_path, pg_basebackup=lambda words: (*copied(words)[:2], lines))
    node.run(ABSENT)
    assert [(one["step"], one["total"]) for one in told] == [("copy the primary", 1024000)]


def test_a_failure_is_told_without_its_progress(tmp_path):
    lines = "    0/1000 kB (0%), 0/1 tablespace\npg_basebackup: error: no luck\n 10/1000 kB (1%), 0/1 tablespace\n"
    with pytest.raises(MethodFailed, match="exit status 1: pg_basebackup: error: no luck. Next"):
        Node(tmp_path, pg_basebackup=(1, "", lines)).run(ABSENT)
