# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

from . import connect, lsn

_PRIMARY_ONLY = "CASE WHEN pg_is_in_recovery() THEN NULL ELSE {} END"
_STANDBY_ONLY = "CASE WHEN pg_is_in_recovery() THEN {} END"
_UTC = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
_SETTINGS = ("data_directory", "primary_conninfo", "primary_slot_name", "server_version", "wal_log_hints")

# Names that changed between the versions: the first whose major version is reached counts.
_RECEIVED_LSN = ((13, "flushed_lsn"), (10, "received_lsn"))
_SENDER = ((11, "sender_host, sender_port"), (10, "NULL::text AS sender_host, NULL::int AS sender_port"))
_WAL_STATUS = ((13, "wal_status"), (10, "NULL::text AS wal_status"))


def of_version(table, major):
    """Return the entry of a ``((major, text), ...)`` table that a version uses."""
    return next(text for first, text in table if major >= first)


def basics_sql():
    """One statement, so that role, position and timeline belong to the same moment."""
    return " ".join(
        (
            "SELECT pg_is_in_recovery() AS in_recovery,",
            _PRIMARY_ONLY.format("pg_current_wal_lsn()::text"),
            "AS current_lsn,",
            _PRIMARY_ONLY.format("pg_walfile_name(pg_current_wal_lsn())"),
            "AS wal_file,",
            _STANDBY_ONLY.format("pg_last_wal_receive_lsn()::text"),
            "AS received_lsn,",
            _STANDBY_ONLY.format("pg_last_wal_replay_lsn()::text"),
            "AS replayed_lsn,",
            _STANDBY_ONLY.format("extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8"),
            "AS replay_age,",
            _UTC.format("pg_postmaster_start_time()"),
            "AS start_time,",
            "s.system_identifier::text AS system_identifier, c.timeline_id AS control_timeline,",
            "c.checkpoint_lsn::text AS checkpoint_lsn, c.redo_lsn::text AS redo_lsn,",
            "r.min_recovery_end_lsn::text AS min_recovery_end, r.min_recovery_end_timeline AS min_recovery_timeline,",
            "i.data_page_checksum_version > 0 AS data_checksums, i.bytes_per_wal_segment AS segment_size",
            "FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r, pg_control_init() i",
        )
    )


def slots_sql(major):
    return (
        f"SELECT slot_name AS name, slot_type, active, restart_lsn::text, {of_version(_WAL_STATUS, major)},"
        " pg_wal_lsn_diff(%s::pg_lsn, restart_lsn)::bigint AS retained_bytes"
        " FROM pg_replication_slots ORDER BY slot_name"
    )


def senders_sql():
    return (
        "SELECT application_name, host(client_addr) AS client_addr, state, sent_lsn::text, write_lsn::text,"
        " flush_lsn::text, replay_lsn::text, sync_state, pg_wal_lsn_diff(%s::pg_lsn, replay_lsn)::bigint AS lag_bytes"
        " FROM pg_stat_replication ORDER BY application_name, pid"
    )


def synchronous_sql():
    """Whom commits wait for, what the guard has made of it (empty: nothing), and how many sessions wait now."""
    return (
        "SELECT current_setting('synchronous_standby_names') AS names,"
        " coalesce(current_setting('pgops.synchronous', true), '') AS state,"
        " (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep')::int AS waiting"
    )


def receiver_sql(major):
    return (
        f"SELECT status, received_tli AS timeline, {of_version(_RECEIVED_LSN, major)}::text AS received_lsn,"
        f" {of_version(_SENDER, major)}, slot_name, latest_end_lsn::text FROM pg_stat_wal_receiver"
    )


def segments_sql():
    """The newest timeline with a WAL file that holds one position. A server has the history of every timeline (but
    the first) that it followed: a file without it belongs to none of its own.
    """
    return (
        "SELECT max(left(file.name, 8)) AS timeline FROM pg_ls_waldir() AS file"
        " JOIN pg_ls_waldir() AS history ON history.name = left(file.name, 8) || '.history'"
        " WHERE file.name ~ '^[0-9A-F]{24}$' AND right(file.name, 16) = %s"
    )


