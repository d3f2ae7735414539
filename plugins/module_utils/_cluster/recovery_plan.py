# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The plan of a recovery as a person reads it: what is compared, chosen, replaced and touched. Pure."""

from __future__ import annotations

from .units import count, human_bytes

WIDTH = 21
YES_NO = {True: "on", False: "off", None: "unknown"}


def described(plan, gate, target, view):
    """Return what pg_basebackup_sync said in check mode, with text (its lines) and hosts_changed added."""
    return dict(plan, text=plan_text(plan, gate, target, view), hosts_changed=touched(plan, gate, target, view))


def plan_text(plan, gate, target, view):
    """Lines that tell what pg_basebackup_sync (run in check mode) would do, and why."""
    lines = [gate["message"]]
    if plan.get("skipped"):
        return lines + [f"{target} is not prepared yet: ansible-playbook deploy_cluster.yml -l {target} does that"]
    if not plan.get("changed"):
        state = "every pgpool that answers has it up" if gate["attached"] else "it only has to be attached again"
        return lines + [f"{target} already streams from it; {state}"] + _touched_lines(plan, gate, target, view)
    lines += _compared(plan, target, view["primary"])
    lines += ["", f"method: {plan.get('method')}"]
    lines += [_reason_line(reason) for reason in plan.get("reasons") or ()]
    lines.append("steps:")
    for number, step in enumerate((plan.get("plan") or {}).get("steps") or (), 1):
        lines.append(f"  {number}. {step['action']} ({step['reason']})")
    lines.append(f"  then attach {target} on every pgpool that answers, and read everything twice")
    return lines + _touched_lines(plan, gate, target, view)


def _reason_line(reason):
    return f"  {'->' if reason['taken'] else '  '} {reason['method']}: {reason['reason']}"


def _compared(plan, target, primary):
    """The two sides as a table, and below it what follows from them."""
    found = plan.get("comparison") or {}
    if not found:
        return []
    rows = [("", f"{target} (this host)", f"{primary} (primary)")]
    for label, key in (
        ("system identifier", "system_identifier"),
        ("timeline", "timeline"),
        ("end of WAL", "lsn"),
        ("oldest WAL kept", "oldest_wal"),
    ):
        rows.append((label, *(str(found[key][side] or "unknown") for side in ("target", "primary"))))
    wide = max(len(row[1]) for row in rows)
    lines = ["", *(f"  {row[0]:<{WIDTH}}{row[1]:<{wide}}  {row[2]}".rstrip() for row in rows), ""]
    facts = [
        ("histories", _histories(found["fork"])),
        ("only on this host", _past_fork(found["past_fork"])),
        ("WAL needed from", _needed(found, target, primary)),
        ("page protection", _pages(found["pages"])),
        *_room(found["disk"]),
        ("bytes to move", _expected(plan.get("bytes_expected"))),
        ("kept", _kept(plan.get("salvage"))),
        ("replaced", ", ".join((plan.get("plan") or {}).get("replaces") or ()) or "no path"),
    ]
    return lines + [f"  {label:<{WIDTH}}{text}" for label, text in facts if text]


def _histories(fork):
    if fork["relation"] == "prefix":
        return "the data here is a part of the primary's history"
    where = f"part at {fork['lsn']} (timeline {fork['timeline']})" if fork["lsn"] else "part at an unknown point"
    return where if fork["relation"] == "diverged" else f"{where}: {fork['relation']}"


def _past_fork(past):
    if past["wal_bytes"] == 0 and past["commits"] == 0:
        return "nothing"
    return f"{human_bytes(past['wal_bytes'])} of WAL past the fork, {count(past['commits'], 'commit')}"


def _needed(found, target, primary):
    """LSNs of equal length compare as texts only after padding; both halves are hexadecimal."""
    needed = found["wal_needed_from"]
    if needed is None:
        return None
    sides = ((target, found["oldest_wal"]["target"]), (primary, found["oldest_wal"]["primary"]))
    if found["fork"]["relation"] != "diverged":
        sides = sides[1:]  # what a mere follower lacks comes from the primary alone
    words = [
        f"{host} {'may lack it' if oldest is None else 'has it' if _number(oldest) <= _number(needed) else 'LACKS it'}"
        for host, oldest in sides
    ]
    return f"{needed}: {', '.join(words)}"


def _number(lsn):
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def _pages(pages):
    return f"data checksums {YES_NO[pages['data_checksums']]}, wal_log_hints {YES_NO[pages['wal_log_hints']]}"


def _room(disk):
    if not disk:
        return []
    free = human_bytes(disk["free_bytes"])
    data = f"{human_bytes(disk['data_bytes'])} in {disk['data_directory']}, {free} free there"
    place = f"{human_bytes(disk['salvage_free_bytes'])} free in {disk['salvage_directory']}"
    if disk["salvage_bytes"]:
        place += f", about {human_bytes(disk['salvage_bytes'])} wanted"
    return [("data directory", data), ("salvage place", place)]


def _expected(number):
    return "not known beforehand" if number is None else f"about {human_bytes(number)}"


def _kept(salvage):
    if not salvage or salvage.get("commits_past_fork") == 0 and not salvage.get("path"):
        return "nothing has to be"
    if not salvage.get("path"):
        return "NOTHING (salvage_skip)"
    return f"{salvage['kind']} in {salvage['path']}, before anything is overwritten"


def touched(plan, gate, target, view):
    """Every host that a run changes, with what is done there."""
    changes = bool(plan.get("changed"))
    hosts = [{"host": target, "what": f"becomes a standby (method {plan.get('method')})"}] if changes else []
    if changes:
        hosts.append({"host": view["primary"], "what": "its replication slot for this host is made or used"})
    if not changes and gate["attached"]:
        return hosts
    for proxy in view["pgpools"]:
        if proxy["reachable"]:
            first = "detached first, then " if changes and proxy["host"] in gate["used_by"] else ""
            hosts.append({"host": proxy["host"], "what": f"{target} is {first}attached"})
    return hosts


def _touched_lines(plan, gate, target, view):
    hosts = touched(plan, gate, target, view)
    if not hosts:
        return ["hosts changed: none"]
    lines = ["hosts changed:", *(f"  {item['host']}: {item['what']}" for item in hosts)]
    silent = [p["host"] for p in view["pgpools"] if not p["reachable"]]
    return lines + ([f"  not {', '.join(silent)}: no answer"] if silent else [])


__all__ = ("described", "plan_text", "touched")
