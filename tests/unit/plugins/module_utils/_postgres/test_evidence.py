# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import evidence

PRIMARY = {
    "in_recovery": False,
    "current_lsn": "0/5000060",
    "wal_file": "000000020000000000000005",
    "received_lsn": None,
    "replayed_lsn": None,
    "replay_age": None,
    "start_time": "2026-11-22T10:00:00Z",
    "system_identifier": "77",
    "control_timeline": 1,
    "checkpoint_lsn": "0/4000028",
    "redo_lsn": "0/4000028",
    "min_recovery_end": "0/0",
    "min_recovery_timeline": 0,
    "data_checksums": True,
    "segment_size": 16777216,
}
STANDBY = dict(
    PRIMARY,
    in_recovery=True,
    current_lsn=None,
    wal_file=None,
    received_lsn="0/5000100",
    replayed_lsn="0/5000060",
    replay_age=12.3456,
    min_recovery_timeline=1,
)
RECEIVER = {"status": "streaming", "timeline": 2, "received_lsn": "0/5000100", "latest_end_lsn": "0/5000200"}


class Server:
    """Answers by the table that a statement reads."""

    server = "db1"

    def __init__(self, basics, receiver=None, major=15, segment=None):
        self.basics, self.receiver, self.major, self.asked = basics, receiver, major, {}
        self.segment = segment

    def query(self, sql, args=(), **_options):
        tables = {
            "pg_control_system": [self.basics],
            "pg_settings": [
                {"name": "wal_log_hints", "setting": "on"},
                {"name": "server_version", "setting": "15.18 (D)"},
            ],
            "pg_stat_wal_receiver": [self.receiver] if self.receiver else [],
            "pg_ls_waldir": [{"timeline": self.segment}],
            "pg_replication_slots": [{"name": "pgops_1"}],
            "pg_stat_replication": [],
            "pg_stat_activity": [{"names": "ANY 1 (pgops_1)", "state": "", "waiting": 2}],
        }
        (table,) = [name for name in tables if name in sql]
        self.asked[table] = (sql, args)
        return tables[table]


def test_a_primary():
    server = Server(PRIMARY)
    found = evidence.collect(server)
    assert (found["role"], found["timeline"], found["lsn"]) == ("primary", 2, "0/5000060")
    assert (found["version"], found["receiver"], found["lag_bytes"], found["lag_seconds"]) == (
        "15.18",
        None,
        None,
        None,
    )
    assert found["control"]["timeline"] == 1 and found["control"]["wal_log_hints"] is True
    assert found["slots"] == [{"name": "pgops_1"}]
    assert server.asked["pg_replication_slots"][1] == server.asked["pg_stat_replication"][1] == ("0/5000060",)
    assert found["synchronous"] == {"names": "ANY 1 (pgops_1)", "state": "", "waiting": 2}
    assert "pg_stat_wal_receiver" not in server.asked
    assert "pg_ls_waldir" not in server.asked


def test_a_standby():
    found = evidence.collect(Server(STANDBY, RECEIVER))
    assert (found["role"], found["timeline"], found["lsn"]) == ("standby", 2, "0/5000100")
    assert (found["lag_bytes"], found["lag_seconds"]) == (0x1A0, 12.346)


def test_a_standby_that_replayed_more_than_it_received():
    found = evidence.collect(Server(dict(STANDBY, received_lsn="0/4000000", replayed_lsn="0/5000000")))
    assert found["lsn"] == "0/5000000"


def test_a_standby_whose_primary_died_is_on_the_timeline_of_its_newest_wal():
    """It followed a promotion before any restart point: its control file still tells the timeline before."""
    server = Server(STANDBY, segment="0000000A")
    assert evidence.collect(server)["timeline"] == 10
    assert server.asked["pg_ls_waldir"][1] == ("0000000000000005",)


def test_at_the_very_end_of_a_wal_file_that_file_counts():
    server = Server(dict(STANDBY, received_lsn="0/5000000"), segment="00000002")
    evidence.collect(server)
    assert server.asked["pg_ls_waldir"][1] == ("0000000000000005",)
    server = Server(dict(STANDBY, received_lsn="0/5000000", replayed_lsn="0/5000000"), segment="00000002")
    evidence.collect(server)
    assert server.asked["pg_ls_waldir"][1] == ("0000000000000004",)


def test_a_standby_without_that_wal_file_has_the_control_files_timeline():
    assert evidence.collect(Server(STANDBY))["timeline"] == 1


@pytest.mark.parametrize(
    ("changes", "receiver", "timeline"),
    [
        ({}, None, 1),
        ({}, RECEIVER, 2),
        ({"min_recovery_timeline": 3}, RECEIVER, 3),
        ({"control_timeline": 4}, RECEIVER, 4),
        ({"min_recovery_timeline": None}, None, 1),
        ({"wal_file": "0000000A0000000000000005", "control_timeline": 9}, None, 10),
    ],
)
def test_timeline_of(changes, receiver, timeline):
    assert evidence.timeline_of(dict(STANDBY, **changes), receiver) == timeline


@pytest.mark.parametrize(
    ("changes", "receiver", "expected"),
    [
        pytest.param({"replayed_lsn": "0/5000200"}, RECEIVER, (0, 0.0), id="all replayed"),
        pytest.param({"replayed_lsn": "0/5000300"}, RECEIVER, (0, 0.0), id="replayed beyond what was told"),
        pytest.param({"replay_age": None}, RECEIVER, (0x1A0, None), id="nothing replayed yet"),
        pytest.param({"replay_age": -3.0}, RECEIVER, (0x1A0, 0.0), id="the clocks differ"),
        pytest.param({}, None, (None, 12.346), id="nobody sends"),
        pytest.param({"replayed_lsn": None}, RECEIVER, (None, 12.346), id="no position"),
        pytest.param({}, dict(RECEIVER, latest_end_lsn=None), (0xA0, 12.346), id="sender told no end"),
    ],
)
def test_lag(changes, receiver, expected):
    lag = evidence.lag(dict(STANDBY, **changes), receiver)
    assert (lag["lag_bytes"], lag["lag_seconds"]) == expected


@pytest.mark.parametrize(
    ("major", "present", "missing"),
    [
        (10, ["received_lsn::text", "NULL::text AS sender_host"], ["flushed_lsn", ", sender_host"]),
        (11, ["received_lsn::text", ", sender_host, sender_port"], ["flushed_lsn", "NULL"]),
        (12, ["received_lsn::text", ", sender_host, sender_port"], ["flushed_lsn", "NULL"]),
        (13, ["flushed_lsn::text AS received_lsn", ", sender_host, sender_port"], ["NULL"]),
        (18, ["flushed_lsn::text AS received_lsn", ", sender_host, sender_port"], ["NULL"]),
    ],
)
def test_columns_of_the_receiver(major, present, missing):
    sql = evidence.receiver_sql(major)
    assert all(text in sql for text in present)
    assert not any(text in sql for text in missing)


def test_wal_status_exists_from_13_on():
    assert "NULL::text AS wal_status" in evidence.slots_sql(12)
    assert "NULL" not in evidence.slots_sql(13)
