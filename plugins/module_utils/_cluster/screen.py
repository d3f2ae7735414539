# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The one screen that a person reads. Pure."""

from __future__ import annotations

from .units import human_bytes
from .vip_seen import holders_of, leaders


def render(view, found, verdict):
    """Return the lines of the screen: databases, pgpools, verdict, and the command that mends each finding."""
    proxies = [p["host"] for p in view["pgpools"]]
    rows = [["database", "id", "role", "TL", "LSN", "lag", "streams from", *(f"on {p}" for p in proxies)]]
    rows += [_node_row(view, node, proxies) for node in view["nodes"]]
    lines = _table(rows) + [""]
    rows = [["pgpool", "id", "answers", "takes for primary", "quorum", "leader", "VIP"]]
    rows += [_proxy_row(view, proxy) for proxy in view["pgpools"]]
    lines += _table(rows) + [""]
    lines += _table(_who_is_what(view)) + [""]
    lines.append(f"verdict: {verdict}")
    for item in found:
        lines.append(f"  [{item['severity']}] {item['host'] + ': ' if item['host'] else ''}{item['message']}")
        lines.append(f"      next: {item['command']}")
    return lines


def _node_row(view, node, proxies):
    role = node["role"]
    if role == "primary" and view["primary"] not in (None, node["host"]):
        role = "PRIMARY (false)"
    receiver = node["receiver"] or {}
    source = _streams_from(view, receiver) if role == "standby" else "-"
    lag = human_bytes(node["lag_bytes"]) if role == "standby" and node["lag_bytes"] is not None else "-"
    cells = [node["host"], node["backend_id"], role, node["timeline"] or "-", node["lsn"] or "-", lag, source]
    return cells + [_seen(node["seen_by"].get(proxy)) for proxy in proxies]


def _streams_from(view, receiver):
    if receiver.get("status") != "streaming":
        return "nobody"
    sender = receiver.get("sender_host")
    return next((n["host"] for n in view["nodes"] if n["address"] == sender), sender or "?")


def _seen(seen):
    return f"{seen['status']}/{seen['role']}" if seen else "?"


def _proxy_row(view, proxy):
    vip = "holds it" if proxy["host"] in [one.host for one in holders_of(view)] else "-"
    if not proxy["reachable"]:
        return [proxy["host"], proxy["pgpool_id"], "no", "-", "-", "-", vip]
    return [
        proxy["host"], proxy["pgpool_id"], "yes", proxy["primary"] or "nobody", proxy["quorum"] or "-",
        proxy["leader"] or "-", vip,
    ]  # fmt: skip


def _who_is_what(view):
    """Three things that people take for one: they may be on three hosts."""
    rows = [["who is what", "host", "why"]]
    if view["vip"]:
        manager = (view.get("vip_seen") or {}).get("manager")
        verb = "binds" if manager == "systemd" else "moves"
        why = f"{manager} {verb} {view['vip']}" if manager else f"it has {view['vip']}"
        rows.append(["virtual IP", " and ".join(map(str, holders_of(view))) or "nobody", why])
    leading = leaders(view)
    if len(set(leading.values())) == 1:
        say = "says" if len(leading) == 1 else "say"
        rows.append(["watchdog leader", next(iter(leading.values())), f"as {' and '.join(leading)} {say}"])
    elif leading:
        said = ", ".join(f"{one} says {leader}" for one, leader in leading.items())
        rows.append(["watchdog leader", "disputed", said])
    rows.append(["primary", view["primary"] or "nobody", view["primary_because"] or view["dispute"]])
    return rows


def _table(rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


__all__ = ("render",)
