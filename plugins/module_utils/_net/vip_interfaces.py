# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# Which interface of a host a virtual address belongs to.

from __future__ import annotations

import socket

from .._errors import PgopsError
from .address import VirtualAddress


class NoInterface(PgopsError):
    """There is no such interface, or none whose network holds the address."""

    code = "no_such_interface"


class AmbiguousInterface(PgopsError):
    """Several interfaces could carry the address."""

    code = "ambiguous_interface"


def choose_interfaces(interfaces, desired):
    """Return the interfaces meant: the named one, the one that has the address, or the one whose network holds it.

    An address that is to be absent is meant wherever it is: on several, or on none.
    """
    if desired.interface is not None:
        found = [interface for interface in interfaces if desired.interface in interface.names]
        return (found[0],) if found else _no_such_interface(interfaces, desired)
    holding = [interface for interface in interfaces if interface.bindings_of(desired.address.address)]
    if not desired.present:
        return tuple(holding)
    if holding:
        return (_only(holding, desired, "has it"),)
    near = [interface for interface in interfaces if _shares_network(interface, desired.address)]
    return (_only(near, desired, "is in its network") if near else _no_network(interfaces, desired),)


def _shares_network(interface, address):
    if interface.is_loopback:
        return False
    return any(
        one.family == address.family and address.address != one.address and _holds(one, address)
        for one in interface.addresses
    )


def _holds(bound, address):
    return VirtualAddress(address.address, bound.prefix).network == bound.network and bound.scope == "global"


def attempt(desired):
    """What is being done, for errors."""
    return f"bind {desired.address}" if desired.present else f"release {desired.address}"


def _only(found, desired, why):
    if len(found) == 1:
        return found[0]
    names = ", ".join(interface.name for interface in found)
    raise AmbiguousInterface(
        attempt(desired),
        server=socket.gethostname(),
        seen=f"more than one interface {why}: {names}",
        next_step="name the right one in 'interface'",
        evidence={"interfaces": [interface.name for interface in found]},
    )


def _no_such_interface(interfaces, desired):
    raise NoInterface(
        attempt(desired),
        server=socket.gethostname(),
        seen=f"there is no interface {desired.interface}; there are {', '.join(one.name for one in interfaces)}",
        next_step="correct 'interface', or leave it out to have it found by its network",
    )


def _no_network(interfaces, desired):
    have = [f"{one.name} {bound}" for one in interfaces for bound in one.addresses if not one.is_loopback]
    raise NoInterface(
        attempt(desired),
        server=socket.gethostname(),
        seen=f"no interface has an address in its network; there are {', '.join(have) or 'none'}",
        next_step="name the interface in 'interface', or correct 'address'",
    )


__all__ = ("AmbiguousInterface", "NoInterface", "attempt", "choose_interfaces")
