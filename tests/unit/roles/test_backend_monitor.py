# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script of the role, imported by its path: the decision, the questions to real sockets, and whom it wakes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import socket
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "roles" / "backend_monitor" / "files" / "backend_monitor.py"


def load_script():
    spec = importlib.util.spec_from_file_location("pgops_backend_monitor", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


monitor = load_script()
LOCAL = "127.0.0.1"


# ---- The decision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "silent_for", "cut_ago", "wake", "cut"),
    [
        ("answers", 0.0, None, False, False),
        ("refuses", 0.2, None, True, False),
        ("silent", 0.6, None, True, False),
        ("silent", 3.4, None, True, False),
        ("silent", 3.5, None, True, True),
        ("silent", 3.6, 0.1, True, False),
        ("silent", 3.8, 0.3, True, True),
        ("refuses", 5.0, None, True, False),
        ("silent", 10.1, 5.0, False, False),
        ("refuses", 10.1, None, False, False),
        ("silent", None, None, False, False),
        ("refuses", None, None, False, False),
    ],
)
def test_the_decision(verdict, silent_for, cut_ago, wake, cut):
    now = 1000.0
    seen = monitor.Seen(
        verdict, None if silent_for is None else now - silent_for, None if cut_ago is None else now - cut_ago
    )
    assert monitor.decide(seen, now=now, frozen_after=3.5, cut_every=0.15) == (wake, cut)


@pytest.mark.parametrize(
    ("verdict", "silent_for", "closed", "wake", "seconds"),
    [
        ("refuses", 0.2, None, True, 0.05),  # the second look of the health check follows the first one
        ("refuses", 0.6, 0.3, True, 0.05),
        ("refuses", 0.6, None, True, 0.15),
        ("refuses", 2.1, None, True, 1.0),
        ("silent", 0.2, None, True, 0.15),
        ("refuses", 11.0, None, False, 0.5),
    ],
)
def test_the_pace(verdict, silent_for, closed, wake, seconds):
    closed_at = None if closed is None else 1000.0 - closed
    seen, deed = monitor.Seen(verdict, 1000.0 - silent_for, None, closed_at), monitor.Deed(wake, cut=False)
    assert monitor.pause(seen, deed, now=1000.0, wake_every=0.15, period=0.5) == seconds


# ---- The question ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(kind):
    """A port that answers as PostgreSQL, hangs, ends without a word, or refuses."""
    listener = socket.socket()
    listener.bind((LOCAL, 0))
    port = listener.getsockname()[1]
    if kind == "refuses":
        listener.close()
        yield port, None
        return
    listener.listen(5)
    if kind == "hangs":
        yield port, None
        listener.close()
        return
    yield port, listener
    listener.close()


def test_a_server_answers_and_its_end_is_seen_at_once():
    async def play(port, listener):
        task = asyncio.ensure_future(monitor.ask(LOCAL, port, limit=5))
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        accepted, _address = await loop.sock_accept(listener)
        question = await loop.sock_recv(accepted, 8)
        await loop.sock_sendall(accepted, b"N")
        verdict, reader, writer = await task
        loop.call_later(0.05, accepted.close)
        begun = time.monotonic()
        closed = await monitor.until_closed(reader, limit=30)
        took = time.monotonic() - begun
        monitor.close(writer)
        return question, verdict, closed, took

    with server("answers") as (port, listener):
        question, verdict, closed, took = asyncio.run(play(port, listener))
    assert (question, verdict, closed) == (bytes.fromhex("0000000804d2162f"), "answers", True)
    assert took < 20


def test_an_open_connection_is_looked_at_for_one_period_only():
    async def play():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        closed = await monitor.until_closed(reader, limit=0.05)
        monitor.close(writer)
        theirs.close()
        return closed

    assert asyncio.run(play()) is False


def test_a_server_that_ends_while_it_is_asked_refuses():
    async def play(port, listener):
        task = asyncio.ensure_future(monitor.ask(LOCAL, port, limit=5))
        listener.setblocking(False)
        accepted, _address = await asyncio.get_running_loop().sock_accept(listener)
        accepted.close()
        return await task

    with server("answers") as (port, listener):
        assert asyncio.run(play(port, listener)) == ("refuses", None, None)


@pytest.mark.parametrize(("kind", "verdict"), [("refuses", "refuses"), ("hangs", "silent")])
def test_a_server_that_does_not_answer(kind, verdict):
    with server(kind) as (port, _listener):
        assert asyncio.run(monitor.ask(LOCAL, port, limit=0.2)) == (verdict, None, None)


# ---- Whom it wakes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def proc(tmp_path):
    """Processes as /proc shows them; pgpool is number 100."""
    pid_file = tmp_path / "pgpool.pid"
    pid_file.write_bytes(b"100\0")
    folder = tmp_path / "proc"

    def add(pid, title, parent):
        place = folder / str(pid)
        place.mkdir(parents=True)
        place.joinpath("cmdline").write_bytes(title.encode() + b"\0\0\0")
        place.joinpath("stat").write_text(f"{pid} (pgpool (x) y) S {parent} 1 1 0")

    folder.mkdir()
    return str(pid_file), str(folder), add


