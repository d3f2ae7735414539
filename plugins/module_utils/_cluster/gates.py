# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""May this playbook go on? Pure decisions over the view, each with the reason and the next step."""

from __future__ import annotations

from .findings import recover_command
from .view import UP, attached_on, node_of


def recovery_gate(view, target):
    """May ``target`` be made a standby of the primary that the view names?

    Returns allowed, message, the primary's address and port, attached: True when every pgpool that answers has it up
    as a standby, and used_by: the pgpools that have it up.
    """
    node = node_of(view, target)
    if node is None:
        return _gate(False, f"{target} is not a database host of this cluster. Next: {_name_one(view)}")
    if not node["answered"]:
        why = f"{target} could not be asked: {node['error']}"
        return _gate(False, f"{why}. Next: make it reachable by SSH, then run again")
    if view["primary"] is None:
        return _gate(
            False,
            f"Refused to recover {target}: {view['dispute']}. Nothing was changed. Next: see the table above; "
            "if you know which server has the data that counts, name it: -e recover_standby_primary=HOST",
        )
    if target == view["primary"]:
        return _gate(
            False,
            f"Refused to recover {target}: it is the live primary, because {view['primary_because']}. "
            f"Nothing was changed. Next: {_name_one(view)}",
        )
    primary = node_of(view, view["primary"])
    if primary["role"] != "primary":
        return _gate(
            False,
            f"Refused to recover {target} from {primary['host']}: that server is {primary['role']}, not a running "
            "primary. Nothing was changed. Next: start it, or name another one with -e recover_standby_primary=HOST",
        )
    if not any(p["reachable"] for p in view["pgpools"]):
        silent = ", ".join(f"{p['host']} ({p['error']})" for p in view["pgpools"])
        return _gate(
            False,
            f"Refused to recover {target}: no pgpool answers ({silent}), so it could not be attached again. "
            "Nothing was changed. Next: start pgpool2 on one of them",
        )
    seen = list(node["seen_by"].values())
    attached = all(s is not None and s["status"] in UP and s["role"] == "standby" for s in seen)
    gate = _gate(True, f"{target} will follow {view['primary']}: {view['primary_because']}")
    used_by = attached_on(view, target)
    return dict(
        gate, attached=attached, used_by=used_by, primary_address=primary["address"], primary_port=primary["port"]
    )


def _gate(allowed, message):
    return {
        "allowed": allowed, "message": message, "attached": False, "used_by": [], "primary_address": None,
        "primary_port": None,
    }  # fmt: skip


def _name_one(view):
    degenerate = [n["host"] for n in view["nodes"] if n["host"] != view["primary"] and not _healthy(n)]
    if degenerate:
        return f"the node to recover seems to be {degenerate[0]}: {recover_command(degenerate[0])}"
    return "no node needs recovery; ansible-playbook check_cluster.yml shows them all"


def _healthy(node):
    streams = (node["receiver"] or {}).get("status") == "streaming"
    return streams and all(s and s["status"] in UP for s in node["seen_by"].values())


def deploy_gate(view):
    """What may deploy_cluster do with each database host? Decides once, for the whole cluster.

    Returns allowed, message, bootstrap (host to initialise, or None), primary (today's, or the one to be),
    clone (hosts without data, to be built as standbys) and leave (host to reason: left exactly as it is).
    """
    nodes = view["nodes"]
    silent = [n for n in nodes if not n["answered"]]
    empty = [n for n in nodes if n["answered"] and not n["data_directory_exists"]]
    if view["primary"]:
        return _deploy_around(view, empty)
    if silent:
        names = ", ".join(f"{n['host']} ({n['error']})" for n in silent)
        return _deploy_refusal(
            f"no primary is running, and not every database host could be asked: {names}. Next: mend that first"
        )
    if len(empty) == len(nodes) and nodes:
        first = nodes[0]["host"]
        others = [n["host"] for n in nodes[1:]]
        message = f"no database host has data: {first} (lowest pgops_backend_id) becomes the first primary"
        return _deploy(True, message, bootstrap=first, primary=first, clone=others)
    unfinished = [n for n in nodes if n["data_directory_exists"]]
    names = ", ".join(f"{n['host']} ({n['role']})" for n in unfinished)
    return _deploy_refusal(
        f"there is data on {names}, but {view['dispute']}. Deploying could put the wrong server in charge. "
        "Next: start the primary, or let Pgpool fail over; ansible-playbook check_cluster.yml shows what is there"
    )


def _deploy_around(view, empty):
    primary = node_of(view, view["primary"])
    leave = {}
    for node in view["nodes"]:
        if node is primary or node in empty:
            continue
        if not node["answered"]:
            leave[node["host"]] = f"could not be asked: {node['error']}"
        elif node["role"] == "primary":
            leave[node["host"]] = f"runs as a second primary; {recover_command(node['host'])}"
        elif not _healthy_replica(node):
            leave[node["host"]] = f"is degenerate ({node['role']}); {recover_command(node['host'])}"
    message = f"{primary['host']} is the primary, because {view['primary_because']}"
    return _deploy(True, message, primary=primary["host"], clone=[n["host"] for n in empty], leave=leave)


def _healthy_replica(node):
    return node["role"] == "standby" and (node["receiver"] or {}).get("status") == "streaming"


def _deploy_refusal(message):
    return _deploy(False, f"Refused to deploy: {message}. Nothing was changed on the databases.")


def _deploy(allowed, message, bootstrap=None, primary=None, clone=(), leave=None):
    return {
        "allowed": allowed,
        "message": message,
        "bootstrap": bootstrap,
        "primary": primary,
        "clone": list(clone),
        "leave": leave or {},
    }


__all__ = ("deploy_gate", "recovery_gate")
