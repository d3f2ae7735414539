# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.gates import recovery_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.recovery import plan_text, proof, result
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


PLAN = {
    "changed": True,
    "method": "rewind",
    "reasons": [
        {"method": "start", "taken": False, "reason": "it has WAL past the fork"},
        {"method": "rewind", "taken": True, "reason": "checksums are on"},
    ],
    "plan": {"steps": [{"action": "stop PostgreSQL", "reason": "it must not write"}]},
    "fork_lsn": "0/5000000",
    "salvage": {"path": "/srv/x", "kind": "full", "commits_past_fork": 3, "wal_bytes_past_fork": 999},
    "bytes_expected": 4711,
}


def test_the_plan_tells_method_reasons_fork_salvage_and_steps():
    gate = recovery_gate(view(*c.after_failover()), "postgres-db1")
    text = "\n".join(plan_text(PLAN, gate, "postgres-db1"))
    expected = ["method: rewind", "-> rewind: checksums are on", "start: it has WAL past the fork", "0/5000000"]
    expected += ["3 commits", "999 bytes", "full in /srv/x", "4711", "1. stop PostgreSQL (it must not write)"]
    for words in expected:
        assert words in text


def test_the_plan_of_a_healthy_node_says_that_nothing_is_to_do():
    gate = recovery_gate(view(*c.healthy()), "postgres-db2")
    assert "every pgpool that answers has it up" in plan_text({"changed": False}, gate, "postgres-db2")[-1]


def test_a_healthy_standby_is_proven():
    assert proof(view(*c.healthy()), "postgres-db2") == {"proven": True, "missing": []}


def broken(**change):
    postgres, pools = c.healthy()
    for key, value in change.items():
        (postgres if key.startswith("db") else pools)[{"db1": "postgres-db1", "db2": "postgres-db2",
                                                       "app2": "app-server2"}[key]] = value  # fmt: skip
    return view(postgres, pools)


CASES = {
    "not streaming": (broken(db2=c.standby(status=None)), "WAL receiver is not running"),
    "other timeline": (broken(db2=c.standby(timeline=9)), "streams timeline 9"),
    "down": (broken(db2=c.down()), "it is down"),
    "not listed by the primary": (broken(db1=c.primary(streams_to=None)), "lists no streaming sender for pgops_1"),
    "detached on one": (broken(app2=c.pgpool(statuses=("up", "down"))), "app-server2 shows it as down/standby"),
    "no primary": (broken(db1=c.down()), "a primary"),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_what_is_missing_is_named(case):
    seen, words = CASES[case]
    verdict = proof(seen, "postgres-db2")
    assert not verdict["proven"]
    assert any(words in item for item in verdict["missing"])


def test_nothing_is_proven_when_no_pgpool_answers():
    postgres, _pools = c.healthy()
    assert "no pgpool answers" in proof(view(postgres, {}), "postgres-db2")["missing"]


def test_the_result_carries_what_awx_shows_and_names_silent_pgpools():
    seen = broken(app2=c.DEAD)
    gate = recovery_gate(seen, "postgres-db2")
    facts = result(PLAN, dict(PLAN, bytes_moved=10, seconds=2.5), gate, seen, "postgres-db2", True, False)
    assert facts["changed"] is True
    assert (facts["method"], facts["bytes_moved"], facts["node"], facts["primary"]) == (
        "rewind", 10, "postgres-db2", "postgres-db1")  # fmt: skip
    assert facts["pgpools_silent"] == ["app-server2"]
    story = "\n".join(facts["story"])
    assert "3 commits on the old node never reached the primary" in story
    assert "app-server2" in story


def test_check_mode_never_says_that_it_changed_something():
    seen = view(*c.after_failover())
    facts = result(PLAN, {}, recovery_gate(seen, "postgres-db1"), seen, "postgres-db1", True, True)
    assert (facts["changed"], facts["would_change"]) == (False, True)
    assert "Nothing was changed" in facts["story"][0]
