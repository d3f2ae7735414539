# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import SystemClock
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import later, lock


def eventually(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def started(tmp_path):
    """A run that has ended and left its last work to another process."""
    seen, go = tmp_path / "seen", tmp_path / "go"

    def task():
        files = sorted(os.listdir("/proc/self/fd"), key=int)
        tmp_path.joinpath("new").write_text(" ".join([str(os.getsid(0)), *files]), encoding="utf-8")
        tmp_path.joinpath("new").rename(seen)
        end = time.monotonic() + 30
        while not go.exists() and time.monotonic() < end:
            time.sleep(0.02)

    path, clock = str(tmp_path / "path"), SystemClock()
    other = os.open(os.devnull, os.O_RDONLY)
    with lock.hold(path, what="a run", data_directory="/d", timeout=3, clock=clock) as descriptor:
        number = later.detach(task, descriptor=descriptor, what="the removal")
    os.close(other)
    yield tmp_path, descriptor, number
    go.touch()


def test_the_process_outlives_the_run_and_the_lock_names_it_until_it_is_through(started):
    folder, _descriptor, number = started
    path, clock = str(folder / "path"), SystemClock()
    owner = lock.read_owner(path)
    assert (owner["pid"], owner["what"], lock.alive(owner)) == (number, "the removal", True)
    with pytest.raises(lock.Locked, match="the removal"), lock.hold(
        path, what="next", data_directory="/d", timeout=0.1, clock=clock
    ):
        pass
    folder.joinpath("go").touch()
    with lock.hold(path, what="next", data_directory="/d", timeout=20, clock=clock):
        assert lock.read_owner(path)["what"] == "next"


def test_it_has_a_session_of_its_own_and_no_file_but_the_lock(started):
    folder, descriptor, _number = started
    eventually(folder.joinpath("seen").exists)
    session, *open_files = folder.joinpath("seen").read_text(encoding="utf-8").split()
    assert int(session) != os.getsid(0)
    assert {"0", "1", "2", str(descriptor)} <= set(open_files)
    assert len(open_files) == 5, "more than these and the listing itself"


def test_a_task_that_fails_frees_the_lock(tmp_path):
    path = str(tmp_path / "path")

    def task():
        raise OSError("the disk is gone")

    with lock.hold(path, what="a run", data_directory="/d", timeout=3, clock=SystemClock()) as descriptor:
        later.detach(task, descriptor=descriptor, what="the removal")
    with lock.hold(path, what="next", data_directory="/d", timeout=20, clock=SystemClock()):
        pass


def test_no_process_is_an_error(tmp_path, monkeypatch):
    forked = []

    def fork_once(real=os.fork):
        if forked:
            raise OSError("no process")
        forked.append(True)
        return real()

    monkeypatch.setattr(os, "fork", fork_once)
    path = str(tmp_path / "path")
    with lock.hold(path, what="a run", data_directory="/d", timeout=3, clock=SystemClock()) as descriptor:
        with pytest.raises(OSError, match="the removal"):
            later.detach(lambda: None, descriptor=descriptor, what="the removal")
        assert lock.read_owner(path)["what"] == "a run"
