# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Ask one Pgpool, in short sessions, what it thinks of its backends."""

from __future__ import annotations

import contextlib
import struct
import typing as t

from .._errors import Unreachable
from .._ports import Clock
from .nodes import parse_health, parse_node
from .pcp import PcpSession
from .wire import Login, PcpRejected, connect

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class Pgpool(t.NamedTuple):
    """One Pgpool and how to reach its PCP. ``server`` is its name in errors, ``timeout`` the limit of one request."""

    login: Login
    server: str
    timeout: float
    clock: Clock

    def session(self):
        """Return a new session, to be used in a ``with`` block and not to be held while waiting."""
        return PcpSession(self.login, server=self.server, timeout=self.timeout, clock=self.clock)

    def __repr__(self):
        return f"Pgpool({self.server!r})"


def read_nodes(pgpool):
    """Return the Nodes of a Pgpool, in the order of their ids.

    A backend whose PostgreSQL is silent does not take the others' answers with it.
    """
    with pgpool.session() as session:
        count = session.node_count()
    nodes = []
    while len(nodes) < count:
        nodes += _read_in_one_session(pgpool, range(len(nodes), count))
    return nodes


def read_node(pgpool, node_id):
    """Return one Node."""
    return _read_in_one_session(pgpool, (node_id,))[0]


def postgres_answers(node, *, timeout):
    """Tell whether something that speaks like PostgreSQL replies at the node's address, from this host.

    For where Pgpool does not tell. Asks whether TLS is there, which needs no user and leaves no line in the log.
    """
    with contextlib.suppress(OSError, UnicodeError), connect(node.hostname, node.port, timeout=timeout) as connection:
        connection.sendall(SSL_REQUEST)
        return connection.recv(1) in (b"S", b"N")
    return False


def _read_in_one_session(pgpool, node_ids):
    """Return the Nodes of these ids, in order, up to the first one whose answer does not come in time."""
    nodes = []
    try:
        with pgpool.session() as session:
            for node_id in node_ids:
                nodes.append(parse_node(node_id, session.node_fields(node_id), server=pgpool.server))
    except Unreachable as exc:
        nodes.append(_read_health(pgpool, node_ids[len(nodes)], exc))
    return nodes


def _read_health(pgpool, node_id, unanswered):
    """Return the Node from the health check statistics, which Pgpool gives without asking PostgreSQL."""
    note = f"no node info ({unanswered.seen}): PostgreSQL may be silent; status and role are from Pgpool's memory"
    try:
        with pgpool.session() as session:
            return parse_health(node_id, session.health_fields(node_id), server=pgpool.server, note=note)
    except PcpRejected:  # 4.1 has no such statistics
        raise unanswered from None


__all__ = ("Pgpool", "postgres_answers", "read_node", "read_nodes")
