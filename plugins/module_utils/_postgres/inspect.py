# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os
import re
import time

from .._errors import AuthenticationFailed, CommandFailed, ParseError, PgopsError, Unreachable
from .._local import SystemClock
from .._ports import wait_for
from . import conffile, connect, controldata, evidence, history, lsn, marks, postmaster, recovery, service
from . import layout as layouts
from .overrides import here

# What a server that is there may answer instead of an answer; anything else is a fault of the task itself.
_NOT_ACCEPTING = (Unreachable, AuthenticationFailed, CommandFailed)
ORPHAN_SECONDS = 1.0
FENCED = "fenced.json"  # the guard's word why it ended the server; gone when that runs again
GUARD_STATE = "/run/pgops/guard-state.json"  # written each second, as long as the guard's service runs
STALE_SECONDS = 60.0
_CONTROL_KEYS = (
    "state",
    "timeline",
    "checkpoint_lsn",
    "redo_lsn",
    "min_recovery_end",
    "min_recovery_timeline",
    "system_identifier",
    "data_checksums",
    "wal_log_hints",
    "segment_size",
)


def blank():
    """Return the answer about a PostgreSQL that is not there: every key, nothing known."""
    return {
        "installed": False,
        "version": None,
        "major": None,
        "layout": None,
        "data_directory_exists": False,
        "data_version": None,
        "service": {"name": None, "active": None, "state": "unknown", "enabled": None},
        "running": False,
        "accepting": False,
        "error": None,
        "error_code": None,
        "role": "absent",
        "last_role": None,
        "in_recovery": None,
        "timeline": None,
        "system_identifier": None,
        "lsn": None,
        "received_lsn": None,
        "replayed_lsn": None,
        "control": None,
        "history": [],
        "slots": [],
        "senders": [],
        "receiver": None,
        "synchronous": None,
        "primary_conninfo": None,
        "primary_slot_name": None,
        "standby_signal": False,
        "lag_bytes": None,
        "lag_seconds": None,
        "start_time": None,
        "fenced": None,
        "held": None,
    }


def inspect_local(*, runner, layout, timeout=5, clock=None):
    """Return all evidence about the PostgreSQL of ``layout`` (None: not installed). A server that is down, starting,
    frozen or refusing us is an answer; it is never started, stopped or written to.
    """
    facts = blank()
    if layout is None:
        return facts
    facts.update(
        installed=True,
        version=_program_version(runner, layout),
        major=layouts.major(layout.version),
        layout=layout._asdict(),
        service=service.read(runner=runner, name=layout.service),
    )
    try:
        return _inspect_data(facts, runner, layout, timeout, clock or SystemClock())
    except PermissionError as exc:
        raise PgopsError(
            "read the data directory of PostgreSQL",
            server=here(),
            seen=str(exc),
            next_step="run the task as root (become: true)",
            code="permission_denied",
        ) from exc


def inspect_remote(
    *, host, port=5432, user, pass_file, dbname="postgres", sslmode="prefer", timeout=5, os_user="postgres"
):
    """Return the same evidence about another server, as far as SQL tells it; the rest is None.

    The history comes over a replication connection. ``running`` is None when the server does not answer.
    """
    facts = blank()
    facts.update(installed=None, data_directory_exists=None, standby_signal=None, role="down", running=None)
    link = {
        "host": host,
        "port": port,
        "user": user,
        "pass_file": pass_file,
        "dbname": dbname,
        "sslmode": sslmode,
        "timeout": timeout,
        "os_user": os_user,
    }
    try:
        with connect.connect_remote(**link) as conn:
            found = evidence.collect(conn)
            facts["major"] = conn.major
    except _NOT_ACCEPTING as exc:
        facts.update(_not_accepting(exc))
        return facts
    settings = found.pop("settings")
    facts.update(found, installed=True, data_directory_exists=True, running=True, accepting=True)
    facts["primary_conninfo"] = conffile.redact_conninfo(settings.get("primary_conninfo"))
    facts["primary_slot_name"] = settings.get("primary_slot_name") or None
    if facts["timeline"] > 1:
        with connect.connect_remote(replication=True, **link) as conn:
            facts["history"] = connect.remote_history(conn, facts["timeline"])
    return facts


