# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils import _follow
from ansible_collections.pgops.pgpool.plugins.module_utils._follow import KEPT, follow
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import Watch

ROOT = pathlib.Path(__file__).resolve().parents[4]


class Seen(Watch):
    """A watch that writes down what it is told."""

    def __init__(self):
        self.lines, self.ticks = [], []

    def line(self, text):
        self.lines.append(text)

    def tick(self, pid):
        self.ticks.append(pid)


def run(script, *, stdin=None, timeout=20.0):
    seen = Seen()
    pipe = subprocess.PIPE
    options = {"stdin": None if stdin is None else pipe, "stdout": pipe, "stderr": pipe, "start_new_session": True}
    process = subprocess.Popen(["sh", "-c", script], **options)
    out, err, late = follow(
        process, stdin=stdin, watch=seen, timeout=timeout, end=lambda pid: os.killpg(pid, signal.SIGKILL)
    )
    return process, out, err, late, seen


def test_both_streams_are_handed_on_in_pieces_and_returned():
    process, out, err, late, seen = run(r"printf 'a\nb\rc'; printf '1\r\n2\n' >&2; exit 3")
    assert (process.returncode, out, err, late) == (3, b"a\nb\rc", b"1\r\n2\n", False)
    assert sorted(seen.lines) == ["1", "2", "a", "b", "c"]


def test_a_piece_comes_as_soon_as_it_ends():
    """The command goes on only when its first line was heard."""
    fifo = []

    class Answering(Seen):
        def line(self, text):
            super().line(text)
            fifo.append(text)
            process.stdin.write(b"go\n")
            process.stdin.flush()

    pipe = subprocess.PIPE
    process = subprocess.Popen(["sh", "-c", "echo one; read word; exit 7"], stdin=pipe, stdout=pipe, stderr=pipe)
    _out, _err, late = follow(process, stdin=None, watch=Answering(), timeout=20.0, end=os.kill)
    process.stdin.close()
    assert (fifo, process.returncode, late) == (["one"], 7, False)


def test_what_is_not_text_does_not_matter():
    assert run(r"printf '\377x\n'")[4].lines == ["\ufffdx"]


def test_only_the_end_of_each_stream_is_kept():
    _process, out, err, _late, seen = run("seq 1 100000; echo end >&2")
    assert len(out) == KEPT
    assert out.endswith(b"\n99999\n100000\n")
    assert err == b"end\n"
    assert len(seen.lines) == 100001


def test_a_line_that_does_not_end_is_not_collected():
    seen = run("head -c 1000000 /dev/zero | tr '\\0' x")[4]
    assert [len(line) for line in seen.lines] == [_follow.LONGEST]


@pytest.mark.parametrize("text", [b"", b"x" * 300000])
def test_standard_input_is_written_while_output_is_read(text):
    _process, out, _err, _late, seen = run("cat | tee /dev/stderr | wc -c", stdin=text)
    assert int(out) == len(text)
    assert str(len(text)) in [line.strip() for line in seen.lines]


def test_a_command_that_does_not_read_its_input_is_no_error():
    assert run("exec <&-; sleep 0.2; exit 4", stdin=b"x" * 300000)[0].returncode == 4


def test_a_command_whose_time_is_up_is_ended_with_its_children():
    begun = time.monotonic()
    process, out, _err, late, _seen = run("echo early; sleep 60 & sleep 60", timeout=0.3)
    assert time.monotonic() - begun < 10
    assert (out, late, process.returncode) == (b"early\n", True, -signal.SIGKILL)


def test_ticks_come_while_it_runs_and_name_the_process(monkeypatch):
    monkeypatch.setattr(_follow, "TICK", 0.05)
    process, _out, _err, _late, seen = run("sleep 0.5")
    assert 3 <= len(seen.ticks) <= 12
    assert set(seen.ticks) == {process.pid}


def test_a_command_that_closed_its_output_is_followed_to_its_end(monkeypatch):
    monkeypatch.setattr(_follow, "TICK", 0.05)
    process, _out, _err, late, seen = run("exec >&- 2>&-; sleep 0.5; exit 5")
    assert (process.returncode, late) == (5, False)
    assert len(seen.ticks) >= 3
    assert run("exec >&- 2>&-; sleep 60", timeout=0.2)[3] is True


GROWTH = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress import Meter, Progress, pg_rewind
from ansible_collections.pgops.pgpool.plugins.module_utils._local import SystemClock

def most():
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))

line = "  123456/4242424 kB (2%) copied" + " " * 368 + "\\\\n"
argv = [sys.executable, "-c", f"import sys\\nfor n in range(500): sys.stdout.write('{line}' * 1000)"]
meter = Meter(Progress(), SystemClock(), "rewind", pg_rewind)
before = most()
answer = LocalRunner().run(argv, watch=meter if sys.argv[2] == "watched" else None)
print(answer.rc, len(answer.stdout), meter.done, most() - before)
"""


@pytest.mark.parametrize("how", ["watched", "alone"])
def test_memory_stays_small_however_much_is_printed(how):
    """200 MB. Without a watch all is kept: that proves the measure, the peak of a process of its own."""
    argv = [sys.executable, "-c", GROWTH, str(ROOT / "playbooks" / "collections"), how]
    words = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    kilobytes = int(words.pop())
    if how == "alone":
        assert words == ["0", "200000000", "None"]
        assert kilobytes > 150000
    else:
        assert words == ["0", str(KEPT), str(123456 * 1024)]
        assert kilobytes < 8000


def test_a_command_is_ended_when_enough_is_known():
    class Reader(Seen):
        def line(self, text):
            super().line(text)
            self.enough = self.enough or text == "that is it"

    seen, pipe = Reader(), subprocess.PIPE
    script = "echo first; echo that is it; while :; do echo more; sleep 0.05; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=pipe, stderr=pipe, start_new_session=True)
    out, _err, late = follow(
        process, stdin=None, watch=seen, timeout=20.0, end=lambda pid: os.killpg(pid, signal.SIGKILL)
    )
    assert out.startswith(b"first\nthat is it\n")
    assert late is False
    assert process.returncode == -signal.SIGKILL
