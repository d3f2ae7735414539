# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# IPv6: who else has an address, and telling the network that we have it now, by the messages of RFC 4861. The kernel's
# own duplicate address detection does not tell who the holder is, and no tool that does is installed everywhere.

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import time

from .._errors import CommandFailed

SOLICITATION, ADVERTISEMENT = 135, 136
SOURCE_HARDWARE, TARGET_HARDWARE = 1, 2
OVERRIDE = 0x20000000
ALL_NODES = "ff02::1"
QUESTIONS, SECONDS_PER_QUESTION = 2, 0.75
STATEMENTS, SECONDS_BETWEEN = 2, 0.3


def holders_of(address, *, interface, source):
    """Return the MACs of the others that answer for ``address``, asked from the link-local address ``source``."""
    return macs_of((address,), interface=interface, source=source)[address]


def macs_of(addresses, *, interface, source):
    """Ask for all ``addresses`` at once; return address -> the MACs of all others that answered for it, in order."""
    found = {address: {} for address in addresses}
    with _wire(f"ask on {interface.name} who has {', '.join(addresses)}", interface.name, source) as (wire, index):
        for _number in range(QUESTIONS):
            for address in addresses:
                wire.sendto(solicitation(address, interface.mac), (solicited_node(address), 0, 0, index))
            for message in _answers(wire):
                for address in addresses:
                    mac = parse_advertisement(message, address)
                    if mac and mac != interface.mac:
                        found[address][mac] = True
    return {address: tuple(macs) for address, macs in found.items()}


def announce(address, *, interface):
    """Tell the neighbours our MAC for ``address`` by unsolicited advertisements."""
    with _wire(f"announce {address} on {interface.name}", interface.name, address) as (wire, index):
        for number in range(STATEMENTS):
            time.sleep(SECONDS_BETWEEN if number else 0)
            wire.sendto(advertisement(address, interface.mac), (ALL_NODES, 0, 0, index))


def solicited_node(address):
    """The group that the holder of an address listens to."""
    last = int(ipaddress.IPv6Address(address)) & 0xFFFFFF
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("ff02::1:ff00:0")) | last))


def solicitation(address, mac):
    """A question who has ``address``. Checksums are left to the kernel."""
    return _message(SOLICITATION, 0, address, SOURCE_HARDWARE, mac)


def advertisement(address, mac):
    """The statement that ``mac`` has ``address``, whoever had it before."""
    return _message(ADVERTISEMENT, OVERRIDE, address, TARGET_HARDWARE, mac)


def parse_advertisement(message, address):
    """Return the MAC that an ICMPv6 message gives for ``address``; None if it is about something else."""
    target = ipaddress.IPv6Address(address).packed
    if len(message) < 24 or message[0] != ADVERTISEMENT or message[8:24] != target:
        return None
    options = message[24:]
    while len(options) >= 8 and options[1]:
        if options[0] == TARGET_HARDWARE:
            return ":".join(f"{byte:02x}" for byte in options[2:8])
        options = options[options[1] * 8 :]
    return None


def _message(kind, flags, address, option, mac):
    head = struct.pack("!BBHI", kind, 0, 0, flags)
    return head + ipaddress.IPv6Address(address).packed + bytes((option, 1)) + bytes.fromhex(mac.replace(":", ""))


def _answers(wire):
    """The messages that come until the time of one question is over."""
    deadline = time.monotonic() + SECONDS_PER_QUESTION
    while time.monotonic() < deadline:
        wire.settimeout(max(0.01, deadline - time.monotonic()))
        with contextlib.suppress(socket.timeout):
            yield wire.recv(1500)


@contextlib.contextmanager
def _wire(doing, interface, source):
    """A raw ICMPv6 socket on one interface; the hop limit of 255 is what makes these messages valid."""
    try:
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            wire.bind((source, 0, 0, index))
            yield wire, index
    except OSError as exc:
        raise CommandFailed(
            doing,
            server=socket.gethostname(),
            seen=str(exc),
            next_step=f"run it as root, and look at `ip -6 address show dev {interface}`",
        ) from exc


__all__ = (
    "advertisement",
    "announce",
    "holders_of",
    "macs_of",
    "parse_advertisement",
    "solicitation",
    "solicited_node",
)
