# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import depose
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c

DB1, DB2 = "postgres-db1", "postgres-db2"


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def down(last_role="primary"):
    answer = c.down()
    answer["postgres"].update(last_role=last_role, service={"name": "postgresql@15-main.service"})
    return answer


def event(result="too_far_behind", failed_id=0, time="2026-11-23T10:00:00.000Z", **more):
    return dict({"time": time, "host": "app-server1", "result": result, "failed_id": failed_id, "message": "m",
                 "lag": 10**6, "seconds": 0.4}, **more)  # fmt: skip


def pool(primary_id=0, statuses=("up", "up"), **more):
    answer = c.pgpool(primary_id, statuses)
    watchdog = {key: more.pop(key) for key in ("leader", "quorum") if key in more}
    answer["pgpool"].update(more)
    answer["pgpool"]["watchdog"].update(watchdog)
    return answer


def pools(*words, **more):
    return {"app-server1": pool(*words, **more), "app-server2": pool(*words, **more)}


LEFT = pools(None, ("down", "up"))  # Pgpool has taken it out and found no other
HEALTHY = c.healthy()
DEAD_HOST = ({DB1: c.DEAD, DB2: c.standby(status=None)}, pools())
STUCK = ({DB1: c.DEAD, DB2: c.standby(status=None)}, pools(None, ("down", "up"), last_failover=event()))

ALLOWED = {
    "the healthy primary": (HEALTHY, {}, "it is the only server that runs as a primary"),
    "its server is down, and pgpool names it": (({DB1: down(), DB2: c.standby()}, pools()), {}, "name postgres-db1"),
    "its host is silent": (DEAD_HOST, {"unfenced": True}, "app-server1 and app-server2 name postgres-db1"),
    "pgpool names a node that it holds for down": (
        ({DB1: down(), DB2: c.standby()}, pools(0, ("down", "up"))), {}, "name postgres-db1"),
    "nobody was promoted": (STUCK, {"unfenced": True}, "too_far_behind"),
    "the pause has ended": (
        ({DB1: down(), DB2: c.standby()}, pools(None, ("down", "up"), last_failover=event("paused"))), {}, "paused"),
    "only its files tell": (({DB1: down(), DB2: c.standby(status=None)}, LEFT), {}, "the only one that was a primary"),
    "one pgpool is silent": ((HEALTHY[0], {"app-server1": pool(), "app-server2": c.DEAD}), {}, "app-server1 names it"),
    "it was promoted over, but a pgpool does not know": (
        ({DB1: down(), DB2: c.primary(2, streams_to=None)},
         {"app-server1": pool(1, ("down", "up")), "app-server2": pool()}), {}, "not every pgpool knows"),
}  # fmt: skip


@pytest.mark.parametrize("case", ALLOWED, ids=list(ALLOWED))
def test_may_be_deposed(case):
    answers, options, words = ALLOWED[case]
    gate = depose.failover_gate(view(*answers), DB1, **options)
    assert gate["allowed"] and gate["needed"], gate["message"]
    assert words in gate["message"]
    assert gate["leader"] == "app-server1"


