# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What real Pgpools of four versions answered, byte by byte, against what their own programs printed."""

from __future__ import annotations

import datetime
import json
import pathlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.nodes import parse_health, parse_node
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.pcp import Login, PcpRejected, PcpSession
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.watchdog import parse_watchdog

from tests.unit.fake_pcp import FakePcp, QuickClock

RECORDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in (pathlib.Path(__file__).parents[3] / "fixtures" / "pcp").glob("*.json")
}


def printed(text):
    """Return the ``name: value`` lines of a program's output as a dict."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


@pytest.fixture(params=sorted(RECORDS))
def record(request):
    return RECORDS[request.param]


@pytest.fixture
def pcp(record):
    answers = {
        (b"L", b""): record["count"],
        (b"I", b"0\0"): record["nodes"][0],
        (b"I", b"1\0"): record["nodes"][1],
        (b"I", b"7\0"): record["unknown_node"],
        (b"H", b"1\0"): record["health"][1],
        (b"W", b"-1\0"): record["watchdog"],
        (b"C", b"9\0"): record["attach_unknown"],
        (b"C", b"1\0"): record["attach"],
        (b"D", b"1\0"): record["detach"],
        (b"D", b"0\0"): record["detach_again"],
        (b"J", b"0 \0n"): record["promote_primary"],
    }
    with FakePcp(lambda kind, payload: answers[kind, payload].encode("latin-1")) as server:
        login = Login(server.host, server.port, "pgpoolad", "secret")
        with PcpSession(login, server="here", timeout=2, clock=QuickClock()) as opened:
            yield opened


def test_all_recorded_versions_are_here():
    assert sorted(RECORDS) == ["4.1.4", "4.3.5", "4.6.1", "4.7.3"]


@pytest.mark.parametrize("number", [0, 1])
def test_node_info_agrees_with_the_program(record, pcp, number):
    node = parse_node(number, pcp.node_fields(number), server="here")
    told = printed(record["tools"]["nodes"][number])
    assert (node.hostname, str(node.port), str(node.status)) == (told["Hostname"], told["Port"], told["Status"])
    assert (f"{node.weight:f}", node.status_name, node.role) == (told["Weight"], told["Status Name"], told["Role"])
    assert (node.pg_status, node.pg_role) == (told.get("Backend Status Name"), told.get("Backend Role"))
    assert (node.replication_state or "") == told["Replication State"].replace("none", "")
    assert (node.replication_sync_state or "") == told["Replication Sync State"].replace("none", "")
    changed = datetime.datetime.strptime(node.last_status_change, "%Y-%m-%dT%H:%M:%SZ")
    assert str(changed) == told["Last Status Change"]


def test_watchdog_agrees_with_the_program(record, pcp):
    watchdog = parse_watchdog(pcp.watchdog(), server="here")
    head, *entries = record["tools"]["watchdog"].split("\nNode Name ")
    told = printed(head.replace("Master", "Leader").replace("VIP up on local node", "Local node escalation"))
    assert watchdog["total_nodes"] == int(told["Total Nodes"])
    assert watchdog["alive_nodes"] == int(told["Alive Remote Nodes"]) + 1
    assert watchdog["quorum"] == told["Quorum state"]
    assert watchdog["leader"] == told["Leader Host Name"]
    assert watchdog["leader_name"] == told["Leader Node Name"]
    assert watchdog["escalated"] == (told["Local node escalation"] == "YES")
    assert len(entries) == len(watchdog["nodes"]) == 2 and watchdog["local"] == watchdog["nodes"][0]
    for entry, node in zip(entries, watchdog["nodes"]):
        name, rest = entry.split("\n", 1)
        told = printed(rest.replace("MASTER", "LEADER"))
        assert name.strip(" :") == node["name"]
        assert (node["hostname"], node["state_name"]) == (told["Host Name"], told["Status Name"])
        assert node["membership"] == told.get("Membership Status")
        assert [str(node[key]) for key in ("pgpool_port", "wd_port", "priority", "state")] == [
            told[key] for key in ("Pgpool port", "Watchdog port", "Node priority", "Status")
        ]


def test_health_statistics(record, pcp):
    if record["version"].startswith("4.1"):
        with pytest.raises(PcpRejected):
            pcp.health_fields(1)
        return
    node = parse_health(1, pcp.health_fields(1), server="here", note="why")
    assert (node.hostname, node.port, node.status_name, node.role) == ("127.0.0.1", 5434, "waiting", "standby")


def test_orders_and_rejections(pcp):
    pcp.attach(1, timeout=2)
    pcp.detach(1, timeout=2)
    with pytest.raises(PcpRejected) as caught:
        pcp.detach(0, timeout=2)
    assert "status: [3] is not valid for failover" in caught.value.seen
    with pytest.raises(PcpRejected) as caught:
        pcp.node_fields(7)
    assert "invalid node ID" in caught.value.seen
    with pytest.raises(PcpRejected) as caught:
        pcp.promote(0, timeout=2)
    assert "already primary node" in caught.value.seen


def test_pgpool_says_yes_to_attaching_what_does_not_exist(pcp):
    """The reason why the plan looks at the ids first."""
    pcp.attach(9, timeout=2)


def test_detached_and_attached_again(record):
    for name, status in (("detached_node", "down"), ("attached_node", "waiting")):
        answer = record[name].encode("latin-1")
        with FakePcp(lambda _kind, _payload, answer=answer: answer) as server:
            login = Login(server.host, server.port, "pgpoolad", "secret")
            with PcpSession(login, server="here", timeout=2) as session:
                node = parse_node(1, session.node_fields(1), server="here")
        assert node.status_name == status and node.detached == (status == "down") and node.attached != node.detached
