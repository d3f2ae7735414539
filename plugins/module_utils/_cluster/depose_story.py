# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What a person, AWX or a later play gets to know after a forced failover. Pure."""

from __future__ import annotations

from .depose import deposed
from .findings import depose_command, recover_command
from .units import human_bytes
from .view import LACKING, last_failover, node_of

FENCES = {
    "stopped": "PostgreSQL there was stopped",
    "killed": "PostgreSQL there did not stop in time and was killed",
    "was_down": "PostgreSQL there was down already",
    "unfenced": "it could not be reached, so PostgreSQL may run there: its guard ends it once it sees the new primary",
    "": "nothing was done to it",
}


def fence_outcome(gate, was_running, stopped):
    """One word for what became of the old primary's server. ``stopped``: it ended without being killed."""
    if not gate["fence"]:
        return "unfenced"
    if was_running is False:
        return "was_down"
    return "stopped" if stopped else "killed"


def result(gate, plan, view, target, fence="", seconds=None, check_mode=False):
    """The facts of a run that succeeded, with its story."""
    after = deposed(view, target)
    worked = gate["needed"] and not check_mode
    event = last_failover(view) if worked else None
    event = event if event and event["time"] != gate["before"] else None
    facts = {
        "schema": 1,
        "node": target,
        "primary": after["primary"],
        "changed": worked,
        "would_change": gate["needed"],
        "fence": fence if worked else None,
        "seconds": seconds if worked else None,
        "failover": event,
        "not_streaming": after["not_streaming"] if worked else [],
        "pgpools_silent": [p["host"] for p in view["pgpools"] if not p["reachable"]],
        "plan": plan,
        "next": None if gate["needed"] and check_mode else recover_command(target),
    }
    return dict(facts, story=_story(facts, gate, view, check_mode))


def _story(facts, gate, view, check_mode):
    node = facts["node"]
    if not facts["would_change"]:
        return [gate["message"]]
    if check_mode:
        return [f"Check mode: {node} would be deposed. Nothing was changed."]
    lines = [
        f"{facts['primary']} is the primary in place of {node}: it says so, and so does every pgpool that answers. "
        f"Seen {facts['seconds']} s after the plan was made.",
        f"{node} is degenerate: {FENCES[facts['fence']]}. Its data was not touched.",
    ]
    event = facts["failover"]
    if event:
        lag = "" if event["lag"] is None else f"; it lacked {human_bytes(event['lag'])} of the WAL of {node}"
        lines.append(f"failover.sh on {event['host']} took {event['seconds']} s{lag}")
    if facts["not_streaming"]:
        names = " and ".join(_with_state(view, host) for host in facts["not_streaming"])
        lines.append(f"Does not stream yet: {names}. The guard has it follow within seconds; see check_cluster.yml")
    if facts["pgpools_silent"]:
        lines.append(f"Not asked, because they did not answer: {', '.join(facts['pgpools_silent'])}")
    return [*lines, f"Next: {facts['next']}"]


def _with_state(view, host):
    return f"{host} ({node_of(view, host)['role']})"


def failure(gate, view, target, fence="", said="", timeout=60):
    """Why it is not done: what was tried, where, what was seen, what to do."""
    after = deposed(view, target)
    tried = f"Not done: tried to depose {target}"
    how = f"{FENCES[fence]}, {gate['leader']} was told to fail over, and for {timeout} s the pgpools were asked"
    seen = "; ".join(after["missing"]) or "nothing that is wrong now"
    words = f" The last order said: {said}." if said else ""
    return f"{tried} ({how}). Seen instead: {seen}.{words} Next: {_next(view, target, gate)}"


def _next(view, target, gate):
    event = last_failover(view)
    log = f"journalctl -u pgpool2 and /var/log/pgops/failover.jsonl on {gate['leader']}"
    if event and event["time"] != gate["before"] and event["result"] in LACKING:
        return f"{depose_command(target, accept_loss=True)} (gives up what it lacks)"
    return f"read {log}, then run this again: {depose_command(target)}"


def refused_promotion(gate, target, said, unfenced=False):
    """failover.sh, run by us, promoted nobody."""
    lacking = any(word in said for word in LACKING)
    options = " -e failover_primary_unfenced=true" if unfenced else ""
    next_step = (
        f"bring {target} back, or give up what the standby lacks: {depose_command(target, accept_loss=True)}{options}"
        if lacking
        else f"mend that, then run this again: {depose_command(target)}{options}"
    )
    what = f"failover.sh on {gate['leader']} said: {said.strip() or 'nothing'}"
    return f"Nobody was promoted in place of {target}: {what}. Next: {next_step}"


__all__ = ("failure", "fence_outcome", "refused_promotion", "result")
