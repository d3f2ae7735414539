# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Does a virtual address fit the interface that shall carry it?"""

from __future__ import annotations

import ipaddress
import json

from .._errors import ParseError


def vip_fit_problem(ip_json, *, address, prefix, interface):
    """Return why the address can't live on the interface, or None.

    ``ip_json`` is what ``ip -json address show`` printed.
    """
    links = {link["ifname"]: link for link in _parse(ip_json) if link.get("ifname")}
    if interface not in links:
        return f"there is no interface {interface}; this host has {', '.join(sorted(links)) or 'none'}"
    vip = ipaddress.ip_interface(f"{address}/{prefix}")
    if vip.version != 4:
        return "it has to be an IPv4 address"
    own = [
        ipaddress.ip_interface(f"{entry['local']}/{entry['prefixlen']}")
        for entry in links[interface].get("addr_info", [])
        if entry.get("family") == "inet" and entry["local"] != str(vip.ip)
    ]
    if not own:
        return f"interface {interface} has no IPv4 address of its own"
    return _subnet_problem(vip, own, interface)


def holds(ip_json, address):
    """True if any interface of the host carries the address."""
    return any(entry.get("local") == str(address) for link in _parse(ip_json) for entry in link.get("addr_info", []))


def _subnet_problem(vip, own, interface):
    listed = ", ".join(str(address) for address in own)
    around = [address for address in own if vip.ip in address.network]
    if not around:
        return f"{vip.ip} is outside of the subnet of {interface} ({listed})"
    if all(address.ip not in vip.network for address in around):
        return (
            f"{vip} covers {vip.network[0]} to {vip.network[-1]}, which leaves out the address of this host "
            f"({listed}): the prefix is too narrow"
        )
    if vip.network not in [address.network for address in around]:
        return f"the prefix /{vip.network.prefixlen} differs from that of {interface} ({listed})"
    return None


def _parse(text):
    try:
        return json.loads(text or "[]")
    except ValueError:
        raise ParseError(
            "read the addresses of this host",
            server="localhost",
            seen=f"ip -json printed {text[:80]!r}",
            next_step="install iproute2 of Debian 11 or newer",
        ) from None


__all__ = ("holds", "vip_fit_problem")