def _inspect_data(facts, runner, layout, timeout, clock):
    facts["data_directory_exists"] = _holds_something(layout.data_directory)
    facts["data_version"] = layouts.data_version(layout.data_directory)
    if facts["data_version"] is None:
        return facts
    facts["role"] = "down"
    _read_files(facts, runner, layout)
    process = postmaster.running(layout)
    if process is None:
        _describe_stopped(facts, _lasting_orphans(layout, clock))
    else:
        _ask_running(facts, layout, process, timeout)
    if facts["timeline"]:
        facts["history"] = history.read_local(layout, facts["timeline"])
    return facts


def _read_files(facts, runner, layout):
    files = recovery.read(layout)
    files["primary_conninfo"] = conffile.redact_conninfo(files["primary_conninfo"])
    facts.update(files)
    try:
        control = controldata.read(runner=runner, layout=layout)
    except (CommandFailed, ParseError) as exc:
        facts.update(error=str(exc), error_code=exc.code)
        return
    if control is not None:
        facts["control"] = {key: control[key] for key in _CONTROL_KEYS}
        facts["system_identifier"] = control["system_identifier"]
        facts["last_role"] = "standby" if control["state"] in controldata.STANDBY_STATES else "primary"
    if facts["standby_signal"]:
        facts["last_role"] = "standby"


def _lasting_orphans(layout, clock):
    """Processes of a killed server that are still there after the moment that they need to notice."""
    wait_for(lambda: not postmaster.orphans(layout), clock=clock, timeout=ORPHAN_SECONDS)
    return postmaster.orphans(layout)


def _describe_stopped(facts, orphans):
    if orphans:
        numbers = ", ".join(str(pid) for pid in orphans)
        seen = f"the server was killed and processes of it are still there ({numbers}): they can write, end them first"
        facts.update(running=True, error=f"{here()}: {seen}", error_code="orphaned_processes")
    fence = marks.read_json(os.path.join(marks.STATE_DIRECTORY, FENCED))
    if fence is not None:
        facts["fenced"] = {key: fence.get(key) for key in ("time", "code", "reason", "next_step")}
    facts["held"] = _held()
    control = facts["control"]
    if control is not None:
        facts["timeline"] = controldata.effective_timeline(control)
        facts["lsn"] = lsn.latest(control["checkpoint_lsn"], control["min_recovery_end"])


def _held():
    """What the guard waits for before it starts the server, when it does so now."""
    state = marks.read_json(GUARD_STATE) or {}
    if (state.get("code"), state.get("decision")) != ("waiting", "wait"):
        return None
    if time.time() - os.stat(GUARD_STATE).st_mtime > STALE_SECONDS:
        return None
    return {key: state.get(key) for key in ("time", "reason", "next_step")}


def _ask_running(facts, layout, process, timeout):
    layout = layout._replace(
        port=process.port or layout.port, socket_directory=process.socket_directory or layout.socket_directory
    )
    facts.update(running=True, layout=layout._asdict())
    if process.start_time:
        facts["start_time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(process.start_time))
    try:
        if process.single_user:
            raise _wrong_server(layout, f"a single-user server (process {process.pid}) holds the data directory")
        with connect.connect_local(layout, timeout=timeout) as conn:
            found = evidence.collect(conn)
        settings = found.pop("settings")
        _require_same_server(settings, layout)
    except _NOT_ACCEPTING as exc:
        facts.update(_not_accepting(exc))
        return
    if facts["control"] is not None:
        found["control"] = facts["control"]
    if "primary_conninfo" in settings:
        found["primary_conninfo"] = conffile.redact_conninfo(settings["primary_conninfo"])
        found["primary_slot_name"] = settings.get("primary_slot_name") or None
    facts.update(found, accepting=True, last_role=found["role"])


def _require_same_server(settings, layout):
    served = settings.get("data_directory")
    if served and os.path.realpath(served) != os.path.realpath(layout.data_directory):
        raise _wrong_server(layout, f"the server on port {layout.port} serves {served}, not {layout.data_directory}")


def _wrong_server(layout, seen):
    return Unreachable(
        f"talk to the PostgreSQL of {layout.data_directory}",
        server=here(),
        seen=seen,
        next_step="correct data_directory and port",
        code="not_accepting",
    )


def _not_accepting(exc):
    return {"accepting": False, "error": f"{exc.server}: {exc.seen}", "error_code": exc.code}


def _holds_something(folder):
    try:
        return bool(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _program_version(runner, layout):
    answer = runner.run([layout.tool("postgres"), "--version"], timeout=10.0)
    match = re.search(r"\(PostgreSQL\) (\S+)", answer.stdout)
    return match.group(1) if match else None


__all__ = ("blank", "inspect_local", "inspect_remote")
