# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""May this primary be deposed, how, and was it? Pure decisions over the view; the story is in depose_story.py."""

from __future__ import annotations

from .finding import CHECK
from .findings import depose_command, recover_command
from .recovery import lag_of
from .units import human_bytes
from .view import UP, attached_on, last_failover, nobody_promoted, node_of

NO_QUORUM = ("QUORUM ABSENT", "NO LEADER NODE")


def failover_gate(view, target, unfenced=False):
    """May the primary ``target`` be deposed by force?

    Returns allowed, message, needed (False: it is done already), fence (it answers Ansible, so that it can be ended),
    service (its unit), leader (the pgpool to give orders to), pgpools (those that have to name another primary),
    candidates (hosts), by_hand (Pgpool has taken it out already, so that it will not promote anybody any more),
    before (when the last failover was) and arguments (for failover.sh).
    """
    node = node_of(view, target)
    if node is None:
        return _refusal(target, "it is not a database host of this cluster", CHECK)
    if not any(p["reachable"] for p in view["pgpools"]):
        silent = ", ".join(f"{p['host']} ({p['error']})" for p in view["pgpools"])
        why = f"no pgpool answers ({silent}), and Pgpool is who promotes"
        return _refusal(target, why, "start pgpool2 on one of them")
    if view["primary"] not in (None, target):
        return _beside_another_primary(view, node)
    because, objection = _was_primary(view, node)
    if objection is not None:
        return _refusal(target, *objection)
    return _obstacle(view, node, unfenced) or _go(view, node, because)


def _beside_another_primary(view, node):
    """Somebody else is the primary. Either all is done, or the order was cut off in between, or this is no primary."""
    target, primary = node["host"], view["primary"]
    if node["role"] in ("primary", "standby"):
        false = node["role"] == "primary"
        what = "runs as a second primary" if false else "is a standby"
        why = f"{primary} is the primary, because {view['primary_because']}; {target} {what}"
        return _refusal(target, why, recover_command(target) if false else depose_command(primary))
    if any(_names(p, node) for p in view["pgpools"]):
        return _go(view, node, f"{primary} is a primary already, but not every pgpool knows")
    message = (
        f"already: {primary} is the primary, because {view['primary_because']}, and {target} is not ({_state(node)}). "
        f"Nothing was changed. Next: {recover_command(target)}"
    )
    return dict(_gate(True, message), primary=primary)


def _names(proxy, node):
    """Does this pgpool take the node for the primary that it uses?"""
    return proxy["reachable"] and proxy["primary"] == node["host"]


def _state(node):
    return f"it could not be asked: {node['error']}" if not node["answered"] else f"PostgreSQL there is {node['role']}"


def _was_primary(view, node):
    """Return why the node is, or was, the primary; or else (None, (what is seen instead, what to do next))."""
    target = node["host"]
    if view["primary"] == target:
        return f"it is the primary, because {view['primary_because']}", None
    running = [n["host"] for n in view["nodes"] if n["role"] == "primary"]
    if running:
        return None, (f"{view['dispute']}", "see the table above, and mend what keeps servers from being asked")
    if node["role"] == "standby":
        return None, ("it is a standby, and nobody is the primary", CHECK)
    for voices in (_pgpools_name(view), _failed_last(view), _by_their_files(view)):
        if target in voices:
            return f"no primary is running, and {voices[target]}", None
        if voices:
            other, why = sorted(voices.items())[0]
            return None, (f"it was not the primary either: {why}", depose_command(other))
    return None, (f"nobody says that it was the primary: {view['dispute']}", CHECK)


def _pgpools_name(view):
    """Host to words. A pgpool may name a node as the primary that it holds for down."""
    voices = {}
    for node in view["nodes"]:
        named = [p for p, seen in sorted(node["seen_by"].items()) if seen is not None and seen["role"] == "primary"]
        if named:
            voices[node["host"]] = f"{' and '.join(named)} name{'s' if len(named) == 1 else ''} {node['host']}"
    return voices


