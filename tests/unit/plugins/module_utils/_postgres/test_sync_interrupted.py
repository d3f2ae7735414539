# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed before each single change of the file system, seen again from the real files, and gone on with.

The steps that are commands are struck on real servers, in molecule/interrupted.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import (
    basebackup,
    disk,
    inspect,
    keep,
    marks,
    observe_target,
    rebuild,
    rejoin,
    rewind,
    staging,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import FORK, MIB, FakeRunner, observed, primary, work

IDLE = primary(slot=None, sender=None)
CHANGES = ("rename", "replace", "unlink", "rmdir", "mkdir", "symlink", "chmod", "link")
OLD_CONTROL = {
    "state": "shut down",
    "timeline": 1,
    "checkpoint_lsn": "0/3003000",
    "redo_lsn": "0/3003000",
    "min_recovery_end": "0/0",
    "min_recovery_timeline": 0,
    "system_identifier": "77",
    "data_checksums": True,
    "wal_log_hints": False,
    "segment_size": 16 * 1024 * 1024,
}
NEW_CONTROL = dict(OLD_CONTROL, state="in production", timeline=2, checkpoint_lsn="0/3005000", redo_lsn="0/3005000")
REWOUND = dict(NEW_CONTROL, state="in archive recovery", min_recovery_end="0/3006000", min_recovery_timeline=2)

HISTORY = "1\t0/3001000\tno recovery target specified\n"


class Killed(BaseException):
    """What SIGKILL does: nothing of ours runs any more."""


class Changes:
    """Counts the changes of the file system, and kills before the one with the number (0: none)."""

    def __init__(self, number):
        self.number, self.made, self._patch = number, 0, pytest.MonkeyPatch()

    def __enter__(self):
        for name in CHANGES:
            self._patch.setattr(os, name, self._counted(getattr(os, name)))
        return self

    def __exit__(self, *_exception):
        self._patch.undo()

    def _counted(self, real):
        def change(*arguments, **options):
            self.made += 1
            if self.made == self.number:
                raise Killed
            return real(*arguments, **options)

        return change


class Node:
    """An old primary with three commits of its own, in real files; ``global/pg_control`` is JSON here."""

    def __init__(self, folder, **programs):
        folder.mkdir()
        self.folder, self.data = folder, folder / "main"
        self.fill(self.data, OLD_CONTROL, "old")
        (self.data / "pg_replslot" / "pgops_1").mkdir(parents=True)
        (self.data / "standby.signal").write_text("")  # the run marked it when it began
        self.data.chmod(0o700)
        tools = {
            "pg_basebackup": self.copied,
            "pg_rewind": self.rewound,
            "cp": lambda words: LocalRunner().run(words)[1:],
        }
        self.job = work(folder, FakeRunner(**dict(tools, **programs)))
        self.tight = False

    def fill(self, data, control, word):
        for name in ("global", "pg_wal", "base"):
            (data / name).mkdir(parents=True)
        (data / "PG_VERSION").write_text("15\n")
        (data / "base" / "file").write_text(word)
        (data / "pg_wal" / "1").write_text(word)
        (data / "global" / "pg_control").write_text(json.dumps(control))
        (data / "postgresql.auto.conf").write_text("# x\n")

    def copied(self, words):
        """pg_basebackup."""
        data = self.folder / words[words.index("-D") + 1]
        self.fill(data, NEW_CONTROL, "new")
        data.chmod(0o700)
        (data / "pg_wal" / "00000002.history").write_text(HISTORY)
        (data / "backup_label").write_text("BACKUP METHOD: streamed\n")
        return 0, "", ""

    def rewound(self, words):
        """pg_rewind: it takes standby.signal away, and writes backup_label and the control file at last."""
        if "--dry-run" not in words:
            (self.data / "standby.signal").unlink(missing_ok=True)
            (self.data / "base" / "file").write_text("new")
            (self.data / "pg_wal" / "1").write_text("new")
            (self.data / "pg_wal" / "00000002.history").write_text(HISTORY)
            (self.data / "backup_label").write_text("BACKUP METHOD: pg_rewind\n")
            (self.data / "global" / "pg_control").write_text(json.dumps(REWOUND))
        return 0, "pg_rewind: need to copy 1 MB\n", ""

    def control(self, layout=None, **_options):
        path = os.path.join((layout or self.job.layout).data_directory, "global", "pg_control")
        try:
            with open(path, encoding="utf-8") as stream:
                return json.load(stream)
        except OSError:
            return None

    def seen(self):
        """What the next run observes: the real files, told by the real code."""
        evidence = dict(inspect.blank(), major=15)
        control = self.control()
        if (self.data / "PG_VERSION").exists():
            evidence.update(
                data_version="15",
                role="down",
                control=control,
                system_identifier=control and control["system_identifier"],
                timeline=control and max(control["timeline"], control["min_recovery_timeline"]),
                lsn=control and max(control["checkpoint_lsn"], control["min_recovery_end"]),
                standby_signal=(self.data / "standby.signal").exists(),
            )
        target = observe_target.describe(evidence, self.job)._replace(missing_tools=())
        where = disk.read(str(self.data), salvage_directory=None, primary=IDLE)
        if self.tight:  # what is kept goes to another disk, and there is no room for the copy beside the old data
            there = (self.data / "global").exists() and (self.data / "base" / "file").exists()
            taken = 200 * MIB if there and not (self.data / "backup_label").exists() else 0
            where = where._replace(salvage_device=0, data_bytes=taken, free_bytes=260 * MIB - taken)
        old = target.exists and target.timeline == 1
        return observed(target, IDLE, Tail(FORK + 0x2000, 3) if old else Tail(target.lsn, 0), where)

    def apply(self, method="auto"):
        """One run, as sync.py does it, without servers."""
        self.job = self.job._replace(desired=self.job.desired._replace(method=method))
        seen = self.seen()
        if not seen.disk.finished_copy and staging.unpark(seen.disk):
            seen = self.seen()
        decision = rejoin.plan(seen, self.job.desired)
        assert decision.plan.refusal is None, decision.plan.refusal.seen
        methods = {"rewind": rewind, "basebackup": basebackup}
        if decision.method == "start":
            assert seen.target.resumable
            rewind.resume(self.job, seen)
        else:
            methods[decision.method].run(self.job, seen, decision)
        return decision.method

    def clean_up(self):
        """What a run does once the node is verified."""
        where = self.seen().disk
        staging.clear(where)
        keep.tidy(where.salvage_parent, where.real_path)
        self.job.marks.forget()

    def kept(self):
        """The salvages that say that they are complete and whole, and really are."""
        found = []
        for place in self.folder.glob("main.pgops-salvage-*"):
            manifest = json.loads((place / "manifest.json").read_text())
            file = place / "data" / "base" / "file"
            if manifest["complete"] and manifest["kind"] == "full":
                assert file.read_text() == "old", "it says that it is complete"
                found.append(place)
        return found

    def old_is_somewhere(self):
        """Every file of the old node, in one place: where it was, parked, or kept."""
        for data in (self.data, self.folder / "main.pgops-old", *self.folder.glob("main.pgops-salvage-*/data")):
            files = [data / name for name in ("base/file", "pg_wal/1")]
            control = data / "global" / "pg_control"
            if all(path.exists() and path.read_text() == "old" for path in files) and control.exists():
                return json.loads(control.read_text()) == OLD_CONTROL
        return False

    def is_done(self):
        assert (self.data / "base" / "file").read_text() == "new"
        assert (self.data / "standby.signal").exists()
        assert "pgops_0" in (self.data / "postgresql.auto.conf").read_text()
        assert self.data.stat().st_mode & 0o777 == 0o700
        assert not (self.data / "pg_replslot" / "pgops_1").exists()
        (place,) = self.kept()
        names = sorted(path.name for path in self.folder.iterdir())
        assert names == sorted(["main", place.name, "state"])
        assert not (place / "data" / "standby.signal").exists(), "it starts as what it was"
        assert not list(self.folder.joinpath("state").glob("rejoin-*"))


@pytest.fixture(autouse=True)
def _outside_world(monkeypatch):
    monkeypatch.setattr(basebackup.primary_work, "wait_slot_free", lambda _work: None)
    monkeypatch.setattr(rewind.primary_work, "fresh_control_file", lambda _work, _timeline: None)
    monkeypatch.setattr(rebuild.last_look, "require_safe", lambda *_arguments: None)
    monkeypatch.setattr(marks, "sync_directory", lambda _path: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.mark.parametrize(
    ("first", "second", "tight"),
    [
        ("rewind", "auto", False),
        ("basebackup", "basebackup", False),
        ("basebackup", "auto", False),
        ("basebackup", "basebackup", True),
        ("basebackup", "auto", True),
    ],
)
def test_killed_before_any_change_the_next_run_goes_on(tmp_path, first, second, tight, monkeypatch):
    """Walks all changes that a run makes, from the salvage to the last clean-up."""
    number, ended = 0, False
    while not ended:
        number += 1
        node = Node(tmp_path / str(number))
        node.tight = tight
        monkeypatch.setattr(rebuild.controldata, "read", node.control)
        with Changes(number):
            try:
                node.apply(first)
                node.clean_up()
                ended = True
            except Killed:
                pass
        where = f"killed before change {number} of a {first}"
        assert node.old_is_somewhere(), where
        if not ended and not is_healthy(node):
            node.apply(second)
        node.clean_up()
        try:
            node.is_done()
        except (AssertionError, ValueError, OSError) as exc:
            names = sorted(str(path.relative_to(node.folder)) for path in node.folder.rglob("*"))
            pytest.fail(f"{where}: {exc!r}; {names}")
        shutil.rmtree(node.folder)
    assert number > {"rewind": 20, "basebackup": 25}[first]


def is_healthy(node):
    """All was verified, and only the cleaning up was cut off."""
    return node.job.marks.journal().get("stage") is None and (node.data / "base" / "file").read_text() == "new"
