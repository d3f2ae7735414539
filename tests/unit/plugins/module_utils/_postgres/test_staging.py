# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exchange of directories, killed before each single change of the file system and run again."""

from __future__ import annotations

import contextlib
import os
import pwd

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import PgopsError, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import disk, marks, staging
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tablespace

from tests.unit.rejoin_cases import primary

USER = pwd.getpwuid(os.geteuid()).pw_name
FOLDER = "PG_15_2022"
CHANGES = ("rename", "replace", "unlink", "rmdir", "mkdir", "symlink", "chmod")


class Killed(BaseException):
    """What SIGKILL does: nothing of ours runs any more."""


class Server:
    """A data directory with a tablespace and pg_wal elsewhere, or none of that; ``old`` or ``new`` is in each file."""

    def __init__(self, folder, monkeypatch, *, mounted, parts):
        self.folder, self.real, self.mounted = folder, folder / "main", mounted
        self.space, self.wal = folder / "space", folder / "wal"
        self.spaces = (Tablespace(16385, str(self.space), FOLDER, 100),) if parts else ()
        self.primary = primary(slot=None, sender=None, tablespaces=self.spaces, data_directory="/primary/data")
        points = frozenset({str(self.real)} if mounted else ())
        monkeypatch.setattr(disk, "mount_points", lambda: points)
        self.fill(self.real, self.space, self.wal, "old")

    def fill(self, data, space, wal, word):
        for name in ("global", "base"):
            (data / name).mkdir(parents=True)
            (data / name / "file").write_text(word)
        (data / "PG_VERSION").write_text("15")
        if not self.spaces:
            (data / "pg_wal").mkdir()
            (data / "pg_wal" / "1").write_text(word)
            return
        (data / "pg_tblspc").mkdir()
        (data / "pg_tblspc" / "16385").symlink_to(self.space)
        (space / FOLDER).mkdir(parents=True)
        (space / FOLDER / "file").write_text(word)
        wal.mkdir(exist_ok=True)
        (wal / "1").write_text(word)
        (data / "pg_wal").symlink_to(self.wal)

    def seen(self):
        return disk.read(str(self.real), salvage_directory=None, primary=self.primary)

    def stage(self):
        """A complete copy, as the methods leave it."""
        where = self.seen()
        staging.make_room(where, USER, method="delta", origin=disk.origin(self.primary))
        for part in where.parts:
            os.mkdir(staging.part_data(part))
        data = staging.data_of(where)
        self.fill(self.folder / data, self.space / "pgops-new" / "data", self.wal / "pgops-new" / "data", "new")
        if self.spaces:
            staging.settle_links(where, self.spaces, data)
        staging.write_mark(where, complete=True, method="delta", origin=disk.origin(self.primary))

    def words(self):
        """What each file says, by its path as the server sees it; a walk follows the links."""
        walk = os.walk(self.real, followlinks=True)
        paths = [os.path.join(folder, name) for folder, _folders, files in walk for name in files]
        found = {}
        for path in paths:
            with open(path, encoding="ascii") as stream:
                found[os.path.relpath(path, self.real)] = stream.read()
        return found


LAYOUTS = {
    "plain": {"mounted": False, "parts": False},
    "mounted": {"mounted": True, "parts": False},
    "parts": {"mounted": False, "parts": True},
    "mounted, parts": {"mounted": True, "parts": True},
}


@pytest.fixture(params=LAYOUTS)
def server(request, tmp_path, monkeypatch):
    return Server(tmp_path, monkeypatch, **LAYOUTS[request.param])


def only_new(server):
    found = server.words()
    assert set(found.values()) == {"15", "new"}, found
    expected = {"PG_VERSION", "base/file", "global/file", "pg_wal/1"}
    assert set(found) == expected | ({f"pg_tblspc/16385/{FOLDER}/file"} if server.spaces else set())


def exchange(server, kept=""):
    where = server.seen()
    assert where.finished_copy == "delta"
    staging.exchange(where, USER, kept)


