# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses of the lab's hosts, and the networks they must not collide with."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

GATEWAY = 1
VIP = 100
PGPOOL_OFFSETS = (104, 105, 114, 115)
POSTGRES_OFFSETS = (106, 107, *range(116, 124))


@dataclass(frozen=True)
class Host:
    """One server of the lab. ``number`` is its backend id or pgpool id."""

    name: str
    address: str
    role: str
    number: int


def hosts_of(settings):
    """All hosts, pgpools first."""
    pgpools = [
        Host(f"app-server{i + 1}", address(settings.subnet, PGPOOL_OFFSETS[i]), "pgpool", i)
        for i in range(settings.pgpools)
    ]
    databases = [
        Host(f"postgres-db{i + 1}", address(settings.subnet, POSTGRES_OFFSETS[i]), "postgres", i)
        for i in range(settings.standbys + 1)
    ]
    return pgpools + databases


def address(subnet, offset):
    """The address at an offset of the network, as text."""
    return str(subnet[offset])


def container(project, host_name):
    """The container's name of a host."""
    return f"{project}-{host_name}"


def overlapping(subnet, networks):
    """The first (name, cidr) of ``networks`` that shares addresses with ``subnet``, or None."""
    for name, cidr in networks:
        net = ipaddress.ip_network(cidr, strict=False)
        if net.version == 4 and net.overlaps(subnet):
            return name, cidr
    return None


def routed_networks(route_table):
    """(interface, cidr) of every non-default route in the text of /proc/net/route."""
    found = []
    for line in route_table.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        base, mask = (int.from_bytes(bytes.fromhex(word), "little") for word in (words[1], words[7]))
        if mask:
            net = ipaddress.IPv4Network((base, bin(mask).count("1")))
            found.append((words[0], str(net)))
    return found