REFUSED = {
    "a healthy standby": (HEALTHY, DB2, "postgres-db1 is the primary", "failover_primary.yml -l postgres-db1"),
    "no database host": (HEALTHY, "app-server1", "not a database host", "check_cluster"),
    "a second primary": (
        ({DB1: c.primary(), DB2: c.primary(2, streams_to=None)}, pools(1)), DB1, "runs as a second primary",
        "recover_standby.yml -l postgres-db1"),
    "two primaries, and no verdict": (
        ({DB1: c.primary(), DB2: c.primary()}, pools()), DB1, "2 servers run as a primary", "see the table"),
    "another one was the primary": (
        ({DB1: down(), DB2: c.DEAD}, pools(1)), DB1, "app-server2 name postgres-db2", "-l postgres-db2"),
    "the failover was about another one": (
        ({DB1: down(), DB2: down()}, pools(None, ("down", "down"), last_failover=event(failed_id=1))), DB1,
        "after postgres-db2 had failed", "-l postgres-db2"),
    "a standby, and nobody is the primary": (STUCK, DB2, "it is a standby, and nobody", "check_cluster"),
    "nobody knows": (({DB1: down(), DB2: down()}, pools(None, ("down", "down"))), DB1, "nobody says", "check_cluster"),
    "no pgpool answers": (
        (HEALTHY[0], {"app-server1": c.no_pgpool(), "app-server2": c.DEAD}), DB1, "connection refused", "pgpool2"),
    "the standby is silent": (({DB1: c.primary(), DB2: c.DEAD}, pools()), DB1, "not asked, Failed to connect", "check"),
    "the standby is down": (({DB1: c.primary(), DB2: down("standby")}, pools()), DB1, "postgres-db2: down", "check"),
    "the standby is detached": (
        (HEALTHY[0], pools(0, ("up", "down"))), DB1, "postgres-db2: standby, not attached", "check"),
    "paused": (
        (HEALTHY[0], {"app-server1": pool(), "app-server2": pool(paused=True)}), DB1, "paused on app-server2",
        "rm /var/lib/pgops/paused"),
    "no quorum": ((HEALTHY[0], pools(quorum="QUORUM ABSENT")), DB1, "no quorum", "start pgpool2"),
    "its host is silent": (DEAD_HOST, DB1, "cannot be fenced: Failed", "-e failover_primary_unfenced=true"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
def test_refused_with_the_reason_and_the_way_out(case):
    answers, target, words, command = REFUSED[case]
    gate = depose.failover_gate(view(*answers), target)
    assert not gate["allowed"] and not gate["needed"]
    assert gate["message"].startswith(f"Refused to depose {target}: ")
    assert words in gate["message"]
    assert command in gate["message"].split("Next: ")[1]


def test_an_old_failover_says_nothing_about_a_cluster_that_has_a_primary_again():
    assert depose.failover_gate(view(HEALTHY[0], pools(last_failover=event())), DB1)["by_hand"] is False


def test_without_a_quorum_what_pgpool_left_undone_can_still_be_done():
    stuck = pools(None, ("down", "up"), quorum="QUORUM ABSENT", last_failover=event())
    assert depose.failover_gate(view({DB1: down(), DB2: c.standby()}, stuck), DB1)["allowed"]


@pytest.mark.parametrize("target", [down(), c.DEAD], ids=["down", "silent"])
def test_deposed_already(target):
    postgres, pgpools = c.after_failover()
    gate = depose.failover_gate(view(dict(postgres, **{DB1: target}), pgpools), DB1)
    assert (gate["allowed"], gate["needed"], gate["primary"]) == (True, False, DB2)
    assert gate["message"].startswith("already: postgres-db2 is the primary")
    assert gate["message"].endswith("Next: ansible-playbook recover_standby.yml -l postgres-db1")


def test_what_failover_sh_is_given():
    gate = depose.failover_gate(view(*STUCK), DB1, unfenced=True)
    assert gate["by_hand"] and not gate["fence"]
    assert " ".join(gate["arguments"]) == "0 10.1.7.106 5432 - 1 10.1.7.107 0 0 5432 - 10.1.7.106 5432"


@pytest.mark.parametrize(
    ("leader", "silent", "expected"),
    [
        ("10.1.7.105", (), "app-server2"),
        ("app-server2", (), "app-server2"),
        ("10.1.7.105", ("app-server2",), "app-server1"),
        (None, (), "app-server1"),
    ],
)
def test_who_gets_the_orders(leader, silent, expected):
    seen = view(HEALTHY[0], dict(pools(leader=leader), **{host: c.DEAD for host in silent}))
    assert depose.leader_of(seen) == expected


def test_the_plan_of_a_server_that_answers():
    postgres = dict(HEALTHY[0])
    postgres[DB1] = c.primary()
    postgres[DB1]["postgres"]["service"] = {"name": "postgresql@15-main.service"}
    seen = view(postgres, pools())
    text = "\n".join(depose.plan_text(depose.failover_gate(seen, DB1), seen, DB1))
    assert "systemctl stop postgresql@15-main.service, and SIGKILL after 10 s" in text
    assert "have Pgpool on app-server1 take postgres-db1 out" in text
    assert "until app-server1 and app-server2 name another primary" in text
    assert "postgres-db2 could take over: it is 0 bytes behind" in text
    assert "recover_standby.yml -l postgres-db1" in text


def test_the_plan_of_a_silent_host_whose_failover_promoted_nobody():
    seen = view(*STUCK)
    text = "\n".join(depose.plan_text(depose.failover_gate(seen, DB1, unfenced=True), seen, DB1))
    assert "leave postgres-db1 as it is" in text
    assert "run failover.sh on app-server1" in text
    assert "it is 0 bytes behind, as far as it knows" in text


def test_the_plan_of_a_refusal_has_no_steps():
    gate = depose.failover_gate(view(*HEALTHY), DB2)
    assert depose.plan_text(gate, view(*HEALTHY), DB2) == [gate["message"]]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (pool(1, ("down", "up")), "promoted"),
        (pool(0), ""),
        (pool(1, ("down", "down")), ""),
        (pool(None, ("down", "up")), ""),
        (pool(None, ("down", "up"), last_failover=event(time="later")), "refused"),
        (pool(None, ("down", "up"), last_failover=event("promoted", time="later")), ""),
        (pool(None, ("down", "up"), last_failover=event(time="before")), ""),
        (pool(None, ("down", "up"), last_failover=event(failed_id=1, time="later")), ""),
        (pool(1, ("down", "up"), last_failover=event(time="later")), "promoted"),
        (c.no_pgpool(), ""),
        (c.DEAD, ""),
    ],
)
def test_what_a_pgpool_says_meanwhile(answer, expected):
    assert depose.progress(answer, "0", "before") == expected


def test_done():
    postgres, pgpools = c.after_failover()
    found = depose.deposed(view(postgres, pgpools), DB1)
    assert found == {"done": True, "primary": DB2, "missing": [], "not_streaming": [], "by_hand": False}


@pytest.mark.parametrize(
    ("answers", "words", "by_hand"),
    [
        (HEALTHY, "postgres-db1 still is the primary", False),
        (({DB1: down(), DB2: c.standby()}, LEFT), "there is no primary", True),
        (({DB1: down(), DB2: c.standby()}, pools()), "there is no primary", False),
        (({DB1: down(), DB2: c.primary(2)}, {"app-server1": pool(1, ("down", "up")), "app-server2": pool()}),
         "app-server2 takes postgres-db1 for the primary", False),
        (({DB1: c.primary(), DB2: c.primary(2)}, pools(1, ("down", "up"))), "runs as a second primary", False),
        (({DB1: down(), DB2: c.primary(2)}, pools(1)), "app-server1 and app-server2 still use postgres-db1", False),
    ],
)  # fmt: skip
def test_not_done(answers, words, by_hand):
    found = depose.deposed(view(*answers), DB1)
    assert not found["done"] and words in "; ".join(found["missing"])
    assert found["by_hand"] is by_hand
