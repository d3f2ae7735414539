# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import watchdog as w

ENTRY = {
    "ID": 0,
    "State": 4,
    "NodeName": "10.1.7.104:5432 Linux app-server1",
    "HostName": "10.1.7.104",
    "StateName": "LEADER",
    "DelegateIP": "10.1.7.100",
    "WdPort": 9000,
    "PgpoolPort": 5432,
    "Priority": 2,
    "MembershipString": "MEMBER",
}
DOCUMENT = {
    "RemoteNodeCount": 2,
    "MemberRemoteNodeCount": 1,
    "NodesRequireForQuorum": 2,
    "QuorumStatus": 1,
    "AliveNodeCount": 1,
    "Escalated": 1,
    "LeaderNodeName": "10.1.7.104:5432 Linux app-server1",
    "LeaderHostName": "10.1.7.104",
    "NodeCount": 3,
    "WatchdogNodes": [ENTRY, dict(ENTRY, ID=1, State=8, StateName="LOST"), dict(ENTRY, ID=2, State=7)],
}


def parsed(**differences):
    return w.parse_watchdog(dict(DOCUMENT, **differences), server="here")


def test_counts_are_those_a_person_expects():
    seen = parsed()
    assert (seen["total_nodes"], seen["member_nodes"], seen["alive_nodes"], seen["nodes_required"]) == (3, 2, 2, 2)
    assert [node["state_name"] for node in seen["nodes"]] == ["LEADER", "LOST", "STANDBY"]
    assert seen["local"]["name"] == "10.1.7.104:5432 Linux app-server1" and seen["escalated"] is True


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "QUORUM EXIST"), (0, "QUORUM IS ON THE EDGE"), (-1, "QUORUM ABSENT"), (-2, "NO LEADER NODE"), (7, "UNKNOWN")],
)
def test_quorum_in_the_words_of_pgpool(number, words):
    assert parsed(QuorumStatus=number)["quorum"] == words


def test_without_a_leader():
    seen = parsed(LeaderHostName="Not Set", LeaderNodeName="Not Set", AliveNodeCount=0, QuorumStatus=-2)
    assert (seen["leader"], seen["leader_name"], seen["alive_nodes"]) == (None, None, None)


def test_older_versions_tell_less_and_speak_an_older_language():
    old = copy.deepcopy(DOCUMENT)
    for new_key, old_key in w.OLD_KEYS.items():
        old[old_key] = old.pop(new_key)
    for key in ("MemberRemoteNodeCount", "NodesRequireForQuorum"):
        del old[key]
    old["WatchdogNodes"] = [{k: v for k, v in ENTRY.items() if k != "MembershipString"}]
    seen = w.parse_watchdog(old, server="here")
    assert (seen["leader"], seen["member_nodes"], seen["nodes_required"]) == ("10.1.7.104", None, None)
    assert (seen["nodes"][0]["membership"], seen["nodes"][0]["state_name"]) == (None, "LEADER")


def test_names_not_set_and_states_not_known():
    entry = dict(ENTRY, DelegateIP="Not_Set", State=99, StateName="NEW STATE")
    node = parsed(WatchdogNodes=[entry])["local"]
    assert (node["delegate_ip"], node["state_name"]) == (None, "NEW STATE")


@pytest.mark.parametrize("key", ["RemoteNodeCount", "QuorumStatus", "LeaderHostName", "WatchdogNodes", "Escalated"])
def test_a_missing_key_is_named(key):
    with pytest.raises(ParseError) as caught:
        w.parse_watchdog({k: v for k, v in DOCUMENT.items() if k != key}, server="here")
    assert w.OLD_KEYS.get(key, key) in caught.value.seen


@pytest.mark.parametrize("nodes", [None, 5, ["text"], [{}]])
def test_nodes_of_another_shape(nodes):
    with pytest.raises(ParseError):
        parsed(WatchdogNodes=nodes)


def test_all_answers_have_one_shape():
    off, mute = w.without_watchdog(), w.unknown_watchdog("why")
    assert set(off) == set(mute) == set(parsed()) == {*w.KEYS, "nodes"}
    assert (off["enabled"], off["error"], mute["enabled"], mute["error"]) == (False, None, True, "why")
    assert off["nodes"] == [] and off["nodes"] is not w.without_watchdog()["nodes"]
