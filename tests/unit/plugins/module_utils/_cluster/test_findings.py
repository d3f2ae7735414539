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


ATTACH_THE_PRIMARY = "on app-server2: runuser -u postgres -- pcp_attach_node -h localhost -p 9898 -U pgpoolad -w -n 0"
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
    "two holders": (changed("pool", "app-server2", c.pgpool(vip=True)), "vip_second_holder", "app-server2", "broken"),
    "no holder": (changed("pool", "app-server1", c.pgpool()), "vip_nobody", None, "broken"),
    "primary detached": (
        changed("pool", "app-server2", c.pgpool(0, ("down", "up"))), "primary_detached", "postgres-db1", "broken"),
    "no primary": (changed("pg", "postgres-db1", c.down()), "no_primary", None, "broken"),
    "second primary": (
        ({"postgres-db1": c.primary(), "postgres-db2": c.primary(timeline=2)}, c.after_failover()[1]),
        "false_primary", "postgres-db1", "broken"),
}  # fmt: skip


def synchronous(state="", waiting=0, sync_state=None):
    answer = c.primary()
    names = "" if state == "suspended" else "ANY 1 (pgops_1)"
    answer["postgres"]["synchronous"] = {"names": names, "state": state, "waiting": waiting}
    answer["postgres"]["senders"][0]["sync_state"] = sync_state
    return changed("pg", "postgres-db1", answer)


CASES["writers wait"] = (synchronous(waiting=3), "synchronous_blocked", "postgres-db1", "broken")
CASES["writers will wait"] = (synchronous(), "synchronous_blocked", "postgres-db1", "broken")
CASES["fallback"] = (synchronous("suspended"), "synchronous_suspended", "postgres-db1", "degraded")
CASES["not yet again"] = (synchronous("restoring", 0, "quorum"), "synchronous_suspended", "postgres-db1", "degraded")


def test_commits_that_wait_for_a_standby_that_is_there_are_no_finding():
    assert found(*synchronous(waiting=3, sync_state="quorum")) == []
    assert "3 sessions wait for a standby" in found(*synchronous(waiting=3))[0]["message"]
    assert found(*synchronous("suspended"))[0]["command"] == "ansible-playbook recover_standby.yml -l postgres-db2"


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


@pytest.mark.parametrize("next_step", ["see to the network", ""])
def test_a_fenced_node_says_why_and_what_its_guard_wants(next_step):
    postgres, pgpools = c.after_failover()
    fence = {"time": "2026-11-22T22:11:50Z", "code": "isolated", "reason": "cut off", "next_step": next_step}
    postgres["postgres-db1"]["postgres"]["fenced"] = fence
    item = next(i for i in found(postgres, pgpools) if i["code"] == "fenced")
    assert item["host"] == "postgres-db1" and "by the guard" in item["message"] and "cut off" in item["message"]
    assert item["command"] == (next_step or "ansible-playbook recover_standby.yml -l postgres-db1")


PERMIT = "starts by itself; on postgres-db1: /usr/local/lib/pgops/guard.py --permit && systemctl start it"
ISOLATED = {"time": "2026-11-22T22:11:50Z", "code": "isolated", "reason": "cut off", "next_step": "see to the network"}
DEPOSED = dict(ISOLATED, code="newer_primary", reason="postgres-db2 is a primary", next_step="recover it")


def held_back(other=c.DEAD, fence=None, next_step=PERMIT, **failover):
    """What is found about postgres-db1, whose guard cannot tell whether postgres-db2 was promoted."""
    postgres, pgpools = {"postgres-db1": c.down(), "postgres-db2": other}, c.healthy()[1]
    held = {"time": "2026-11-22T22:12:50Z", "reason": "postgres-db2: No route to host", "next_step": next_step}
    postgres["postgres-db1"]["postgres"].update(held=held, fenced=fence)
    for host in pgpools:
        pgpools[host] = c.pgpool(None, ("down", "down"))
        pgpools[host]["pgpool"]["last_failover"] = {"time": "2026-11-22T21", **failover} if failover else None
    items = [item for item in found(postgres, pgpools) if item["host"] == "postgres-db1"]
    assert [item["code"] for item in items] == ["held"], "and nothing else: not that it is down"
    return items[0]


def test_one_that_its_guard_holds_back_says_what_was_seen_and_how_to_start_it_all_the_same():
    item = held_back()
    assert item["message"] == "PostgreSQL is held back by the guard: postgres-db2: No route to host"
    assert (item["severity"], item["command"]) == ("critical", PERMIT)
    assert held_back(next_step="")["command"] == "look again in some seconds: ansible-playbook check_cluster.yml"


def test_one_that_was_fenced_and_is_held_back_tells_both():
    item = held_back(fence=ISOLATED)
    assert "was ended by the guard (2026-11-22T22:11:50Z): cut off; it is held back" in item["message"]
    assert item["command"] == PERMIT


@pytest.mark.parametrize(
    ("more", "command"),
    [
        ({"fence": DEPOSED}, "recover it"),
        ({"other": c.primary(2)}, "ansible-playbook recover_standby.yml -l postgres-db1"),
        ({"other": c.primary(2), "fence": ISOLATED}, "see to the network"),
    ],
)
def test_nobody_is_started_all_the_same_beside_another_primary(more, command):
    assert held_back(**more)["command"] == command