def test_the_health_checks_of_our_pgpool_are_found_and_nobody_else(proc):
    pid_file, folder, add = proc
    add(101, "pgpool: health check process(0)", 100)
    add(102, "pgpool: health check process(1)", 100)
    add(103, "pgpool: worker process", 100)
    add(104, "vi pgpool: health check process(0)", 100)
    add(105, "pgpool: health check process(2)", 1)  # of another pgpool
    add(106, "pgpool: health check process(x)", 100)
    pathlib.Path(folder, "self").mkdir()
    assert monitor.health_checks(pid_file, proc=folder) == {0: 101, 1: 102}


def test_without_a_pgpool_nobody_is_found(tmp_path):
    assert monitor.health_checks(str(tmp_path / "none")) == {}
    tmp_path.joinpath("empty").touch()
    assert monitor.health_checks(str(tmp_path / "empty")) == {}


def test_a_health_check_gets_a_sighup(monkeypatch):
    signals = []
    monkeypatch.setattr(monitor, "health_checks", lambda _file: {1: 4711})
    monkeypatch.setattr(monitor.os, "kill", lambda *words: signals.append(words))
    asleep = []
    monkeypatch.setattr(monitor, "sleeps", lambda _pid: bool(asleep))
    assert monitor.wake("/pid", 1) is False
    asleep.append(True)
    assert monitor.wake("/pid", 1) is True
    assert monitor.wake("/pid", 0) is False
    assert signals == [(4711, signal.SIGHUP)]


@pytest.mark.parametrize(
    ("wchan", "asleep"),
    [("hrtimer_nanosleep", True), ("do_select", False), ("poll_schedule_timeout", False), ("0", True), (None, True)],
)
def test_whether_a_process_sleeps(tmp_path, wchan, asleep):
    if wchan is not None:
        tmp_path.joinpath("7").mkdir()
        tmp_path.joinpath("7", "wchan").write_text(wchan)
    assert monitor.sleeps(7, proc=str(tmp_path)) is asleep


def test_a_command_that_hangs_is_ended(monkeypatch):
    wait_for = asyncio.wait_for
    monkeypatch.setattr(monitor.asyncio, "wait_for", lambda what, _limit: wait_for(what, 0.1))
    begun = time.monotonic()
    asyncio.run(monitor.cut([sys.executable, "-c", "import time; time.sleep(60)"]))
    assert time.monotonic() - begun < 30


# ---- A login that failover.sh shares ---------------------------------------------------------------------------------


def test_a_login_is_opened_again_when_it_ends_and_closed_with_the_service(tmp_path, monkeypatch):
    """A fake ssh that ends at once the first time; what an earlier one left in the way is gone before it starts."""
    tmp_path.joinpath("ssh").write_text(
        "#!/bin/bash\n"
        f'[ ! -e "{tmp_path}/10.1.7.106" ] || echo in the way >>{tmp_path}/log\n'
        f'echo "$*" >>{tmp_path}/log; touch "{tmp_path}/10.1.7.106"\n'
        f'[ "$(wc -l <{tmp_path}/log)" -ge 2 ] || exit 255\n'
        f"echo $$ >{tmp_path}/pid; exec sleep 60\n"
    )
    tmp_path.joinpath("ssh").chmod(0o755)
    tmp_path.joinpath("10.1.7.106").touch()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(monitor, "LOGIN_AGAIN", 0.01)

    async def play():
        task = asyncio.ensure_future(monitor.stay_logged_in(str(tmp_path), "postgres", "10.1.7.106"))
        deadline = time.monotonic() + 20
        while not tmp_path.joinpath("pid").exists() or not tmp_path.joinpath("pid").read_text():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        pid = int(tmp_path.joinpath("pid").read_text())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while pathlib.Path(f"/proc/{pid}/cmdline").exists() and pathlib.Path(f"/proc/{pid}/cmdline").read_text():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    asyncio.run(play())
    lines = tmp_path.joinpath("log").read_text().splitlines()
    assert len(lines) == 2 and lines[0] == lines[1]
    assert lines[0].startswith(f"-N -T -M -S {tmp_path}/10.1.7.106 ") and lines[0].endswith(" postgres@10.1.7.106")


# ---- Running ---------------------------------------------------------------------------------------------------------


