# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import disk, keep, rejoin
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import CommandFailed

from tests.unit.rejoin_cases import FORK, FakeRunner, observed, old_primary, primary, work

IDLE = primary(slot=None, sender=None)
FOLDER = "PG_15_1"


class Node:
    """A stopped old primary with pg_wal and a tablespace elsewhere."""

    def __init__(self, folder, **programs):
        self.folder, self.data = folder, folder / "main"
        self.programs = dict({"cp": lambda words: LocalRunner().run(words)[1:]}, **programs)
        for name in ("global", "base", "pg_tblspc", "inside"):
            (self.data / name).mkdir(parents=True)
        for name in ("global/pg_control", "base/1", "standby.signal", "postgresql.auto.conf", "inside/1"):
            (self.data / name).write_text(name)
        (folder / "wal" / "archive_status").mkdir(parents=True)
        (folder / "wal" / "0001").write_text("wal")
        (folder / "ts" / FOLDER).mkdir(parents=True)
        (folder / "ts" / FOLDER / "5").write_text("space")
        (self.data / "pg_wal").symlink_to(folder / "wal")
        (self.data / "pg_tblspc" / "1").symlink_to(folder / "ts")
        (self.data / "pg_tblspc" / "2").symlink_to(self.data / "inside")

    def keep(self, commits=3, **options):
        job = work(self.folder, FakeRunner(**self.programs), **options)
        where = disk.read(str(self.data), salvage_directory=None, primary=IDLE)
        seen = observed(old_primary(), IDLE, Tail(FORK + 0x2000, commits), where)
        return keep.keep(job, seen, rejoin.plan(seen, job.desired))


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_a_full_copy_holds_all_that_lies_elsewhere(node):
    place, kept = node.keep()
    data = os.path.join(place, "data")
    for name, text in (("pg_wal/0001", "wal"), (f"pg_tblspc/1/{FOLDER}/5", "space"), ("base/1", "base/1")):
        with open(os.path.join(data, name), encoding="ascii") as stream:
            assert stream.read() == text
    for name in ("pg_wal", "pg_tblspc/1", "pg_tblspc/2"):
        assert os.path.realpath(os.path.join(data, name)).startswith(place), "nothing of it is shared with the old node"
    assert not os.path.exists(os.path.join(data, "standby.signal"))
    assert kept > 0


def test_without_commits_the_wal_and_the_control_file_are_kept(node):
    place, _kept = node.keep(commits=0)
    assert sorted(os.listdir(place)) == ["global", "manifest.json", "pg_wal"]
    assert os.listdir(os.path.join(place, "global")) == ["pg_control"]
    assert sorted(os.listdir(os.path.join(place, "pg_wal"))) == ["0001", "archive_status"]


def test_the_same_state_is_not_kept_twice(node):
    first, kept = node.keep()
    assert node.keep() == (first, kept)
    (node.data / "global" / "pg_control").write_text("a server has run since")
    assert node.keep()[0] != first


def test_no_room_is_an_error_that_names_the_place(tmp_path):
    node = Node(tmp_path, cp=(1, "", "cp: No space left on device"))
    with pytest.raises(CommandFailed, match="No space left") as failed:
        node.keep()
    assert "salvage_directory" in failed.value.next_step
    assert (node.data / "base" / "1").exists()


def places(tmp_path, *names):
    for number, (name, complete) in enumerate(names):
        place = tmp_path / f"main.pgops-salvage-{name}"
        place.mkdir()
        manifest = {"complete": complete, "data_directory": str(tmp_path / "main"), "written": f"2026-01-0{number + 1}"}
        (place / "manifest.json").write_text(json.dumps(manifest))


def left(tmp_path):
    return sorted(path.name[-1] for path in tmp_path.iterdir())


def test_unfinished_salvage_copies_go_finished_ones_stay(tmp_path):
    places(tmp_path, ("1", True), ("2", False))
    for number in "345":
        (tmp_path / f"main.pgops-salvage-{number}").mkdir()
    (tmp_path / "main.pgops-salvage-3" / "somebody's").write_text("x")
    (tmp_path / "main.pgops-salvage-4" / "manifest.json.pgops-tmp").write_text("{")
    keep.remove_unfinished(str(tmp_path), str(tmp_path / "main"))
    assert left(tmp_path) == ["1", "3"]


def moved(tmp_path):
    places(tmp_path, ("1", False))
    place = tmp_path / "main.pgops-salvage-1"
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(dict(manifest, moved=True, wrote_itself=True)))
    return place


def test_what_was_to_be_moved_and_was_not_is_no_salvage(tmp_path):
    moved(tmp_path)
    keep.tidy(str(tmp_path), str(tmp_path / "main"))
    assert left(tmp_path) == []


def test_what_a_killed_run_had_moved_is_completed_and_never_removed(tmp_path):
    place = moved(tmp_path)
    (place / "data" / "pg_tblspc").mkdir(parents=True)
    (place / "data" / "standby.signal").write_text("")
    (place / "data" / "pg_tblspc" / "1").symlink_to(tmp_path / "main" / "inside")
    keep.remove_unfinished(str(tmp_path), str(tmp_path / "main"))
    assert not json.loads((place / "manifest.json").read_text())["complete"]
    keep.tidy(str(tmp_path), str(tmp_path / "main"))
    assert json.loads((place / "manifest.json").read_text())["complete"]
    assert not (place / "data" / "standby.signal").exists()
    assert os.readlink(place / "data" / "pg_tblspc" / "1") == str(place / "data" / "inside")


def test_the_oldest_go_beyond_the_number_to_keep(tmp_path):
    places(tmp_path, ("1", True), ("2", True), ("3", True), ("4", True))
    other = {"complete": True, "data_directory": "/elsewhere/main", "written": "2025"}
    (tmp_path / "main.pgops-salvage-5").mkdir()
    (tmp_path / "main.pgops-salvage-5" / "manifest.json").write_text(json.dumps(other))
    (tmp_path / "main.pgops-salvage-6").mkdir()
    parent, real = str(tmp_path), str(tmp_path / "main")
    assert keep.prune(parent, real, 0) == []
    removed = keep.prune(parent, real, 2, current=str(tmp_path / "main.pgops-salvage-1"))
    assert [path[-1] for path in removed] == ["2"]
    assert left(tmp_path) == ["1", "3", "4", "5", "6"], "neither this run's nor what is not this directory's"


@pytest.mark.parametrize(("wrote_itself", "left"), [(True, []), (False, ["recovery.conf", "standby.signal"])])
def test_a_kept_primary_carries_no_mark_of_a_standby(tmp_path, wrote_itself, left):
    for name in ("standby.signal", "recovery.conf"):
        (tmp_path / name).write_text("standby_mode = 'on'\n")
    keep.clear_standby_marks(str(tmp_path), wrote_itself=wrote_itself)
    assert sorted(path.name for path in tmp_path.iterdir()) == left
