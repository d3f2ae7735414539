# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import switching
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c
from tests.unit.switch_cases import failed

OLD, NEW = "postgres-db1", "postgres-db2"
MODULE = {
    "changed": True,
    "lag_bytes": 64,
    "lsn": "0/3000060",
    "seconds": {"checkpoint": 0.5, "last_look": 0.1, "stop": 0.07, "replay": 0.01, "promote": 0.12},
    "plan": {"steps": [{"action": "shut it down", "reason": "cleanly"}, {"action": "promote", "reason": "it may"}]},
}


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def gate(postgres=None, pgpools=None, target=NEW, **more):
    healthy_postgres, healthy_pgpools = c.healthy()
    return switching.switch_gate(
        view({**healthy_postgres, **(postgres or {})}, {**healthy_pgpools, **(pgpools or {})}), target, **more
    )


def without_quorum(word):
    answer = copy.deepcopy(c.pgpool())
    answer["pgpool"]["watchdog"]["quorum"] = word
    return answer


def test_a_healthy_standby_may_take_over():
    found = gate()
    assert found["allowed"] and not found["already"] and found["warnings"] == []
    assert (found["primary"], found["primary_address"], found["primary_id"]) == (OLD, "10.1.7.106", 0)
    assert (found["primary_port"], found["primary_slot"]) == (5432, "pgops_0")


def test_the_primary_is_one_already():
    found = gate(target=OLD)
    assert found["allowed"] and found["already"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "app-server1"}, "not a database host"),
        ({"postgres": {OLD: c.down()}}, "no server says that it is the primary"),
        ({"postgres": {NEW: c.down()}}, "it is down, not a standby"),
        ({"postgres": {NEW: c.standby(status=None)}}, "its WAL receiver is not running"),
        ({"postgres": {OLD: c.primary(streams_to=None)}}, "lists no streaming sender for pgops_1"),
        ({"pgpools": {"app-server2": c.pgpool(statuses=("up", "down"))}}, "app-server2 shows it as down"),
        ({"pgpools": {"app-server1": c.no_pgpool(), "app-server2": c.DEAD}}, "no pgpool answers"),
        ({"pgpools": {"app-server1": without_quorum("QUORUM ABSENT")}}, "app-server1 sees no quorum"),
        ({"pgpools": {"app-server1": without_quorum("NO LEADER NODE")}}, "app-server1 sees no quorum"),
        ({"pgpools": {"app-server2": c.pgpool(primary_id=None)}}, "app-server2 does not have postgres-db1"),
    ],
)
def test_what_stands_in_the_way(changes, words):
    found = gate(**changes)
    assert not found["allowed"]
    assert words in found["message"]
    assert "Next: " in found["message"]


def test_two_primaries():
    postgres = {OLD: c.primary(timeline=2), NEW: c.primary(timeline=1)}
    assert not gate(postgres)["allowed"]


def test_a_primary_that_was_named_and_does_not_run():
    seen = dict(view(*c.healthy()), primary=OLD)
    seen["nodes"][0]["role"] = "down"
    assert "failover_primary.yml -l postgres-db1" in switching.switch_gate(seen, NEW)["message"]


def test_too_far_behind():
    postgres = {OLD: c.primary(lsn="0/9000000")}
    assert "behind" in gate(postgres)["message"]
    assert gate(postgres, max_lag_bytes=10**9)["allowed"]


def test_what_should_be_known_before():
    found = gate(pgpools={"app-server2": c.DEAD})
    assert found["allowed"]
    assert found["warnings"] == [
        "app-server2 does not answer (Failed to connect to the host via ssh: No route to host); "
        "when it is back: ansible-playbook check_cluster.yml"
    ]


def test_the_plan_has_every_step_and_every_host():
    lines = switching.switch_plan(MODULE, gate(pgpools={"app-server2": c.DEAD}), NEW)
    text = "\n".join(lines)
    for words in (
        "64 bytes",
        "1. shut it down (cleanly)",
        "3. make postgres-db1 a standby",
        "hosts changed",
        "note: app-server2",
    ):
        assert words in text


def switched():
    return (
        {NEW: c.primary(timeline=2, streams_to="pgops_0"), OLD: c.standby(timeline=2, sender="10.1.7.107")},
        {"app-server1": c.pgpool(primary_id=1), "app-server2": c.pgpool(primary_id=1)},
    )


def test_nothing_is_missing_afterwards():
    assert switching.switch_missing(view(*switched()), gate(), NEW) == []


@pytest.mark.parametrize(
    ("postgres", "pgpools", "words"),
    [
        ({OLD: c.standby(status=None)}, {}, "postgres-db1: its WAL receiver"),
        ({}, {"app-server1": c.pgpool(primary_id=1, statuses=("down", "up"))}, "app-server1 shows it as down"),
        ({}, {"app-server1": c.pgpool(primary_id=None)}, "app-server1 has nobody for the primary"),
        ({OLD: c.primary(), NEW: c.standby()}, {}, "postgres-db1 is the primary"),
    ],
)
def test_what_is_missing(postgres, pgpools, words):
    seen = switched()
    found = switching.switch_missing(view({**seen[0], **postgres}, {**seen[1], **pgpools}), gate(), NEW)
    assert any(words in line for line in found), found


def test_the_result_counts_the_seconds_without_a_primary():
    result = switching.switch_result(MODULE, gate(), view(*switched()), NEW)
    assert result["no_primary_seconds"] == 0.2
    assert (result["changed"], result["old_primary"], result["new_primary"]) == (True, OLD, NEW)
    assert "0/3000060" in "\n".join(result["story"])


def test_the_result_of_check_mode_and_of_a_second_run():
    planned = switching.switch_result(MODULE, gate(), view(*c.healthy()), NEW, True)
    assert (planned["changed"], planned["would_change"]) == (False, True)
    again = switching.switch_result({}, gate(target=OLD), view(*c.healthy()), OLD)
    assert (again["changed"], again["would_change"]) == (False, False)
    assert again["story"] == ["postgres-db1 is the primary already. Nothing was changed."]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (failed("promoting", "Still in recovery"), "(Still in recovery)"),
        (failed("stopping", ""), "(no reason given)"),
        ({"changed": False, "lag_bytes": None, "plan": {"steps": []}}, "(no reason given)"),
    ],
)
def test_the_result_of_a_switch_whose_end_was_not_seen(module, words):
    """It failed, or found the target promoted: by failover.sh, or by itself when nobody looked any more."""
    result = switching.switch_result(module, gate(), view(*switched()), NEW)
    assert (result["changed"], result["would_change"], result["no_primary_seconds"]) == (True, True, None)
    text = "\n".join(result["story"])
    assert f"{NEW} is the primary, and {OLD} is its standby" in text and words in text
    assert "Nothing was changed" not in text and "No committed row" not in text and "None" not in text


def test_who_has_not_noticed():
    results = [dict(c.pgpool(primary_id=1), item="one"), dict(c.pgpool(), item="two"), dict(c.DEAD, item="three")]
    assert switching.unaware(results, "1") == ["two"]


def test_within_until_a_result_has_no_item_yet():
    assert switching.unaware([c.pgpool()], "1")
    assert not switching.unaware([c.pgpool(primary_id=1)], "1")


def test_whom_to_ask_where_a_switch_stands():
    view = {"nodes": [{"host": f"db{number}", "port": 5430 + number} for number in (1, 2, 3)]}
    assert switching.databases(view, {"primary": "db1"}, "db3") == [
        {"name": "db3", "port": 5433},
        {"name": "db1", "port": 5431},
        {"name": "db2", "port": 5432},
    ]
