# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decision tables of pgpool_node."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import node_plan
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.nodes import Node

STATUS = {"unused": 0, "waiting": 1, "up": 2, "down": 3, "quarantine": 3}


def node(number, text):
    """``up primary/standby``: status, Pgpool's role, PostgreSQL's role (- for: this version does not tell)."""
    status, roles = text.split()
    role, pg_role = roles.split("/")
    pg_role = None if pg_role == "-" else pg_role
    return Node(number, f"db{number + 1}", 5432, STATUS[status], status, role=role, pg_role=pg_role)


def decided(state, *texts):
    """Plan for the last of the nodes."""
    nodes = [node(number, text) for number, text in enumerate(texts)]
    desired = node_plan.Desired(nodes[-1].id, nodes[-1].hostname, 5432, state)
    return node_plan.plan(nodes, desired, server="pgpool of app-server1")


PRIMARY = "up primary/primary"


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ("attached", [PRIMARY, "up standby/standby"]),
        ("attached", [PRIMARY, "waiting standby/unknown"]),
        ("attached", [PRIMARY, "up standby/-"]),
        ("detached", [PRIMARY, "down standby/standby"]),
        ("detached", [PRIMARY, "down primary/primary"]),
        ("promoted", ["up standby/standby", "up primary/primary"]),
        ("promoted", ["up standby/-", "waiting primary/-"]),
    ],
)
def test_nothing_to_do(state, texts):
    plan = decided(state, *texts)
    assert not plan.changes and plan.refusal is None and "already" in plan.summary


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ("attached", [PRIMARY, "down standby/standby"]),
        ("attached", [PRIMARY, "down standby/unknown"]),
        ("attached", [PRIMARY, "down standby/-"]),
        ("attached", [PRIMARY, "quarantine standby/standby"]),
        ("attached", [PRIMARY, "unused standby/standby"]),
        # Nobody else is a primary: whatever Pgpool believes, this one is it.
        ("attached", ["down standby/standby", "down standby/primary"]),
        ("attached", ["up primary/standby", "down standby/primary"]),
        ("attached", ["down primary/unknown", "down standby/primary"]),
        ("detached", [PRIMARY, "up standby/standby"]),
        ("detached", [PRIMARY, "waiting standby/-"]),
        ("detached", [PRIMARY, "quarantine standby/unknown"]),
        # A false primary that Pgpool reads from: to take it out is no failover.
        ("detached", [PRIMARY, "up standby/primary"]),
        ("promoted", ["up primary/standby", "up standby/primary"]),
        ("promoted", ["up standby/standby", "waiting standby/primary"]),
        ("promoted", ["down primary/unknown", "up standby/primary"]),
    ],
)
def test_one_step(state, texts):
    plan = decided(state, *texts)
    assert plan.refusal is None and [step.action for step in plan.steps] == [node_plan.VERBS[state]]
    assert texts[-1].split()[0] in plan.steps[0].reason


@pytest.mark.parametrize(
    ("state", "texts", "words"),
    [
        ("attached", [PRIMARY, "down standby/primary"], "while node 0 (db1) is the primary"),
        ("attached", ["up primary/-", "down standby/primary"], "while node 0 (db1) is the primary"),
        ("attached", ["up primary/unknown", "down standby/primary"], "while node 0 (db1) is the primary"),
        ("attached", ["down standby/primary", "down standby/primary"], "while node 0 (db1) is the primary"),
        ("detached", ["up standby/standby", PRIMARY], "a failover"),
        ("detached", ["up standby/-", "up primary/-"], "a failover"),
        ("detached", ["up standby/standby", "up primary/standby"], "a failover"),
        ("detached", ["up standby/standby", "up standby/primary"], "a failover"),
        ("detached", ["up standby/standby", "quarantine primary/unknown"], "a failover"),
        ("detached", [PRIMARY, "unused standby/standby"], "unused"),
        ("promoted", [PRIMARY, "up standby/standby"], "it says standby"),
        ("promoted", ["up primary/-", "up standby/-"], "does not tell"),
        ("promoted", [PRIMARY, "up standby/unknown"], "it says unknown"),
        ("promoted", [PRIMARY, "up standby/primary"], "node 0 (db1) runs as a primary, too"),
        ("promoted", ["up primary/standby", "down standby/primary"], "only attached nodes"),
    ],
)
def test_refusals(state, texts, words):
    plan = decided(state, *texts)
    assert not plan.changes and words in plan.refusal.seen
    with pytest.raises(Refused) as caught:
        plan.require_allowed()
    result = caught.value.to_result()["error"]
    assert result["code"] == "refused" and result["next_step"] and len(result["evidence"]["nodes"]) == len(texts)
    number = len(texts) - 1
    assert f"node {number} (db{number + 1}:5432) on pgpool of app-server1" in str(caught.value)


@pytest.mark.parametrize("text", [PRIMARY, "up primary/standby", "up standby/primary", "up primary/-"])
def test_the_primary_is_detached_by_whom_that_is_a_failover_for(text):
    nodes = [node(0, text), node(1, "up standby/standby")]
    desired = node_plan.Desired(0, "db1", 5432, "detached", allow_failover=True)
    assert [step.action for step in node_plan.plan(nodes, desired, server="here").steps] == ["detach"]


@pytest.mark.parametrize(
    ("state", "text"),
    [("detached", "unused primary/primary"), ("promoted", "up standby/standby"), ("attached", "down standby/primary")],
)
def test_nothing_else_is_allowed_by_that(state, text):
    nodes = [node(0, text), node(1, PRIMARY)]
    desired = node_plan.Desired(0, "db1", 5432, state, allow_failover=True)
    assert node_plan.plan(nodes, desired, server="here").refusal is not None


NODES = [node(0, PRIMARY), node(1, "up standby/standby")]


@pytest.mark.parametrize("number", [2, 9, -1])
def test_an_id_that_does_not_exist(number):
    with pytest.raises(node_plan.NoSuchNode) as caught:
        node_plan.locate(NODES, node_plan.Desired(number, "db1", 5432, "attached"), server="here")
    assert caught.value.code == "no_such_node" and "0 = db1:5432, 1 = db2:5432" in caught.value.seen


@pytest.mark.parametrize(
    ("number", "host", "port"), [(0, "db2", 5432), (1, "db1", 5432), (1, "db2", 5433), (1, "", 5432)]
)
def test_an_id_that_stands_for_another_backend(number, host, port):
    with pytest.raises(node_plan.WrongBackend) as caught:
        node_plan.locate(NODES, node_plan.Desired(number, host, port, "attached"), server="here")
    assert caught.value.code == "wrong_backend" and f"node {number} is db{number + 1}:5432" in caught.value.seen


def test_host_names_have_no_case():
    assert node_plan.locate(NODES, node_plan.Desired(1, "DB2", 5432, "attached"), server="here").id == 1


def test_no_nodes_at_all():
    with pytest.raises(node_plan.NoSuchNode):
        node_plan.locate([], node_plan.Desired(0, "db1", 5432, "attached"), server="here")
