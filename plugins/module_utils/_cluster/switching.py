# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A planned switch: may it begin, what is the plan, and what came of it. Pure."""

from __future__ import annotations

from .findings import MAX_LAG_BYTES, recover_command
from .recovery import proof
from .units import human_bytes
from .view import node_of

WITHOUT_QUORUM = ("QUORUM ABSENT", "NO LEADER NODE")


def switch_gate(view, target, max_lag_bytes=MAX_LAG_BYTES):
    """May ``target`` take over from the primary that the view names?

    Returns allowed, already (it is the primary), message, warnings, the target's address and port, and the member that
    hands over: primary, primary_address, primary_port, primary_slot and primary_id.
    """
    node = node_of(view, target)
    if node is None:
        return _gate(f"{target} is not a database host of this cluster. Next: ansible-playbook check_cluster.yml")
    if view["primary"] is None:
        return _refused(target, view["dispute"], "see the table above; ansible-playbook check_cluster.yml")
    if view["primary"] == target:
        return dict(
            _gate(f"{target} is the primary already", allowed=True), already=True, warnings=_warnings(view, target)
        )
    primary = node_of(view, view["primary"])
    for seen, way_out in _obstacles(view, primary, target):
        return _refused(target, seen, way_out)
    missing = proof(view, target, max_lag_bytes)["missing"]
    if missing:
        return _refused(target, f"it is not a healthy standby: {'; '.join(missing)}", recover_command(target))
    return dict(
        _gate(f"{target} takes over from {primary['host']}: {view['primary_because']}", allowed=True),
        warnings=_warnings(view, target),
        address=node["address"],
        port=node["port"],
        primary=primary["host"],
        primary_address=primary["address"],
        primary_port=primary["port"],
        primary_slot=primary["slot"],
        primary_id=primary["backend_id"],
    )


def _obstacles(view, primary, target):
    if not primary["answered"] or primary["role"] != "primary":
        word = primary["role"] if primary["answered"] else f"not to be asked ({primary['error']})"
        yield (
            f"{primary['host']} is {word}; a planned switch needs a primary that can be stopped cleanly",
            "ansible-playbook failover_primary.yml -l " + primary["host"] + " deposes it by force",
        )
    others = [n["host"] for n in view["nodes"] if n["role"] == "primary" and n is not primary]
    if others:
        yield f"{', '.join(others)} runs as a primary, too", "ansible-playbook check_cluster.yml"
    if not any(p["reachable"] for p in view["pgpools"]):
        yield f"no pgpool answers, so no client could reach {target} afterwards", "start pgpool2 on one of them"
    blind = [p["host"] for p in view["pgpools"] if p["reachable"] and p["quorum"] in WITHOUT_QUORUM]
    if blind:
        yield f"{', '.join(blind)} sees no quorum of the watchdog", "start the other pgpools"
    elsewhere = [p["host"] for p in view["pgpools"] if p["reachable"] and p["primary"] != primary["host"]]
    if elsewhere:
        yield (
            f"{', '.join(elsewhere)} does not have {primary['host']} for the primary",
            "ansible-playbook check_cluster.yml",
        )


def _warnings(view, target):
    """What does not stand in the way, and should be known before."""
    warnings = [
        f"{p['host']} does not answer ({p['error']}); when it is back: ansible-playbook check_cluster.yml"
        for p in view["pgpools"]
        if not p["reachable"]
    ]
    for node in view["nodes"]:
        streams = (node["receiver"] or {}).get("status") == "streaming"
        if node["host"] not in (target, view["primary"]) and not streams:
            warnings.append(f"{node['host']} is no healthy standby and stays as it is; {recover_command(node['host'])}")
    return warnings


_MEMBERS = ("address", "port", "primary", "primary_address", "primary_port", "primary_slot", "primary_id")


def _gate(message, allowed=False):
    return dict(dict.fromkeys(_MEMBERS), allowed=allowed, already=False, message=message, warnings=[])


def _refused(target, seen, way_out):
    return _gate(f"Refused to make {target} the primary: {seen}. Nothing was changed. Next: {way_out}")


