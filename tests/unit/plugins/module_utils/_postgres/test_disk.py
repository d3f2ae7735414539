# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import disk

from tests.unit.rejoin_cases import primary


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
    assert (found.mount_point, found.salvage_elsewhere, found.wal_elsewhere, found.tablespaces) == (
        False,
        False,
        None,
        (),
    )


def test_behind_a_link_the_real_directory_counts(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "main").symlink_to(tmp_path / "real")
    assert read(tmp_path / "main").real_path == str(tmp_path / "real")


def test_what_lies_elsewhere(tmp_path):
    data = tmp_path / "main"
    (data / "pg_tblspc").mkdir(parents=True)
    (tmp_path / "fast").mkdir()
    (tmp_path / "ts").mkdir()
    (data / "pg_wal").symlink_to(tmp_path / "fast")
    (data / "pg_tblspc" / "16385").symlink_to(tmp_path / "ts")
    found = read(data, salvage_directory=str(tmp_path / "not" / "yet"))
    assert found.wal_elsewhere == str(tmp_path / "fast")
    assert found.tablespaces == (str(tmp_path / "ts"),)
    assert found.salvage_parent == str(tmp_path / "not" / "yet")


def test_a_directory_that_is_not_there_yet(tmp_path):
    found = read(tmp_path / "a" / "main")
    assert (found.data_bytes, found.wal_bytes) == (0, 0)
    assert found.free_bytes > 0


def test_a_mount_point_is_seen():
    assert read("/proc").mount_point


def test_a_finished_copy_must_be_of_this_primary_as_it_is(tmp_path):
    new = tmp_path / "main.pgops-new"
    new.mkdir()
    mark = {"complete": True, "origin": disk.origin(primary())}
    (new / "pgops.json").write_text(json.dumps(mark))
    assert read(tmp_path / "main").finished_copy
    assert not read(tmp_path / "main", server=primary(timeline=3)).finished_copy
    assert not read(tmp_path / "main", server=primary(server="10.1.7.108:5432")).finished_copy
    (new / "pgops.json").write_text(json.dumps(dict(mark, complete=False)))
    assert not read(tmp_path / "main").finished_copy
