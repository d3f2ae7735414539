# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import (
    AuthenticationFailed,
    CommandFailed,
    PgopsError,
    Unreachable,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import Clock, CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import inspect
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import Layout
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.postmaster import Postmaster

CONTROL = dict.fromkeys(inspect._CONTROL_KEYS)
CONTROL.update(
    state="in production",
    timeline=1,
    checkpoint_lsn="0/3000028",
    min_recovery_end="0/34F8048",
    min_recovery_timeline=2,
    system_identifier="77",
    values={"secret": "not shown"},
)
PROCESS = Postmaster(4711, False, 1763860000, 5499, "/run/other", "ready")


def fail_with(error: Exception | None):
    if error is not None:
        raise error


class Session:
    major = 15

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        return None


class FakeClock(Clock):
    time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Node:
    """One PostgreSQL whose files are in a scratch directory; the attributes say how it behaves."""

    def __init__(self, folder):
        self.data, self.folder = folder / "data", folder
        self.layout = Layout(str(self.data), str(folder), "/bin", 5432, "/run", "pg", "15", "main", "postgres")
        self.control, self.process, self.orphans = dict(CONTROL), None, []
        self.connection_error = self.query_error = self.asked_layout = None
        self.found = {"role": "primary", "timeline": 2, "lsn": "0/5000060", "version": "15.18", "in_recovery": False}
        self.settings = {"data_directory": str(self.data)}

    def initialise(self):
        (self.data / "pg_wal").mkdir(parents=True)
        (self.data / "PG_VERSION").write_text("15\n")
        (self.data / "pg_wal" / "00000002.history").write_text("1\t0/34F8000\twhy\n")
        return self

    def standby(self):
        (self.data / "standby.signal").touch()
        (self.data / "postgresql.auto.conf").write_text(
            "primary_conninfo = 'host=db1 password=s3cret'\nprimary_slot_name = 'pgops_2'\n"
        )
        return self

    def run(self, argv, **_options):
        return CommandResult(tuple(argv), 0, "postgres (PostgreSQL) 15.18 (Debian)" if "--version" in argv else "", "")

    def connect(self, layout, **_options):
        self.asked_layout = layout
        fail_with(self.connection_error)
        return Session()

    def collect(self, _conn):
        fail_with(self.query_error)
        return dict(self.found, settings=dict(self.settings), control={"state": None})

    def inspect(self):
        return inspect.inspect_local(runner=self, layout=self.layout, clock=FakeClock())


def refusal(kind, seen):
    return kind("talk", server="db1", seen=seen, next_step="look")


@pytest.fixture
def node(tmp_path, monkeypatch):
    node = Node(tmp_path)
    monkeypatch.setattr(inspect.controldata, "read", lambda **_ports: node.control)
    monkeypatch.setattr(inspect.postmaster, "running", lambda _layout: node.process)
    monkeypatch.setattr(inspect.postmaster, "orphans", lambda _layout: node.orphans)
    monkeypatch.setattr(inspect.connect, "connect_local", node.connect)
    monkeypatch.setattr(inspect.evidence, "collect", node.collect)
    return node


def test_nothing_installed():
    facts = inspect.inspect_local(runner=None, layout=None)
    assert facts == inspect.blank()
    assert (facts["role"], facts["installed"], facts["running"]) == ("absent", False, False)


@pytest.mark.parametrize("content", [None, "empty", "lost+found"])
def test_installed_without_a_database(node, content):
    if content:
        node.data.mkdir()
    if content == "lost+found":
        (node.data / content).mkdir()
    facts = node.inspect()
    assert (facts["role"], facts["installed"], facts["version"], facts["major"]) == ("absent", True, "15.18", 15)
    assert facts["data_directory_exists"] is (content == "lost+found")
    assert facts["layout"]["port"] == 5432


def test_a_stopped_server_is_told_by_its_files(node):
    facts = node.initialise().inspect()
    assert (facts["role"], facts["last_role"], facts["running"], facts["accepting"]) == (
        "down",
        "primary",
        False,
        False,
    )
    assert (facts["timeline"], facts["lsn"], facts["system_identifier"]) == (2, "0/34F8048", "77")
    assert facts["history"] == [{"timeline": 1, "switch_lsn": "0/34F8000", "reason": "why"}]
    assert "values" not in facts["control"] and facts["error"] is None


