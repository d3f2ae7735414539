# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What is wrong with a cluster, and the command that mends it. Pure."""

from __future__ import annotations

from .finding import CHECK, finding
from .units import human_bytes
from .view import LACKING, UP, attached_on, last_primary, nobody_promoted, node_of
from .vip_findings import vip_findings

MAX_LAG_BYTES = 16 * 1024 * 1024


def findings(view, max_lag_bytes=MAX_LAG_BYTES):
    """Return a list of dicts: severity (critical, warning), code, host, message, command."""
    found = []
    if view["primary"] is None:
        found.append(_no_primary(view))
    for node in view["nodes"]:
        found += _node_findings(view, node, max_lag_bytes)
    found += _pgpool_findings(view) + vip_findings(view)
    return sorted(found, key=lambda f: (f["severity"] != "critical", f["host"] or "", f["code"]))


def verdict(found):
    """healthy, degraded (serves, with something to mend) or broken (does not serve, or is not safe)."""
    if any(f["severity"] == "critical" for f in found):
        return "broken"
    return "degraded" if found else "healthy"


def recover_command(host):
    return f"ansible-playbook recover_standby.yml -l {host}"


def depose_command(host, accept_loss=False):
    return f"ansible-playbook failover_primary.yml -l {host}" + (
        " -e failover_primary_accept_loss=true" if accept_loss else ""
    )


def _no_primary(view):
    """Nobody knows, or it is known: the failover promoted nobody, and why."""
    event = nobody_promoted(view)
    failed = next((n["host"] for n in view["nodes"] if event and n["backend_id"] == event["failed_id"]), None)
    if failed is None:
        return finding(
            "critical",
            "no_primary",
            None,
            f"nobody can say who the primary is: {view['dispute']}",
            "read the table above; recover_standby takes -e recover_standby_primary=HOST once you know",
        )
    lacking = event["result"] in LACKING
    why = event["message"].split(". Next: ")[0]  # the command follows
    if event["result"] == "too_far_behind":
        why = (
            f"the best standby lacks {human_bytes(event['lag'])} of the WAL of {failed}, more than "
            "pgops_failover_max_lag allows"
        )
    return finding(
        "critical",
        "nobody_promoted",
        None,
        f"there is no primary: {failed} failed ({event['time']}), and nobody was promoted ({event['result']}): {why}",
        f"bring {failed} back, or {'give that up' if lacking else 'have a standby promoted'}: "
        f"{depose_command(failed, accept_loss=lacking)}",
    )


def _node_findings(view, node, max_lag_bytes):
    host = node["host"]
    if not node["answered"]:
        message = f"could not be asked: {node['error']}"
        return [finding("warning", "node_silent", host, message, f"look at {host} itself")]
    if host == view["primary"]:
        return _primary_findings(view, node)
    if node["role"] == "primary":
        return [
            finding(
                "critical",
                "false_primary",
                host,
                f"runs as a second primary (timeline {node['timeline']}, LSN {node['lsn']}){_still_used(view, host)}",
                recover_command(host),
            )
        ]
    if node["role"] != "standby":
        if node.get("fenced") or node.get("held"):
            return [_guard_finding(view, node)]
        why = f": {node['error']}" if node["error"] else ""
        message = f"PostgreSQL is {node['role']}{why}{_still_used(view, host)}"
        return [finding("warning", "node_down", host, message, recover_command(host))]
    return _standby_findings(view, node, max_lag_bytes)


def _guard_finding(view, node):
    """The guard of that host ended its server, or waits before it starts it; it knows what is to be done."""
    host, fence, held = node["host"], node.get("fenced"), node.get("held")
    words = []
    if fence:
        words.append(f"PostgreSQL was ended by the guard ({fence['time']}): {fence['reason']}")
    if held:
        words.append(f"{'it' if fence else 'PostgreSQL'} is held back by the guard: {held['reason']}")
    severity = "critical" if held and view["primary"] is None else "warning"
    message = f"{'; '.join(words)}{_still_used(view, host)}"
    return finding(severity, "held" if held else "fenced", host, message, _what_the_guard_wants(view, node))


def _what_the_guard_wants(view, node):
    """No start all the same where more is known than its guard sees now: that another server is or was the primary."""
    fence, held, last = node.get("fenced") or {}, node.get("held") or {}, last_primary(view)
    another = any(one["role"] == "primary" for one in view["nodes"]) or fence.get("code") not in (None, "isolated")
    if not held or another:
        return fence.get("next_step") or recover_command(node["host"])
    first = f"bring {last} back, which was the primary last; " if last not in (None, node["host"]) else ""
    return first + (held["next_step"] or f"look again in some seconds: {CHECK}")


def _primary_findings(view, node):
    by_slot = {n["slot"]: n["host"] for n in view["nodes"]}
    found = []
    for proxy, seen in sorted(node["seen_by"].items()):
        if seen is None or seen["status"] not in UP:
            found.append(
                finding(
                    "critical",
                    "primary_detached",
                    node["host"],
                    f"is the primary, but {proxy} has it {seen['status'] if seen else 'not listed'}",
                    f"on {proxy}: {_attach_command(view, proxy, node)}",
                )
            )
    for slot in node["slots"] or ():
        if not slot["active"] and slot["name"] in by_slot:
            found.append(
                finding(
                    "warning",
                    "slot_inactive",
                    by_slot[slot["name"]],
                    f"its slot {slot['name']} on {node['host']} is not in use and keeps "
                    f"{human_bytes(slot.get('retained_bytes') or 0)} of WAL",
                    recover_command(by_slot[slot["name"]]),
                )
            )
    return found + _synchronous_findings(view, node)


