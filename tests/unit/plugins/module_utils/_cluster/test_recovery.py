# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.recovery import (
    caught_up,
    lag_of,
    proof,
    refusing,
    result,
)
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
    "plan": {"steps": [], "replaces": ["/data/main"]},
    "fork_lsn": "0/5000000",
    "salvage": {"path": "/srv/x", "kind": "full", "commits_past_fork": 3, "wal_bytes_past_fork": 999},
    "bytes_expected": 4711,
}


def test_a_healthy_standby_is_proven():
    found = proof(view(*c.healthy()), "postgres-db2")
    assert found == {"proven": True, "missing": [], "lag_bytes": 0, "lag_only": False}


def broken(**change):
    postgres, pools = c.healthy()
    for key, value in change.items():
        (postgres if key.startswith("db") else pools)[{"db1": "postgres-db1", "db2": "postgres-db2",
                                                       "app2": "app-server2"}[key]] = value  # fmt: skip
    return view(postgres, pools)


def lagging(number, lsn="0/5000000", **more):
    """The primary itself tells how far the standby is behind; where it does not, its position does."""
    answer = c.primary(lsn=lsn)
    answer["postgres"]["senders"][0]["lag_bytes"] = number
    return broken(db1=answer, **more)


CASES = {
    "not streaming": (broken(db2=c.standby(status=None)), "WAL receiver is not running"),
    "other timeline": (broken(db2=c.standby(timeline=9)), "streams timeline 9"),
    "down": (broken(db2=c.down()), "it is down"),
    "not listed by the primary": (broken(db1=c.primary(streams_to=None)), "lists no streaming sender for pgops_1"),
    "detached on one": (broken(app2=c.pgpool(statuses=("up", "down"))), "app-server2 shows it as down/standby"),
    "no primary": (broken(db1=c.down()), "a primary"),
    "behind": (lagging(c.MAX_LAG + 1), "it is 16.0 MiB behind postgres-db1"),
    "behind by nobody knows": (lagging(None, lsn=None), "postgres-db1 does not tell how far behind it is"),
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


def test_lag_up_to_the_limit_is_proven():
    assert proof(lagging(c.MAX_LAG), "postgres-db2")["proven"]
    assert not proof(lagging(11), "postgres-db2", "10")["proven"]


def test_only_lag_missing_is_told_apart():
    """A standby that was healthy before the run and only lags is not taken out of the pool for it."""
    assert proof(lagging(c.MAX_LAG + 1), "postgres-db2")["lag_only"]
    both = lagging(c.MAX_LAG + 1, app2=c.pgpool(statuses=("up", "down")))
    assert not proof(both, "postgres-db2")["lag_only"]
    assert not proof(broken(db2=c.down()), "postgres-db2")["lag_only"]


def test_where_the_primary_does_not_tell_the_lag_both_positions_do():
    nodes = {node["host"]: node for node in lagging(None, lsn="0/5000100")["nodes"]}
    assert lag_of(nodes["postgres-db2"], nodes["postgres-db1"]) == 0x100


def test_the_streaming_sender_counts_not_a_dead_one_of_the_same_name():
    answer = c.primary()
    stale = {"application_name": "pgops_1", "state": "catchup", "lag_bytes": 10**12}
    answer["postgres"]["senders"] = [stale, {"application_name": "pgops_1", "state": "streaming", "lag_bytes": 5}]
    assert proof(broken(db1=answer), "postgres-db2")["lag_bytes"] == 5


NEAR = {0: True, 10: True, 11: False, None: False}


@pytest.mark.parametrize("lag", NEAR)
def test_caught_up_is_known_and_near(lag):
    assert caught_up({"postgres": {"lag_bytes": lag}}, "10") is NEAR[lag]


def test_a_module_that_failed_says_nothing_about_the_lag():
    assert caught_up({"msg": "no"}, 10) is False


def test_each_pgpool_that_did_not_do_it_is_named_with_its_words():
    item = {"name": "app-server1"}
    results = [
        {"item": item, "node": {"role": "standby"}},
        {"item": {"name": "app-server2"}, "msg": "not within 30 s\nmore", "failed": False},
        {"item": {"name": "app-server3"}, "unreachable": True},
        {"item": {"name": "app-server4"}, "node": {"role": "primary"}},
        {"item": {"name": "app-server5"}, "skipped": True},
    ]
    assert [one["words"] for one in refusing(results)] == [
        "app-server2: not within 30 s",
        "app-server3: no answer",
        "app-server4: it shows the node as the primary",
    ]
    assert refusing(results[:1]) == []


def test_the_result_carries_what_awx_shows_and_names_silent_pgpools():
    seen = broken(app2=c.DEAD)
    facts = result(PLAN, dict(PLAN, bytes_moved=10, seconds=2.5), seen, "postgres-db2", True, False)
    assert facts["changed"] is True
    assert (facts["method"], facts["bytes_moved"], facts["node"], facts["primary"]) == (
        "rewind", 10, "postgres-db2", "postgres-db1")  # fmt: skip
    assert facts["pgpools_silent"] == ["app-server2"]
    story = "\n".join(facts["story"])
    assert "3 commits on the old node never reached the primary" in story
    assert "app-server2" in story
    assert "moved: 10 bytes in 2.5 s; lag: 0 bytes" in story


def test_commits_that_were_given_up_are_not_said_to_be_kept():
    seen = view(*c.healthy())
    sync = dict(PLAN, salvage={"path": None, "commits_past_fork": 1})
    story = "\n".join(result(PLAN, sync, seen, "postgres-db2", True, False)["story"])
    assert "1 commit on the old node never reached the primary; they were given up (salvage_skip)" in story


def test_check_mode_never_says_that_it_changed_something():
    seen = view(*c.after_failover())
    plan = dict(PLAN, text=["line"], hosts_changed=[{"host": "postgres-db1", "what": "is rebuilt"}])
    facts = result(plan, {}, seen, "postgres-db1", True, True)
    assert (facts["changed"], facts["would_change"], facts["lag_bytes"]) == (False, True, None)
    assert (facts["plan"], facts["replaces"], facts["bytes_expected"]) == (["line"], ["/data/main"], 4711)
    assert facts["hosts_changed"] == plan["hosts_changed"]
    assert "Nothing was changed" in facts["story"][0]


def table(name, number=1, **deeds):
    counts = {"inserts": 0, "updates": 0, "deletes": 0, "truncates": 0}
    return {"filenode": number, "database": "appdb", "name": name, **counts, **deeds}


def test_what_only_the_old_node_had_is_told_by_table():
    tables = [table("orders", inserts=2, deletes=1), table(None, 16400, updates=1), *[table("t", inserts=1)] * 6]
    lost = {"tables": tables, "tables_not_listed": 4, "first_commit": "10:01", "last_commit": "10:02"}
    sync = dict(PLAN, lost=lost, salvages_removed=["/srv/older"], removing=["/srv/main.pgops-old"])
    facts = result(PLAN, sync, broken(), "postgres-db2", True, False)
    story = "\n".join(facts["story"])
    assert "written there (10:01 to 10:02): appdb.orders (2 inserts, 1 delete), a table that only the" in story
    assert "(file 16400) (1 update)" in story
    assert "and 7 more tables" in story
    assert "older salvages removed (pgops_salvage_keep): /srv/older" in story
    assert "goes on to remove the old tree by itself: /srv/main.pgops-old" in story
    assert facts["lost"] == lost
