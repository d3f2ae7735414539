# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What a Pgpool's watchdog says about its cluster, the same shape and the same words for every version."""

from __future__ import annotations

from .._errors import ParseError

# The words of pcp_watchdog_info; what 4.1 calls the fourth one is older language for the same thing.
QUORUM = {1: "QUORUM EXIST", 0: "QUORUM IS ON THE EDGE", -1: "QUORUM ABSENT", -2: "NO LEADER NODE"}
STATES = (
    "DEAD",
    "LOADING",
    "JOINING",
    "INITIALIZING",
    "LEADER",
    "PARTICIPATING IN ELECTION",
    "STANDING FOR LEADER",
    "STANDBY",
    "LOST",
    "IN NETWORK TROUBLE",
    "SHUTDOWN",
    "ADD MESSAGE SENT",
    "NETWORK ISOLATION",
)
NOT_SET = ("Not Set", "Not_Set", "")
KEYS = (
    "enabled",
    "error",
    "quorum",
    "alive_nodes",
    "total_nodes",
    "member_nodes",
    "nodes_required",
    "leader",
    "leader_name",
    "escalated",
    "local",
)
# Names of 4.1 for the keys that 4.2 renamed.
OLD_KEYS = {"LeaderNodeName": "MasterNodeName", "LeaderHostName": "MasterHostName"}


def without_watchdog():
    """Return the answer for a Pgpool that runs without watchdog."""
    return _shape(enabled=False)


def unknown_watchdog(reason):
    """Return the answer for a watchdog that did not answer its own Pgpool."""
    return _shape(enabled=True, error=reason)


def parse_watchdog(document, *, server):
    """Return the result that the JSON object of a watchdog answer describes."""
    try:
        remote, alive = document["RemoteNodeCount"], document["AliveNodeCount"]
        nodes = [_node(entry) for entry in document["WatchdogNodes"]]
        leader = _leader(document, "LeaderHostName")
        return _shape(
            enabled=True,
            quorum=QUORUM.get(document["QuorumStatus"], "UNKNOWN"),
            # Pgpool counts the leader's living peers; with the leader it is the number a person expects.
            alive_nodes=alive + 1 if leader else None,
            total_nodes=remote + 1,
            member_nodes=document["MemberRemoteNodeCount"] + 1 if "MemberRemoteNodeCount" in document else None,
            nodes_required=document.get("NodesRequireForQuorum"),
            leader=leader,
            leader_name=_leader(document, "LeaderNodeName"),
            escalated=bool(document["Escalated"]),
            # The node that was asked puts itself first, in every version.
            local=nodes[0] if nodes else None,
            nodes=nodes,
        )
    except (KeyError, TypeError, AttributeError) as exc:
        raise ParseError(
            "read what the watchdog says",
            server=server,
            seen=f"an answer without {exc}: {str(document)[:200]}",
            next_step="check that this is a Pgpool-II of 4.1 to 4.7; a newer one may need a newer collection",
        ) from exc


def _shape(**known):
    return dict(dict.fromkeys(KEYS), **dict({"nodes": []}, **known))


def _leader(document, key):
    name = document[key] if key in document else document[OLD_KEYS[key]]
    return None if name in NOT_SET else name


def _node(entry):
    state = entry["State"]
    return {
        "id": entry["ID"],
        "name": entry["NodeName"],
        "hostname": entry["HostName"],
        "delegate_ip": None if entry.get("DelegateIP") in (None, *NOT_SET) else entry["DelegateIP"],
        "pgpool_port": entry["PgpoolPort"],
        "wd_port": entry["WdPort"],
        "state": state,
        "state_name": STATES[state] if 0 <= state < len(STATES) else entry["StateName"],
        "membership": entry.get("MembershipString"),
        "priority": entry["Priority"],
    }


__all__ = ("parse_watchdog", "unknown_watchdog", "without_watchdog")
