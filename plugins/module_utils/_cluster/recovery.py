# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The plan that a person reads before a recovery, the proof after it, and the story of both. Pure."""

from __future__ import annotations

from .view import UP, node_of


def plan_text(plan, gate, target):
    """Lines that tell what pg_basebackup_sync (run in check mode) would do, and why."""
    lines = [gate["message"]]
    if not plan.get("changed"):
        state = "every pgpool that answers has it up" if gate["attached"] else "it only has to be attached again"
        return lines + [f"{target} already streams from it; {state}"]
    lines.append(f"method: {plan.get('method')}")
    lines += [_reason_line(reason) for reason in plan.get("reasons") or ()]
    lines += _evidence_lines(plan)
    lines.append("steps:")
    for number, step in enumerate((plan.get("plan") or {}).get("steps") or (), 1):
        lines.append(f"  {number}. {step['action']} ({step['reason']})")
    lines.append(f"  then attach {target} on every pgpool that answers, and read everything twice")
    return lines


def _reason_line(reason):
    return f"  {'->' if reason['taken'] else '  '} {reason['method']}: {reason['reason']}"


def _evidence_lines(plan):
    lines = []
    if plan.get("fork_lsn"):
        lines.append(f"fork: the histories part at {plan['fork_lsn']}")
    salvage = plan.get("salvage") or {}
    if salvage.get("commits_past_fork") is not None:
        lines.append(
            f"past the fork on this node: {salvage.get('wal_bytes_past_fork') or 0} bytes of WAL, "
            f"{salvage['commits_past_fork']} commits"
        )
    if salvage.get("path"):
        lines.append(f"kept before anything is overwritten: {salvage.get('kind')} in {salvage['path']}")
    if plan.get("bytes_expected") is not None:
        lines.append(f"bytes expected to move: {plan['bytes_expected']}")
    return lines


def proof(view, target):
    """Is the target a healthy, attached standby? Returns proven and what is missing, in words."""
    node = node_of(view, target)
    if view["primary"] is None:
        return {"proven": False, "missing": [f"a primary: {view['dispute']}"]}
    primary = node_of(view, view["primary"])
    missing = _missing_on_target(node, primary) + _missing_on_primary(node, primary)
    for proxy, seen in sorted(node["seen_by"].items()):
        if seen is None or seen["status"] not in UP or seen["role"] != "standby":
            shown = f"{seen['status']}/{seen['role']}" if seen else "not listed"
            missing.append(f"{proxy} shows it as {shown}")
    if not node["seen_by"]:
        missing.append("no pgpool answers")
    return {"proven": not missing, "missing": missing}


def _missing_on_target(node, primary):
    receiver = node["receiver"] or {}
    if node["role"] != "standby":
        return [f"it is {node['role']}, not a standby{': ' + node['error'] if node['error'] else ''}"]
    if receiver.get("status") != "streaming":
        return [f"its WAL receiver is {receiver.get('status') or 'not running'}"]
    if receiver.get("timeline") != primary["timeline"]:
        return [f"it streams timeline {receiver.get('timeline')}, the primary is on {primary['timeline']}"]
    return []


def _missing_on_primary(node, primary):
    missing = []
    senders = [s for s in primary["senders"] or () if s["application_name"] == node["slot"]]
    if not any(s["state"] == "streaming" for s in senders):
        missing.append(f"{primary['host']} lists no streaming sender for {node['slot']}")
    if not any(s["name"] == node["slot"] and s["active"] for s in primary["slots"] or ()):
        missing.append(f"its slot {node['slot']} on {primary['host']} is not active")
    return missing


def result(plan, sync, gate, view, target, worked, check_mode):
    """What AWX, a later play and the person get to know at the end."""
    done = sync if sync.get("method") else plan
    silent = [p["host"] for p in view["pgpools"] if not p["reachable"]]
    facts = {
        "schema": 1,
        "node": target,
        "primary": view["primary"],
        "changed": bool(worked and not check_mode),
        "would_change": bool(worked),
        "method": done.get("method"),
        "reasons": done.get("reasons") or [],
        "bytes_moved": done.get("bytes_moved") or 0,
        "seconds": done.get("seconds"),
        "fork_lsn": done.get("fork_lsn"),
        "salvage": done.get("salvage"),
        "pgpools_attached": [p["host"] for p in view["pgpools"] if p["reachable"]],
        "pgpools_silent": silent,
    }
    return dict(facts, story=_story(facts, check_mode))


def _story(facts, check_mode):
    node, primary = facts["node"], facts["primary"]
    if check_mode:
        verb = "would be recovered" if facts["would_change"] else "is healthy, nothing would be done"
        return [f"Check mode: {node} {verb} (method {facts['method']}). Nothing was changed."]
    if not facts["changed"]:
        lines = [f"{node} already is a healthy standby of {primary}. Nothing was changed."]
    else:
        lines = [
            f"{node} is a standby of {primary} again: it streams, and {' and '.join(facts['pgpools_attached'])} "
            f"{'has' if len(facts['pgpools_attached']) == 1 else 'have'} it up (read twice).",
            f"method: {facts['method']}; bytes moved: {facts['bytes_moved']}; seconds: {facts['seconds']}",
        ]
        lines += _lost_lines(facts["salvage"] or {})
    if facts["pgpools_silent"]:
        lines.append(
            f"Not asked, because they did not answer: {', '.join(facts['pgpools_silent'])}. "
            "When they are back: ansible-playbook check_cluster.yml"
        )
    return lines


def _lost_lines(salvage):
    commits = salvage.get("commits_past_fork")
    lines = []
    if commits:
        lines.append(f"{commits} commits on the old node never reached the primary; they are kept, see below.")
    elif commits == 0:
        lines.append("The old node had no commit that the primary lacks: nothing was lost.")
    if salvage.get("path"):
        lines.append(f"kept: {salvage.get('kind')} in {salvage['path']}")
    return lines


__all__ = ("plan_text", "proof", "result")
