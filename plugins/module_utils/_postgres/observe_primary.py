# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Ask the server named as the primary; read only. Two short sessions: SQL, and replication for the history."""

from __future__ import annotations

import contextlib
import errno
import socket

from . import connect, evidence, wal_tail
from . import lsn as wal
from .facts import Primary, Tablespace

# What pg_rewind calls on its source; a role that is no superuser needs EXECUTE on each.
REWIND_FUNCTIONS = (
    "pg_ls_dir(text,boolean,boolean)",
    "pg_stat_file(text,boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text,bigint,bigint,boolean)",
)
_SETTINGS_SQL = (
    "SELECT current_setting('wal_level') AS wal_level, current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('max_wal_senders')::int AS max_wal_senders,"
    " current_setting('max_replication_slots')::int AS max_replication_slots,"
    " current_setting('data_directory', true) AS data_directory,"
    " host(inet_client_addr()) AS our_address, host(inet_server_addr()) AS address, inet_server_port() AS port"
)


@contextlib.contextmanager
def session(desired, *, os_user, timeout=5.0, replication=False):
    """Open a session on the primary as the replication user."""
    with connect.connect_remote(
        host=desired.primary_host,
        port=desired.primary_port,
        user=desired.replication_user,
        pass_file=desired.pass_file,
        dbname="postgres",
        sslmode=desired.sslmode,
        timeout=timeout,
        replication=replication,
        os_user=os_user,
    ) as conn:
        yield conn


_SPACES_SQL = (
    "SELECT oid::bigint AS oid, pg_tablespace_location(oid) AS location, pg_tablespace_size(oid) AS size,"
    " (SELECT catalog_version_no FROM pg_control_system()) AS catalog"
    " FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''"
)


def read(desired, *, os_user, local_port):
    """Return the ``Primary``: who it is, where it is, and its view of our slot and sender."""
    with session(desired, os_user=os_user) as conn:
        found = evidence.collect(conn)
        settings = connect.query_one(conn, _SETTINGS_SQL)
        major = conn.major
    history = ()
    if found["timeline"] > 1:
        with session(desired, os_user=os_user, replication=True) as conn:
            history = tuple(connect.remote_history(conn, found["timeline"]))
    settings["segment_size"] = found["control"]["segment_size"]
    return Primary(
        server=desired.primary,
        is_this_server=settings["port"] == local_port and is_local(settings["address"]),
        in_recovery=found["in_recovery"],
        major=major,
        system_identifier=found["system_identifier"],
        timeline=found["timeline"],
        lsn=wal.parse(found["lsn"]),
        history=history,
        settings=settings,
        slot=next((slot for slot in found["slots"] if slot["name"] == desired.slot_name), None),
        slots_used=len(found["slots"]),
        sender=_sender(found["senders"], desired.application_name),
        senders_used=len(found["senders"]),
        our_address=settings["our_address"],
        data_directory=settings.pop("data_directory") or "",
        control_timeline=found["control"]["timeline"],
    )


def read_more(primary, desired, *, os_user):
    """Add what only a change needs to know, and what takes longer: sizes, WAL kept, rights."""
    with session(desired, os_user=os_user, timeout=60.0) as conn:
        size = connect.query_one(conn, "SELECT sum(pg_database_size(oid))::bigint AS bytes FROM pg_database")
        names = connect.query(conn, "SELECT name FROM pg_ls_waldir()")
        missing = [name for name in REWIND_FUNCTIONS if not _may_execute(conn, name)]
        spaces = connect.query(conn, _SPACES_SQL)
    return primary._replace(
        data_bytes=size["bytes"] + 2 * primary.settings["segment_size"],  # and what is written meanwhile
        oldest_wal=wal_tail.oldest([row["name"] for row in names], primary.settings["segment_size"]),
        missing_rights=tuple(missing),
        tablespaces=tuple(
            Tablespace(each["oid"], each["location"], f"PG_{primary.major}_{each['catalog']}", each["size"])
            for each in spaces
        ),
    )


def _may_execute(conn, function):
    sql = "SELECT has_function_privilege(current_user, %s, 'EXECUTE') AS allowed"
    return connect.query_one(conn, sql, (f"pg_catalog.{function}",))["allowed"]


def _sender(senders, application_name):
    mine = [sender for sender in senders if sender["application_name"] == application_name]
    return next((sender for sender in mine if sender["state"] == "streaming"), mine[0] if mine else None)


def is_local(address):
    """Tell whether an address is one of this host: only then can a socket be bound to it."""
    if address is None:
        return True  # a Unix socket
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as exc:
        if exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return False
        raise
    return True


__all__ = ("REWIND_FUNCTIONS", "is_local", "read", "read_more", "session")
