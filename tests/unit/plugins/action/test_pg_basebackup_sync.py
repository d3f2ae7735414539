# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.action import pg_basebackup_sync as action
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress_report import COMMAND

ENTRY = {"schema": 1, "run": "r", "step": "rewind", "done": 1024, "total": 2048, "rate": 1, "eta": 1, "seconds": 9.0}
LINE = "[db1] rewind: 1.0 KiB of 2.0 KiB (50%), 1 B/s, 1 s left"
BOUND = 10


class Connection:
    """A connection whose host writes a new progress file before each look."""

    def __init__(self):
        self.calls, self.looks, self.enough = [], 0, threading.Event()
        self.session = "the module's"

    def exec_command(self, command, in_data=None, sudoable=True):
        self.session = "ours"
        self.calls.append((command, sudoable))
        if len(self.calls) >= 4:
            self.enough.set()
        return 0, (json.dumps(dict(ENTRY, updated=len(self.calls))) + "\n").encode(), b""


class Eager:
    """A listener that is never tired."""

    def __init__(self):
        self.texts = []

    def wait(self, _now):
        return 0.001

    def hear(self, text, _now):
        self.texts.append(text)
        return json.loads(text)


class Screen:
    def __init__(self):
        self.lines, self.streams, self.seen = [], [], threading.Event()

    def display(self, line, stderr=False):
        self.lines.append(line)
        self.streams.append("stderr" if stderr else "stdout")
        self.seen.set()


@pytest.fixture
def screen(monkeypatch):
    fake = Screen()
    monkeypatch.setattr(action, "display", fake)
    monkeypatch.setattr(action, "Listener", Eager)
    return fake


def task(**changes):
    facts = {"check_mode": False, "no_log": False, "async_val": 0, "delegate_to": None}
    return SimpleNamespace(**dict(facts, **changes))


def play(monkeypatch, module, the_task=None, connection=None):
    """Run the action; ``module`` stands for what Ansible does for any module."""
    seen = []

    def run(_self, tmp=None, task_vars=None):
        seen.append((tmp, task_vars))
        return module()

    monkeypatch.setattr(action.NormalAction, "run", run)
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._task, plugin._connection = the_task or task(), connection or Connection()
    result = plugin.run("tmp", {"inventory_hostname": "db1"})
    assert seen == [("tmp", {"inventory_hostname": "db1"})], "once, with what came"
    return result


def test_the_result_is_that_of_the_module_and_lines_come_meanwhile(monkeypatch, screen):
    connection = Connection()
    result = play(monkeypatch, lambda: {"changed": connection.enough.wait(BOUND)}, connection=connection)
    assert result == {"changed": True}
    assert set(screen.lines) == {LINE}
    assert set(connection.calls) == {(COMMAND, False)}
    assert connection.session == "the module's", "its own session is left alone"


def test_nothing_is_said_after_the_module_has_ended(monkeypatch, screen):
    play(monkeypatch, lambda: {"changed": screen.seen.wait(BOUND)})
    before = len(screen.lines)
    assert not any(thread.name == "pgops-progress" and thread.join(BOUND) for thread in threading.enumerate())
    assert len(screen.lines) == before


def test_a_line_under_way_is_waited_for(monkeypatch, screen):
    """A worker that ended in the middle of it would keep the lock that all workers share."""
    started, go = threading.Event(), threading.Event()

    def slow(line, stderr=False):
        started.set()
        go.wait(BOUND)
        screen.lines.append(line)

    def module():
        started.wait(BOUND)
        threading.Timer(0.2, go.set).start()
        return {}

    monkeypatch.setattr(screen, "display", slow)
    play(monkeypatch, module)
    assert screen.lines == [LINE]


def test_a_line_that_hangs_does_not_hold_up_the_result(monkeypatch, screen):
    started, never = threading.Event(), threading.Event()

    def hang(_line, stderr=False):
        started.set()
        never.wait(BOUND)

    monkeypatch.setattr(action, "PATIENCE", 0.1)
    monkeypatch.setattr(screen, "display", hang)
    assert play(monkeypatch, lambda: {"changed": started.wait(BOUND)}) == {"changed": True}
    never.set()


def test_an_error_of_the_module_stays_what_it_is(monkeypatch, screen):
    def fail():
        raise RuntimeError("of the module")

    with pytest.raises(RuntimeError, match="of the module"):
        play(monkeypatch, fail)


def test_a_failure_to_look_is_silent(monkeypatch, screen):
    class Broken(Connection):
        def exec_command(self, command, in_data=None, sudoable=True):
            self.enough.set()
            raise OSError("no session")

    broken = Broken()
    assert play(monkeypatch, lambda: {"changed": broken.enough.wait(BOUND)}, connection=broken) == {"changed": True}
    assert screen.lines == []


@pytest.mark.parametrize("changes", [{"check_mode": True}, {"no_log": True}, {"async_val": 60}])
def test_where_nobody_listens_nobody_looks(monkeypatch, screen, changes):
    connection = Connection()
    play(monkeypatch, lambda: {"there": [t.name for t in threading.enumerate()]}, task(**changes), connection)
    assert connection.calls == []
    assert screen.lines == []


def test_a_delegated_task_names_both_hosts(monkeypatch, screen):
    play(monkeypatch, lambda: {"changed": screen.seen.wait(BOUND)}, task(delegate_to="db9"))
    assert screen.lines[0].startswith("[db1 -> db9] rewind:")


@pytest.mark.parametrize(
    ("callback", "stream"), [("default", "stdout"), ("ansible.posix.json", "stderr"), ("ansible.posix.jsonl", "stderr")]
)
def test_output_for_machines_stays_whole(monkeypatch, screen, callback, stream):
    monkeypatch.setattr(action.C, "DEFAULT_STDOUT_CALLBACK", callback)
    play(monkeypatch, lambda: {"changed": screen.seen.wait(BOUND)})
    assert set(screen.streams) == {stream}
