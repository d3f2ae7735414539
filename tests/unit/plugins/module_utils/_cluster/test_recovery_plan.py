# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.gates import recovery_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.recovery_plan import described, plan_text, touched
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c

MIB = 1024 * 1024
COMPARISON = {
    "system_identifier": {"target": "77", "primary": "77"},
    "timeline": {"target": 1, "primary": 2},
    "lsn": {"target": "0/5001000", "primary": "0/6000060"},
    "oldest_wal": {"target": "0/1000000", "primary": "0/2000000"},
    "wal_needed_from": "0/5000000",
    "fork": {"relation": "diverged", "timeline": 1, "lsn": "0/5000000"},
    "past_fork": {"wal_bytes": 4096, "commits": 3},
    "pages": {"data_checksums": True, "wal_log_hints": None},
    "disk": {
        "data_directory": "/data/main",
        "data_bytes": 40 * MIB,
        "free_bytes": 2048 * MIB,
        "salvage_directory": "/srv",
        "salvage_free_bytes": 1024 * MIB,
        "salvage_bytes": 40 * MIB,
    },
}
PLAN = {
    "changed": True,
    "method": "rewind",
    "reasons": [
        {"method": "start", "taken": False, "reason": "it has WAL past the fork"},
        {"method": "rewind", "taken": True, "reason": "checksums are on"},
    ],
    "plan": {"steps": [{"action": "stop PostgreSQL", "reason": "it must not write"}], "replaces": ["/data/main"]},
    "salvage": {"path": "/srv/x", "kind": "full", "commits_past_fork": 3, "wal_bytes_past_fork": 4096},
    "bytes_expected": 8 * MIB,
    "comparison": COMPARISON,
}


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def text_of(plan, seen=None, target="postgres-db1"):
    seen = seen or view(*c.after_failover())
    return "\n".join(plan_text(plan, recovery_gate(seen, target), target, seen))


LINES = {
    "system identifiers": r"system identifier    77                        77",
    "timelines": r"timeline             1                         2",
    "ends of WAL": r"end of WAL           0/5001000                 0/6000060",
    "oldest WAL": r"oldest WAL kept      0/1000000                 0/2000000",
    "fork": "histories            part at 0/5000000 (timeline 1)",
    "past the fork": "only on this host    4.0 KiB of WAL past the fork, 3 commits",
    "reachable WAL": "WAL needed from      0/5000000: postgres-db1 has it, postgres-db2 has it",
    "pages": "page protection      data checksums on, wal_log_hints unknown",
    "disk": "data directory       40.0 MiB in /data/main, 2.0 GiB free there",
    "salvage place": "salvage place        1.0 GiB free in /srv, about 40.0 MiB wanted",
    "bytes": "bytes to move        about 8.0 MiB",
    "kept": "kept                 full in /srv/x, before anything is overwritten",
    "replaced": "replaced             /data/main",
    "method": "method: rewind",
    "reason for": "-> rewind: checksums are on",
    "reason against": "     start: it has WAL past the fork",
    "step": "1. stop PostgreSQL (it must not write)",
    "this host": "postgres-db1: becomes a standby (method rewind)",
    "primary": "postgres-db2: its replication slot for this host is made or used",
    "pgpool": "app-server1: postgres-db1 is attached",
}


@pytest.mark.parametrize("what", LINES)
def test_the_plan_tells(what):
    assert LINES[what] in text_of(PLAN)


def with_comparison(**changes):
    return dict(PLAN, comparison=dict(COMPARISON, **changes))


def test_wal_that_is_gone_stands_out():
    gone = with_comparison(oldest_wal={"target": "0/1000000", "primary": "1/0"})
    assert "postgres-db1 has it, postgres-db2 LACKS it" in text_of(gone)
    unknown = with_comparison(oldest_wal={"target": None, "primary": "0/F000000"}, wal_needed_from="0/10000000")
    assert "postgres-db1 may lack it, postgres-db2 has it" in text_of(unknown)


def test_a_node_that_only_follows_needs_wal_from_the_primary_alone():
    prefix = with_comparison(
        fork={"relation": "prefix", "timeline": 1, "lsn": "0/5000000"}, past_fork={"wal_bytes": 0, "commits": 0}
    )
    text = text_of(prefix)
    assert "WAL needed from      0/5000000: postgres-db2 has it" in text
    assert "only on this host    nothing" in text
    assert "a part of the primary's history" in text


def test_unknown_is_said_and_never_shown_as_nothing():
    text = text_of(
        dict(
            with_comparison(
                fork={"relation": "unknown", "timeline": None, "lsn": None},
                past_fork={"wal_bytes": None, "commits": None},
                timeline={"target": None, "primary": 2},
                wal_needed_from=None,
                disk=None,
            ),
            bytes_expected=None,
        )
    )
    assert "part at an unknown point: unknown" in text
    assert "unknown of WAL past the fork, an unknown number of commits" in text
    assert "timeline             unknown" in text
    assert "not known beforehand" in text
    assert "WAL needed from" not in text


def test_commits_that_are_given_up_stand_out():
    given_up = dict(PLAN, salvage={"path": None, "kind": None, "commits_past_fork": 3})
    assert "kept                 NOTHING (salvage_skip)" in text_of(given_up)
    assert "nothing has to be" in text_of(dict(PLAN, salvage=None))


def test_a_pgpool_that_still_has_it_detaches_it_first_and_a_silent_one_is_named():
    postgres, pools = c.after_failover()
    pools = {"app-server1": c.pgpool(primary_id=1, statuses=("up", "up")), "app-server2": c.DEAD}
    text = text_of(PLAN, view(postgres, pools))
    assert "app-server1: postgres-db1 is detached first, then attached" in text
    assert "not app-server2: no answer" in text


def test_the_plan_of_a_healthy_node_says_that_nothing_is_to_do():
    text = text_of({"changed": False}, view(*c.healthy()), "postgres-db2")
    assert "every pgpool that answers has it up" in text
    assert "hosts changed: none" in text


def test_a_healthy_node_that_one_pgpool_has_down_is_attached_and_nothing_else():
    postgres, pools = c.healthy()
    seen = view(postgres, dict(pools, **{"app-server2": c.pgpool(statuses=("up", "down"))}))
    gate = recovery_gate(seen, "postgres-db2")
    assert [item["host"] for item in touched({"changed": False}, gate, "postgres-db2", seen)] == [
        "app-server1", "app-server2"]  # fmt: skip
    assert "it only has to be attached again" in text_of({"changed": False}, seen, "postgres-db2")


def test_a_host_without_postgresql_is_sent_to_the_deployment():
    assert "deploy_cluster.yml -l postgres-db1" in text_of({"changed": False, "skipped": True})


def test_machines_get_the_text_the_hosts_and_the_exact_bytes():
    seen = view(*c.after_failover())
    plan = described(PLAN, recovery_gate(seen, "postgres-db1"), "postgres-db1", seen)
    assert plan["bytes_expected"] == 8 * MIB
    assert plan["text"][0].startswith("postgres-db1 will follow postgres-db2")
    assert [item["host"] for item in plan["hosts_changed"]] == [
        "postgres-db1", "postgres-db2", "app-server1", "app-server2"]  # fmt: skip
