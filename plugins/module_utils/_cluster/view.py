# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What the whole cluster looks like, put together from what every server said. Pure: reads nothing itself."""

from __future__ import annotations

UP = ("up", "waiting")
# The results of failover.sh after which there is no new primary.
LACKING = ("too_far_behind", "may_lack_commits")  # a standby was there; promoting it gives something up
NOBODY = (*LACKING, "no_candidate", "no_room", "paused", "promotion_failed", "false_alarm", "given_up")
PROMOTED = ("promoted", "already_promoted", "switched")


def build_view(databases, pgpools, postgres_answers, pgpool_answers, vip=None):
    """Put the answers of all servers side by side and decide who the primary is.

    databases, pgpools: what ``members`` gives. postgres_answers: host name to the result of pg_cluster_info (or to
    ``{"unreachable": True, "msg": ...}``); pgpool_answers: the same for pgpool_info. A missing or failed answer is
    evidence too: the server did not answer.
    """
    nodes = [_node(member, postgres_answers.get(member["name"])) for member in databases]
    proxies = [_proxy(member, pgpool_answers.get(member["name"]), nodes) for member in pgpools]
    for node in nodes:
        node["seen_by"] = {
            proxy["host"]: proxy["backends"].get(node["backend_id"]) for proxy in proxies if proxy["reachable"]
        }
    primary, because, dispute = find_primary(nodes, proxies)
    return {
        "schema": 1,
        "vip": vip,
        "nodes": nodes,
        "pgpools": proxies,
        "primary": primary,
        "primary_because": because,
        "dispute": dispute,
        "vip_holders": [p["host"] for p in proxies if p["vip_held"]],
    }


def _node(member, answer):
    answer = answer or {}
    facts = answer.get("postgres")
    answered = isinstance(facts, dict)
    facts = facts if answered else {}
    keys = (
        "version", "role", "running", "accepting", "in_recovery", "timeline", "system_identifier", "lsn", "history",
        "slots", "senders", "receiver", "data_directory_exists", "standby_signal", "lag_bytes", "lag_seconds",
        "start_time", "primary_slot_name", "replayed_lsn", "fenced", "held", "last_role", "synchronous",
    )  # fmt: skip
    node = {key: facts.get(key) for key in keys}
    node.update(
        service=(facts.get("service") or {}).get("name"),
        host=member["name"],
        backend_id=member["backend_id"],
        address=member["address"],
        port=member["port"],
        slot=member["slot"],
        answered=answered,
        error=facts.get("error") if answered else _why_silent(answer),
    )
    if not answered:
        node["role"] = "unknown"
    return node


def _proxy(member, answer, nodes):
    answer = answer or {}
    facts = answer.get("pgpool")
    host_answered = isinstance(facts, dict)
    facts = facts if host_answered else {}
    reachable = bool(facts.get("reachable"))
    error = facts.get("error") or {}
    watchdog, vip = facts.get("watchdog") or {}, facts.get("vip") or {}
    backends = {
        entry["id"]: {"status": entry["status_name"], "role": entry["role"], "pg_role": entry.get("pg_role")}
        for entry in facts.get("nodes") or ()
    }
    named = [i for i, seen in backends.items() if seen["role"] == "primary" and seen["status"] in UP]
    return {
        "host": member["name"],
        "pgpool_id": member["pgpool_id"],
        "address": member["address"],
        "pcp": {"port": member["pcp_port"], "user": member.get("pcp_user") or "pgpoolad"},
        "witness": bool(member.get("witness")),
        "host_answered": host_answered,
        "reachable": reachable,
        "error": None if reachable else (error.get("message") if host_answered else _why_silent(answer)),
        "backends": backends,
        "primary": next((n["host"] for n in nodes if named and n["backend_id"] == named[0]), None),
        "silent": host_answered and error.get("code") == "unreachable",
        "vip_held": bool(vip.get("held")),
        "vip_interface": vip.get("interface"),
        "vip_mac": vip.get("mac"),
        "paused": bool(facts.get("paused")),
        "last_failover": facts.get("last_failover"),
        "quorum": watchdog.get("quorum"),
        "leader": watchdog.get("leader"),
        "watchdog": [
            {
                "name": n.get("name"),
                "hostname": n.get("hostname"),
                "state": n.get("state_name"),
                "priority": n.get("priority"),
            }
            for n in watchdog.get("nodes") or ()
        ],
        "votes_required": watchdog.get("nodes_required"),
    }


