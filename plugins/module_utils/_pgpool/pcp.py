# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A small client of PCP, the protocol by which Pgpool-II is administered. No Ansible, no pcp_* programs.

Why a client and not the pcp_* programs:

* Their exit status is no answer. They end with 0 for an unknown node, for a detach of a node that is down and for every
  other request that Pgpool rejects; only connecting and logging in end with 1. On the wire a rejection is a message of
  its own type.
* They print by position. Fields are missing or empty depending on version and node, and the name of a watchdog node
  holds spaces, so their output cannot be split. On the wire each field ends with a NUL byte.
* They take the password from a terminal, or from a file which they pass over without a word when its mode is not right;
  and without -h they look for the socket where Debian does not put it.

The protocol is small and has hardly moved from 4.1 to 4.7. A message is one byte of type, four bytes of length (which
count themselves, network order) and the payload. What differs (pcp_con/pcp_worker.c and libs/pcp/pcp.c of each tag):

* Node info: 4.1 and 4.2 answer with one message of 9 fields and reject the id -1; 4.3 and later announce an array size,
  send one message per node and then "CommandComplete", with 12 fields in 4.3 and 13 from 4.4 on.
* From 4.3 on, Pgpool asks the node's PostgreSQL before it answers: a backend that is silent holds the answer back for
  connect_timeout. We ask for one node at a time (which every version understands), so that it costs its own entry only.
* The health check statistics (4.2 and later) tell status and role from shared memory, without asking PostgreSQL.
* The request to promote has a second argument from 4.3 on; the older servers do not look at it.
* To attach an id that is not configured is answered with success: whoever attaches must look first.

