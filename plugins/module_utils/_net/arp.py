# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# IPv4: who has which address, and telling the network that we have one now, by the packets of RFC 826 and RFC 5227. The
# program arping ends at the first answer, so that it never shows a second holder.

from __future__ import annotations

import contextlib
import socket
import struct
import time

from .._errors import CommandFailed

ETH_P_ARP = 0x0806
HEAD = struct.pack("!HHBB", 1, 0x0800, 6, 4)  # Ethernet, IPv4, and the lengths of their addresses
REQUEST, REPLY = 1, 2
EVERYBODY, NOBODY = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
QUESTIONS, SECONDS_PER_QUESTION = 2, 0.75
STATEMENTS, SECONDS_BETWEEN = 2, 0.3


def macs_of(addresses, *, interface):
    """Ask for all ``addresses`` at once; return address -> the MACs of all others that answered for it, in order."""
    found = {address: {} for address in addresses}
    with _wire(f"ask on {interface.name} who has {', '.join(addresses)}", interface.name) as wire:
        for _number in range(QUESTIONS):
            for address in addresses:
                _send(wire, interface, question(address, interface.mac))
            for address, mac in _answers(wire):
                if address in found and mac != interface.mac:
                    found[address][mac] = True
    return {address: tuple(macs) for address, macs in found.items()}


def holders_of(address, *, interface):
    """Return the MACs of those who answer for ``address`` on ``interface``."""
    return macs_of((address,), interface=interface)[address]


def announce(address, *, interface):
    """Tell the neighbours our MAC for ``address``, in both forms: there are devices that believe only one of them."""
    with _wire(f"announce {address} on {interface.name}", interface.name) as wire:
        for number in range(STATEMENTS):
            time.sleep(SECONDS_BETWEEN if number else 0)
            for kind in (REQUEST, REPLY):
                _send(wire, interface, statement(address, interface.mac, kind))


def question(address, mac):
    """A probe: who has ``address``? Without an address of ours, so that nobody remembers one."""
    return _packet(REQUEST, mac, "0.0.0.0", NOBODY, address)


def statement(address, mac, kind):
    """The statement that ``mac`` has ``address``, whoever had it before."""
    return _packet(kind, mac, address, EVERYBODY if kind == REPLY else NOBODY, address)


def parse(packet):
    """Return ``(address, mac)`` of the sender of an ARP packet; None if it is no such packet."""
    if len(packet) < 28 or packet[:6] != HEAD:
        return None
    return socket.inet_ntoa(packet[14:18]), ":".join(f"{byte:02x}" for byte in packet[8:14])


def _packet(kind, mac, address, target_mac, target):
    sender = _bytes(mac) + socket.inet_aton(address)
    return HEAD + struct.pack("!H", kind) + sender + _bytes(target_mac) + socket.inet_aton(target)


def _bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def _send(wire, interface, packet):
    wire.sendto(packet, (interface.name, ETH_P_ARP, 0, 0, _bytes(EVERYBODY)))


def _answers(wire):
    """What the others say of themselves until the time of one question is over."""
    deadline = time.monotonic() + SECONDS_PER_QUESTION
    while time.monotonic() < deadline:
        wire.settimeout(max(0.01, deadline - time.monotonic()))
        with contextlib.suppress(socket.timeout):
            said = parse(wire.recv(1500))
            if said:
                yield said


@contextlib.contextmanager
def _wire(doing, interface):
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ARP)) as wire:
            wire.bind((interface, ETH_P_ARP))
            yield wire
    except OSError as exc:
        raise CommandFailed(
            doing,
            server=socket.gethostname(),
            seen=str(exc),
            next_step=f"run it as root, and look at `ip address show dev {interface}`",
        ) from exc


__all__ = ("announce", "holders_of", "macs_of", "parse", "question", "statement")
