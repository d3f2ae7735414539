# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Who has a virtual address: this host, and all that answer for it on the network, also where nobody can log in."""

from __future__ import annotations

import ipaddress
import socket

from .._errors import PgopsError
from .address import parse_address
from .vip import Desired
from .vip_apply import link_local_address, reason_not_to_ask
from .vip_interfaces import choose_interfaces


def describe(ports, *, address, interface, members, resolve):
    """Return the ``vip`` result of vip_info. ``resolve(name)`` gives the addresses of a member's name."""
    vip = parse_address(address, prefix=None)
    interfaces = ports.ip.interfaces()
    answer = {
        "address": vip.address,
        "bindings": [
            {"interface": one.name, "mac": one.mac, "prefix": bound.prefix, "label": bound.label}
            for one in interfaces
            for bound in one.bindings_of(vip.address)
        ],
        "interface": None,
        "asked": False,
        "reason": None,
        "others": [],
    }
    answer["held"] = bool(answer["bindings"])
    try:
        (through,) = choose_interfaces(interfaces, Desired(vip, interface=interface))
        answer.update(interface=through.name, reason=reason_not_to_ask(through))
        if answer["reason"] is None:
            answer.update(asked=True, others=_others(ports, vip.address, interfaces, through, _known(members, resolve)))
    except PgopsError as exc:
        answer["reason"] = str(exc)
    return answer


def _known(members, resolve):
    """Address -> the member that has it."""
    return {address: member for member in members for address in resolve(member)}


def _others(ports, vip, interfaces, through, known):
    own = {one.mac for one in interfaces}
    answers = _ask(ports, [vip, *(address for address in known if address != vip)], through)
    member_of = {mac: known[address] for address, macs in answers.items() if address != vip for mac in macs}
    return [{"mac": mac, "member": member_of.get(mac)} for mac in answers.get(vip, ()) if mac not in own]


def _ask(ports, addresses, through):
    four = tuple(one for one in addresses if ipaddress.ip_address(one).version == 4)
    six = tuple(one for one in addresses if one not in four)
    answers = dict(ports.arp.macs_of(four, interface=through)) if four else {}
    source = link_local_address(ports, through) if six else None
    if source is not None:
        answers.update(ports.ndp.macs_of(six, interface=through, source=source))
    return answers


def addresses_of(name):
    """The numeric addresses of a name, or of an address; none if there are none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(ipaddress.ip_address(entry[4][0].split("%")[0])) for entry in found))


__all__ = ("addresses_of", "describe")
