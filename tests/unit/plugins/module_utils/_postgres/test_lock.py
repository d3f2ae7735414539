# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import lock

from tests.unit.rejoin_cases import FakeClock


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "recover.lock")


def hold(path, clock=None, timeout=3, data="/data/main"):
    return lock.hold(path, what="a test", data_directory=data, timeout=timeout, clock=clock or FakeClock())


def test_the_owner_writes_who_it_is_and_leaves_nothing(path):
    with hold(path):
        owner = lock.read_owner(path)
        assert (owner["pid"], owner["what"], owner["schema"]) == (os.getpid(), "a test", 1)
        assert lock.alive(owner)
    assert lock.read_owner(path) == {}


def test_a_second_one_waits_and_then_names_the_first(path):
    clock = FakeClock()
    with hold(path), pytest.raises(lock.Locked) as refused, hold(path, clock=clock):
        pass
    assert clock.time >= 1003.0
    assert f"process {os.getpid()} (alive)" in str(refused.value)
    assert "a test" in refused.value.seen
    assert refused.value.evidence["owner"]["pid"] == os.getpid()


def test_it_is_free_again_after_an_error(path):
    with pytest.raises(RuntimeError), hold(path):
        raise RuntimeError
    with hold(path):
        pass


def test_a_command_that_outlives_its_run_holds_the_lock(path):
    with hold(path) as descriptor:
        runner = LocalRunner(keep_fds=(descriptor,))
        runner.run(
            [sys.executable, "-c", "import os, time\nif os.fork() == 0:\n  os.closerange(0, 3)\n  time.sleep(1)"]
        )
    with pytest.raises(lock.Locked), hold(path, timeout=0):
        pass


def test_without_being_told_a_command_does_not_hold_it(path):
    with hold(path):
        LocalRunner().run([sys.executable, "-c", "import os, time\nif os.fork() == 0:\n  time.sleep(1)"], timeout=0.5)
    with hold(path, timeout=0):
        pass


GONE = {"pid": 2**22 - 1, "pid_start": 1}


def test_only_the_throwaway_commands_of_a_dead_owner_are_ended():
    ended = []
    workers = {11: "pg_basebackup", 12: "cp", 13: "pg_rewind", 14: "postgres"}
    lock.end_orphans(GONE, workers, kill=lambda pid, _signal: ended.append(pid))
    assert ended == [11, 12]


@pytest.mark.parametrize("owner", [{}, lock.myself()])
def test_commands_of_a_living_or_unknown_owner_are_left_alone(owner):
    lock.end_orphans(owner, {11: "pg_basebackup"}, kill=lambda *_arguments: pytest.fail("ended"))


def test_a_later_process_of_the_same_number_is_not_the_owner():
    assert not lock.alive(dict(lock.myself(), pid_start=1))


def test_commands_are_known_by_the_directory_that_they_were_given(tmp_path):
    data = tmp_path / "main"
    data.mkdir()
    program = tmp_path / "pg_rewind"
    program.symlink_to("/bin/sleep")
    script = f"import os; os.execv('{program}', ['pg_rewind', '5', '{data}'])"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        try:
            wanted = {process.pid: "pg_rewind"}
            for _attempt in range(100):
                if lock.program(process.pid) == "pg_rewind" or process.poll() is not None:
                    break
            found = lock.commands(str(data))
            assert found in (wanted, {})
            assert lock.commands("/elsewhere") == {}
        finally:
            process.kill()


def test_the_lock_is_a_flock_of_the_kernel(path):
    with hold(path), open(path, encoding="utf-8") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
