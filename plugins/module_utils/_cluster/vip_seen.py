# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Who has the virtual address, who leads the watchdog, and who is to have it. Pure."""

from __future__ import annotations

import typing as t

PGPOOL, WITNESS, DATABASE, STRANGER = "pgpool", "witness", "database", "stranger"


class Holder(t.NamedTuple):
    """One that has the address. ``host`` is None for a stranger; ``reachable`` tells whether Ansible is."""

    host: str | None
    kind: str
    interface: str | None
    mac: str | None
    reachable: bool

    @property
    def place(self):
        return ", ".join(word for word in (self.interface, self.mac) if word)

    def __str__(self):
        name = self.host or "a stranger"
        return f"{name} ({self.place})" if self.place else name


def with_vip(view, answer, *, asker, settings):
    """Return the view with who has the address.

    answer: the result of vip_info on the host ``asker`` (or nothing). settings: manager, prefix, and interfaces (of
    each pgpool host by name).
    """
    facts = (answer or {}).get("vip") or {}
    holders = [_told(proxy) for proxy in view["pgpools"] if proxy["vip_held"]]
    if asker and facts:  # it has looked again since
        holders = [one for one in holders if one.host != asker or facts["held"]]
        if facts["held"] and asker not in [one.host for one in holders]:
            place = facts["bindings"][0]
            kind = next(_kind(proxy) for proxy in view["pgpools"] if proxy["host"] == asker)
            holders.append(Holder(asker, kind, place["interface"], place["mac"], True))
    for other in facts.get("others") or ():
        holders = _added(view, holders, other)
    reason = facts.get("reason") if facts else (answer or {}).get("msg") or "no pgpool host could be reached"
    seen = dict(settings, asked_by=asker if facts.get("asked") else None, unasked=reason)
    return dict(view, vip_seen=dict(seen, holders=[one._asdict() for one in holders]))


def _kind(proxy):
    return WITNESS if proxy["witness"] else PGPOOL


def _told(proxy):
    return Holder(proxy["host"], _kind(proxy), proxy["vip_interface"], proxy["vip_mac"], True)


def _added(view, holders, other):
    """A holder that the network shows, unless it is one that spoke for itself."""
    if other["mac"] in [one.mac for one in holders]:
        return holders
    found = _owner(view, other)
    rest = [one for one in holders if one.host is None or one.host != found.host or one.mac]
    return [*rest, found]


def _owner(view, other):
    servers = [(_kind(proxy), proxy, proxy["host_answered"]) for proxy in view["pgpools"]]
    servers += [(DATABASE, node, node["answered"]) for node in view["nodes"]]
    for kind, server, reachable in servers:
        if other["member"] is not None and server["address"] == other["member"]:
            return Holder(server["host"], kind, None, other["mac"], reachable)
    return Holder(None, STRANGER, None, other["mac"], False)


def holders_of(view):
    """The holders: as the network showed them, or else as the pgpool hosts said of themselves."""
    if "vip_seen" in view:
        return [Holder(**one) for one in view["vip_seen"]["holders"]]
    return [_told(proxy) for proxy in view["pgpools"] if proxy["vip_held"]]


def leaders(view):
    """Which pgpool host leads the watchdog, as each pgpool says: host -> host. Who names nobody is left out."""
    names = {proxy["address"]: proxy["host"] for proxy in view["pgpools"]}
    return {p["host"]: names.get(p["leader"], p["leader"]) for p in view["pgpools"] if p["reachable"] and p["leader"]}


def able(view):
    """The pgpools that may have the address: all but a witness, which only votes."""
    return [proxy for proxy in view["pgpools"] if not proxy["witness"]]


def serves(view, host):
    """Whether the pgpool of a host answers and knows the primary."""
    proxy = next((p for p in view["pgpools"] if p["host"] == host), None)
    return bool(proxy and proxy["reachable"] and view["primary"] in (None, proxy["primary"]))


def right_holder(view):
    """Return ``(host, why)`` of the pgpool host that is to have the address; ``(None, why)`` when none can."""
    serving = [p["host"] for p in able(view) if serves(view, p["host"])]
    if not serving:
        return None, "no pgpool serves"
    holding = [one.host for one in holders_of(view)]
    keepalived = view.get("vip_seen", {}).get("manager") == "keepalived"
    leading = [host for host in serving if host in leaders(view).values()]
    if not keepalived and len(set(leaders(view).values())) == 1 and leading:
        return leading[0], "it leads the watchdog, and its pgpool serves"
    for host in serving:
        if host in holding and (keepalived or not leading or host in leading):
            return host, "its pgpool serves" + (", and it has the lowest id of those" if len(serving) > 1 else "")
    return (leading or serving)[0], "its pgpool serves"


__all__ = (
    "DATABASE",
    "PGPOOL",
    "STRANGER",
    "WITNESS",
    "Holder",
    "able",
    "holders_of",
    "leaders",
    "right_holder",
    "serves",
    "with_vip",
)
