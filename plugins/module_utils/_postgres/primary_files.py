# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The primary's files over SSH: may they be read with rsync, and are they really those of the server that was named?"""

from __future__ import annotations

import shlex

from .._errors import PgopsError
from . import connect, observe_primary

PROBE_LIMIT = 20.0
SSH = (
    "ssh",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "ConnectTimeout=8",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=3",
)
_LINES = 4  # of postmaster.pid: process, directory, start, port; what follows may change


def problem(work, primary):
    """Return in words why ``delta`` can't read the primary's files, empty when it can.

    A host that answers may be another one (the standby of the same system has the same files): the pid file is
    compared with what the server itself reads.
    """
    if work.runner.which("rsync") is None:
        return "rsync is not installed here"
    try:
        with observe_primary.session(work.desired, os_user=work.user) as conn:
            row = connect.query_one(conn, "SELECT convert_from(pg_read_binary_file('postmaster.pid'), 'UTF8') AS pid")
    except PgopsError as exc:
        return f"it can't be verified whose files SSH reaches: postmaster.pid can't be read on the primary ({exc.seen})"
    folder = shlex.quote(primary.data_directory)
    script = f"command -v rsync >/dev/null || exit 44; cat {folder}/postmaster.pid"
    answer = work.runner.run([*SSH, login(work), script], user=work.user, timeout=PROBE_LIMIT)
    if answer.rc == 44:
        return f"rsync is not installed on {work.desired.primary_host}"
    if answer.rc != 0:
        said = " / ".join(answer.stderr.split("\n")[:2]).strip(" /") or f"exit status {answer.rc}"
        return f"{work.user} can't log in to {work.desired.primary_host} by SSH to read its files ({said})"
    if answer.stdout.splitlines()[:_LINES] != row["pid"].splitlines()[:_LINES]:
        return f"the host that SSH reaches as {work.desired.primary_host} does not run this primary"
    return ""


def login(work):
    """Return the SSH login on the primary: the same user as here."""
    return f"{work.user}@{work.desired.primary_host}"


def remote(work, path):
    """Return rsync's way to write a path on the primary (an IPv6 address goes into brackets)."""
    host = work.desired.primary_host
    return f"{work.user}@[{host}]:{path}" if ":" in host else f"{work.user}@{host}:{path}"


__all__ = ("SSH", "login", "problem", "remote")