class Story:
    """What a server answers one after the other, by a clock of its own; what was done about it."""

    def __init__(self, monkeypatch, *answers, others=()):
        self.others = dict(others)  # address -> what another server answers, always the same
        self.answers, self.now, self.done, self.ended = list(answers), 1000.0, [], []
        monkeypatch.setattr(monitor, "ask", self.ask)
        monkeypatch.setattr(monitor, "until_closed", self.wait)
        monkeypatch.setattr(monitor, "wake", lambda _file, backend: self.done.append(("wake", backend)))
        monkeypatch.setattr(monitor, "cut", self.cut)
        monkeypatch.setattr(monitor.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(monitor.asyncio, "sleep", self.sleep)

    async def ask(self, address, _port, *, limit):
        if address in self.others:
            return self.others[address], None, None
        if not self.answers:
            raise asyncio.CancelledError
        verdict = self.answers.pop(0)
        self.now += limit if verdict == "silent" else 0.0
        return verdict, None, None

    async def wait(self, _reader, *, limit):
        self.done.append("wait")
        self.now += limit
        return bool(self.ended and self.ended.pop(0))

    async def sleep(self, seconds):
        self.now += seconds

    async def cut(self, command):
        self.done.append(tuple(command))

    def play(self):
        backend = {"id": 1, "address": "db2", "port": 5432, "cut": ["cut"]}
        others = [{"id": number, "address": name, "port": 5432} for number, name in enumerate(self.others, 2)]
        config = {
            "backends": [backend, *others],
            "limit": 0.5,
            "period": 0.5,
            "wake_every": 0.15,
            "frozen_after": 1.5,
            "pid_file": "/pid",
        }
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(monitor.watch(config, backend))
        return self.done


def test_a_dead_server_wakes_the_health_check_until_it_answers_again(monkeypatch, capsys):
    story = Story(monkeypatch, "answers", "refuses", "refuses", "answers")
    assert story.play() == ["wait", ("wake", 1), ("wake", 1), "wait"]
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].partition(":5432) ")[2][:12] for line in said] == [
        "answers", "refuses conn", "answers agai",
    ]  # fmt: skip


def test_a_silent_server_does_not_keep_the_health_check_asleep(monkeypatch):
    """Noticed after 0.5 s and half a second without an answer; from then on woken every 0.3 s."""
    story = Story(monkeypatch, "answers", *["silent"] * 5)
    assert story.play() == ["wait", *[("wake", 1)] * 2, *[("cut",), ("wake", 1)] * 3]
    assert story.now == pytest.approx(1000 + 0.5 + 0.5 + 4 * 0.15 + 5 * 0.15)


def test_a_server_that_ends_a_connection_is_asked_often_and_no_connection_is_kept(monkeypatch):
    story = Story(monkeypatch, *["answers"] * 45)
    story.ended = [False, True]
    assert story.play() == ["wait"] * 4
    assert story.now == pytest.approx(1000 + 4 * 0.5 + 41 * 0.05)


def test_a_hanging_server_is_cut_off(monkeypatch):
    story = Story(monkeypatch, "answers", *["silent"] * 4)
    assert story.play() == ["wait", ("wake", 1), ("wake", 1), ("cut",), ("wake", 1), ("cut",), ("wake", 1)]


@pytest.mark.parametrize(
    ("answer", "others", "wakes"),
    [
        ("silent", {"db1": "silent"}, False),
        ("silent", {"db1": "silent", "db3": "silent"}, False),
        ("silent", {"db1": "silent", "db3": "answers"}, True),
        ("silent", {"db1": "refuses"}, True),
        ("silent", {}, True),
        ("refuses", {"db1": "silent"}, True),
    ],
)
def test_a_host_that_hears_of_no_server_hurries_nobody(monkeypatch, answer, others, wakes):
    """Its vote would count, until pgpool's life check has taken it away."""
    done = Story(monkeypatch, "answers", answer, others=others).play()
    assert [deed for deed in done if deed != "wait"][:1] == ([("wake", 1)] if wakes else [])


def test_a_host_that_hears_of_no_server_still_cuts_off_what_hangs(monkeypatch):
    """All of them may hang, and pgpool would read on without a limit."""
    done = Story(monkeypatch, "answers", *["silent"] * 4, others={"db1": "silent"}).play()
    assert ("cut",) in done and ("wake", 1) not in done


def test_a_server_that_never_answered_wakes_nobody(monkeypatch, capsys):
    story = Story(monkeypatch, "refuses", "silent", "refuses")
    assert story.play() == []
    assert "has not answered since this service started" in capsys.readouterr().out


def test_it_looks_once(tmp_path, capsys):
    with server("hangs") as (port, _listener):
        config = tmp_path / "config.json"
        config.write_text(json.dumps({
            "schema": 1, "limit": 0.1, "pid_file": str(tmp_path / "none"),
            "backends": [{"id": 0, "address": LOCAL, "port": port, "cut": []}],
        }))  # fmt: skip
        assert monitor.main(["--config", str(config), "--once"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "schema": 1,
        "backends": [{"id": 0, "address": LOCAL, "port": port, "verdict": "silent", "health_check": None}],
    }


def test_it_ends_when_told(tmp_path):
    with server("refuses") as (port, _listener):
        config = {
            "limit": 0.1, "period": 0.05, "wake_every": 0.05, "frozen_after": 1, "pid_file": str(tmp_path / "none"),
            "backends": [{"id": 0, "address": LOCAL, "port": port, "cut": []}], "logins": "", "user": "postgres",
        }  # fmt: skip

        async def play():
            asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(monitor.run(config), 20)
            return True

        assert asyncio.run(play())


@pytest.mark.parametrize("content", [None, "{", '{"schema": 2}'])
def test_settings_that_cannot_be_read_are_told(tmp_path, capsys, content):
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)
    assert monitor.main(["--config", str(config)]) == 1
    assert f"cannot read {config}" in capsys.readouterr().out
