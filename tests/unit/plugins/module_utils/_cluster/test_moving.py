# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.moving import move_gate

from tests.unit import move_cases as m

HOLDER, TARGET, THIRD = m.HOLDER, m.TARGET, m.THIRD


def gate(case=None, target=TARGET):
    case = case or m.case()
    return move_gate(case["view"], target, case["answers"], case["asked"], case["wanted"])


@pytest.mark.parametrize("manager", ["watchdog", "keepalived"])
def test_a_healthy_pair_may_move_it(manager):
    found = gate(m.case(manager))
    assert found["allowed"] and not found["already"] and found["warnings"] == []
    assert (found["holder"], found["others"], found["leftovers"]) == (HOLDER, [], [])
    assert (found["sessions"], found["busy"]) == (12, 3)
    assert found["limits"]["timeout"] == {"watchdog": 40, "keepalived": 5}[manager]
    assert f"{TARGET} takes 10.1.7.100 over from {HOLDER} ({manager})" in found["message"]


@pytest.mark.parametrize("manager", ["watchdog", "keepalived"])
def test_where_it_is_already_nothing_is_asked_of_anybody(manager):
    case = m.case(manager)
    case["asked"] = {}
    case["wanted"]["drain"] = 600
    found = gate(case, target=HOLDER)
    assert found["allowed"] and found["already"] and found["leftovers"] == []


CASES = [
    # whatever the manager: the target could not serve
    ("watchdog", lambda c: m.proxy(c, TARGET).update(reachable=False, error="refused"), "does not answer: refused"),
    ("watchdog", lambda c: c["view"].update(primary=None, dispute="two of them"), "nobody can say who the primary is"),
    ("watchdog", lambda c: m.proxy(c, TARGET).update(primary=None), "takes nobody for the primary"),
    ("watchdog", lambda c: m.proxy(c, TARGET).update(quorum="QUORUM ABSENT"), "sees no quorum"),
    ("keepalived", lambda c: m.proxy(c, TARGET).update(quorum="NO LEADER NODE"), "sees no quorum"),
    ("keepalived", lambda c: c["asked"].update(answers=0, error="time out"), "a client gets no session"),
    ("keepalived", lambda c: c.update(asked={}), "a client gets no session"),
    ("watchdog", lambda c: m.handover(c, HOLDER).update(switching=True), "the primary is being switched"),
    ("watchdog", lambda c: c["wanted"].update(witnesses=[TARGET]), "it is a witness"),
    ("watchdog", lambda c: c["wanted"].update(witnesses=[HOLDER]), "the only pgpool that can have it"),
    ("watchdog", lambda c: c["view"].update(vip=None), "no virtual address is configured"),
    # who has it
    ("watchdog", lambda c: c["view"].update(vip_holders=[HOLDER, TARGET]), "is on app-server1 and app-server2"),
    ("watchdog", lambda c: c["view"].update(vip_holders=[]), "nobody has 10.1.7.100"),
    (
        "watchdog",
        lambda c: (c["view"].update(vip_holders=[]), m.proxy(c, HOLDER).update(host_answered=False)),
        "not asked: app-server1",
    ),
    # so long that the hosts would end it by themselves
    ("keepalived", lambda c: c["wanted"].update(drain=60), "move_vip_drain (60 s) and move_vip_timeout (5 s)"),
    ("watchdog", lambda c: c["wanted"].update(timeout=150), "move_vip_drain (2 s) and move_vip_timeout (150 s)"),
    # one at a time
    (
        "keepalived",
        lambda c: m.handover(c, TARGET).update(claim={"target": THIRD, "age": 4}),
        "another run moves it to app-server3, since 4 s",
    ),
    # keepalived
    ("keepalived", lambda c: m.handover(c, TARGET).update(keepalived=None), "keepalived does not run on app-server2"),
    ("keepalived", lambda c: m.keepalived(c, TARGET, active=False), "keepalived does not run on app-server2"),
    ("keepalived", lambda c: m.keepalived(c, TARGET, pgpool_down=True), "told that its pgpool is down"),
    ("keepalived", lambda c: m.keepalived(c, TARGET, state="FAULT"), "in the state FAULT"),
    ("keepalived", lambda c: c["answers"].update({HOLDER: {"msg": "no route\nmore"}}), "(no route)"),
    # the watchdog
    ("watchdog", lambda c: m.keepalived(c, TARGET, active=True), "pgops_vip_manager says watchdog"),
    ("watchdog", lambda c: m.proxy(c, TARGET).update(leader="10.1.7.105"), "the watchdog's leader is app-server2"),
    ("watchdog", lambda c: m.node(c, TARGET).update(state="JOINING"), "is no standby of the watchdog"),
    ("watchdog", lambda c: m.proxy(c, TARGET).update(votes_required=2), "has 1 of 2 votes, and needs 2"),
    ("watchdog", lambda c: c["answers"].update({HOLDER: {"msg": "no route"}}), "does not say how its pgpool is run"),
]