def test_a_server_that_the_guard_ended_says_why(node, tmp_path, monkeypatch):
    node.initialise()
    monkeypatch.setattr(inspect.marks, "STATE_DIRECTORY", str(tmp_path))
    assert node.inspect()["fenced"] is None
    fence = {"time": "t", "code": "newer_primary", "reason": "db2 is a primary", "next_step": "recover"}
    (tmp_path / "fenced.json").write_text(json.dumps({**fence, "schema": 1, "evidence": {}}))
    assert node.inspect()["fenced"] == fence


@pytest.fixture
def guard_state(tmp_path, monkeypatch):
    """Write what the guard's service left that many seconds ago."""
    path = tmp_path / "guard-state.json"
    monkeypatch.setattr(inspect, "GUARD_STATE", str(path))

    def write(age=1, **more):
        path.write_text(json.dumps({"schema": 1, "host": "db1", **HELD, "code": "waiting", "decision": "wait", **more}))
        os.utime(path, (time.time() - age,) * 2)

    return write


HELD = {"time": "t", "reason": "cannot tell whether another server was promoted", "next_step": "on db1: permit"}


def test_a_server_that_its_guard_holds_back_says_what_for(node, guard_state):
    node.initialise()
    assert node.inspect()["held"] is None
    guard_state()
    assert node.inspect()["held"] == HELD
    node.process = PROCESS
    assert node.inspect()["held"] is None


@pytest.mark.parametrize("other", [{"age": 61}, {"code": "stopped", "decision": "go_on"}, {"decision": "refuse"}])
def test_who_does_not_wait_now_is_not_held_back(node, guard_state, other):
    node.initialise()
    guard_state(**other)
    assert node.inspect()["held"] is None


def test_a_stopped_standby_shows_no_password(node):
    node.control["state"] = "shut down in recovery"
    facts = node.initialise().standby().inspect()
    assert (facts["role"], facts["last_role"], facts["standby_signal"]) == ("down", "standby", True)
    assert (facts["primary_conninfo"], facts["primary_slot_name"]) == ("host=db1 password=********", "pgops_2")
    assert "s3cret" not in json.dumps(facts)


def test_no_pg_controldata(node):
    node.control = None
    facts = node.initialise().standby().inspect()
    assert (facts["role"], facts["last_role"], facts["timeline"], facts["control"]) == ("down", "standby", None, None)


def test_a_control_file_that_can_not_be_read_is_an_answer(node, monkeypatch):
    def read(**_ports):
        raise refusal(CommandFailed, "could not read")

    monkeypatch.setattr(inspect.controldata, "read", read)
    facts = node.initialise().inspect()
    assert (facts["role"], facts["error_code"]) == ("down", "command_failed")
    assert "could not read" in facts["error"]


def test_processes_that_outlive_the_server_count_as_running(node):
    node.orphans = [12, 13]
    facts = node.initialise().inspect()
    assert (facts["running"], facts["accepting"], facts["error_code"]) == (True, False, "orphaned_processes")
    assert "(12, 13)" in facts["error"] and facts["timeline"] == 2


def test_the_running_server_has_the_last_word(node):
    node.process, node.found["timeline"] = PROCESS, 3
    node.initialise().standby()
    node.settings.update(primary_conninfo="host=new password=s3cret", primary_slot_name="")
    facts = node.inspect()
    assert (facts["role"], facts["accepting"], facts["timeline"], facts["last_role"]) == ("primary", True, 3, "primary")
    assert facts["control"]["state"] == "in production"
    assert (facts["primary_conninfo"], facts["primary_slot_name"]) == ("host=new password=********", None)
    assert "settings" not in facts and "s3cret" not in json.dumps(facts)


def test_before_12_the_server_tells_no_conninfo(node):
    node.process = PROCESS
    facts = node.initialise().standby().inspect()
    assert facts["primary_conninfo"] == "host=db1 password=********"


def test_the_port_that_is_really_used_counts(node):
    node.process = PROCESS
    facts = node.initialise().inspect()
    assert (node.asked_layout.port, node.asked_layout.socket_directory) == (5499, "/run/other")
    assert (facts["layout"]["port"], facts["layout"]["socket_directory"]) == (5499, "/run/other")