def test_the_new_copy_comes_into_place_and_the_old_one_waits(server):
    server.stage()
    exchange(server)
    where = server.seen()
    parked = staging.old_root(str(server.real), server.mounted)
    with open(os.path.join(parked, "global", "file"), encoding="ascii") as stream:
        assert stream.read() == "old"
    staging.clear(where)
    only_new(server)
    assert sorted(path.name for path in server.folder.iterdir()) == sorted(
        ["main", "space", "wal"] if server.spaces else ["main"]
    )


def kill_before(monkeypatch, number):
    """Raise ``Killed`` in place of the change with this number; returns how many were made."""
    made = [0]

    def counted(name):
        real = getattr(os, name)

        def change(*arguments, **options):
            made[0] += 1
            if made[0] == number:
                raise Killed(name)
            return real(*arguments, **options)

        return change

    for name in CHANGES:
        monkeypatch.setattr(os, name, counted(name))
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_killed_before_any_change_the_next_run_completes_it(layout, tmp_path):
    """Walks all changes of the file system that an exchange makes."""
    number, ended = 0, False
    while not ended:
        number += 1
        with pytest.MonkeyPatch.context() as outer:
            folder = tmp_path / str(number)
            folder.mkdir()
            server = Server(folder, outer, **LAYOUTS[layout])
            server.stage()
            with pytest.MonkeyPatch.context() as inner:
                kill_before(inner, number)
                try:
                    exchange(server)
                    ended = True
                except Killed:
                    pass
            control = server.real / "global" / "file"
            if control.exists() and not (server.real / "PG_VERSION").exists():
                pytest.fail(f"killed before change {number}: half a directory has a control file")
            if staging.staged(str(server.real), server.mounted):
                exchange(server)
            staging.clear(server.seen())
            only_new(server)
    assert number > {"plain": 5, "mounted": 15, "parts": 15, "mounted, parts": 25}[layout]


def test_what_is_kept_is_moved_whole(tmp_path, monkeypatch):
    server = Server(tmp_path, monkeypatch, mounted=False, parts=False)
    server.stage()
    (tmp_path / "kept").mkdir()
    exchange(server, str(tmp_path / "kept"))
    assert (tmp_path / "kept" / "data" / "base" / "file").read_text() == "old"
    only_new(server)


def test_a_copy_that_lost_its_primary_makes_room_and_the_old_directory_comes_back(tmp_path, monkeypatch):
    server = Server(tmp_path, monkeypatch, mounted=False, parts=False)
    server.stage()
    with pytest.MonkeyPatch.context() as inner:
        made = kill_before(inner, 0)
        exchange(server)
    for number in range(1, made[0]):
        folder = tmp_path / str(number)
        folder.mkdir()
        again = Server(folder, monkeypatch, mounted=False, parts=False)
        again.stage()
        with pytest.MonkeyPatch.context() as inner:
            kill_before(inner, number)
            with pytest.raises(Killed):
                exchange(again)
        again.primary = again.primary._replace(timeline=3)  # failed over meanwhile: this copy is of no use
        where = again.seen()
        assert where.finished_copy == ""
        staging.unpark(where)
        # Killed between the note and the rename, the mark of a parked directory is in it; it does no harm.
        found = {word for path, word in again.words().items() if not path.startswith(staging.MARK)}
        assert found in ({"old", "15"}, {"new", "15"})


def test_links_lead_to_the_final_places(tmp_path, monkeypatch):
    server = Server(tmp_path, monkeypatch, mounted=False, parts=True)
    data = tmp_path / "copy"
    (data / "pg_tblspc").mkdir(parents=True)
    (data / "pg_tblspc" / "16385").symlink_to("/staged/here")
    (data / "pg_wal").mkdir()
    staging.settle_links(server.seen(), server.spaces, str(data))
    assert os.readlink(data / "pg_tblspc" / "16385") == str(server.space)
    assert os.readlink(data / "pg_wal") == str(server.wal)


