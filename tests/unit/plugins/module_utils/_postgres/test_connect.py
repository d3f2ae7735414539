# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd
import socket
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import (
    AuthenticationFailed,
    CommandFailed,
    PgopsError,
    Unreachable,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import connect, sqlerrors

ME = pwd.getpwuid(os.geteuid()).pw_name


class DriverError(Exception):
    pgcode = None


class Raw:
    """An asynchronous psycopg2 connection: ready at once, or silent for ever (its socket never speaks)."""

    server_version = 150018

    def __init__(self, rows=(), error=None, silent=False):
        self.rows, self.error, self.silent = rows, error, silent
        self.statements, self.closed, self.description = [], False, None
        self.pair = socket.socketpair()

    def poll(self):
        if self.error is not None and self.statements:
            raise self.error
        return 1 if self.silent else 0

    def fileno(self):
        return self.pair[0].fileno()

    def close(self):
        self.closed = True

    def cursor(self):
        return self

    def execute(self, sql, args):
        self.statements.append((sql, args))
        self.description = [("a",), ("b",)] if self.rows else None

    def fetchall(self):
        return list(self.rows)


def session(raw, timeout=5, **options):
    return connect.Connection(raw, server="db1", timeout=timeout, driver=SimpleNamespace(Error=DriverError), **options)


def failure(text, sqlstate=None):
    error = DriverError(text)
    error.pgcode = sqlstate
    return error


@pytest.fixture
def driver(monkeypatch):
    """psycopg2 replaced by something that keeps what it was asked and the environment at that moment."""
    seen = SimpleNamespace(raw=Raw(), error=None, parameters=None, environment=None)

    def open_session(**parameters):
        seen.parameters, seen.environment = parameters, dict(os.environ)
        if seen.error:
            raise seen.error
        return seen.raw

    monkeypatch.setattr(connect, "_driver", lambda: SimpleNamespace(connect=open_session, Error=DriverError))
    return seen


def remote(**options):
    given = {"host": "db1", "port": 5432, "user": "replication", "pass_file": "/p", "dbname": "postgres"}
    return connect.connect_remote(**dict(given, sslmode="require", timeout=3, os_user=ME, **options))


def test_rows_are_dicts():
    raw = Raw([(1, "x"), (2, "y")])
    assert connect.query(session(raw), "SELECT %s", ("v",)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert connect.query_one(session(raw), "SELECT 1") == {"a": 1, "b": "x"}
    assert raw.statements == [("SELECT %s", ("v",)), ("SELECT 1", None)]


def test_a_command_has_no_rows():
    assert connect.query(session(Raw()), "CHECKPOINT") == []
    assert connect.query_one(session(Raw()), "CHECKPOINT") is None


def test_a_longer_limit_reaches_the_server_and_is_taken_back():
    raw = Raw([(1, 2)])
    conn = session(raw)
    connect.query(conn, "SLOW", timeout=60)
    connect.query(conn, "QUICK")
    connect.query(conn, "QUICK")
    statements = [sql for sql, _args in raw.statements]
    assert statements == ["SET statement_timeout = 60000", "SLOW", "SET statement_timeout = 5000", "QUICK", "QUICK"]


def test_a_replication_connection_knows_no_set():
    raw = Raw([(1, 2)])
    connect.query(session(raw, replication=True), "IDENTIFY_SYSTEM", timeout=60)
    assert [sql for sql, _args in raw.statements] == ["IDENTIFY_SYSTEM"]


def test_a_server_that_falls_silent_is_unreachable_in_time():
    raw = Raw(silent=True)
    with pytest.raises(Unreachable, match=r"db1: no answer within 0.05 s to: SELECT 1"):
        connect.query(session(raw, timeout=0.05), "SELECT 1")
    assert raw.closed


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failure("connection already closed"), Unreachable),
        (failure("FATAL: terminating connection", "57P01"), Unreachable),
        (failure("server closed the connection", "08006"), Unreachable),
        (failure("permission denied for function x", "42501"), CommandFailed),
        (failure("canceling statement due to statement timeout", "57014"), CommandFailed),
        (failure("syntax error", "42601"), CommandFailed),
    ],
)
def test_errors_of_queries(error, expected):
    with pytest.raises(expected) as caught:
        connect.query(session(Raw(error=error)), "SELECT 1\nFROM t")
    assert caught.value.server == "db1"
    assert str(error) in caught.value.seen
    if expected is CommandFailed:
        assert caught.value.evidence == {"sqlstate": error.pgcode}


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("connection refused", Unreachable, "unreachable"),
        ("FATAL:  the database system is starting up", Unreachable, "not_accepting"),
        ("FATAL:  the database system is shutting down", Unreachable, "not_accepting"),
        ("FATAL:  the database system is in recovery mode", Unreachable, "not_accepting"),
        (
            "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent",
            Unreachable,
            "not_accepting",
        ),
        ("FATAL:  sorry, too many clients already", Unreachable, "not_accepting"),
        ("FATAL:  remaining connection slots are reserved for roles", Unreachable, "not_accepting"),
        ('FATAL:  password authentication failed for user "r"', AuthenticationFailed, "authentication_failed"),
        ('FATAL:  Peer authentication failed for user "r"', AuthenticationFailed, "authentication_failed"),
        ("fe_sendauth: no password supplied", AuthenticationFailed, "authentication_failed"),
        ('FATAL:  no pg_hba.conf entry for host "h"', AuthenticationFailed, "authentication_failed"),
        ('FATAL:  role "r" does not exist', AuthenticationFailed, "authentication_failed"),
        ('FATAL:  database "r" does not exist', Unreachable, "unreachable"),
    ],
)
def test_errors_of_logging_in(driver, text, kind, code):
    driver.error = failure(text + "\n")
    with pytest.raises(kind) as caught:
        remote()
    assert (caught.value.code, caught.value.server) == (code, "db1:5432")
    assert caught.value.seen == " ".join(text.split())


