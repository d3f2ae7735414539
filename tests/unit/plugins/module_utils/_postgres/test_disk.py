# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pwd

from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import disk, staging
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tablespace

from tests.unit.rejoin_cases import primary

FOLDER = "PG_15_202209061"


def read(path, salvage_directory=None, server=None):
    return disk.read(str(path), salvage_directory=salvage_directory, primary=server or primary())


def test_a_plain_directory(tmp_path):
    data = tmp_path / "main"
    (data / "pg_wal").mkdir(parents=True)
    (data / "base").write_bytes(b"x" * 40000)
    (data / "pg_wal" / "1").write_bytes(b"x" * 20000)
    found = read(data)
    assert found.real_path == str(data)
    assert found.data_bytes >= 60000
    assert 20000 <= found.wal_bytes < 40000
    assert found.free_bytes > 0
    assert found.salvage_parent == str(tmp_path)
    assert (found.mount_point, found.parts, found.plain) == (False, (), True)
    assert found.salvage_device == found.device


def test_behind_a_link_the_real_directory_counts(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "main").symlink_to(tmp_path / "real")
    assert read(tmp_path / "main").real_path == str(tmp_path / "real")


def elsewhere(tmp_path):
    data = tmp_path / "main"
    (data / "pg_tblspc").mkdir(parents=True)
    (data / "inside").mkdir()
    (tmp_path / "fast").mkdir()
    (tmp_path / "ts" / FOLDER).mkdir(parents=True)
    (tmp_path / "ts" / FOLDER / "1").write_bytes(b"x" * 9000)
    (data / "pg_wal").symlink_to(tmp_path / "fast")
    (data / "pg_tblspc" / "16385").symlink_to(tmp_path / "ts")
    (data / "pg_tblspc" / "16386").symlink_to(data / "inside")
    return data


def test_what_lies_elsewhere(tmp_path):
    data = elsewhere(tmp_path)
    found = read(data, salvage_directory=str(tmp_path / "not" / "yet"))
    wal, space = found.parts
    assert (wal.name, wal.path, wal.entry, wal.old, wal.new) == ("pg_wal", str(tmp_path / "fast"), "", True, True)
    assert (space.name, space.path, space.entry) == ("pg_tblspc/16385", str(tmp_path / "ts"), FOLDER)
    assert (space.old, space.new) == (True, False), "the primary has dropped it"
    assert space.old_bytes >= 9000
    assert found.old_bytes == found.data_bytes + space.old_bytes
    assert not found.plain
    assert found.salvage_parent == str(tmp_path / "not" / "yet")


def test_tablespaces_of_the_primary_come_to_the_same_paths(tmp_path):
    outside = Tablespace(16385, str(tmp_path / "ts"), FOLDER, 500)
    inside = Tablespace(16386, str(tmp_path / "main" / "inside"), FOLDER, 7)
    server = primary(tablespaces=(outside, inside), data_directory=str(tmp_path / "main"))
    _wal, space = read(elsewhere(tmp_path), server=server).parts
    assert (space.old, space.new, space.new_bytes, space.problem) == (True, True, 500, "")


def problem(tmp_path, location, directory="/primary/data"):
    server = primary(tablespaces=(Tablespace(16385, location, FOLDER, 1),), data_directory=directory)
    return next(part.problem for part in read(tmp_path / "main", server=server).parts if part.new and part.entry)


def test_a_place_that_somebody_else_has_is_refused(tmp_path):
    (tmp_path / "ts" / FOLDER).mkdir(parents=True)
    assert "is no tablespace of this data directory" in problem(tmp_path, str(tmp_path / "ts"))
    assert problem(tmp_path, str(tmp_path / "free")) == ""


def test_a_tablespace_that_lies_elsewhere_here_is_refused(tmp_path):
    elsewhere(tmp_path)
    assert f"lies in {tmp_path / 'ts'} here and in /other on the primary" in problem(tmp_path, "/other")


def test_a_tablespace_inside_a_data_directory_of_another_path_is_refused(tmp_path):
    assert "which has another path here" in problem(tmp_path, "/primary/data/ts")


def test_an_exchange_that_was_cut_off_remembers_where_all_lies(tmp_path):
    data = elsewhere(tmp_path)
    where = read(data)
    staging.make_room(where, pwd.getpwuid(os.geteuid()).pw_name)
    data.rename(tmp_path / "gone")
    wal, space = sorted(read(data).parts)[::-1]
    assert (wal.name, wal.path, wal.new) == ("pg_wal", str(tmp_path / "fast"), True)
    assert (space.name, space.path, space.entry, space.old) == ("pg_tblspc/16385", str(tmp_path / "ts"), FOLDER, True)


def test_a_directory_that_is_not_there_yet(tmp_path):
    found = read(tmp_path / "a" / "main")
    assert (found.data_bytes, found.wal_bytes) == (0, 0)
    assert found.free_bytes > 0


def test_a_mount_point_is_seen():
    assert read("/proc").mount_point


def test_a_finished_copy_must_be_of_this_primary_as_it_is(tmp_path):
    new = tmp_path / "main.pgops-new"
    new.mkdir()
    (new / "data").mkdir()
    (new / "data" / "file").write_text("x")
    mark = {"complete": True, "method": "delta", "origin": disk.origin(primary())}
    (new / "pgops.json").write_text(json.dumps(mark))
    assert read(tmp_path / "main").finished_copy == "delta"
    assert not read(tmp_path / "main", server=primary(timeline=3)).finished_copy
    assert not read(tmp_path / "main", server=primary(server="10.1.7.108:5432")).finished_copy
    (new / "pgops.json").write_text(json.dumps(dict(mark, complete=False)))
    assert not read(tmp_path / "main").finished_copy
    (new / "pgops.json").write_text(json.dumps(mark))
    (new / "data" / "file").unlink()
    assert not read(tmp_path / "main").finished_copy, "it was moved into place already"


def test_mount_points_with_blanks_are_read(tmp_path, monkeypatch):
    assert "/proc" in disk.mount_points()
    table = tmp_path / "mountinfo"
    table.write_text("36 35 98:0 / /my\\040data rw - ext4 /dev/x rw\n")
    real = open
    monkeypatch.setattr("builtins.open", lambda _path, **options: real(table, **options))
    assert disk.mount_points() == frozenset({"/my data"})