Sessions must be short. At the end of each failover and failback Pgpool's main process restarts the PCP process, and up
to 4.4 waits for it until the last open connection to PCP is gone, logged in or not: PCP answers nobody and no other
failover happens in the meantime (seen on 4.1.4 and 4.3.5; not on 4.6.1 and 4.7.3). So nobody may hold a session while
waiting for something: connect, ask, close.
"""

from __future__ import annotations

import hashlib
import json

from .._errors import AuthenticationFailed, PgopsError
from .._local import SystemClock
from .wire import Dropped, Login, PcpRejected, Wire

MAX_USER_BYTES = 127
LOGIN_ATTEMPTS = 4
LOGIN_PAUSE = 0.5
COMPLETE = "CommandComplete"


class PcpSession:
    """One authenticated conversation: ``with PcpSession(login, ...) as session: session.node_count()``.

    ``timeout`` bounds, in seconds, the connection and each request. ``server`` names this Pgpool in errors.
    """

    def __init__(self, login, *, server, timeout, clock=None):
        self._login = login
        self._server = server
        self._clock = clock or SystemClock()
        self._wire = Wire(login, server=server, timeout=timeout, clock=self._clock)

    def __enter__(self):
        """Log in. A connection that meets the PCP process in its restart is dropped: such a one is repeated."""
        for _attempt in range(LOGIN_ATTEMPTS - 1):
            try:
                return self._log_in()
            except Dropped:
                self._clock.sleep(LOGIN_PAUSE)
        return self._log_in()

    def __exit__(self, *exc_info):
        try:
            self._wire.send("leave", b"X")
        except PgopsError:
            pass  # it is gone already, which is what we asked for
        finally:
            self._wire.close()

    def node_count(self):
        """Return how many backends are configured."""
        attempted = "ask for the number of nodes"
        fields = self._completed(attempted, self._ask(attempted, b"L"))
        if len(fields) != 1 or not fields[0].isdigit():
            raise self._wire.misunderstood(attempted, f"a number of nodes of {fields!r}")
        return int(fields[0])

    def node_fields(self, node_id):
        """Return the fields of one backend, as many as this version has: 9, 12 or 13."""
        attempted = f"ask for node {node_id}"
        fields = self._fields(attempted, self._ask(attempted, b"I", _text(node_id)))
        if fields[0] == COMPLETE:
            return fields[1:]
        found = []
        while fields[0] != COMPLETE:
            if fields[0] == "NodeInfo":
                found.append(fields[1:])
            elif fields[0] != "ArraySize":
                raise self._wire.misunderstood(attempted, f"a message that starts with {fields[0]!r}")
            fields = self._fields(attempted, self._wire.receive(attempted, b"i"))
        if len(found) != 1:
            raise self._wire.misunderstood(attempted, f"{len(found)} entries where one node was asked for")
        return found[0]

    def health_fields(self, node_id):
        """Return the health check statistics of one backend (4.2 and later)."""
        attempted = f"ask for the health check statistics of node {node_id}"
        return self._completed(attempted, self._ask(attempted, b"H", _text(node_id)))

    def watchdog(self):
        """Return what the watchdog says, as a dict; None if this Pgpool runs without watchdog."""
        attempted = "ask for the watchdog's view"
        try:
            payload = self._ask(attempted, b"W", _text(-1))
        except PcpRejected as exc:
            if "watchdog is not enabled" in exc.seen:
                return None
            raise
        document = "\0".join(self._completed(attempted, payload))
        try:
            answer = json.loads(document, strict=False)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._wire.misunderstood(attempted, f"what is not a JSON object: {document[:80]!r}")
        return answer

    def attach(self, node_id, *, timeout):
        """Have Pgpool attach a node. It says yes to ids it does not know: look first."""
        self._order(f"attach node {node_id}", b"C", _text(node_id), reply=b"c", timeout=timeout)

    def detach(self, node_id, *, timeout):
        self._order(f"detach node {node_id}", b"D", _text(node_id), reply=b"d", timeout=timeout)

    def promote(self, node_id, *, timeout):
        """Make Pgpool regard this node as the primary; ``n`` stands for: change the view, switch nothing over."""
        self._order(f"promote node {node_id}", b"J", f"{node_id} \0n".encode(), reply=b"d", timeout=timeout)

    def _log_in(self):
        self._wire.open()
        try:
            self._authenticate()
        except BaseException:
            self._wire.close()
            raise
        return self

    def _authenticate(self):
        user, password = (word.encode("utf-8", "surrogateescape") for word in (self._login.user, self._login.password))
        if not 0 < len(user) <= MAX_USER_BYTES or b"\0" in user or b":" in user:
            raise self._not_authenticated("pcp.conf cannot hold such a user name")
        attempted = "log in to PCP"
        salt = self._ask(attempted, b"M")
        if len(salt) != 4:
            raise self._wire.misunderstood(attempted, f"a salt of {len(salt)} bytes")
        proof = _md5(_md5(_md5(password) + user) + salt)
        try:
            answer, rejection = self._ask(attempted, b"R", user + b"\0" + proof + b"\0"), None
        except PcpRejected as exc:
            answer, rejection = None, exc.seen
        if rejection is not None:
            raise self._not_authenticated(rejection)
        if answer != b"AuthenticationOK\0":
            raise self._wire.misunderstood(attempted, f"{answer[:80]!r}")

    def _not_authenticated(self, seen):
        return AuthenticationFailed(
            f"log in to PCP as {self._login.user}",
            server=self._server,
            seen=f"{self._login.address}: {seen}",
            next_step=f"compare login_user and login_password with the line of {self._login.user} in pcp.conf there "
            "(user:md5 of the password), and see that pgpool can read that file",
        )

    def _ask(self, attempted, kind, payload=b"", *, reply=None, timeout=None):
        self._wire.send(attempted, kind, payload, timeout=timeout)
        return self._wire.receive(attempted, reply or kind.lower())

    def _order(self, attempted, kind, payload, *, reply, timeout):
        self._completed(attempted, self._ask(attempted, kind, payload, reply=reply, timeout=timeout))

    def _completed(self, attempted, payload):
        fields = self._fields(attempted, payload)
        if fields[0] != COMPLETE:
            raise self._wire.misunderstood(attempted, f"a message that starts with {fields[0][:80]!r}")
        return fields[1:]

    def _fields(self, attempted, payload):
        if not payload.endswith(b"\0"):
            raise self._wire.misunderstood(attempted, f"a message that is cut off: {payload[:80]!r}")
        return payload[:-1].decode("utf-8", "replace").split("\0")


def _text(number):
    return str(number).encode() + b"\0"


def _md5(data):
    """Return the hex digest. The protocol leaves no choice of hash; it is no protection on a wire others can read."""
    try:
        return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
    except TypeError:  # Python 3.8
        return hashlib.md5(data).hexdigest().encode()


__all__ = ("Login", "PcpRejected", "PcpSession")
