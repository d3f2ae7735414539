# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import time
from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import postmaster

ME = pwd.getpwuid(os.geteuid()).pw_name
TEXT = "4711\n/data\n1763860000\n5433\n/var/run/postgresql\n*\n  5433001  4\nready   \n"


def test_parse():
    assert postmaster.parse(TEXT) == postmaster.Postmaster(
        4711, False, 1763860000, 5433, "/var/run/postgresql", "ready"
    )


def test_a_server_that_has_only_begun_to_start():
    assert postmaster.parse("4711\n/data\n1763860000\n5433\n\n") == postmaster.Postmaster(
        4711, False, 1763860000, 5433, None, None
    )


def test_a_single_user_server_has_a_negative_number():
    process = postmaster.parse("-4711\n/data\n1763860000\n0\n\n\n")
    assert (process.pid, process.single_user) == (4711, True)


@pytest.mark.parametrize("text", ["", "nonsense\n", "\n1\n"])
def test_a_file_that_is_not_written_yet(text):
    assert postmaster.parse(text) is None


@pytest.fixture
def layout(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    return SimpleNamespace(data_directory=str(data), postgres_user=ME)


@contextlib.contextmanager
def process(name, folder, tmp_path):
    """A process called ``name`` that works in ``folder``."""
    program = tmp_path / name
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([str(program), "60"], cwd=folder) as child:
        try:
            # The kernel sets the name a moment after Popen has returned.
            while pathlib.Path(f"/proc/{child.pid}/comm").read_text().strip() != name:
                time.sleep(0.001)
            yield child.pid
        finally:
            child.kill()


def write_pid(layout, pid):
    pathlib.Path(layout.data_directory, "postmaster.pid").write_text(TEXT.replace("4711", str(pid)))


def test_running(layout, tmp_path):
    with process("postgres", layout.data_directory, tmp_path) as pid:
        write_pid(layout, pid)
        assert postmaster.running(layout).pid == pid
        assert postmaster.orphans(layout) == [pid]
    assert postmaster.running(layout) is None
    assert postmaster.orphans(layout) == []


def test_running_behind_a_symbolic_link(layout, tmp_path):
    (tmp_path / "link").symlink_to(layout.data_directory)
    with process("postgres", layout.data_directory, tmp_path) as pid:
        write_pid(layout, pid)
        linked = SimpleNamespace(data_directory=str(tmp_path / "link"), postgres_user=ME)
        assert postmaster.running(linked).pid == pid


@pytest.mark.parametrize(("name", "elsewhere"), [("postgres", True), ("bash", False)])
def test_a_number_that_belongs_to_somebody_else_by_now(layout, tmp_path, name, elsewhere):
    with process(name, str(tmp_path) if elsewhere else layout.data_directory, tmp_path) as pid:
        write_pid(layout, pid)
        assert postmaster.running(layout) is None
        assert postmaster.orphans(layout) == []


def test_without_the_right_to_look_the_name_and_the_owner_count(layout, tmp_path, monkeypatch):
    def acting_as(_user):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(postmaster, "acting_as", acting_as)
    with process("postgres", str(tmp_path), tmp_path) as pid:
        write_pid(layout, pid)
        assert postmaster.running(layout).pid == pid


def test_no_data_directory(tmp_path):
    assert postmaster.running(SimpleNamespace(data_directory=str(tmp_path / "none"), postgres_user=ME)) is None