@pytest.mark.parametrize(
    ("failover", "last"),
    [
        ({"result": "promoted", "failed_id": 0, "new_primary_id": 1}, "postgres-db2"),
        ({"result": "switched", "failed_id": 1, "new_primary_id": 0}, "postgres-db1"),
        ({"result": "no_candidate", "failed_id": 1, "message": "why"}, "postgres-db2"),
        ({"result": "paused", "failed_id": 0, "message": "why"}, "postgres-db1"),
        ({"result": "given_up", "failed_id": 1, "message": "why"}, "postgres-db2"),
        ({"result": "nothing_to_do", "failed_id": 1}, "postgres-db1"),
    ],
)
def test_one_that_is_held_back_says_who_was_the_primary_last(failover, last):
    first = "" if last == "postgres-db1" else "bring postgres-db2 back, which was the primary last; "
    assert held_back(**failover)["command"] == first + PERMIT


def test_an_unused_slot_of_a_member_is_named_with_what_it_keeps():
    postgres, pgpools = c.after_failover()
    postgres["postgres-db2"]["postgres"]["slots"] = [{"name": "pgops_0", "active": False, "retained_bytes": 123}]
    item = next(i for i in found(postgres, pgpools) if i["code"] == "slot_inactive")
    assert item["host"] == "postgres-db1"
    assert "123 bytes" in item["message"]


def message_of(answers, code):
    return next(item["message"] for item in found(*answers) if item["code"] == code)


def test_a_pgpool_that_is_away_is_said_what_it_has_to_catch_up_with():
    message = message_of(changed("pool", "app-server2", c.no_pgpool()), "pgpool_silent")
    assert "has to show postgres-db1 up as the primary, postgres-db2 up as a standby" in message
    postgres, pgpools = c.after_failover()
    message = message_of((postgres, dict(pgpools, **{"app-server2": c.DEAD})), "pgpool_silent")
    assert "postgres-db1 down, postgres-db2 up as the primary" in message


def test_one_that_is_back_and_missed_the_attachment_is_mended_by_the_same_command():
    answers = changed("pool", "app-server2", c.pgpool(statuses=("up", "down")))
    item = next(i for i in found(*answers) if i["code"] == "detached")
    assert item["message"] == "is down on app-server2, up on app-server1"
    assert item["command"] == "ansible-playbook recover_standby.yml -l postgres-db2"


BAD = {
    "node_down": c.down(),
    "not_streaming": c.standby(status=None),
    "wrong_timeline": c.standby(timeline=7),
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_node_that_still_gets_reads_says_from_where(code):
    postgres, pgpools = changed("pg", "postgres-db2", BAD[code])
    assert "app-server1 and app-server2 send it reads all the same" in message_of((postgres, pgpools), code)
    down = {name: c.pgpool(statuses=("up", "down")) for name in pgpools}
    assert "reads" not in message_of((postgres, down), code)


def test_a_detached_primary_is_attached_by_a_command_that_works_as_it_stands():
    item = next(i for i in found(*CASES["primary detached"][0]) if i["code"] == "primary_detached")
    assert item["command"] == ATTACH_THE_PRIMARY


@pytest.mark.parametrize(
    ("statuses", "command"),
    [
        (("up", "up"), "if it stays so: systemctl restart pgpool2 on app-server2, where clients lose their sessions"),
        (("down", "up"), ATTACH_THE_PRIMARY),
    ],
)
def test_a_pgpool_with_another_primary_is_mended_by_what_makes_it_look_again(statuses, command):
    answers = found(*changed("pool", "app-server2", c.pgpool(1, statuses)))
    assert {f["command"] for f in answers if f["code"] == "pgpool_wrong_primary"} == {command}


def test_a_failover_that_promoted_nobody_is_told_with_the_command():
    postgres, pgpools = changed("pg", "postgres-db1", c.down())
    event = {
        "time": "2026-11-23T10:00:00.000Z",
        "host": "app-server1",
        "failed_id": 0,
        "message": "the words",
        "lag": 2**20,
    }
    for host in pgpools:
        pgpools[host] = c.pgpool(None, ("down", "up"))
    pgpools["app-server1"]["pgpool"]["last_failover"] = dict(event, result="too_far_behind")
    (item,) = [one for one in found(postgres, pgpools) if one["code"] == "nobody_promoted"]
    assert item["severity"] == "critical" and "lacks 1.0 MiB of the WAL of postgres-db1" in item["message"]
    assert "failover_primary.yml -l postgres-db1 -e failover_primary_accept_loss=true" in item["command"]
    pgpools["app-server2"]["pgpool"]["last_failover"] = dict(event, result="no_candidate", time="2026-11-23T11")
    (item,) = [one for one in found(postgres, pgpools) if one["code"] == "nobody_promoted"]
    assert "the words" in item["message"] and "accept_loss" not in item["command"]
    given_up = dict(event, result="given_up", time="2026-11-23T11", message="the words. Next: other words")
    pgpools["app-server2"]["pgpool"]["last_failover"] = given_up
    (item,) = [one for one in found(postgres, pgpools) if one["code"] == "nobody_promoted"]
    assert item["message"].endswith("(given_up): the words") and "failover_primary.yml" in item["command"]
    pgpools["app-server2"]["pgpool"]["last_failover"] = dict(event, result="may_lack_commits", time="2026-11-23T11")
    (item,) = [one for one in found(postgres, pgpools) if one["code"] == "nobody_promoted"]
    assert "the words" in item["message"] and "-e failover_primary_accept_loss=true" in item["command"]
    pgpools["app-server1"]["pgpool"]["last_failover"] = dict(event, result="promoted", time="2026-11-23T12")
    assert "no_primary" in [one["code"] for one in found(postgres, pgpools)]