def test_a_server_that_never_answers_the_first_word(driver):
    driver.raw = Raw(silent=True)
    with pytest.raises(Unreachable, match=r"no answer within 0.05 s"):
        connect.connect_remote(
            host="h", port=1, user="u", pass_file="/p", dbname="d", sslmode="prefer", timeout=0.05, os_user=ME
        )
    assert driver.raw.closed


def test_remote_parameters(driver):
    assert remote().major == 15
    expected = {
        "async_": 1,
        "host": "db1",
        "port": 5432,
        "user": "replication",
        "passfile": "/p",
        "dbname": "postgres",
        "sslmode": "require",
        "connect_timeout": 3,
        "application_name": "pgops",
        "options": "-c statement_timeout=3000 -c synchronous_commit=local",
    }
    assert driver.parameters == expected


def test_a_replication_connection_names_no_database(driver):
    remote(replication=True)
    assert driver.parameters["replication"] == "true" and "dbname" not in driver.parameters


def test_local_parameters(driver):
    layout = SimpleNamespace(port=5433, socket_directory="/run/x", postgres_user=ME)
    with connect.connect_local(layout, dbname="appdb") as conn:
        assert "port 5433 in /run/x" in conn.server
    assert driver.raw.closed
    asked = {key: driver.parameters[key] for key in ("host", "port", "user", "dbname")}
    assert asked == {"host": "/run/x", "port": 5433, "user": ME, "dbname": "appdb"}


def test_the_callers_environment_decides_nothing(driver, monkeypatch):
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("HOME", "/somewhere")
    remote()
    assert "PGHOST" not in driver.environment
    assert driver.environment["HOME"] == pwd.getpwnam(ME).pw_dir
    assert (os.environ["PGHOST"], os.environ["HOME"]) == ("elsewhere", "/somewhere")


def test_no_such_operating_system_user(driver):
    with pytest.raises(PgopsError, match="no user nobody-of-this-name") as caught:
        connect.connect_local(SimpleNamespace(port=1, socket_directory="/x", postgres_user="nobody-of-this-name"))
    assert caught.value.code == "permission_denied"


def test_we_may_not_act_as_that_user(driver, monkeypatch):
    def acting_as(_user):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(connect, "acting_as", acting_as)
    with pytest.raises(PgopsError, match="become: true"):
        remote()


def test_a_missing_psycopg2_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(PgopsError, match="python3-psycopg2") as caught:
        remote()
    assert caught.value.code == "missing_library"


class Walsender:
    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def query(self, sql, args=(), **_options):
        self.asked.append(sql)
        return [self.answers[sql.split()[0]]]


def test_identify_system():
    conn = Walsender(IDENTIFY_SYSTEM={"systemid": "77", "timeline": "2", "xlogpos": "0/3000060", "dbname": None})
    assert connect.identify_system(conn) == {"system_identifier": "77", "timeline": 2, "lsn": "0/3000060"}


@pytest.mark.parametrize("content", ["1\t0/300\twhy\n", b"1\t0/300\twhy\n", memoryview(b"1\t0/300\twhy\n"), r"\x31"])
def test_timeline_history(content):
    conn = Walsender(TIMELINE_HISTORY={"filename": "00000002.history", "content": content})
    text = connect.timeline_history(conn, 2)
    assert text == ("1" if content == r"\x31" else "1\t0/300\twhy\n")
    assert conn.asked == ["TIMELINE_HISTORY 2"]


def test_timeline_1_has_no_history():
    conn = Walsender()
    assert connect.remote_history(conn, 1) == [] and conn.asked == []


def test_remote_history_is_parsed():
    conn = Walsender(TIMELINE_HISTORY={"content": b"1\t0/300\twhy\n"})
    assert connect.remote_history(conn, 2) == [{"timeline": 1, "switch_lsn": "0/300", "reason": "why"}]


def test_first_line():
    assert sqlerrors.first_line("\n  a\nb") == "a"
    assert sqlerrors.first_line(" ") == ""
