# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.findings import findings, verdict
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c


def found(postgres, pgpools):
    return findings(build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100"))


def test_a_healthy_cluster_has_no_findings():
    items = found(*c.healthy())
    assert items == []
    assert verdict(items) == "healthy"


def changed(which, host, answer):
    postgres, pgpools = c.healthy()
    (postgres if which == "pg" else pgpools)[host] = answer
    return postgres, pgpools


CASES = {
    "degenerate node": (c.after_failover(), "node_down", "postgres-db1", "degraded"),
    "standby without stream": (
        changed("pg", "postgres-db2", c.standby(status=None)), "not_streaming", "postgres-db2", "degraded"),
    "old timeline": (
        changed("pg", "postgres-db2", c.standby(timeline=7)), "wrong_timeline", "postgres-db2", "degraded"),
    "lag": (changed("pg", "postgres-db2", c.standby(lag=10**9)), "lag", "postgres-db2", "degraded"),
    "silent host": (changed("pg", "postgres-db2", c.DEAD), "node_silent", "postgres-db2", "degraded"),
    "detached on one pgpool": (
        changed("pool", "app-server2", c.pgpool(statuses=("up", "down"))), "detached", "postgres-db2", "degraded"),
    "pgpool down": (changed("pool", "app-server2", c.no_pgpool()), "pgpool_silent", "app-server2", "degraded"),
    "pgpool with a stale view": (
        changed("pool", "app-server2", c.pgpool(1)), "pgpool_wrong_primary", "app-server2", "broken"),
    "two holders": (changed("pool", "app-server2", c.pgpool(vip=True)), "vip", None, "broken"),
    "no holder": (changed("pool", "app-server1", c.pgpool()), "vip", None, "broken"),
    "primary detached": (
        changed("pool", "app-server2", c.pgpool(0, ("down", "up"))), "primary_detached", "postgres-db1", "broken"),
    "no primary": (changed("pg", "postgres-db1", c.down()), "no_primary", None, "broken"),
    "second primary": (
        ({"postgres-db1": c.primary(), "postgres-db2": c.primary(timeline=2)}, c.after_failover()[1]),
        "false_primary", "postgres-db1", "broken"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_each_fault_is_found_with_a_command_and_a_verdict(case):
    answers, code, host, word = CASES[case]
    items = found(*answers)
    assert (code, host) in [(item["code"], item["host"]) for item in items]
    assert verdict(items) == word
    assert all(item["command"] and item["message"] for item in items)


def test_a_degenerate_node_is_mended_by_recover_standby():
    item = next(i for i in found(*c.after_failover()) if i["code"] == "node_down")
    assert item["command"] == "ansible-playbook recover_standby.yml -l postgres-db1"


def test_an_unused_slot_of_a_member_is_named_with_what_it_keeps():
    postgres, pgpools = c.after_failover()
    postgres["postgres-db2"]["postgres"]["slots"] = [{"name": "pgops_0", "active": False, "retained_bytes": 123}]
    item = next(i for i in found(postgres, pgpools) if i["code"] == "slot_inactive")
    assert item["host"] == "postgres-db1"
    assert "123 bytes" in item["message"]