def _why_silent(answer):
    message = str(answer.get("msg") or "no answer").strip()
    return message.splitlines()[0] if message else "no answer"


def find_primary(nodes, proxies):
    """Return (host name or None, why it is the primary, why nobody can say).

    One running primary that no pgpool contradicts is the primary. A pgpool that names another host is only overruled
    when that host itself answered that it is no primary. Of several running primaries one is the primary only when
    every pgpool that has an opinion names it and its timeline is the highest; anything else needs a person.
    """
    running = [n for n in nodes if n["role"] == "primary"]
    opinions = {p["host"]: p["primary"] for p in proxies if p["primary"]}
    if not running:
        return None, None, _nobody(nodes, opinions)
    if len(running) == 1:
        return _sole_primary(running[0], nodes, opinions)
    return _one_of_many(running, opinions)


def _nobody(nodes, opinions):
    silent = [n["host"] for n in nodes if not n["answered"]]
    text = "no server says that it is the primary"
    if silent:
        text += f"; not asked, because Ansible could not reach them: {', '.join(silent)}"
    if opinions:
        text += "; " + ", ".join(f"{proxy} names {host}" for proxy, host in sorted(opinions.items()))
    return text


def _sole_primary(node, nodes, opinions):
    by_name = {n["host"]: n for n in nodes}
    for proxy, named in sorted(opinions.items()):
        if named != node["host"] and not by_name[named]["answered"]:
            return (
                None,
                None,
                f"{node['host']} runs as a primary (timeline {node['timeline']}), but {proxy} names {named}, "
                f"which Ansible could not ask: {by_name[named]['error']}",
            )
    agree = sorted(proxy for proxy, named in opinions.items() if named == node["host"])
    because = f"it is the only server that runs as a primary (timeline {node['timeline']}, LSN {node['lsn']})"
    if agree:
        because += f", and {', '.join(agree)} name{'s' if len(agree) == 1 else ''} it"
    return node["host"], because, None


def _one_of_many(running, opinions):
    table = ", ".join(f"{n['host']} (timeline {n['timeline']}, LSN {n['lsn']})" for n in running)
    named = set(opinions.values())
    if len(named) == 1:
        chosen = next((n for n in running if n["host"] in named), None)
        others = [n for n in running if n is not chosen]
        if chosen and all((chosen["timeline"] or 0) > (n["timeline"] or 0) for n in others):
            because = (
                f"of {table} it has the newest timeline, and every pgpool that answered names it "
                f"({', '.join(sorted(opinions))})"
            )
            return chosen["host"], because, None
    said = ", ".join(f"{proxy} names {host}" for proxy, host in sorted(opinions.items())) or "no pgpool names one"
    return None, None, f"{len(running)} servers run as a primary: {table}; {said}"


def with_primary(view, host):
    """Return the view with the primary that a person named (``recover_standby_primary``)."""
    return dict(view, primary=host, primary_because="it was named by hand", dispute=None)


def node_of(view, host):
    """Return the node of a host name, or None."""
    return next((n for n in view["nodes"] if n["host"] == host), None)


def attached_on(view, host):
    """Names of the pgpools that answered and have the node of a host in use."""
    seen_by = node_of(view, host)["seen_by"]
    return [proxy for proxy, seen in sorted(seen_by.items()) if seen is not None and seen["status"] in UP]


def last_failover(view):
    """What became of the newest failover that any pgpool remembers, or None. Their clocks are taken for equal."""
    told = [p["last_failover"] for p in view["pgpools"] if p["last_failover"]]
    return max(told, key=lambda event: str(event["time"]), default=None)


def last_primary(view):
    """The host that was the primary last, as far as the newest failover that any pgpool remembers tells; else None."""
    event, number = last_failover(view) or {}, None
    if event.get("result") in PROMOTED:
        number = event.get("new_primary_id")
    elif event.get("result") in NOBODY:
        number = event.get("failed_id")
    return next((n["host"] for n in view["nodes"] if n["backend_id"] == number), None)


def nobody_promoted(view):
    """The failover that ended without a new primary, as long as there is none; else None."""
    event = last_failover(view)
    if event is None or view["primary"] or any(n["role"] == "primary" for n in view["nodes"]):
        return None
    return event if event["result"] in NOBODY else None


__all__ = (
    "LACKING",
    "NOBODY",
    "UP",
    "attached_on",
    "build_view",
    "find_primary",
    "last_failover",
    "last_primary",
    "nobody_promoted",
    "node_of",
    "with_primary",
)
