# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What a rejoining node needs done on the primary: its slot, and a checkpoint before pg_rewind. Over SQL only."""

from __future__ import annotations

from .._errors import CommandFailed, PgopsError
from .._ports import wait_for
from . import backup, connect, observe_primary

SLOT_LIMIT = 30.0
TIMELINE_LIMIT = 90.0
_SLOT_SQL = "SELECT active, restart_lsn::text, {} AS wal_status FROM pg_replication_slots WHERE slot_name = %s"


def ensure_slot(work):
    """Make the node's slot, with WAL kept from now on; one that lost its WAL is made anew. Returns True if made."""
    with observe_primary.session(work.desired, os_user=work.user) as conn:
        slot = _slot(conn, work.desired.slot_name)
        if slot is not None and slot["restart_lsn"] and slot["wal_status"] != "lost":
            return False
        if slot is not None:
            _wait_inactive(conn, work)
            connect.query(conn, "SELECT pg_drop_replication_slot(%s)", (work.desired.slot_name,))
        connect.query(conn, "SELECT pg_create_physical_replication_slot(%s, true)", (work.desired.slot_name,))
    work.commands.append(f"SELECT pg_create_physical_replication_slot('{work.desired.slot_name}', true)")
    return True


def wait_slot_free(work):
    """The sender of a server that was just stopped goes within moments, that of a crashed one by its time-out."""
    with observe_primary.session(work.desired, os_user=work.user) as conn:
        _wait_inactive(conn, work)


def fresh_control_file(work, timeline):
    """See to it that the primary's control file tells its timeline: pg_rewind reads that file, not the server.

    After a promotion it is stale until the first checkpoint.
    """
    with observe_primary.session(work.desired, os_user=work.user) as conn:
        if _control_timeline(conn) == timeline:
            return
        connect.query(conn, "SET statement_timeout = 0")
        _checkpoint(conn, work)
        if not wait_for(
            lambda: _control_timeline(conn) == timeline, clock=work.clock, timeout=TIMELINE_LIMIT, interval=1.0
        ):
            raise PgopsError(
                "get a checkpoint",
                server=work.desired.primary,
                seen=f"its control file still does not tell timeline {timeline} after {TIMELINE_LIMIT:g} s",
                next_step="run CHECKPOINT there as a superuser, or grant the replication role pg_checkpoint (15 and "
                "later) or the functions pg_start_backup and pg_stop_backup",
                code="no_checkpoint",
            )


def _checkpoint(conn, work):
    """CHECKPOINT where the role may (15+), else a fast backup start, which is one too; else wait for the next."""
    for statements in (("CHECKPOINT",), backup.statements(conn.major)):
        try:
            for sql in statements:
                connect.query(conn, sql, timeout=backup.CHECKPOINT_LIMIT)
        except CommandFailed as exc:
            if exc.evidence.get("sqlstate") not in ("42501", "42883"):
                raise
            continue
        work.commands.append(statements[0])
        return


def _control_timeline(conn):
    return connect.query_one(conn, "SELECT timeline_id AS timeline FROM pg_control_checkpoint()")["timeline"]


def _slot(conn, name):
    status = "wal_status" if conn.major >= 13 else "NULL::text"
    return connect.query_one(conn, _SLOT_SQL.format(status), (name,))


def _wait_inactive(conn, work):
    name = work.desired.slot_name

    def free():
        slot = _slot(conn, name)
        return slot is None or not slot["active"]

    if not wait_for(free, clock=work.clock, timeout=SLOT_LIMIT, interval=0.25):
        raise PgopsError(
            f"use the slot {name}",
            server=work.desired.primary,
            seen=f"the slot is still in use {SLOT_LIMIT:g} s after this node's server was stopped",
            next_step="see in pg_stat_replication who uses it; wal_sender_timeout frees it from a vanished host",
            code="slot_in_use",
        )


__all__ = ("ensure_slot", "fresh_control_file", "wait_slot_free")
