# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# Decisions about a virtual address: pure functions of what was seen and what is wanted. vip_apply.py carries them out.

from __future__ import annotations

import socket
import typing as t

from .._plan import Plan, Refusal, Step
from .address import VirtualAddress
from .vip_interfaces import attempt, choose_interfaces

ADD, REMOVE, ANNOUNCE = "add", "remove", "announce"


class Desired(t.NamedTuple):
    """What the caller wants."""

    address: VirtualAddress
    interface: str | None = None
    label: str | None = None
    present: bool = True
    check_duplicate: bool = True
    announce: bool = True
    announce_again: bool = False
    force: bool = False


class Observed(t.NamedTuple):
    """What was seen. ``holders`` are the MACs of others; ``unchecked`` says why nobody was asked (None: they were).

    ``not_promoting`` names the interfaces where the other addresses of a network go with its first one.
    """

    interfaces: tuple
    holders: tuple = ()
    unchecked: str | None = None
    not_promoting: tuple = ()


class Operation(t.NamedTuple):
    """One change of an interface, or of what its neighbours know, and why."""

    kind: str
    address: VirtualAddress
    interface: str
    reason: str

    def to_step(self):
        words = {ADD: f"add {self.address} to", REMOVE: f"remove {self.address} from", ANNOUNCE: "announce it on"}
        return Step(f"{words[self.kind]} {self.interface}", self.reason)


def changes(interfaces, desired):
    """Return what must change on this host, in order; empty when all is as wanted."""
    return tuple(one for meant in choose_interfaces(interfaces, desired) for one in _changes_of(meant, desired))


def _changes_of(interface, desired):
    bound = interface.bindings_of(desired.address.address)
    if not desired.present:
        wanted = [one for one in bound if desired.address.prefix in (None, one.prefix)]
        return [_removal(one, interface, "it is to be absent") for one in wanted]
    right = [one for one in bound if _is_right(one, desired)]
    todo = [_removal(one, interface, _complaint(one, desired)) for one in bound if one not in right]
    if not right:
        reason = f"{interface.name} does not have it as wanted"
        todo.append(Operation(ADD, desired.address, interface.name, reason))
    return todo


def operations(observed, desired):
    """Return what is to be done: the changes of this host, and what the network has to be told."""
    todo = changes(observed.interfaces, desired)
    reason = _reason_to_announce(observed, desired, adds=any(one.kind == ADD for one in todo))
    if reason is None:
        return todo
    (interface,) = choose_interfaces(observed.interfaces, desired)
    if not interface.asks_neighbours:
        return todo
    return (*todo, Operation(ANNOUNCE, desired.address, interface.name, reason))


def _reason_to_announce(observed, desired, *, adds):
    if not desired.present or not desired.announce:
        return None
    if adds:
        return "neighbours may remember another holder"
    if observed.holders:
        return "another holder answers for it too"
    return "it was asked for" if desired.announce_again else None


def plan(observed, desired):
    """Decide: steps, nothing, or a refusal with its evidence."""
    todo = operations(observed, desired)
    refusal = _refusal(observed, desired, todo)
    if refusal is not None:
        return Plan("nothing will be changed", refusal=refusal)
    if not todo:
        return Plan(f"{desired.address} is {'present' if desired.present else 'absent'} already")
    verb = "bind" if any(one.kind == ADD for one in todo) else "announce" if desired.present else "release"
    names = ", ".join(dict.fromkeys(one.interface for one in todo))
    return Plan(f"{verb} {desired.address} on {names}", tuple(one.to_step() for one in todo))


def _refusal(observed, desired, todo):
    refusal = _refusal_to_add(observed, desired) if any(one.kind == ADD for one in todo) else None
    if refusal is None and observed.holders and not desired.force:
        refusal = _duplicate(observed, desired, here=not any(one.kind == ADD for one in todo))
    return refusal or _refusal_to_remove(observed, desired, todo)


def _refusal_to_add(observed, desired):
    (interface,) = choose_interfaces(observed.interfaces, desired)
    elsewhere = [
        other.name
        for other in observed.interfaces
        if other is not interface and other.bindings_of(desired.address.address)
    ]
    if elsewhere:
        return _refuse(
            desired,
            f"{elsewhere[0]} of this host has the address already",
            f"release it there first (state: absent, interface: {elsewhere[0]}) or leave 'interface' out",
        )
    if not interface.is_up:
        return _refuse(desired, f"{interface.name} is down", f"bring it up: ip link set {interface.name} up")
    if desired.check_duplicate and not interface.has_carrier and interface.asks_neighbours and not desired.force:
        return _refuse(
            desired,
            f"{interface.name} has no carrier, so that nobody can be asked for another holder",
            f"see to its cable or its peer (ip link show {interface.name}), or set force: true",
        )
    return None


def _duplicate(observed, desired, *, here):
    (interface,) = choose_interfaces(observed.interfaces, desired)
    own = {other.mac: other.name for other in observed.interfaces if other.mac}
    names = [f"{mac} ({own[mac]} of this host)" if mac in own else mac for mac in observed.holders]
    return _refuse(
        desired,
        f"another holder answers for {desired.address.address} on {interface.name}: {', '.join(names)}"
        + (f"; {interface.name} of this host has it too" if here else ""),
        "release the address on the machine with that hardware address, or set force: true if it must lose it",
        evidence={"holders": list(observed.holders)},
    )


def _refusal_to_remove(observed, desired, todo):
    for one in todo:
        if one.kind == REMOVE and one.interface in observed.not_promoting:
            interface = next(other for other in observed.interfaces if other.name == one.interface)
            losses = _taken_along(interface, one.address)
            if losses:
                setting = f"net.ipv4.conf.{interface.name.replace('.', '/')}.promote_secondaries"
                return _refuse(
                    desired,
                    f"the kernel would remove {', '.join(losses)} of {interface.name} with it "
                    "(promote_secondaries is off)",
                    f"sysctl -w {setting}=1, then run this again",
                )
    return None


def _taken_along(interface, removed):
    """The secondary addresses that go when the first address of their network goes."""
    of_network = [one for one in interface.addresses if one.family == 4 and one.network == removed.network]
    if not any(one.address == removed.address and not one.secondary for one in of_network):
        return []
    return [str(one) for one in of_network if one.secondary and one.address != removed.address]


def _is_right(bound, desired):
    return bound.prefix == desired.address.prefix and not bound.dad_failed and desired.label in (None, bound.label)


def _complaint(bound, desired):
    if bound.prefix != desired.address.prefix:
        return f"its prefix is {bound.prefix} instead of {desired.address.prefix}"
    if bound.dad_failed:
        return "the kernel found it to be a duplicate and does not use it"
    return f"its label is {bound.label} instead of {desired.label}"


def _removal(bound, interface, reason):
    return Operation(REMOVE, VirtualAddress(bound.address, bound.prefix), interface.name, reason)


def _refuse(desired, seen, next_step, evidence=None):
    return Refusal(attempt(desired), socket.gethostname(), seen, next_step, evidence or {})


__all__ = (
    "ADD",
    "ANNOUNCE",
    "REMOVE",
    "Desired",
    "Observed",
    "Operation",
    "changes",
    "operations",
    "plan",
)
