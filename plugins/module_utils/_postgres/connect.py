# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import contextlib
import os
import pwd
import select
import time

from .._errors import PgopsError
from .._local import acting_as
from . import history
from .overrides import here
from .sqlerrors import connect_error, first_line, not_allowed, query_error, unreachable

APPLICATION = "pgops"


class Connection:
    """One session in autocommit with a limit in seconds on every answer, even when the server is frozen."""

    def __init__(self, raw, *, server, timeout, driver, replication=False):
        self.raw, self.server, self.timeout, self._driver = raw, server, timeout, driver
        self._server_limit = None if replication else timeout

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        self.raw.close()

    @property
    def server_version(self):
        """The version as libpq tells it: 150018."""
        return self.raw.server_version

    @property
    def major(self):
        """The major version: 15."""
        return self.raw.server_version // 10000

    def query(self, sql, args=(), *, timeout=None):
        """Return the rows as dicts (``[]`` for a command without rows)."""
        limit = self.timeout if timeout is None else timeout
        try:
            if self._server_limit not in (None, limit):
                self._run(f"SET statement_timeout = {int(limit * 1000)}", (), self.timeout)
                self._server_limit = limit
            return self._run(sql, args, limit)
        except _TimeIsUp:
            self.close()
            raise unreachable(self.server, f"no answer within {limit:g} s to: {first_line(sql)}") from None
        except self._driver.Error as exc:
            raise query_error(exc, self.server, sql) from exc

    def _run(self, sql, args, limit):
        cursor = self.raw.cursor()
        cursor.execute(sql, args or None)
        _wait(self.raw, deadline=time.monotonic() + limit)
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


class _TimeIsUp(Exception):
    pass


def connect_local(layout, dbname="postgres", timeout=5):
    """Open a session over the Unix socket as the user that runs PostgreSQL (peer authentication)."""
    server = f"{here()} (port {layout.port} in {layout.socket_directory})"
    parameters = {"host": layout.socket_directory, "port": layout.port, "user": layout.postgres_user, "dbname": dbname}
    return _connect(parameters, server=server, os_user=layout.postgres_user, timeout=timeout)


def connect_remote(
    *,
    host,
    port,
    user,
    pass_file,
    dbname,
    sslmode,
    timeout,
    replication=False,
    os_user="postgres",
    application=APPLICATION,
):
    """Open a session on another server; libpq reads the password from ``pass_file``, as ``os_user`` who owns it."""
    parameters = {"host": host, "port": port, "user": user, "passfile": pass_file, "sslmode": sslmode or "prefer"}
    parameters["application_name"] = application
    if replication:
        parameters["replication"] = "true"
    else:
        parameters["dbname"] = dbname
    return _connect(parameters, server=f"{host}:{port}", os_user=os_user, timeout=timeout)


def query(conn, sql, args=(), *, timeout=None):
    """Return the rows of a query as dicts; ``timeout`` replaces the connection's limit for this one."""
    return conn.query(sql, args) if timeout is None else conn.query(sql, args, timeout=timeout)


def query_one(conn, sql, args=(), *, timeout=None):
    """Return the first row as a dict, or None."""
    rows = query(conn, sql, args, timeout=timeout)
    return rows[0] if rows else None


def identify_system(conn):
    """Ask a replication connection who it is: ``{system_identifier, timeline, lsn}``."""
    row = query_one(conn, "IDENTIFY_SYSTEM")
    return {"system_identifier": str(row["systemid"]), "timeline": int(row["timeline"]), "lsn": row["xlogpos"]}


def timeline_history(conn, timeline):
    """Return the text of a timeline's history file over a replication connection; empty for timeline 1."""
    if timeline == 1:
        return ""
    content = query_one(conn, f"TIMELINE_HISTORY {int(timeline)}")["content"]
    if isinstance(content, str):
        return bytes.fromhex(content[2:]).decode("utf-8", "replace") if content.startswith("\\x") else content
    return bytes(content).decode("utf-8", "replace")


def remote_history(conn, timeline):
    """Return the parsed history of a timeline over a replication connection."""
    return history.parse(timeline_history(conn, timeline))


def _driver():
    try:
        import psycopg2
        import psycopg2.extensions
        import psycopg2.extras
    except ImportError as exc:
        raise PgopsError(
            "talk to PostgreSQL",
            server=here(),
            seen=f"the Python library psycopg2 is missing ({exc})",
            next_step="install the package python3-psycopg2 on this host",
            code="missing_library",
        ) from exc
    return psycopg2


def _connect(parameters, *, server, os_user, timeout):
    driver = _driver()
    parameters.setdefault("application_name", APPLICATION)
    # What we write waits for no standby: it may be the one that is being brought back.
    parameters["options"] = f"-c statement_timeout={int(timeout * 1000)} -c synchronous_commit=local"
    parameters["connect_timeout"] = max(2, int(timeout))
    try:
        with _as_user(os_user, server):
            raw = driver.connect(async_=1, **parameters)
            _wait(raw, deadline=time.monotonic() + timeout)
    except _TimeIsUp:
        raw.close()
        raise unreachable(server, f"no answer within {timeout:g} s") from None
    except driver.Error as exc:
        raise connect_error(exc, server, parameters["user"]) from exc
    return Connection(raw, server=server, timeout=timeout, driver=driver, replication="replication" in parameters)


def _wait(raw, *, deadline):
    """Drive an asynchronous psycopg2 connection until it is ready; only this bounds a server that is frozen."""
    while True:
        state = raw.poll()
        if state == 0:
            return
        seconds = deadline - time.monotonic()
        readers, writers = ([raw.fileno()], []) if state == 1 else ([], [raw.fileno()])
        if seconds <= 0 or not any(select.select(readers, writers, [], seconds)):
            raise _TimeIsUp


@contextlib.contextmanager
def _as_user(os_user, server):
    """Act as the user that owns the socket and the pass file, and look like it to libpq.

    libpq looks into $HOME/.postgresql and takes a directory it may not enter for an error; PG* variables of the
    caller must not decide where we connect to.
    """
    try:
        home = pwd.getpwnam(os_user).pw_dir
    except KeyError:
        raise not_allowed(server, f"there is no user {os_user} here") from None
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
        os.environ["HOME"] = home
        with acting_as(os_user):
            yield
    except PermissionError as exc:
        raise not_allowed(server, f"may not act as {os_user} ({exc})") from exc
    finally:
        for name in [name for name in before if name.startswith("PG")] + ["HOME"]:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


__all__ = (
    "Connection",
    "connect_local",
    "connect_remote",
    "identify_system",
    "query",
    "query_one",
    "remote_history",
    "timeline_history",
)