def _failed_last(view):
    event = nobody_promoted(view)
    if event is None:
        return {}
    hosts = [n["host"] for n in view["nodes"] if n["backend_id"] == event["failed_id"]]
    return {host: f"nobody was promoted after {host} had failed ({event['time']}, {event['result']})" for host in hosts}


def _by_their_files(view):
    """Of use only when one server alone was a primary when it last ran."""
    hosts = [n["host"] for n in view["nodes"] if n["answered"] and n["last_role"] == "primary"]
    return {host: f"{host} is the only one that was a primary when it last ran" for host in hosts if len(hosts) == 1}


def _obstacle(view, node, unfenced):
    target = node["host"]
    if not _candidates(view, target):
        seen = ", ".join(f"{n['host']}: {_candidacy(view, n)}" for n in view["nodes"] if n is not node)
        return _refusal(target, f"no attached standby answers that could take over ({seen or 'there is none'})", CHECK)
    paused = [p["host"] for p in view["pgpools"] if p["paused"]]
    if paused:
        return _refusal(
            target,
            f"the failover is paused on {' and '.join(paused)}, so nobody would be promoted",
            "rm /var/lib/pgops/paused there, when the maintenance is over",
        )
    absent = [p["host"] for p in view["pgpools"] if p["reachable"] and p["quorum"] in NO_QUORUM]
    if absent and attached_on(view, target):
        why = f"the watchdog has no quorum ({', '.join(absent)}), so Pgpool fails over nothing"
        return _refusal(target, why, "start pgpool2 on the other pgpools")
    if not node["answered"] and not unfenced:
        return _refusal(
            target,
            f"it cannot be fenced: {node['error']}. If it runs on and clients still reach it, there are two primaries "
            "until its guard ends it (3 to 4 s after it has lost everybody, or once the network is whole)",
            "make it reachable by SSH or cut its power, or take that risk: -e failover_primary_unfenced=true",
        )
    return None


def _candidates(view, target):
    return [
        n["host"]
        for n in view["nodes"]
        if n["host"] != target and n["role"] == "standby" and attached_on(view, n["host"])
    ]


def _candidacy(view, node):
    if not node["answered"]:
        return f"not asked, {node['error']}"
    return f"{node['role']}, {'attached' if attached_on(view, node['host']) else 'not attached'}"


def _go(view, node, because):
    target = node["host"]
    candidates = _candidates(view, target)
    return dict(
        _gate(True, f"{target} will be deposed: {because}"),
        needed=True,
        fence=node["answered"],
        service=node["service"],
        leader=leader_of(view),
        pgpools=[p["host"] for p in view["pgpools"] if p["reachable"]],
        candidates=candidates,
        by_hand=not attached_on(view, target),
        before=(last_failover(view) or {}).get("time"),
        arguments=_arguments(view, node, candidates),
    )


def _arguments(view, node, candidates):
    """What Pgpool gives failover.sh: %d %h %p %D %m %H %M %P %r %R %N %S. The script itself looks who has most WAL."""
    if not candidates:
        return []
    new = min((n for n in view["nodes"] if n["host"] in candidates), key=lambda n: n["backend_id"])
    here, there = [node["backend_id"], node["address"], node["port"]], [new["backend_id"], new["address"]]
    old = [node["backend_id"], node["backend_id"]]
    return [str(word) for word in (*here, "-", *there, *old, new["port"], "-", node["address"], node["port"])]


def leader_of(view):
    """The watchdog's leader, where the failover runs; without one that answers, any pgpool that does."""
    reachable = [p for p in view["pgpools"] if p["reachable"]]
    named = {p["leader"] for p in reachable if p["leader"]}
    return next((p["host"] for p in reachable if named & {p["host"], p["address"]}), reachable[0]["host"])


def _refusal(target, why, next_step):
    return _gate(False, f"Refused to depose {target}: {why}. Nothing was changed. Next: {next_step}")


