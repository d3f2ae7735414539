# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two or three pgpools of which the first has the virtual address, as every server tells it."""

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_seen import with_vip

from tests.unit import cluster_answers as c

HOLDER, TARGET, THIRD = "app-server1", "app-server2", "app-server3"
ADDRESSES = {HOLDER: "10.1.7.104", TARGET: "10.1.7.105", THIRD: "10.1.7.108"}


def case(manager="watchdog", priorities=None):
    """view, answers, asked and wanted, as move_gate takes them; ``priorities`` are those of the standbys."""
    priorities = priorities or {TARGET: 1}
    hosts = [HOLDER, *priorities]
    members = [dict(c.PGPOOLS[0], name=h, pgpool_id=i, address=ADDRESSES[h]) for i, h in enumerate(hosts)]
    answers = {}
    for host in hosts:
        answers[host] = c.pgpool(vip=host == HOLDER)
        answers[host]["pgpool"]["watchdog"] = {
            "quorum": "QUORUM EXIST",
            "leader": ADDRESSES[HOLDER],
            "nodes_required": len(hosts) // 2 + len(hosts) % 2,
            "nodes": [_node(HOLDER, "LEADER", 9), *(_node(h, "STANDBY", p) for h, p in priorities.items())],
        }
    return {
        "view": build_view(c.DATABASES, members, c.healthy()[0], answers, "10.1.7.100"),
        "answers": {host: {"handover": told(manager, host == HOLDER)} for host in hosts},
        "asked": {"answers": 1, "error": None},
        "wanted": {"manager": manager, "witnesses": [], "half_votes": True, "drain": 2, "timeout": 0},
    }


STRANGER = {"mac": "02:42:0a:01:07:ee", "member": None}
DATABASE = {"mac": "02:42:0a:01:07:6b", "member": "10.1.7.107"}


def at(host):
    """A pgpool host, as the network shows it."""
    return {"mac": "02:42:0a:01:07:69", "member": ADDRESSES[host]}


def held(found, *hosts, others=(), asker=HOLDER, reason=None):
    """These pgpool hosts say that they have the address, and these others answer for it on the network."""
    for one in found["view"]["pgpools"]:
        one["vip_held"] = one["host"] in hosts
    places = [{"interface": "eth0", "mac": "02:42:0a:01:07:68", "prefix": 24, "label": None}]
    answer = {"held": asker in hosts, "bindings": places, "asked": reason is None, "reason": reason}
    manager = found["wanted"]["manager"]
    settings = {"manager": manager, "prefix": 24, "interfaces": {host: "eth0" for host in ADDRESSES}}
    found["view"] = with_vip(found["view"], {"vip": dict(answer, others=others)}, asker=asker, settings=settings)
    return found


def _node(host, state, priority):
    return {"name": host, "hostname": ADDRESSES[host], "state_name": state, "priority": priority}


def told(manager, held):
    """What vip_handover_info answers."""
    word = "MASTER" if held else "BACKUP"  # keepalived's own
    files = {"active": True, "state": word, "pgpool_down": False, "moved_away": False}
    return {
        "held": held, "service_active": True, "return_due": False, "claim": None, "switching": False,
        "sessions": 12 if held else 0, "busy": 3 if held else 0,
        "keepalived": files if manager == "keepalived" else None,
    }  # fmt: skip


def proxy(found, host):
    return next(p for p in found["view"]["pgpools"] if p["host"] == host)


def handover(found, host):
    return found["answers"][host]["handover"]


def keepalived(found, host, **changes):
    files = told("keepalived", False)["keepalived"]
    handover(found, host)["keepalived"] = {**files, **changes}


def node(found, host):
    """How the target's watchdog sees a pgpool."""
    return next(n for n in proxy(found, TARGET)["watchdog"] if n["hostname"] == ADDRESSES[host])