def test_tablespaces_inside_follow_the_directory_also_when_they_were_made_through_a_link(tmp_path):
    (tmp_path / "real" / "inside").mkdir(parents=True)
    (tmp_path / "main").symlink_to(tmp_path / "real")
    (tmp_path / "kept" / "pg_tblspc").mkdir(parents=True)
    (tmp_path / "kept" / "pg_tblspc" / "1").symlink_to(tmp_path / "main" / "inside")
    staging.repoint(str(tmp_path / "kept"), str(tmp_path / "real"), str(tmp_path / "kept"))
    assert os.readlink(tmp_path / "kept" / "pg_tblspc" / "1") == str(tmp_path / "kept" / "inside")


def test_tablespaces_inside_follow_the_directory(tmp_path):
    (tmp_path / "kept" / "pg_tblspc").mkdir(parents=True)
    (tmp_path / "kept" / "pg_tblspc" / "1").symlink_to("/data/main/inside")
    (tmp_path / "kept" / "pg_tblspc" / "2").symlink_to("/data/mainly/outside")
    staging.repoint(str(tmp_path / "kept"), "/data/main", str(tmp_path / "kept"))
    assert os.readlink(tmp_path / "kept" / "pg_tblspc" / "1") == str(tmp_path / "kept" / "inside")
    assert os.readlink(tmp_path / "kept" / "pg_tblspc" / "2") == "/data/mainly/outside"


def test_a_strangers_directory_in_the_way_stays(server):
    root = staging.new_root(str(server.real), server.mounted)
    os.mkdir(root)
    with open(os.path.join(root, "file"), "w", encoding="ascii") as stream:
        stream.write("x")
    with pytest.raises(Refused, match="does not carry our mark"):
        staging.make_room(server.seen(), USER)
    assert os.path.exists(os.path.join(root, "file"))


def test_a_strangers_directory_with_the_name_of_a_parked_one_is_never_removed(server):
    root = staging.old_root(str(server.real), server.mounted)
    os.mkdir(root)
    with open(os.path.join(root, "file"), "w", encoding="ascii") as stream:
        stream.write("x")
    staging.clear(server.seen())
    server.stage()
    with pytest.raises(Refused, match="does not carry our mark"):
        exchange(server)
    assert os.path.exists(os.path.join(root, "file"))


def test_what_a_killed_run_left_of_a_copy_is_replaced(server):
    server.stage()
    where = server.seen()
    staging.make_room(where, USER)
    assert not staging.staged(str(server.real), server.mounted)
    assert not marks.read_json(os.path.join(staging.new_root(str(server.real), server.mounted), staging.MARK))[
        "complete"
    ]


def test_where_there_is_no_room_for_both_the_old_content_goes(server):
    staging.discard(server.seen())
    assert server.words() == {}
    assert server.real.is_dir()
    if server.spaces:
        assert not (server.space / FOLDER).exists()
        assert server.space.is_dir()


def test_files_that_came_meanwhile_are_not_overwritten(server):
    where = server.seen()
    staging.require_as_planned(where, absent=False)
    with pytest.raises(PgopsError, match="is not empty"):
        staging.require_as_planned(where, absent=True)


@pytest.mark.parametrize("mounted", [False, True])
def test_an_old_tree_whose_removal_was_killed_anywhere_is_still_known_as_ours(tmp_path, monkeypatch, mounted):
    server = Server(tmp_path, monkeypatch, mounted=mounted, parts=False)
    server.stage()
    staging.exchange(server.seen(), USER)
    unlink, rmdir, count = os.unlink, os.rmdir, 0
    for name, real in (("unlink", unlink), ("rmdir", rmdir)):

        def once(path, *args, real=real, **options):
            nonlocal count
            count += 1
            real(path, *args, **options)
            raise Killed

        monkeypatch.setattr(os, name, once)
    while staging.cleared(server.seen()):
        with contextlib.suppress(Killed):
            staging.clear(server.seen())
    assert count > 5
    assert list(tmp_path.rglob("*pgops-old*")) == []