def _gate(allowed, message):
    return {
        "allowed": allowed, "message": message, "needed": False, "fence": False, "service": None, "leader": None,
        "pgpools": [], "candidates": [], "by_hand": False, "before": None, "arguments": [],
    }  # fmt: skip


def plan_text(gate, view, target, timeout=60, stop_timeout=10):
    """The lines that a person reads before anything is done."""
    lines = [gate["message"]]
    if not gate["needed"]:
        return lines
    for host in gate["candidates"]:
        lines.append(f"  {host} could take over: it is {_behind(view, target, host)}")
    lines.append("steps:")
    steps = list(_steps(gate, target, timeout, stop_timeout))
    return lines + [f"  {number}. {words}" for number, words in enumerate(steps, 1)]


def _behind(view, target, host):
    node = node_of(view, host)
    if view["primary"] == target and node_of(view, target)["lsn"]:
        return f"{human_bytes(lag_of(node, node_of(view, target)))} behind"
    return f"{human_bytes(node['lag_bytes'])} behind, as far as it knows"


def _steps(gate, target, timeout, stop_timeout):
    if gate["fence"]:
        how = f"systemctl stop {gate['service']}, and SIGKILL after {stop_timeout} s"
        yield f"end PostgreSQL on {target} ({how}), so that it takes no more writes"
    else:
        yield f"leave {target} as it is: it cannot be reached (failover_primary_unfenced)"
    if gate["by_hand"]:
        yield f"run failover.sh on {gate['leader']}: Pgpool has taken {target} out already, and nobody was promoted"
    else:
        yield f"have Pgpool on {gate['leader']} take {target} out: then failover.sh promotes the best standby"
    yield f"wait up to {timeout} s until {' and '.join(gate['pgpools'])} name another primary, and that server agrees"
    yield f"leave {target} degenerate; then: {recover_command(target)}"


def progress(answer, target_id, before):
    """What one pgpool's answer (pgpool_info) says about the failover: promoted, refused, or nothing for not yet."""
    facts = answer.get("pgpool") or {}
    primaries = [n["id"] for n in facts.get("nodes") or () if n["role"] == "primary" and n["status_name"] in UP]
    if primaries and int(target_id) not in primaries:
        return "promoted"
    event = facts.get("last_failover") or {}
    new = event.get("time") != before and event.get("failed_id") == int(target_id)
    return "refused" if new and event.get("result") not in ("promoted", "already_promoted") else ""


def deposed(view, target):
    """Is it done? Returns done, primary (or None), missing (in words), not_streaming (standbys that do not follow yet)
    and by_hand: the target is out of the pool and nobody was promoted, so that failover.sh has to be run.
    """
    node, primary = node_of(view, target), view["primary"]
    missing = []
    if primary is None:
        missing.append(f"there is no primary: {view['dispute']}")
    elif primary == target:
        missing.append(f"{target} still is the primary")
    for proxy in (p for p in view["pgpools"] if p["reachable"]):
        if primary not in (None, target) and proxy["primary"] != primary:
            missing.append(f"{proxy['host']} takes {proxy['primary'] or 'nobody'} for the primary")
    if node["role"] == "primary" and primary != target:
        missing.append(f"{target} runs as a second primary")
    using = attached_on(view, target)
    if using and primary != target:
        missing.append(f"{' and '.join(using)} still use{'s' if len(using) == 1 else ''} {target}")
    waiting = [n["host"] for n in view["nodes"] if n["host"] not in (primary, target) and not _streams(n)]
    by_hand = not using and not any(n["role"] == "primary" for n in view["nodes"])
    return {"done": not missing, "primary": primary, "missing": missing, "not_streaming": waiting, "by_hand": by_hand}


def _streams(node):
    return node["role"] == "standby" and (node["receiver"] or {}).get("status") == "streaming"


__all__ = ("deposed", "failover_gate", "leader_of", "plan_text", "progress")
