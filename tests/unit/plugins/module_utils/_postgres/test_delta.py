# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import backup, delta, disk, staging
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tablespace
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import FakeRunner, observed, primary, stopped, work

FOLDER = "PG_15_1"
CONTROL = len(b"\x01\xff control")
STATS = "Total file size: 1\nTotal bytes received: 1,234\n"


class Rsync:
    """Answers one after the other; the first copy of the data directory brings a file."""

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []

    def __call__(self, words):
        self.calls.append(words)
        os.makedirs(os.path.join(words[-1], "global"), exist_ok=True)
        return self.answers.pop(0) if self.answers else (0, STATS, "")


class Node:
    def __init__(self, folder, monkeypatch, spaces=(), wal=False, **options):
        self.events, self.data = [], folder / "main"
        self.data.mkdir()
        if wal:
            (folder / "wal").mkdir()
            (self.data / "pg_wal").symlink_to(folder / "wal")
        self.rsync = Rsync()
        self.job = work(folder, FakeRunner(rsync=self.rsync), **options)
        self.primary = primary(tablespaces=spaces, data_directory="/primary/data")

        @contextlib.contextmanager
        def held(_work):
            self.events.append("begin")
            yield self
            self.events.append("closed")

        monkeypatch.setattr(backup, "held", held)

    def control_file(self):
        self.events.append("control file")
        return b"\x01\xff control"

    def stop(self):
        self.events.append(("end", len(self.rsync.calls)))
        return backup.Ended("START WAL LOCATION", "16385 /ts\n")

    def copy(self):
        where = disk.read(str(self.data), salvage_directory=None, primary=self.primary)
        staging.make_room(where, self.job.user)
        self.new = staging.data_of(where)
        return delta.copy(self.job, observed(stopped(), self.primary, where=where), self.new)

    def text(self, name):
        with open(os.path.join(self.new, name), encoding="utf-8") as stream:
            return stream.read()


@pytest.fixture
def node(tmp_path, monkeypatch):
    return lambda **options: Node(tmp_path, monkeypatch, **options)


def test_all_is_copied_within_one_backup_the_control_file_last(node):
    server = node()
    assert server.copy() == 1234 + len(b"\x01\xff control")
    assert server.events == ["begin", "control file", ("end", 1), "closed"]
    (first,) = server.rsync.calls
    with open(os.path.join(server.new, "global", "pg_control"), "rb") as stream:
        assert stream.read() == b"\x01\xff control"
    assert f"--copy-dest={server.data}" in first
    assert first[-2:] == [f"{server.job.user}@10.1.7.107:/primary/data/", f"{server.new}/"]
    assert "--exclude=/global/pg_control" in first


def test_it_is_a_copy_that_recovery_accepts(node):
    server = node()
    server.copy()
    assert server.text("backup_label") == "START WAL LOCATION"
    assert server.text("tablespace_map") == "16385 /ts\n"
    assert os.listdir(os.path.join(server.new, "pg_wal")) == ["archive_status"]


def test_what_must_not_be_copied_is_left_out(node):
    server = node()
    server.copy()
    words = server.rsync.calls[0]
    for pattern in ("/pg_wal", "/pg_replslot/*", "/postmaster.pid", "pgsql_tmp*", "/backup_label*", "/standby.signal"):
        assert f"--exclude={pattern}" in words
    assert "--checksum" in words, "times of two servers say nothing"
    assert "--inplace" not in words


def test_tablespaces_and_wal_elsewhere_have_their_own_places(node, tmp_path):
    (tmp_path / "ts" / FOLDER).mkdir(parents=True)
    (tmp_path / "main" / "pg_tblspc").mkdir(parents=True)
    (tmp_path / "main" / "pg_tblspc" / "16385").symlink_to(tmp_path / "ts")
    (tmp_path / "main").rename(tmp_path / "before")
    server = node(spaces=(Tablespace(16385, str(tmp_path / "ts"), FOLDER),), wal=True)
    (tmp_path / "before" / "pg_tblspc").rename(tmp_path / "main" / "pg_tblspc")
    server.copy()
    words = server.rsync.calls[1]
    assert words[-2].endswith(f":{tmp_path}/ts/{FOLDER}/")
    assert words[-1] == f"{tmp_path}/ts/pgops-new/data/{FOLDER}/"
    assert f"--copy-dest={tmp_path}/ts/{FOLDER}" in words
    assert (tmp_path / "wal" / "pgops-new" / "data" / "archive_status").is_dir()


def test_files_that_vanish_are_normal(node):
    server = node()
    server.rsync.answers = [(24, STATS, "file has vanished")]
    assert server.copy() == 1234 + CONTROL


def test_a_file_that_changes_under_it_is_copied_again(node):
    server = node()
    server.rsync.answers = [(23, STATS, "ERROR: base/1/2 failed verification -- update discarded.")]
    assert server.copy() == 2 * 1234 + CONTROL
    assert server.rsync.calls[0] == server.rsync.calls[1]


@pytest.mark.parametrize(
    "answers",
    [
        [(23, "", "rsync: [sender] send_files failed to open: Permission denied (13)")],
        [(23, "", "failed verification")] * delta.ATTEMPTS,
        [(255, "", "ssh: connection lost")],
        [(11, "", "No space left on device (28)")],
    ],
)
def test_anything_else_is_a_failure_of_the_method(node, answers):
    server = node()
    server.rsync.answers = list(answers)
    with pytest.raises(MethodFailed, match="copy what differs"):
        server.copy()
    assert ("end", 1) not in server.events, "a backup that is not ended leaves no label to start from"
    assert len(server.rsync.calls) == len(answers)


@pytest.mark.parametrize(("rate", "kilobytes"), [("10M", "10240"), ("500", "500"), ("500k", "500")])
def test_the_rate_is_the_same_as_for_pg_basebackup(node, rate, kilobytes):
    server = node(max_rate=rate)
    server.copy()
    assert f"--bwlimit={kilobytes}" in server.rsync.calls[0]


def test_all_of_it_is_on_the_disk_before_it_counts(node):
    server = node()
    server.copy()
    assert server.job.runner.calls[-1] == ["sync", "--file-system", server.new]


def test_it_is_written_to_the_disk_while_it_is_copied(tmp_path):
    runner = FakeRunner()
    flush = delta._Flush(runner, str(tmp_path))
    ended = []
    runner.begin = lambda argv: (runner.calls.append(argv), lambda: bool(ended))[1]
    flush()
    flush()
    assert runner.calls == [["sync", "--file-system", str(tmp_path)]], "one at a time"
    ended.append(True)
    flush()
    assert len(runner.calls) == 2
    delta._Flush(runner, str(tmp_path / "not there yet"))()
    assert len(runner.calls) == 2
