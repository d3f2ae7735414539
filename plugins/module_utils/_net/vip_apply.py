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
from . import arp
from .address import check_label
from .vip import ADD, ANNOUNCE, REMOVE, Observed, choose_interface, operations, plan

KERNEL_SETTINGS = pathlib.Path("/proc/sys/net/ipv4/conf")
KERNEL_PATIENCE = 6.0
LINK_LOCAL_PATIENCE = 4.0


class Ports(t.NamedTuple):
    """The outside world, replaced in tests."""

    runner: object
    clock: object
    ip: object
    promotes_secondaries: t.Callable
    ndp: object


class Outcome(t.NamedTuple):
    """What was decided, seen and done."""

    plan: object
    interface: object
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
    observed = _observe(ports, desired, check_mode=check_mode)
    decided = plan(observed, desired)
    decided.require_allowed()
    interface = choose_interface(observed.interfaces, desired)
    before = _bindings(observed.interfaces, desired)
    if check_mode or not decided.changes:
        return Outcome(decided, interface, before, _expected(before, interface, desired), observed, False)
    announced = _apply(ports, desired, interface, operations(interface, desired))
    return Outcome(decided, interface, before, _verified(ports, desired, interface), observed, announced)


def _observe(ports, desired, *, check_mode):
    interfaces = ports.ip.interfaces()
    interface = choose_interface(interfaces, desired)
    if interface is not None:
        check_label(desired.label, interface=interface.name, family=desired.address.family)
    seen = Observed(interfaces, promotes_secondaries=interface is None or ports.promotes_secondaries(interface.name))
    adds = any(one.kind == ADD for one in operations(interface, desired))
    reason = _reason_not_to_ask(ports, desired, interface, adds=adds, check_mode=check_mode)
    if reason is not None:
        return seen._replace(unchecked=reason)
    address = desired.address.address
    if desired.address.family == 4:
        return seen._replace(holders=arp.holders_of(ports.runner, address, interface=interface.name))
    source = _link_local_address(ports, interface)
    if source is None:
        why = f"{interface.name} has no link-local address to ask from (the kernel's own detection still applies)"
        return seen._replace(unchecked=why)
    return seen._replace(holders=ports.ndp.holders_of(address, interface=interface, source=source))


def _reason_not_to_ask(ports, desired, interface, *, adds, check_mode):
    if not adds:
        return "nothing is to be bound"
    if not desired.check_duplicate:
        return "check_duplicate is off"
    if not interface.asks_neighbours:
        return f"{interface.name} has no neighbours to ask"
    if not interface.is_up:
        return f"{interface.name} is down"
    if check_mode and desired.address.family == 4 and not arp.is_installed(ports.runner):
        return f"arping is missing: install the package {arp.PACKAGE} before the real run"
    return None


def _link_local_address(ports, interface):
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


def _apply(ports, desired, interface, todo):
    announced = False
    if desired.address.family == 4 and any(one.kind == ANNOUNCE for one in todo):
        arp.require(ports.runner, attempted=f"announce {desired.address}")  # before anything is changed
    for one in todo:
        if one.kind == REMOVE:
            ports.ip.remove(one.address, interface=interface.name)
        elif one.kind == ADD:
            ports.ip.add(
                one.address,
                interface=interface.name,
                label=desired.label,
                detect_duplicates=desired.check_duplicate and not desired.force,
            )
            _wait_for_kernel(ports, desired, interface)
        elif one.kind == ANNOUNCE:
            _announce(ports, desired.address, interface)
            announced = True
    return announced


def _announce(ports, address, interface):
    if address.family == 4:
        arp.announce(ports.runner, address.address, interface=interface.name)
    else:
        ports.ndp.announce(address.address, interface=interface)


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
    ports.ip.remove(desired.address, interface=interface.name)
    raise Refused(
        f"bind {desired.address}",
        server=socket.gethostname(),
        seen=f"the kernel found on {interface.name} that another holder has it (duplicate address detection failed)",
        next_step="release it there (`ip -6 neigh` may show who), or set force: true if the other must lose it",
    )


def _verified(ports, desired, interface):
    interfaces = ports.ip.interfaces()
    again = next((one for one in interfaces if one.name == interface.name), None)
    usable = [one for one in _right(interfaces, desired, interface) if not one.tentative]
    if again is None or operations(again, desired) or (desired.present and not usable):
        raise NotVerified(
            f"{'bind' if desired.present else 'release'} {desired.address}",
            server=socket.gethostname(),
            seen=f"{interface.name} has {', '.join(map(str, again.addresses)) if again else 'gone'}",
            next_step="see what else manages this address (pgpool's watchdog, keepalived, ifupdown), then run it again",
        )
    return _bindings(interfaces, desired)


def _right(interfaces, desired, interface):
    wanted = (desired.address.address, desired.address.prefix)
    return [
        bound
        for one in interfaces
        if one.name == interface.name
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


def _expected(before, interface, desired):
    todo = operations(interface, desired)
    if not todo:
        return before
    gone = [f"{one.address} dev {interface.name}" for one in todo if one.kind == REMOVE]
    kept = [line for line in before if not any(line.startswith(prefix) for prefix in gone)]
    if any(one.kind == ADD for one in todo):
        label = (desired.label or interface.name) if desired.address.family == 4 else None
        kept.append(f"{desired.address} dev {interface.name}" + (f" label {label}" if label else ""))
    return tuple(kept)


__all__ = ("Outcome", "Ports", "converge", "promotes_secondaries")
