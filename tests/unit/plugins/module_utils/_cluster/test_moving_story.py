# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import moving_story
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.moving import move_gate

from tests.unit import move_cases as m

PROBE = {"gap": 0.21, "usual_gap": 0.02, "answers": 300, "failures": 4, "error": None}
AWAY = {"drained": {"sessions": 12, "busy": 1, "busy_at_first": 3, "seconds": 2.0}}


def gated(manager="watchdog", change=lambda case: None):
    case = m.case(manager)
    change(case)
    return case, move_gate(case["view"], m.TARGET, case["answers"], case["asked"], case["wanted"])


def plan(manager, drain=2, probe_host="postgres-db1"):
    case, gate = gated(manager)
    wanted = {"drain": drain, "probe_host": probe_host}
    return "\n".join(moving_story.plan_text(gate, case["view"], m.TARGET, wanted))


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("watchdog", ("stop pgpool on app-server1 (a timer", "start pgpool on app-server1 again", "about 10 s")),
        ("keepalived", ("have keepalived on app-server1 give the address up", "about half a second")),
    ],
)
def test_the_plan_says_what_each_host_does_and_what_clients_lose(manager, words):
    told = plan(manager)
    for word in (*words, "12 sessions, 3 in the middle", "measure on postgres-db1", "up to 2 s", "end once"):
        assert word in told


def test_the_plan_has_no_step_that_is_not_taken():
    told = plan("keepalived", drain=0, probe_host="")
    assert "wait up to" not in told and "measure" not in told


def after(case):
    """As it is when all went well."""
    return m.held(case, m.TARGET)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: None, None),
        (lambda c: m.held(c, m.HOLDER, m.TARGET), "10.1.7.100 is on app-server1"),
        (lambda c: m.held(c, m.TARGET, others=[m.DATABASE]), f"10.1.7.100 is on postgres-db2 ({m.DATABASE['mac']})"),
        (lambda c: m.held(c, m.TARGET, others=[m.STRANGER]), f"10.1.7.100 is on a stranger ({m.STRANGER['mac']})"),
        (m.held, "app-server2 does not have 10.1.7.100"),
        (lambda c: m.held(c, others=[m.STRANGER]), "app-server2 does not have 10.1.7.100; 10.1.7.100 is on a stranger"),
        (lambda c: c["answers"].update({m.HOLDER: {"msg": "no route"}}), "does not say whether"),
        (lambda c: m.handover(c, m.HOLDER).update(return_due=True), "app-server1 still stays away"),
        (lambda c: m.keepalived(c, m.HOLDER, moved_away=True), "app-server1 still stays away"),
        (lambda c: m.proxy(c, m.HOLDER).update(reachable=False, error="refused"), "does not answer: refused"),
        (lambda c: m.proxy(c, m.HOLDER).update(primary=None), "app-server1 has nobody for the primary"),
    ],
)
def test_what_is_missing_afterwards(change, words):
    case, gate = gated()
    change(after(case))
    found = moving_story.missing(case["view"], gate, m.TARGET, case["answers"])
    assert (words is None and found == []) or words in "; ".join(found)


def test_each_further_holder_is_a_line_of_its_own():
    case, gate = gated()
    m.held(case, m.TARGET, others=[m.DATABASE, m.STRANGER])
    assert len(moving_story.missing(case["view"], gate, m.TARGET, case["answers"])) == 2


def test_where_things_stand():
    case, _gate = gated("keepalived")
    m.keepalived(case, m.HOLDER, moved_away=True, state="FAULT")
    m.proxy(case, m.TARGET).update(reachable=False, error="refused")
    told = moving_story.standing(case["view"], case["answers"])
    assert "10.1.7.100 is on app-server1" in told
    assert "the pgpool of app-server1 answers, keepalived is FAULT, told to stay away" in told
    assert "the pgpool of app-server2 does not answer (refused)" in told


@pytest.mark.parametrize(
    ("leader", "state", "expected"),
    [("10.1.7.105", "STANDBY", True), ("10.1.7.105", "JOINING", False), (None, "STANDBY", False)],
)
def test_the_stopped_pgpool_has_found_its_place(leader, state, expected):
    answer = {"pgpool": {"watchdog": {"leader": leader, "local": {"state_name": state}}}}
    assert moving_story.rejoined(answer, "10.1.7.105") is expected
    assert moving_story.rejoined({"unreachable": True}, "10.1.7.105") is False


def result(acts=None, check_mode=False, target=m.TARGET, change=lambda case: None, manager="keepalived"):
    case = m.case(manager)
    change(case)
    gate = move_gate(case["view"], target, case["answers"], case["asked"], case["wanted"])
    return moving_story.move_result(gate, case["view"], target, acts or {}, "postgres-db1", check_mode)


def test_the_result_of_a_move():
    found = result({"away": AWAY, "probe": PROBE})
    assert found["changed"] and (found["old_holder"], found["new_holder"]) == (m.HOLDER, m.TARGET)
    assert (found["gap_seconds"], found["sessions"], found["busy"]) == (0.21, 12, 1)
    assert found["probe"]["host"] == "postgres-db1" and found["schema"] == 1
    told = "\n".join(found["story"])
    assert "for 0.21 s" in told and "12 sessions of app-server1 ended, 1 of them" in told


def test_a_gap_that_was_not_measured_is_no_gap_of_zero():
    found = result({"away": AWAY, "probe": {"gap": None, "error": "psycopg2 is missing"}})
    assert found["gap_seconds"] is None
    assert "not measured: psycopg2 is missing" in "\n".join(found["story"])
    assert "nobody was asked to" in "\n".join(result({"away": AWAY})["story"])


def test_a_client_whose_time_was_over_has_not_measured_the_move():
    found = result({"away": AWAY, "probe": dict(PROBE, in_time=False)})
    assert found["gap_seconds"] is None
    assert "not measured: the client's time was over" in "\n".join(found["story"])


def test_a_network_that_was_not_asked_afterwards_is_told_once():
    case, gate = gated(change=lambda c: m.held(c, m.HOLDER, reason="eth0 is down"))
    words = "the network was not asked who else has 10.1.7.100: eth0 is down"
    found = moving_story.move_result(gate, case["view"], m.TARGET, {"away": AWAY})
    assert found["warnings"] == [words] and found["story"][-1] == f"note: {words}"
    case, gate = gated()
    m.held(case, m.TARGET, reason="eth0 is down")
    assert moving_story.move_result(gate, case["view"], m.TARGET, {"away": AWAY})["warnings"] == [words]


def test_check_mode_changes_nothing():
    found = result(check_mode=True)
    assert not found["changed"] and found["would_change"]
    assert "Check mode: app-server2 would take" in found["story"][0]


def test_already_there():
    found = result(target=m.HOLDER)
    assert not found["changed"] and not found["would_change"]
    assert found["story"] == ["app-server1 has 10.1.7.100 already. Nothing was changed."]


def test_already_there_with_something_left_by_an_interrupted_move():
    found = result(target=m.HOLDER, change=lambda c: m.keepalived(c, m.TARGET, moved_away=True))
    assert found["changed"] and found["ended_leftovers"] == [m.TARGET]
    assert "brought to its end on app-server2" in "\n".join(found["story"])


def test_the_old_holder_went_before_this_run():
    """Then this run has not counted its sessions."""
    assert "is not known" in "\n".join(result({"away": {"changed": False, "drained": None}})["story"])
