# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Messages of PCP over a socket: framing, time limits, errors. What the messages mean is in ``pcp.py``."""

from __future__ import annotations

import os
import socket
import struct
import typing as t

from .._errors import ParseError, PgopsError, Unreachable

# Far above what a real answer needs; only keeps garbage from making us read gigabytes.
MAX_MESSAGE = 1024 * 1024


class PcpRejected(PgopsError):
    """Pgpool understood the request and said no; its own words are in ``seen``."""

    code = "refused"


class Dropped(Unreachable):
    """The other side took the connection and ended it without an answer."""


class Login(t.NamedTuple):
    """Where and as whom. A host that starts with / is the directory of a Unix socket."""

    host: str
    port: int
    user: str
    password: str

    @property
    def address(self):
        return socket_path(self.host, self.port) or f"{self.host}:{self.port}"

    def __repr__(self):
        return f"Login({self.address!r}, user={self.user!r})"


def socket_path(host, port):
    """Return the path of the Unix socket in the directory ``host``, or None if host is no directory."""
    return os.path.join(host, f".s.PGSQL.{port}") if host.startswith("/") else None


def connect(host, port, *, timeout):
    """Return a connected socket with a time limit; may raise OSError, or UnicodeError for an impossible host name."""
    path = socket_path(host, port)
    if path is None:
        return socket.create_connection((host, port), timeout=timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


class Wire:
    """A connection on which each request, answer included, must end within ``timeout`` seconds.

    The limit is for the request as a whole: a server that sends a byte now and then gains nothing by it.
    """

    def __init__(self, login, *, server, timeout, clock):
        self._login = login
        self._server = server
        self._timeout = timeout
        self._clock = clock
        self._socket = None
        self._limit = timeout
        self._deadline = None

    def open(self):
        try:
            self._socket = connect(self._login.host, self._login.port, timeout=self._timeout)
        except (OSError, UnicodeError) as exc:
            raise self._unreachable("connect to PCP", exc) from exc

    def send(self, attempted, kind, payload=b"", *, timeout=None):
        """Send one message and start the clock of its answer."""
        self._limit = timeout or self._timeout
        self._deadline = self._clock.now() + self._limit
        try:
            self._socket.settimeout(self._limit)
            self._socket.sendall(kind + struct.pack("!i", len(payload) + 4) + payload)
        except OSError as exc:
            raise self._unreachable(attempted, exc) from exc

    def receive(self, attempted, expected):
        """Return the payload of the next message, which must be of the expected type. Notices are passed over."""
        while True:
            kind, size = struct.unpack("!ci", self._read(attempted, 5))
            if not 4 <= size <= MAX_MESSAGE:
                raise self.misunderstood(attempted, f"a message of type {kind!r} and length {size}")
            payload = self._read(attempted, size - 4)
            if kind == b"E":
                raise self._rejected(attempted, payload)
            if kind == b"N":
                continue
            if kind != expected:
                raise self.misunderstood(attempted, f"a message of type {kind!r} where {expected!r} was due")
            return payload

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def misunderstood(self, attempted, seen):
        return ParseError(
            attempted,
            server=self._server,
            seen=f"{self._login.address} answered with {seen}, which is not the PCP of Pgpool-II 4.1 to 4.7",
            next_step="check that login_port is pcp_port (9898), not the port for SQL clients",
        )

    def _read(self, attempted, size):
        chunks, missing = [], size
        while missing:
            try:
                self._socket.settimeout(self._time_left())
                chunk = self._socket.recv(missing)
            except OSError as exc:
                raise self._unreachable(attempted, exc) from exc
            if not chunk:
                raise self._unreachable(attempted, "the connection was closed before the answer was complete")
            chunks.append(chunk)
            missing -= len(chunk)
        return b"".join(chunks)

    def _time_left(self):
        left = self._deadline - self._clock.now()
        if left <= 0:
            raise socket.timeout("timed out")
        return left

    def _unreachable(self, attempted, reason):
        kind = Dropped if isinstance(reason, (str, ConnectionResetError, BrokenPipeError)) else Unreachable
        if isinstance(reason, socket.timeout):
            reason = f"no answer within {self._limit:g} s"
        elif isinstance(reason, OSError):
            reason = reason.strerror or str(reason)
        return kind(
            attempted,
            server=self._server,
            seen=f"{self._login.address}: {reason}",
            next_step="look whether Pgpool runs there (systemctl status pgpool2) and listens on this address "
            "(pcp_listen_addresses, pcp_socket_dir, pcp_port)",
        )

    def _rejected(self, attempted, payload):
        words = parse_error(payload)
        seen = words.get("M") or f"an error without text: {payload[:80]!r}"
        if words.get("D"):
            seen = f"{seen} ({words['D']})"
        return PcpRejected(
            attempted,
            server=self._server,
            seen=f"Pgpool said: {seen}",
            next_step="read Pgpool's own log on that host for the reason",
            evidence={"severity": words.get("S"), "message": words.get("M"), "detail": words.get("D")},
        )


def parse_error(payload):
    """Return the fields of an error message by their letter: S severity, C code, M message, D detail, H hint.

    Pgpool cuts each field at 256 bytes, perhaps in the middle of a character.
    """
    fields = payload.decode("utf-8", "replace").split("\0")
    return {field[0]: field[1:].strip() for field in fields if len(field) > 1}


__all__ = ("Dropped", "Login", "PcpRejected", "Wire", "connect", "parse_error")
