# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Start and stop the server of a data directory, by systemd or pg_ctl, always within a time limit."""

from __future__ import annotations

import contextlib
import glob
import os
import signal

from .._errors import CommandFailed
from .._ports import wait_for
from . import postmaster, service
from .overrides import here
from .work import last_lines

STOP_LIMIT = 60.0
FALSE_PRIMARY_STOP_LIMIT = 20.0


def processes_in(layout):
    """Return the numbers of the server processes in the data directory, the children of a killed postmaster too."""
    return postmaster.orphans(layout) if os.path.isdir(layout.data_directory) else []


def stop(work, *, may_write, leave_no_wal=False):
    """Stop the server and prove that nothing runs in the directory. An old primary that won't end is cut short.

    ``leave_no_wal``: cut it short at once. A shutdown checkpoint of a primary is WAL that its successor lacks, so a
    node that could simply be started as a standby would have to be rewound because of it.
    """
    limit = FALSE_PRIMARY_STOP_LIMIT if may_write else STOP_LIMIT
    unit = _unit(work)
    if leave_no_wal and postmaster.running(work.layout):
        _pg_ctl(work, "stop", "-m", "immediate", "-w", "-t", "20", timeout=25)
    if unit:
        work.change(["systemctl", "stop", unit], timeout=limit)
    if _quiet(work, 1.0):
        return
    if postmaster.running(work.layout):
        _pg_ctl(work, "stop", "-m", "fast", "-w", "-t", str(int(limit)), timeout=limit + 5)
    if not _quiet(work, 2.0) and may_write:
        _cut_short(work)
    if not _quiet(work, 10.0):
        raise CommandFailed(
            "stop PostgreSQL",
            server=here(),
            seen=f"after {limit:g} s these processes still work in {work.data_directory}: {processes_in(work.layout)}",
            next_step="end the sessions or processes that hold it up, then run this again",
            evidence={"log": log_tail(work)},
        )


def _cut_short(work):
    """End an old primary at once; the processes of one that was killed already (they can write) one by one."""
    if postmaster.running(work.layout):
        _pg_ctl(work, "stop", "-m", "immediate", "-w", "-t", "20", timeout=25)
        return
    for pid in processes_in(work.layout):
        work.commands.append(f"kill -KILL {pid}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start(work):
    """Ask for a start; whether it succeeds is seen by looking at the server."""
    unit = _unit(work)
    if unit:
        work.runner.run(["systemctl", "reset-failed", unit], timeout=10)
        work.must_change("start PostgreSQL", ["systemctl", "start", "--no-block", unit], timeout=30)
        return
    options = f"-c config_file={work.layout.config_file}"
    log = os.path.join(work.data_directory, "pgops_start.log")
    answer = _pg_ctl(work, "start", "-W", "-l", log, "-o", options, timeout=60)
    if answer.rc != 0:
        raise CommandFailed(
            "start PostgreSQL",
            server=here(),
            seen=last_lines(answer.stderr or answer.stdout),
            next_step=f"look into {log}",
        )


def reload(work):
    """Have the server read its configuration again."""
    answer = _pg_ctl(work, "reload", timeout=20)
    if answer.rc != 0:
        raise CommandFailed(
            "reload PostgreSQL", server=here(), seen=last_lines(answer.stderr), next_step="look at the server's log"
        )


def dead(work):
    """Tell whether a start that was asked for has come to nothing."""
    if postmaster.running(work.layout):
        return False
    unit = _unit(work)
    return unit is None or service.read(runner=work.runner, name=unit)["state"] in ("failed", "inactive")


def log_tail(work, count=15):
    """Return the last lines of the server's log, wherever it is, for the evidence of an error."""
    layout = work.layout
    named = [
        f"/var/log/postgresql/postgresql-{layout.version}-{layout.cluster_name}.log",
        os.path.join(work.data_directory, "pgops_start.log"),
        *sorted(glob.glob(os.path.join(work.data_directory, "log", "*.log")), key=os.path.getmtime, reverse=True)[:1],
    ]
    present = [path for path in named if os.path.isfile(path)]
    if present:
        newest = max(present, key=os.path.getmtime)
        with open(newest, "rb") as stream:
            stream.seek(max(0, os.path.getsize(newest) - 8192))
            return stream.read().decode("utf-8", "replace").splitlines()[-count:]
    if layout.service:
        answer = work.runner.run(["journalctl", "-u", layout.service, "-n", str(count), "--no-pager"], timeout=10)
        return answer.stdout.splitlines()
    return []


def _quiet(work, seconds):
    return wait_for(lambda: not processes_in(work.layout), clock=work.clock, timeout=seconds, interval=0.1)


def _unit(work):
    """Return the unit that runs this server, or None where there is no systemd or no such unit."""
    name = work.layout.service
    state = service.read(runner=work.runner, name=name)["state"] if name else "unknown"
    return None if state in ("unknown", "not-found") else name


def _pg_ctl(work, *words, timeout):
    argv = [work.layout.tool("pg_ctl"), words[0], "-D", work.data_directory, *words[1:]]
    return work.change(argv, user=work.user, timeout=timeout)


__all__ = ("dead", "log_tail", "processes_in", "reload", "start", "stop")