def test_a_server_that_has_not_told_its_port_yet(node):
    node.process = PROCESS._replace(port=None, socket_directory=None)
    node.initialise().inspect()
    assert (node.asked_layout.port, node.asked_layout.socket_directory) == (5432, "/run")


@pytest.mark.parametrize("during", ["connection_error", "query_error"])
@pytest.mark.parametrize("kind", [Unreachable, AuthenticationFailed, CommandFailed])
def test_no_answer_is_an_answer_and_no_stale_timeline_is_given(node, during, kind):
    node.process = PROCESS
    setattr(node, during, refusal(kind, "the database system is starting up"))
    facts = node.initialise().inspect()
    assert (facts["role"], facts["running"], facts["accepting"]) == ("down", True, False)
    assert (facts["error"], facts["error_code"]) == ("db1: the database system is starting up", kind.code)
    assert (facts["timeline"], facts["lsn"], facts["history"]) == (None, None, [])
    assert (facts["last_role"], facts["start_time"]) == ("primary", "2025-11-23T01:06:40Z")


def test_a_single_user_server_is_not_spoken_to(node):
    node.process = PROCESS._replace(single_user=True)
    facts = node.initialise().inspect()
    assert (facts["running"], facts["accepting"], node.asked_layout) == (True, False, None)
    assert "single-user server (process 4711)" in facts["error"]


def test_the_answer_of_another_server_is_not_taken(node):
    node.process, node.settings = PROCESS, {"data_directory": "/srv/other"}
    facts = node.initialise().inspect()
    assert (facts["role"], facts["accepting"]) == ("down", False)
    assert "serves /srv/other" in facts["error"]


def test_a_symbolic_link_is_the_same_server(node):
    (node.folder / "link").symlink_to(node.initialise().data)
    node.process, node.settings = PROCESS, {"data_directory": str(node.folder / "link")}
    assert node.inspect()["accepting"] is True


def test_faults_of_the_task_itself_are_failures(node):
    node.process = PROCESS
    node.connection_error = PgopsError(
        "talk", server="h", seen="psycopg2 is missing", next_step="x", code="missing_library"
    )
    with pytest.raises(PgopsError, match="psycopg2"):
        node.initialise().inspect()


def test_a_data_directory_that_we_may_not_enter(node, monkeypatch):
    def listdir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(inspect.os, "listdir", listdir)
    with pytest.raises(PgopsError, match="become: true") as caught:
        node.inspect()
    assert caught.value.code == "permission_denied"


@pytest.fixture
def remote(node, monkeypatch):
    asked = []

    def open_session(*, replication=False, **options):
        asked.append((replication, options))
        return node.connect(None)

    monkeypatch.setattr(inspect.connect, "connect_remote", open_session)
    history = [{"timeline": 1, "switch_lsn": "0/300", "reason": ""}]
    monkeypatch.setattr(inspect.connect, "remote_history", lambda _conn, timeline: history * (timeline - 1))

    def read():
        facts = inspect.inspect_remote(host="db1", user="replication", pass_file="/p", timeout=3)
        return facts, asked

    return read


def test_remote(node, remote):
    node.settings.update(primary_conninfo="host=x password=s3cret")
    facts, asked = remote()
    assert set(facts) == set(inspect.blank())
    assert (facts["role"], facts["running"], facts["accepting"], facts["major"]) == ("primary", True, True, 15)
    assert (len(facts["history"]), facts["layout"], facts["standby_signal"]) == (1, None, None)
    assert [replication for replication, _options in asked] == [False, True]
    assert asked[1][1]["timeout"] == 3 and asked[1][1]["pass_file"] == "/p"
    assert "s3cret" not in json.dumps(facts)


def test_remote_on_timeline_1_needs_no_history(node, remote):
    node.found["timeline"] = 1
    facts, asked = remote()
    assert (facts["history"], len(asked)) == ([], 1)


def test_remote_that_does_not_answer(node, remote):
    node.connection_error = refusal(Unreachable, "connection refused")
    facts, _asked = remote()
    assert (facts["role"], facts["running"], facts["accepting"]) == ("down", None, False)
    assert (facts["error"], facts["error_code"]) == ("db1: connection refused", "unreachable")