def switch_plan(module, gate, target):
    """The plan as lines for people; ``module`` is what pg_switchover returned in check mode."""
    old = gate["primary"]
    lines = [gate["message"], f"behind now: {human_bytes(module['lag_bytes'])}", "steps:"]
    steps = [f"{s['action']} ({s['reason']})" for s in module["plan"]["steps"]]
    steps += [
        f"make {old} a standby of {target}",
        f"attach {old} as a standby on every pgpool that answers, and read every server again",
    ]
    lines += [f"  {number}. {words}" for number, words in enumerate(steps, 1)]
    lines += [f"hosts changed: {target}, {old}; every pgpool that answers, by attaching {old}"]
    lines += ["clients: all sessions through pgpool end once; a client that tries again goes on"]
    return lines + [f"note: {words}" for words in gate["warnings"]]


def switch_missing(view, gate, target, max_lag_bytes=MAX_LAG_BYTES):
    """What is not as it should be after a switch, in words."""
    if view["primary"] != target:
        return [view["dispute"] or f"{view['primary']} is the primary"]
    missing = [f"{gate['primary']}: {words}" for words in proof(view, gate["primary"], max_lag_bytes)["missing"]]
    for proxy in view["pgpools"]:
        if proxy["reachable"] and proxy["primary"] != target:
            missing.append(f"{proxy['host']} has {proxy['primary'] or 'nobody'} for the primary")
    return missing


def unaware(results, backend_id):
    """The pgpools that answer and do not have this backend for the primary; takes a loop's results of pgpool_info.

    Within ``until`` a result does not have its item yet, and all that counts is whether there are any.
    """
    found = []
    for answer in results:
        nodes = (answer.get("pgpool") or {}).get("nodes") or ()
        if nodes and not any(node["id"] == int(backend_id) and node["role"] == "primary" for node in nodes):
            found.append(answer.get("item", {}))
    return found


def databases(view, gate, target):
    """Whom to ask where a switch stands: the target first, then the old primary, then all others."""
    order = {target: 0, gate["primary"]: 1}
    nodes = sorted(view["nodes"], key=lambda node: order.get(node["host"], 2))
    return [{"name": node["host"], "port": node["port"]} for node in nodes]


def switch_result(module, gate, view, target, check_mode=False):
    """What AWX, a later play and the person get to know at the end.

    ``module`` is what pg_switchover returned. Where it failed, or found the target promoted, the end was not seen.
    """
    seconds = module.get("seconds") or {}
    unseen = not (gate["already"] or check_mode or seconds)
    would_change = bool(module.get("changed")) or unseen
    facts = {
        "schema": 1,
        "changed": would_change and not check_mode,
        "would_change": would_change,
        "old_primary": gate["primary"],
        "new_primary": target,
        "lsn": module.get("lsn"),
        "seconds": seconds,
        "no_primary_seconds": None if unseen else _without_primary(seconds),
        "warnings": gate["warnings"],
        "standbys": [n["host"] for n in view["nodes"] if n["host"] != target and _streams(n)],
    }
    return dict(facts, story=_story(facts, check_mode, module.get("msg")))


def _without_primary(seconds):
    return round(sum(seconds.get(part, 0) for part in ("stop", "replay", "promote")), 3)


def _streams(node):
    return (node["receiver"] or {}).get("status") == "streaming"


def _story(facts, check_mode, why):
    new, old = facts["new_primary"], facts["old_primary"]
    streaming = f"streaming now: {', '.join(facts['standbys'])}"
    done = f"{new} is the primary, and {old} is its standby, attached on every pgpool that answers."
    if not facts["would_change"]:
        lines = [f"{new} is the primary already. Nothing was changed."]
    elif check_mode:
        lines = [f"Check mode: {new} would take over from {old}. Nothing was changed."]
    elif facts["no_primary_seconds"] is None:
        seen = f"How {new} was promoted was not seen ({' '.join((why or 'no reason given').split())})"
        lines = [done, f"{seen}: the pgpools have it in failover.jsonl when failover.sh did it; {streaming}"]
    else:
        lines = [
            done,
            f"No committed row is missing: {new} had replayed the last record of {old} ({facts['lsn']}) beforehand.",
            f"Without a primary for {facts['no_primary_seconds']} s; {streaming}",
        ]
    return lines + [f"note: {words}" for words in facts["warnings"]]


__all__ = (
    "databases",
    "switch_gate",
    "switch_missing",
    "switch_plan",
    "switch_result",
    "unaware",
)
