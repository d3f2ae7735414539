# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A move of the virtual address, told: the plan, what is missing afterwards, and what came of it. Pure."""

from __future__ import annotations

from .moving import unasked
from .vip_seen import holders_of

USUAL_GAP = {"keepalived": "about half a second", "watchdog": "about 10 s"}


def plan_text(gate, view, target, wanted):
    """The plan as lines for people; wanted: drain (seconds) and probe_host (empty: nobody measures)."""
    vip, holder, watchdog = view["vip"], gate["holder"], gate["manager"] == "watchdog"
    steps = []
    if target in gate["leftovers"]:
        steps.append(f"let {target} take the address again, which an interrupted move has kept from it")
    if wanted["probe_host"]:
        steps.append(f"measure on {wanted['probe_host']}, as a client, for how long nobody answers through {vip}")
    steps += [f"keep {host} from taking the address" for host in gate["others"]]
    if float(wanted["drain"]) > 0:
        drain = f"{float(wanted['drain']):g} s"
        steps.append(f"wait up to {drain} until no client of {holder} is in the middle of a query or transaction")
    if watchdog:
        steps.append(f"stop pgpool on {holder} (a timer there starts it again if this run is killed)")
    else:
        steps.append(f"have keepalived on {holder} give the address up, and end the sessions through it")
    steps.append(f"wait until {target} has the address; if it does not take it: back to {holder}")
    back = f"start pgpool on {holder} again" if watchdog else f"let {holder} take the address again if {target} fails"
    steps += [back, "read every server again, and ask the network who has it"]
    changed = [f"{target} (takes {vip})", f"{holder} ({'pgpool stops and starts' if watchdog else 'gives it up'})"]
    changed += [f"{host} (is kept from taking it meanwhile)" for host in gate["others"]]
    which = f"of {holder}'s pgpool, through {vip} or not," if watchdog else f"through {vip}"
    lines = [gate["message"], f"now: {gate['sessions']} sessions, {gate['busy']} in the middle of something", "steps:"]
    lines += [f"  {number}. {words}" for number, words in enumerate(steps, 1)]
    lines += [
        f"hosts changed: {', '.join(changed)}",
        f"clients: all sessions {which} end once; who tries again goes on after {USUAL_GAP[gate['manager']]}",
    ]
    return lines + [f"note: {words}" for words in gate["warnings"]]


def missing(view, gate, target, answers):
    """What is not as it should be after a move, in words. answers: host to the result of vip_handover_info."""
    holders = holders_of(view)
    found = [] if target in [one.host for one in holders] else [f"{target} does not have {view['vip']}"]
    found += [f"{view['vip']} is on {one}" for one in holders if one.host != target]
    for proxy in view["pgpools"]:
        host = proxy["host"]
        told = (answers.get(host) or {}).get("handover")
        if told is None:
            if host in (target, gate["holder"], *gate["others"]):
                found.append(f"{host} does not say whether it may take the address again")
            continue
        if told["return_due"] or (told["keepalived"] or {}).get("moved_away"):
            found.append(f"{host} still stays away from the address")
        if host in (target, gate["holder"]) and not proxy["reachable"]:
            found.append(f"the pgpool of {host} does not answer: {proxy['error']}")
        elif host in (target, gate["holder"]) and proxy["primary"] != view["primary"]:
            found.append(f"{host} has {proxy['primary'] or 'nobody'} for the primary, which is {view['primary']}")
    return found


def rejoined(answer, target_address):
    """Has the pgpool that was stopped found its place? Takes the result of pgpool_info on its host."""
    watchdog = (answer.get("pgpool") or {}).get("watchdog") or {}
    local = watchdog.get("local") or {}
    return watchdog.get("leader") == target_address and local.get("state_name") == "STANDBY"


def standing(view, answers):
    """Where things stand, in a sentence for a failure."""
    lines = [f"{view['vip']} is on {' and '.join(map(str, holders_of(view))) or 'no host'}"]
    for proxy in view["pgpools"]:
        told = (answers.get(proxy["host"]) or {}).get("handover") or {}
        keepalived = told.get("keepalived") or {}
        word = "answers" if proxy["reachable"] else f"does not answer ({proxy['error']})"
        more = f", keepalived is {keepalived.get('state') or 'silent'}" if keepalived else ""
        more += ", told to stay away" if keepalived.get("moved_away") else ""
        more += ", systemd starts it again soon" if told.get("return_due") else ""
        lines.append(f"the pgpool of {proxy['host']} {word}{more}")
    return "; ".join(lines)


def move_result(gate, view, target, acts, probe_host="", check_mode=False):
    """What AWX, a later play and the person get to know at the end.

    acts: what the steps returned, away (vip_handover) and probe (the probe of vip_probe_info).
    """
    moves = gate["holder"] is not None
    drained = (acts.get("away") or {}).get("drained") or {}
    probe = acts.get("probe") or {}
    facts = {
        "schema": 1,
        "changed": (moves or bool(gate["leftovers"])) and not check_mode,
        "would_change": moves or bool(gate["leftovers"]),
        "address": view["vip"],
        "manager": gate["manager"],
        "old_holder": gate["holder"],
        "new_holder": target,
        "ended_leftovers": list(gate["leftovers"]),
        "gap_seconds": probe.get("gap") if probe.get("in_time", True) else None,
        "probe": dict(probe, host=probe_host) if probe else None,
        "sessions": drained.get("sessions"),
        "busy": drained.get("busy"),
        "drain_seconds": drained.get("seconds"),
        "leader": next((p["host"] for p in view["pgpools"] if p["address"] == _leader(view, target)), None),
        "warnings": list(dict.fromkeys([*gate["warnings"], *unasked(view)])),
    }
    return dict(facts, story=_story(facts, moves, check_mode))


def _leader(view, target):
    return next((p["leader"] for p in view["pgpools"] if p["host"] == target), None)


def _story(facts, moves, check_mode):
    vip, new, old = facts["address"], facts["new_holder"], facts["old_holder"]
    left = ", ".join(facts["ended_leftovers"])
    if not moves:
        lines = [f"{new} has {vip} already. " + ("Nothing was changed." if not left or check_mode else "")]
        if left:
            lines.append(f"An interrupted move {'would be' if check_mode else 'was'} brought to its end on {left}.")
    elif check_mode:
        lines = [f"Check mode: {new} would take {vip} over from {old}. Nothing was changed."]
    else:
        lines = [f"{new} has {vip}, and {old} may take it when {new} fails ({facts['manager']}).", _lost(facts)]
        lines.append(_measured(facts))
    return [line.strip() for line in lines] + [f"note: {words}" for words in facts["warnings"]]


def _lost(facts):
    old = facts["old_holder"]
    if facts["sessions"] is None:
        return f"How many sessions {old} had is not known: an interrupted run had it give the address up."
    return (
        f"{facts['sessions']} sessions of {old} ended, {facts['busy']} of them in the middle of a query or transaction "
        f"(waited {facts['drain_seconds']:g} s for a quiet moment)."
    )


def _measured(facts):
    probe = facts["probe"]
    if not probe or probe.get("gap") is None:
        return f"The clients' gap was not measured: {(probe or {}).get('error') or 'nobody was asked to'}."
    if not probe.get("in_time", True):
        return "The clients' gap was not measured: the client's time was over before the move was."
    return (
        f"Nobody answered a client on {probe['host']} through {facts['address']} for {probe['gap']:g} s "
        f"({probe['answers']} answers, {probe['usual_gap']:g} s apart as a rule; {probe['failures']} attempts failed)."
    )


__all__ = ("missing", "move_result", "plan_text", "rejoined", "standing")
