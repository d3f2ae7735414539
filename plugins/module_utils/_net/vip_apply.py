# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# The use case: observe, plan (vip.py), apply, verify.

from __future__ import annotations

import pathlib
import socket
import typing as t

from .._errors import NotVerified, Refused
from .._ports import wait_for
from .address import check_label
from .vip import ADD, ANNOUNCE, REMOVE, Observed, changes, operations, plan
from .vip_interfaces import choose_interfaces

KERNEL_SETTINGS = pathlib.Path("/proc/sys/net/ipv4/conf")
KERNEL_PATIENCE = 6.0
LINK_LOCAL_PATIENCE = 4.0


class Ports(t.NamedTuple):
    """The outside world, replaced in tests."""

    clock: object
    ip: object
    promotes_secondaries: t.Callable
    arp: object
    ndp: object


class Outcome(t.NamedTuple):
    """What was decided, seen and done. ``changed`` is about this host: an announcement alone changes others."""

    plan: object
    changed: bool
    interface: str | None
    before: tuple
    after: tuple
    observed: Observed
    announced: bool


def promotes_secondaries(interface):
    """Whether the kernel keeps the other addresses of a network when its first one goes."""
    files = [KERNEL_SETTINGS / name / "promote_secondaries" for name in ("all", interface)]
    return any(one.exists() and one.read_text().strip() == "1" for one in files)


def converge(ports, desired, *, check_mode):
    """Make ``desired`` true, or only tell how; return an ``Outcome`` or raise a ``PgopsError``."""
    observed = _observe(ports, desired)
    decided = plan(observed, desired)
    decided.require_allowed()
    todo = operations(observed, desired)
    before = _bindings(observed.interfaces, desired)
    outcome = Outcome(
        plan=decided,
        changed=any(one.kind in (ADD, REMOVE) for one in todo),
        interface=next((one.name for one in choose_interfaces(observed.interfaces, desired)), None),
        before=before,
        after=_expected(before, desired, todo),
        observed=observed,
        announced=False,
    )
    if check_mode or not todo:
        return outcome
    announced = _apply(ports, desired, observed, todo)
    return outcome._replace(after=_verified(ports, desired), announced=announced)


def _observe(ports, desired):
    interfaces = ports.ip.interfaces()
    meant = choose_interfaces(interfaces, desired)
    for one in meant:
        check_label(desired.label, interface=one.name, family=desired.address.family)
    not_promoting = tuple(one.name for one in meant if not ports.promotes_secondaries(one.name))
    seen = Observed(interfaces, not_promoting=not_promoting)
    reason = _reason_not_to_ask(desired, meant)
    if reason is not None:
        return seen._replace(unchecked=reason)
    address, interface = desired.address.address, meant[0]
    if desired.address.family == 4:
        return seen._replace(holders=ports.arp.holders_of(address, interface=interface))
    source = link_local_address(ports, interface)
    if source is None:
        why = f"{interface.name} has no link-local address to ask from (the kernel's own detection still applies)"
        return seen._replace(unchecked=why)
    return seen._replace(holders=ports.ndp.holders_of(address, interface=interface, source=source))


def _reason_not_to_ask(desired, meant):
    if not desired.present:
        return "nothing is to be bound"
    if not desired.check_duplicate:
        return "check_duplicate is off"
    return reason_not_to_ask(meant[0])


def reason_not_to_ask(interface):
    """Why nobody can be asked through this interface; None if they can."""
    if not interface.asks_neighbours:
        return f"{interface.name} has no neighbours to ask"
    if not interface.is_up:
        return f"{interface.name} is down"
    if not interface.has_carrier:
        return f"{interface.name} has no carrier"
    return None


def link_local_address(ports, interface):
    """Where IPv6 neighbours can be asked from. An interface that just came up has none that is usable at once."""

    def usable():
        return [
            bound.address
            for one in ports.ip.interfaces()
            if one.name == interface.name
            for bound in one.addresses
            if bound.family == 6 and bound.scope == "link" and not bound.tentative
        ]

    return next(iter(wait_for(usable, clock=ports.clock, timeout=LINK_LOCAL_PATIENCE)), None)


def _apply(ports, desired, observed, todo):
    announced = False
    for one in todo:
        if one.kind == REMOVE:
            ports.ip.remove(one.address, interface=one.interface)
        elif one.kind == ADD:
            ports.ip.add(
                one.address,
                interface=one.interface,
                label=desired.label,
                detect_duplicates=desired.check_duplicate and not desired.force,
            )
            _wait_for_kernel(ports, desired, one.interface)
        elif one.kind == ANNOUNCE:
            interface = next(other for other in observed.interfaces if other.name == one.interface)
            wire = ports.arp if one.address.family == 4 else ports.ndp
            wire.announce(one.address.address, interface=interface)
            announced = True
    return announced


def _wait_for_kernel(ports, desired, interface):
    """IPv6: the kernel does its own duplicate detection and does not use the address until it is over."""

    def settled():
        bound = _right(ports.ip.interfaces(), desired, interface)
        return [one for one in bound if one.dad_failed or not one.tentative]

    if desired.address.family == 4:
        return
    found = wait_for(settled, clock=ports.clock, timeout=KERNEL_PATIENCE)
    if not any(one.dad_failed for one in found):
        return
    ports.ip.remove(desired.address, interface=interface)
    raise Refused(
        f"bind {desired.address}",
        server=socket.gethostname(),
        seen=f"the kernel found on {interface} that another holder has it (duplicate address detection failed)",
        next_step="release it there (`ip -6 neigh` may show who), or set force: true if the other must lose it",
    )


def _verified(ports, desired):
    interfaces = ports.ip.interfaces()
    left = changes(interfaces, desired)
    meant = choose_interfaces(interfaces, desired)
    usable = [one for interface in meant for one in _right(interfaces, desired, interface.name) if not one.tentative]
    if left or (desired.present and not usable):
        seen = "; ".join(f"{one.name} has {', '.join(map(str, one.addresses)) or 'no address'}" for one in meant)
        raise NotVerified(
            f"{'bind' if desired.present else 'release'} {desired.address}",
            server=socket.gethostname(),
            seen=seen,
            next_step="see what else manages this address (pgpool's watchdog, keepalived, ifupdown), then run it again",
        )
    return _bindings(interfaces, desired)


def _right(interfaces, desired, interface):
    wanted = (desired.address.address, desired.address.prefix)
    return [
        bound
        for one in interfaces
        if one.name == interface
        for bound in one.addresses
        if (bound.address, bound.prefix) == wanted
    ]


def _bindings(interfaces, desired):
    """All places of this host where the address is, as text for people and diffs."""
    return tuple(
        f"{bound} dev {one.name}" + (f" label {bound.label}" if bound.label else "")
        for one in interfaces
        for bound in one.bindings_of(desired.address.address)
    )


def _expected(before, desired, todo):
    gone = [f"{one.address} dev {one.interface}" for one in todo if one.kind == REMOVE]
    kept = [line for line in before if not any(f"{line} ".startswith(f"{prefix} ") for prefix in gone)]
    for one in todo:
        if one.kind == ADD:
            label = (desired.label or one.interface) if one.address.family == 4 else None
            kept.append(f"{one.address} dev {one.interface}" + (f" label {label}" if label else ""))
    return tuple(kept)


__all__ = ("Outcome", "Ports", "converge", "link_local_address", "promotes_secondaries", "reason_not_to_ask")
