# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import Watch


class Seen(Watch):
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)

    def tick(self, pid):
        pass


@pytest.fixture(params=[False, True], ids=["alone", "watched"], name="watch")
def _watch(request):
    """What holds for a command holds for one that is watched."""
    return Seen() if request.param else None


def test_what_it_printed_and_how_it_ended(watch):
    answer = LocalRunner().run(["sh", "-c", "echo out; echo err >&2; exit 3"], watch=watch)
    assert (answer.rc, answer.stdout, answer.stderr) == (3, "out\n", "err\n")
    assert answer.argv == ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert watch is None or sorted(watch.lines) == ["err", "out"]


def test_a_missing_program(watch):
    assert LocalRunner().run(["/no/such/program"], watch=watch).rc == 127


def test_a_command_whose_time_is_up(watch):
    answer = LocalRunner().run(["sh", "-c", "echo early; sleep 60"], timeout=0.3, watch=watch)
    assert (answer.rc, answer.stdout) == (None, "early\n")


def test_standard_input(watch):
    assert LocalRunner().run(["cat"], stdin="wörds", watch=watch).stdout == "wörds"


def test_only_the_descriptors_to_keep_stay_open(watch, tmp_path):
    kept, other = (os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in "ab")
    os.set_inheritable(other, True)
    try:
        script = f"[ -e /proc/$$/fd/{kept} ] && echo kept; [ -e /proc/$$/fd/{other} ] && echo other; true"
        assert LocalRunner(keep_fds=(kept,)).run(["sh", "-c", script], watch=watch).stdout == "kept\n"
    finally:
        os.close(kept)
        os.close(other)


def test_the_environment_is_clean(watch, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "x")
    answer = LocalRunner().run(["env"], env={"MORE": "1"}, watch=watch)
    assert "PGPASSWORD" not in answer.stdout
    assert "LC_ALL=C.UTF-8" in answer.stdout
    assert "MORE=1" in answer.stdout


def test_a_command_that_holds_the_lock_does_not_die_of_our_death(tmp_path):
    """Nobody reads what it prints any more; pg_rewind has to come to its end all the same."""
    kept = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    script = f"sleep 0.3; echo words; echo words >&2; touch {tmp_path}/end"
    code = "import sys; from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner;"
    code += f"LocalRunner(keep_fds=({kept},)).run(['bash', '-c', sys.argv[1]], timeout=None)"
    path = os.pathsep.join(sys.path)
    run = subprocess.Popen(
        [sys.executable, "-c", code, script], pass_fds=(kept,), env=dict(os.environ, PYTHONPATH=path)
    )
    deadline = time.monotonic() + 20
    while subprocess.run(["pgrep", "-P", str(run.pid)], check=False, stdout=subprocess.DEVNULL).returncode:
        assert time.monotonic() < deadline
    run.kill()
    run.wait(5)
    os.close(kept)
    while not (tmp_path / "end").exists():
        assert time.monotonic() < deadline, "it ended at its first word"
        time.sleep(0.05)


def test_a_command_for_whose_end_nobody_waits(tmp_path):
    ended = LocalRunner().begin(["sh", "-c", f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"])
    assert not ended()
    (tmp_path / "go").touch()
    deadline = time.monotonic() + 10
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended()
