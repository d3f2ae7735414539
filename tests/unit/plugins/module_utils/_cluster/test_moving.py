# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.moving import move_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_findings import vip_findings

from tests.unit import move_cases as m

HOLDER, TARGET, THIRD = m.HOLDER, m.TARGET, m.THIRD
IN_USE = "the virtual IP 10.1.7.100"


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
    ("watchdog", lambda c: m.held(c, HOLDER, TARGET), "app-server2 has the virtual IP 10.1.7.100, as does app-server1"),
    ("watchdog", m.held, "nobody has 10.1.7.100"),
    ("watchdog", lambda c: (m.held(c), m.proxy(c, HOLDER).update(host_answered=False)), "not asked: app-server1"),
    (
        "keepalived",
        lambda c: (m.proxy(c, HOLDER).update(host_answered=False), m.held(c, others=[m.at(HOLDER)], asker=TARGET)),
        f"10.1.7.100 is on app-server1 ({m.at(HOLDER)['mac']}), which Ansible cannot reach",
    ),
    # who has it besides
    ("watchdog", lambda c: m.held(c, HOLDER, others=[m.DATABASE]), f"postgres-db2 has {IN_USE} ({m.DATABASE['mac']})"),
    ("keepalived", lambda c: m.held(c, HOLDER, others=[m.STRANGER]), f"a stranger has {IN_USE} ({m.STRANGER['mac']})"),
    ("keepalived", lambda c: m.held(c, HOLDER, others=[m.at(TARGET)]), f"app-server2 has {IN_USE} (02:42:0a:01:07:69)"),
    ("watchdog", lambda c: m.held(c, others=[m.STRANGER]), f"a stranger has {IN_USE} ({m.STRANGER['mac']})"),
    ("watchdog", lambda c: m.held(c, TARGET, others=[m.STRANGER]), f"a stranger has {IN_USE} ({m.STRANGER['mac']})"),
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
    m.held(case, TARGET)
    found = gate(case)
    assert found["already"] and found["leftovers"] == [HOLDER] and not found["unsettled"]
    m.held(case)
    assert gate(case)["unsettled"]
    m.handover(case, HOLDER)["return_due"] = False
    assert not gate(case)["unsettled"]


@pytest.mark.parametrize(("hosts", "passes"), [((HOLDER,), False), ((), True), ((HOLDER, TARGET), True)])
def test_a_stranger_does_not_pass_with_an_interrupted_move(hosts, passes):
    case = m.held(m.case("watchdog"), *hosts, others=[m.STRANGER])
    m.handover(case, HOLDER)["return_due"] = True
    found = gate(case)
    assert not found["allowed"] and found["unsettled"] is passes


def test_every_further_holder_is_named_with_what_check_cluster_advises():
    case = m.held(m.case("watchdog"), HOLDER, others=[m.DATABASE, m.STRANGER])
    seen, way_out = gate(case)["message"].split(". Nothing was changed. Next: ")
    for words in ("postgres-db2 has", m.DATABASE["mac"], "a stranger has", m.STRANGER["mac"], "app-server1"):
        assert words in seen
    commands = [one["command"] for one in vip_findings(case["view"])]
    assert len(commands) == 2 and all(command in way_out for command in commands)


@pytest.mark.parametrize("target", [TARGET, HOLDER])
def test_a_network_that_was_not_asked_is_a_warning(target):
    found = gate(m.held(m.case(), HOLDER, reason="eth0 has no neighbours to ask"), target)
    assert found["allowed"]
    assert found["warnings"] == ["the network was not asked who else has 10.1.7.100: eth0 has no neighbours to ask"]
    assert gate(m.held(m.case(), HOLDER), target)["warnings"] == []


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
