# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""A non-exclusive backup, held open in one session on the primary while files are copied."""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import PgopsError
from . import connect, observe_primary
from .work import MethodFailed

CHECKPOINT_LIMIT = 600.0


class Ended(t.NamedTuple):
    """What the server tells at the end: files that the copy needs, before any server opens it."""

    backup_label: str
    tablespace_map: str


class Session:
    """One backup. When the session ends before ``stop``, the server forgets it and the copy is worthless."""

    def __init__(self, conn):
        self._conn = conn

    def control_file(self):
        """Return the content of the control file as it is now."""
        return bytes(
            connect.query_one(self._conn, "SELECT pg_read_binary_file('global/pg_control') AS content")["content"]
        )

    def stop(self):
        """End the backup; returns ``Ended``."""
        row = connect.query_one(self._conn, statements(self._conn.major)[1], timeout=CHECKPOINT_LIMIT)
        return Ended(row["labelfile"], row["spcmapfile"] or "")


@contextlib.contextmanager
def held(work):
    """Begin a backup on the primary with a checkpoint at once; yields the ``Session``."""
    with observe_primary.session(work.desired, os_user=work.user) as conn:
        if conn.major >= 14:
            connect.query(conn, "SET idle_session_timeout = 0")
        connect.query(conn, statements(conn.major)[0], timeout=CHECKPOINT_LIMIT)
        work.commands.append(statements(conn.major)[0])
        yield Session(conn)  # leaving without stop closes the session, which ends the backup


def stop(session, work):
    """End the backup; a session that was lost meanwhile makes the copy worthless."""
    try:
        return session.stop()
    except PgopsError as exc:
        raise MethodFailed(
            "end the backup on the primary",
            server=work.desired.primary,
            seen=exc.seen,
            next_step="the session was lost while the files were copied, so the copy can't be used: run this again",
            evidence=exc.evidence,
        ) from exc


def statements(major):
    """Return the statements that begin and end a backup (renamed in PostgreSQL 15)."""
    if major >= 15:
        return (
            "SELECT pg_backup_start('pgops', true)",
            "SELECT labelfile, spcmapfile FROM pg_backup_stop(false)",
        )
    return (
        "SELECT pg_start_backup('pgops', true, false)",
        "SELECT labelfile, spcmapfile FROM pg_stop_backup(false, false)",
    )


__all__ = ("CHECKPOINT_LIMIT", "Ended", "held", "statements", "stop")
