# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import ipaddress
import json
import socket
import typing as t

from .._errors import CommandFailed, ParseError
from .address import network_of

FAMILIES = {"inet": 4, "inet6": 6}
MAC_LENGTH = len("02:42:0a:01:07:68")


class BoundAddress(t.NamedTuple):
    """One address of an interface, as ``ip -json address`` tells it."""

    address: str
    prefix: int
    family: int
    scope: str = "global"
    label: str | None = None
    secondary: bool = False
    tentative: bool = False
    dad_failed: bool = False

    @property
    def network(self):
        return network_of(self.address, prefix=self.prefix)

    def __str__(self):
        return f"{self.address}/{self.prefix}"


class Interface(t.NamedTuple):
    """One network interface with its addresses."""

    name: str
    names: tuple
    mac: str | None
    flags: tuple
    addresses: tuple

    @property
    def is_up(self):
        return "UP" in self.flags

    @property
    def has_carrier(self):
        return "NO-CARRIER" not in self.flags

    @property
    def is_loopback(self):
        return "LOOPBACK" in self.flags

    @property
    def asks_neighbours(self):
        """Whether addresses are resolved here at all (not on loopback, dummy and most tunnels), to Ethernet's MACs."""
        return not self.is_loopback and "NOARP" not in self.flags and len(self.mac or "") == MAC_LENGTH

    def bindings_of(self, address):
        return tuple(bound for bound in self.addresses if bound.address == address)


def parse_interfaces(text):
    """Turn the output of ``ip -json address show`` into ``Interface`` objects."""
    try:
        # Older versions of ip leave empty objects in the list for what they filtered out.
        return tuple(_interface(entry) for entry in json.loads(text or "[]") if entry)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ParseError(
            "understand the output of ip -json address",
            server=socket.gethostname(),
            seen=f"{exc!r} in {text[:200]!r}",
            next_step="run `ip -json address show` by hand and report its output",
        ) from exc


def _interface(entry):
    name = entry["ifname"]
    return Interface(
        name=name,
        names=(name, *entry.get("altnames", ())),
        mac=(entry.get("address") or "").lower() or None,
        flags=tuple(entry.get("flags", ())),
        addresses=tuple(_bound(info) for info in entry.get("addr_info", ()) if info.get("family") in FAMILIES),
    )


def _bound(info):
    return BoundAddress(
        address=str(ipaddress.ip_address(info["local"])),
        prefix=int(info["prefixlen"]),
        family=FAMILIES[info["family"]],
        scope=info.get("scope", "global"),
        label=info.get("label"),
        secondary=bool(info.get("secondary")),
        tentative=bool(info.get("tentative")),
        dad_failed=bool(info.get("dadfailed")),
    )


class IpRoute:
    """The ``ip`` program of this host. ``executed`` keeps the commands that change something."""

    def __init__(self, runner):
        self._runner = runner
        self.executed = []

    def interfaces(self):
        return parse_interfaces(self._run("-json", "address", "show", doing="read the addresses"))

    def add(self, address, *, interface, label, detect_duplicates):
        words = ["address", "add", str(address), "dev", interface]
        if label:
            words += ["label", label]
        if address.family == 6 and not detect_duplicates:
            words.append("nodad")
        self._run(*words, doing=f"add {address} to {interface}", changes=True)

    def remove(self, address, *, interface):
        words = ("address", "del", str(address), "dev", interface)
        self._run(*words, doing=f"remove {address} from {interface}", changes=True)

    def _run(self, *words, doing, changes=False):
        argv = ("ip", *words)
        if changes:
            self.executed.append(" ".join(argv))
        result = self._runner.run(argv, timeout=10)
        if result.rc == 0:
            return result.stdout
        seen, next_step = result.stderr.strip() or f"ip ended with {result.rc}", "look at `ip address` on this host"
        if result.rc == 127:
            seen, next_step = "the program ip is missing", "install the package iproute2"
        raise CommandFailed(
            doing, server=socket.gethostname(), seen=seen, next_step=next_step, evidence={"command": " ".join(argv)}
        )


__all__ = ("BoundAddress", "Interface", "IpRoute", "parse_interfaces")