@pytest.mark.parametrize(("manager", "break_it", "words"), CASES, ids=[f"{c[0]}: {c[2]}" for c in CASES])
def test_what_stands_in_the_way(manager, break_it, words):
    case = m.case(manager)
    break_it(case)
    found = gate(case)
    assert not found["allowed"]
    assert words in found["message"]
    assert "Nothing was changed. Next: " in found["message"]


@pytest.mark.parametrize("manager", ["watchdog", "keepalived"])
def test_which_manager_it_is_can_be_seen(manager):
    case = m.case(manager)
    case["wanted"]["manager"] = "auto"
    assert gate(case)["manager"] == manager and gate(case)["allowed"]


def test_a_host_that_is_no_pgpool():
    assert "not a pgpool host" in gate(target="postgres-db1")["message"]


@pytest.mark.parametrize(
    ("target", "priorities", "words"),
    [
        (TARGET, {TARGET: 2, THIRD: 1}, None),
        (THIRD, {TARGET: 2, THIRD: 1}, "app-server2 (priority 2) would be elected before app-server3 (1)"),
        (TARGET, {TARGET: 2, THIRD: 2}, "app-server3 (priority 2) would be elected as likely as app-server2 (2)"),
    ],
)
def test_the_watchdog_elects_the_highest_priority(target, priorities, words):
    found = gate(m.case("watchdog", priorities=priorities), target)
    assert found["allowed"] is (words is None)
    assert words is None or words in found["message"]


def test_who_is_gone_is_not_elected():
    case = m.case("watchdog", priorities={TARGET: 1, THIRD: 2})
    for proxy in case["view"]["pgpools"]:
        next(n for n in proxy["watchdog"] if n["hostname"] == "10.1.7.108")["state"] = "LOST"
    assert "has 1 of 3 votes, and needs 2" in gate(case)["message"]  # and so the others have no quorum


@pytest.mark.parametrize(("half_votes", "allowed"), [(True, True), (False, False)])
def test_before_4_3_the_quorum_is_counted_here(half_votes, allowed):
    case = m.case("watchdog")
    case["wanted"]["half_votes"] = half_votes
    m.proxy(case, TARGET)["votes_required"] = None
    assert gate(case)["allowed"] is allowed


def test_with_keepalived_the_third_is_kept_from_taking_it():
    found = gate(m.case("keepalived", priorities={TARGET: 2, THIRD: 1}))
    assert found["others"] == [THIRD]


def test_a_third_that_cannot_be_told_is_no_matter_once_it_is_gone():
    case = m.case("keepalived", priorities={TARGET: 2, THIRD: 1})
    case["answers"][THIRD] = {"unreachable": True, "msg": "no route"}
    assert "app-server3 cannot be told to stay away from the address (no route)" in gate(case)["message"]
    gone = copy.deepcopy(case)
    next(n for n in m.proxy(gone, TARGET)["watchdog"] if n["hostname"] == "10.1.7.108")["state"] = "LOST"
    assert gate(gone)["allowed"]


def test_a_witness_needs_no_keepalived():
    case = m.case("keepalived", priorities={TARGET: 2, THIRD: 1})
    case["wanted"]["witnesses"] = [THIRD]
    m.handover(case, THIRD)["keepalived"] = None
    assert gate(case)["allowed"] and gate(case)["others"] == []


def test_what_an_interrupted_move_left_is_ended():
    case = m.case("watchdog")
    m.handover(case, HOLDER)["return_due"] = True
    case["view"]["vip_holders"] = [TARGET]
    found = gate(case)
    assert found["already"] and found["leftovers"] == [HOLDER] and not found["unsettled"]
    case["view"]["vip_holders"] = []
    assert gate(case)["unsettled"]
    m.handover(case, HOLDER)["return_due"] = False
    assert not gate(case)["unsettled"]


def test_an_own_flag_does_not_stand_in_the_way():
    case = m.case("keepalived")
    m.keepalived(case, TARGET, moved_away=True, state="FAULT")
    found = gate(case)
    assert found["allowed"] and found["leftovers"] == [TARGET]


def test_what_should_be_known_before():
    case = m.case("watchdog", priorities={TARGET: 2, THIRD: 1})
    m.proxy(case, THIRD).update(reachable=False, error="refused")
    m.proxy(case, HOLDER)["paused"] = True
    case["view"]["nodes"][1]["seen_by"][TARGET]["status"] = "down"
    words = "; ".join(gate(case)["warnings"])
    assert "app-server3 does not answer (refused)" in words
    assert "paused on app-server1" in words
    assert "app-server2 has postgres-db2 down" in words
