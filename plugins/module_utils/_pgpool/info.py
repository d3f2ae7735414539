# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Everything that this host can tell about its Pgpool; what cannot be told is part of the answer."""

from __future__ import annotations

import re

from .._errors import PgopsError, Unreachable
from .._net.address import parse_address
from .._net.iproute import IpRoute
from .failovers import last_failover, paused
from .observe import read_nodes
from .pcp import PcpRejected
from .watchdog import parse_watchdog, unknown_watchdog, without_watchdog


def describe(open_pgpool, *, runner, vip):
    """Return the ``pgpool`` result of pgpool_info.

    ``open_pgpool()`` returns the Pgpool; it may raise one of our errors, as asking it may: a Pgpool that is down or
    rejects the password is an answer.
    """
    answer = {
        "reachable": False,
        "error": None,
        "version": installed_version(runner),
        "nodes": [],
        "watchdog": None,
        "vip": None if vip is None else describe_vip(vip, runner=runner),
        "paused": paused(),
        "last_failover": last_failover(),
    }
    try:
        pgpool = open_pgpool()
        nodes = read_nodes(pgpool)
        watchdog = read_watchdog(pgpool)
    except PgopsError as exc:
        answer["error"] = {"code": exc.code, "message": str(exc)}
    else:
        answer.update(reachable=True, nodes=[node.to_result() for node in nodes], watchdog=watchdog)
    return answer


def read_watchdog(pgpool):
    """Return the watchdog's result. A watchdog that does not answer its own Pgpool does not hide the nodes."""
    try:
        with pgpool.session() as session:
            document = session.watchdog()
    except (PcpRejected, Unreachable) as exc:
        return unknown_watchdog(exc.seen)
    return without_watchdog() if document is None else parse_watchdog(document, server=pgpool.server)


def describe_vip(vip, *, runner):
    """Return whether this host holds the address; ``held`` is None when that cannot be found out."""
    address = parse_address(vip, prefix=None).address
    answer = {"address": address, "held": None, "interface": None, "mac": None, "error": None}
    try:
        interfaces = IpRoute(runner).interfaces()
    except PgopsError as exc:
        answer["error"] = str(exc)
        return answer
    holder = next((interface for interface in interfaces if interface.bindings_of(address)), None)
    answer["held"] = holder is not None
    if holder is not None:
        answer.update(interface=holder.name, mac=holder.mac)
    return answer


def installed_version(runner):
    """Return the version of the pgpool program on this host, as 4.3.5, or None: PCP does not tell it."""
    result = runner.run(("pgpool", "--version"), timeout=10)
    found = re.search(r"pgpool-II version (\d+(?:\.\d+)+)", result.stdout + result.stderr)
    return found.group(1) if found else None


__all__ = ("describe", "describe_vip", "installed_version", "read_watchdog")
