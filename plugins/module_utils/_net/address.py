# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import ipaddress
import socket
import typing as t

from .._errors import PgopsError

LABEL_LIMIT = 15  # IFNAMSIZ of Linux, without the closing zero


class BadAddress(PgopsError):
    """The address, its prefix or its label cannot be bound by anybody."""

    code = "bad_address"


class VirtualAddress(t.NamedTuple):
    """An address in canonical spelling, with the length of its network's prefix (None: any)."""

    address: str
    prefix: int | None

    @property
    def family(self):
        return ipaddress.ip_address(self.address).version

    @property
    def network(self):
        return network_of(self.address, prefix=self.prefix)

    def __str__(self):
        return self.address if self.prefix is None else f"{self.address}/{self.prefix}"


def network_of(address, *, prefix):
    """Return the network that an interface's address belongs to."""
    return ipaddress.ip_interface(f"{address}/{prefix}").network


def parse_address(text, *, prefix):
    """Return a ``VirtualAddress`` or raise ``BadAddress`` saying what is wrong with it."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError as exc:
        raise _bad(text, f"{exc}", "give an IPv4 or IPv6 address without a prefix in 'address'") from exc
    unusable = [word for word in ("unspecified", "loopback", "multicast") if getattr(address, f"is_{word}")]
    if unusable:
        raise _bad(text, f"it is a {unusable[0]} address", "choose an address of the servers' own network")
    if prefix is not None:
        _check_prefix(address, prefix)
    return VirtualAddress(str(address), prefix)


def check_label(label, *, interface, family):
    """Raise ``BadAddress`` unless the kernel would take this label on this interface."""
    if label is None:
        return
    if family == 6:
        raise _bad(label, "IPv6 addresses have no labels", "leave 'label' out")
    if not label.startswith(interface) or len(label) > LABEL_LIMIT:
        raise _bad(
            label,
            f"a label starts with the name of its interface ({interface}) and has at most {LABEL_LIMIT} characters",
            f"use a label such as {interface}:1",
        )


def _check_prefix(address, prefix):
    longest = address.max_prefixlen
    if not 1 <= prefix <= longest:
        raise _bad(f"{address}/{prefix}", f"IPv{address.version} prefixes go from 1 to {longest}", "correct 'prefix'")
    network = ipaddress.ip_interface(f"{address}/{prefix}").network
    if address.version == 4 and prefix < 31 and address in (network.network_address, network.broadcast_address):
        raise _bad(
            f"{address}/{prefix}", "it names the network itself or its broadcast", "correct 'address' or 'prefix'"
        )


def _bad(what, seen, next_step):
    return BadAddress(f"use {what}", server=socket.gethostname(), seen=seen, next_step=next_step)


__all__ = ("BadAddress", "VirtualAddress", "check_label", "network_of", "parse_address")