def collect(conn):
    """Ask a running server for everything that we report; the keys are those of ``pg_cluster_info`` and a few more."""
    basics = connect.query_one(conn, basics_sql())
    settings = {
        row["name"]: row["setting"]
        for row in connect.query(conn, "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(_SETTINGS),))
    }
    receiver = connect.query_one(conn, receiver_sql(conn.major)) if basics["in_recovery"] else None
    position = basics["current_lsn"] or lsn.latest(basics["received_lsn"], basics["replayed_lsn"])
    return {
        "version": settings.get("server_version", "").split(" ")[0] or None,
        "in_recovery": basics["in_recovery"],
        "role": "standby" if basics["in_recovery"] else "primary",
        "timeline": timeline_of(basics, receiver, _newest_segment(conn, basics, position)),
        "system_identifier": basics["system_identifier"],
        "lsn": position,
        "received_lsn": basics["received_lsn"],
        "replayed_lsn": basics["replayed_lsn"],
        "control": _control(basics, settings),
        "slots": connect.query(conn, slots_sql(conn.major), (position,)),
        "senders": connect.query(conn, senders_sql(), (position,)),
        "receiver": receiver,
        "synchronous": None if basics["in_recovery"] else connect.query_one(conn, synchronous_sql()),
        "start_time": basics["start_time"],
        "settings": settings,
        **lag(basics, receiver),
    }


def _newest_segment(conn, basics, position):
    """The timeline of the newest WAL file that holds a standby's position.

    Without it a standby whose primary died would be taken for one of the timeline before: nobody streams to it any
    more, and its control file learns of a new timeline only with the next restart point.
    """
    if not basics["in_recovery"] or position is None:
        return None
    last = max(0, lsn.parse(position) - 1)
    name = lsn.wal_file_name(1, last, basics["segment_size"])
    found = connect.query_one(conn, segments_sql(), (name[8:],))["timeline"]
    return int(found, 16) if found else None


def timeline_of(basics, receiver, newest_segment=None):
    """The WAL file being written names a primary's timeline. A standby's is the newest that it received or replayed:
    the receiver's while there is one, else that of its WAL; the control file's is a lower bound, as none goes back.
    """
    if basics["wal_file"]:
        return int(basics["wal_file"][:8], 16)
    known = [basics["control_timeline"], basics["min_recovery_timeline"], (receiver or {}).get("timeline")]
    return max(value for value in (*known, newest_segment) if value is not None)


def lag(basics, receiver):
    """Bytes are known only while WAL comes in: from the newest end of WAL that the sender told, to what is replayed.

    Seconds: 0 when all of that is replayed, else (also with nobody sending) the age of the last replayed commit.
    """
    if not basics["in_recovery"]:
        return {"lag_bytes": None, "lag_seconds": None}
    missing = None
    if receiver and basics["replayed_lsn"]:
        newest = lsn.latest(receiver["latest_end_lsn"], receiver["received_lsn"], basics["received_lsn"])
        missing = max(0, lsn.diff(newest, basics["replayed_lsn"])) if newest else None
    age = basics["replay_age"]
    seconds = 0.0 if missing == 0 else (None if age is None else round(max(0.0, age), 3))
    return {"lag_bytes": missing, "lag_seconds": seconds}


def _control(basics, settings):
    """The control file as the server tells it (its state is not to be had this way)."""
    return {
        "state": None,
        "timeline": basics["control_timeline"],
        "checkpoint_lsn": basics["checkpoint_lsn"],
        "redo_lsn": basics["redo_lsn"],
        "min_recovery_end": basics["min_recovery_end"],
        "min_recovery_timeline": basics["min_recovery_timeline"],
        "system_identifier": basics["system_identifier"],
        "data_checksums": basics["data_checksums"],
        "wal_log_hints": settings.get("wal_log_hints") == "on",
        "segment_size": basics["segment_size"],
    }


__all__ = (
    "basics_sql",
    "collect",
    "lag",
    "of_version",
    "receiver_sql",
    "segments_sql",
    "senders_sql",
    "slots_sql",
    "synchronous_sql",
    "timeline_of",
)
