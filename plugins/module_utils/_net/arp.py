# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# Who else has an address, and telling the network that we have it now.
#   IPv4: arping of iputils, a probe from 0.0.0.0 (RFC 5227) and unsolicited requests.
#   IPv6: the kernel resolves the address when asked to (`ip neigh add ... use`), which tells the holder's MAC (its own
#         duplicate address detection does not); and an unsolicited neighbour advertisement (RFC 4861, 4.4).

from __future__ import annotations

import ipaddress
import re
import socket
import struct

from .._errors import CommandFailed
from .._ports import wait_for

PACKAGE = "iputils-arping"
PROBES = 2
IPV6_PATIENCE = 1.5
NEIGHBOUR_ADVERTISEMENT = 136
OVERRIDE = 0x20000000
ALL_NODES = "ff02::1"
_REPLY = re.compile(r"(?:reply|request) from \S+ \[([0-9A-Fa-f:]{17})\]")
_SENT = re.compile(r"^Sent [1-9]", re.MULTILINE)


def parse_holders(stdout):
    """Return the hardware addresses that answered an ``arping -D``, each once, in order."""
    return tuple(dict.fromkeys(mac.lower() for mac in _REPLY.findall(stdout)))


def is_installed(runner):
    return runner.which("arping") is not None


def holders_of_ipv4(runner, address, *, interface):
    """Return the MACs of those who answer for ``address`` on ``interface``."""
    result = _arping(runner, ("-D", "-c", str(PROBES), "-w", str(PROBES), "-I", interface, address), "probe")
    holders = parse_holders(result.stdout)
    # The exit status of -D changed between versions of iputils: what was sent and answered is what counts.
    if not holders and not _SENT.search(result.stdout):
        raise _failed(f"ask on {interface} who has {address}", result)
    return holders


def announce_ipv4(runner, address, *, interface):
    """Tell the neighbours our MAC for ``address`` by unsolicited ARP."""
    result = _arping(runner, ("-U", "-c", "2", "-w", "1", "-I", interface, address), "announce")
    if not _SENT.search(result.stdout):
        raise _failed(f"announce {address} on {interface}", result)


def holders_of_ipv6(ip, clock, address, *, interface):
    """Return the MACs of those who answer for ``address`` on ``interface``."""
    ip.resolve(address, interface=interface)
    try:
        mac = wait_for(
            lambda: ip.neighbour_mac(address, interface=interface), clock=clock, timeout=IPV6_PATIENCE, interval=0.1
        )
    finally:
        ip.forget(address, interface=interface)
    return (mac,) if mac else ()


def neighbour_advertisement(address, mac):
    """Return an ICMPv6 message; its checksum is left to the kernel."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    head = struct.pack("!BBHI", NEIGHBOUR_ADVERTISEMENT, 0, 0, OVERRIDE)
    return head + ipaddress.IPv6Address(address).packed + struct.pack("!BB", 2, 1) + hardware


def announce_ipv6(address, *, interface, mac):
    """Tell the neighbours our MAC for ``address`` by an unsolicited neighbour advertisement."""
    index = socket.if_nametoindex(interface)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            raw.bind((address, 0, 0, index))
            raw.sendto(neighbour_advertisement(address, mac), (ALL_NODES, 0, 0, index))
    except OSError as exc:
        raise CommandFailed(
            f"announce {address} on {interface}",
            server=socket.gethostname(),
            seen=str(exc),
            next_step="run it as root; the address is bound, neighbours will learn of it when they next ask",
        ) from exc


def _arping(runner, words, purpose):
    program = runner.which("arping")
    if program is None:
        raise CommandFailed(
            f"{purpose} with arping",
            server=socket.gethostname(),
            seen="the program arping is missing",
            next_step=f"install the package {PACKAGE}, or set check_duplicate and announce to false",
        )
    return runner.run((program, *words), timeout=PROBES + 10)


def _failed(attempted, result):
    return CommandFailed(
        attempted,
        server=socket.gethostname(),
        seen=(result.stderr or result.stdout).strip() or f"arping ended with {result.rc}",
        next_step=f"run it by hand as root: {' '.join(result.argv)} (Debian's package is {PACKAGE})",
        evidence={"rc": result.rc, "stdout": result.stdout, "stderr": result.stderr},
    )


__all__ = (
    "PACKAGE",
    "announce_ipv4",
    "announce_ipv6",
    "holders_of_ipv4",
    "holders_of_ipv6",
    "is_installed",
    "neighbour_advertisement",
    "parse_holders",
)
