# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Who works through this host's Pgpool right now, told by the titles of its processes: no session, no question."""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t

# Of a child that serves somebody, in 4.1 to 4.7: "pgpool: USER DATABASE HOST(PORT) idle", "... idle in transaction", or
# the command it runs. A child without a client says "wait for connection request" and the like.
TITLE = re.compile(r"^pgpool: (?P<user>.+?) (?P<database>\S+) (?P<host>[^\s()]+)\((?P<port>\d+)\) (?P<doing>.+)$")
IDLE = "idle"


class Session(t.NamedTuple):
    """One client of this Pgpool."""

    user: str
    peer: tuple  # address and port of the client
    doing: str

    @property
    def busy(self):
        """In the middle of a query or of a transaction."""
        return self.doing != IDLE


def parse_titles(titles):
    """Return the Sessions that the titles of processes tell of."""
    found = (TITLE.match(title.strip()) for title in titles)
    return [Session(m["user"], (_plain(m["host"]), int(m["port"])), m["doing"].strip()) for m in found if m]


def parse_peers(text):
    """Return the other ends, as (address, port), of the connections that ``ss -Htn`` lists."""
    peers = set()
    for line in text.splitlines():
        host, _colon, port = line.split()[-1].rpartition(":") if line.split() else ("", "", "")
        if port.isdigit():
            peers.add((_plain(host.strip("[]")), int(port)))
    return peers


def _plain(host):
    """The address as it is written without its detours: ::ffff:10.1.7.9 is 10.1.7.9."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)


def chosen(sessions, *, peers, ignored):
    """Leave out the users of the cluster itself, and who did not come through the address (``peers`` None: nobody)."""
    return [one for one in sessions if one.user not in ignored and (peers is None or one.peer in peers)]


def read_titles(proc="/proc"):
    """Return the titles of this host's Pgpool processes."""
    titles = []
    for pid in (name for name in os.listdir(proc) if name.isdigit()):
        try:
            with open(f"{proc}/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
                title = stream.read(1024).replace("\0", " ").strip()
        except OSError:  # it has ended meanwhile
            continue
        if title.startswith("pgpool: "):
            titles.append(title)
    return titles


__all__ = ("Session", "chosen", "parse_peers", "parse_titles", "read_titles")