def _synchronous_findings(view, node):
    """Commits that wait for a standby which is not there (block), or that no longer wait for one (fallback)."""
    asked = node.get("synchronous") or {}
    acknowledging = [one for one in node["senders"] or () if one.get("sync_state") in ("sync", "quorum")]
    standby = next((n["host"] for n in view["nodes"] if n["host"] != node["host"]), None)
    if standby is None:
        return []
    if asked.get("state"):
        how = "takes commits without a standby" if asked["state"] == "suspended" else "makes commits wait again"
        message = f"{how} (the guard has {asked['state']} pgops_synchronous): if it is lost now, commits may be"
        return [finding("warning", "synchronous_suspended", node["host"], message, recover_command(standby))]
    if asked.get("names") and not acknowledging:
        waiting = f"{asked['waiting']} sessions wait" if asked.get("waiting") else "every commit will wait"
        message = f"{waiting} for a standby (synchronous_standby_names = {asked['names']}), and none is there"
        return [finding("critical", "synchronous_blocked", node["host"], message, recover_command(standby))]
    return []


def _attach_command(view, proxy, node):
    """The primary is attached by hand: no playbook of ours touches the live primary."""
    pcp = next(p["pcp"] for p in view["pgpools"] if p["host"] == proxy)
    login = f"-h localhost -p {pcp['port']} -U {pcp['user']} -w"
    return f"runuser -u postgres -- pcp_attach_node {login} -n {node['backend_id']}"


def _standby_findings(view, node, max_lag_bytes):
    host, receiver = node["host"], node["receiver"] or {}
    primary = node_of(view, view["primary"]) if view["primary"] else None
    found = []
    if receiver.get("status") != "streaming":
        found.append(
            finding(
                "warning",
                "not_streaming",
                host,
                f"is a standby, but does not stream{_still_used(view, host)}",
                recover_command(host),
            )
        )
    elif primary and primary["timeline"] and receiver.get("timeline") != primary["timeline"]:
        found.append(
            finding(
                "warning",
                "wrong_timeline",
                host,
                f"streams timeline {receiver.get('timeline')}, the primary is on {primary['timeline']}"
                f"{_still_used(view, host)}",
                recover_command(host),
            )
        )
    elif (node["lag_bytes"] or 0) > max_lag_bytes:
        found.append(
            finding(
                "warning",
                "lag",
                host,
                f"is {human_bytes(node['lag_bytes'])} behind",
                f"see disk and network of {host}",
            )
        )
    using = attached_on(view, host)
    for proxy, seen in sorted(node["seen_by"].items()):
        if proxy not in using:
            others = f", up on {' and '.join(using)}" if using else ""
            found.append(
                finding(
                    "warning",
                    "detached",
                    host,
                    f"is {seen['status'] if seen else 'not listed'} on {proxy}{others}",
                    recover_command(host),
                )
            )
    return found


def _still_used(view, host):
    """A node that must not be asked, and is: what its clients get is old or an error."""
    using = attached_on(view, host)
    return f"; {' and '.join(using)} {'sends' if len(using) == 1 else 'send'} it reads all the same" if using else ""


def _pgpool_findings(view):
    found = []
    for proxy in view["pgpools"]:
        if not proxy["reachable"]:
            found.append(
                finding(
                    "warning",
                    "pgpool_silent",
                    proxy["host"],
                    f"does not answer: {proxy['error']}{_to_catch_up(view)}",
                    f"systemctl status pgpool2 on {proxy['host']}, then {CHECK}",
                )
            )
        elif view["primary"] and proxy["primary"] != view["primary"]:
            found.append(
                finding(
                    "critical",
                    "pgpool_wrong_primary",
                    proxy["host"],
                    f"takes {proxy['primary'] or 'nobody'} for the primary, which is {view['primary']}",
                    _learn_the_primary(view, proxy["host"]),
                )
            )
    return found


def _learn_the_primary(view, proxy):
    """A pgpool looks for the primary when a node is attached, and when it starts."""
    primary = node_of(view, view["primary"])
    if proxy not in attached_on(view, view["primary"]):
        return f"on {proxy}: {_attach_command(view, proxy, primary)}"
    return f"if it stays so: systemctl restart pgpool2 on {proxy}, where clients lose their sessions"


def _to_catch_up(view):
    """What a pgpool that was away has to learn. When it has not, once it answers, that is a finding."""
    wanted = []
    for node in view["nodes"]:
        if node["host"] == view["primary"]:
            wanted.append(f"{node['host']} up as the primary")
        elif node["answered"] and attached_on(view, node["host"]):
            wanted.append(f"{node['host']} up as a standby")
        elif node["answered"]:
            wanted.append(f"{node['host']} down")
    return f"; when it is back it has to show {', '.join(wanted)}" if wanted and view["primary"] else ""


__all__ = ("MAX_LAG_BYTES", "depose_command", "findings", "recover_command", "verdict")
