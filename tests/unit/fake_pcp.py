# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PCP server on a real socket that answers as it is told, and a small Pgpool behind it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import struct
import threading
import time

SALT = b"\x01\x00\xff\x7f"
SILENCE, CLOSE = object(), object()
# What 4.3.5 sends to a rejected password.
REJECTED_LOGIN = ("FATAL", 'authentication failed for user "pgpoolad"', "username and/or password does not match")


def message(kind, *fields):
    payload = b"".join(field.encode() + b"\0" for field in fields)
    return kind + struct.pack("!i", len(payload) + 4) + payload


def error(severity, text, detail=None):
    parts = [f"S{severity}", "CXX000", f"M{text}", *([f"D{detail}"] if detail else []), "Fpcp_worker.c", "L835", ""]
    return message(b"E", *parts)


class Trickle:
    """An answer that comes one byte at a time."""

    def __init__(self, data, pause):
        self.data, self.pause = data, pause


class FakePcp:
    """Serves on loopback, or in ``directory`` on a Unix socket. ``answer(kind, payload)`` gives the bytes to send.

    An answer may also be SILENCE, CLOSE or a Trickle. ``requests`` keeps what was asked after logging in.
    """

    def __init__(self, answer, *, password="secret", directory=None, drop_first=0):
        self.answer, self._password, self._drop = answer, password.encode(), drop_first
        self._directory = directory
        self.requests, self.sessions, self.open_sessions, self.goodbyes = [], 0, 0, 0
        self._over = threading.Event()

    def __enter__(self):
        if self._directory is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.host, self.port = self._listener.getsockname()
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.host, self.port = str(self._directory), 9898
            self._listener.bind(os.path.join(self.host, f".s.PGSQL.{self.port}"))
            self._listener.listen(5)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def kinds(self):
        return [kind.decode() for kind, _payload in self.requests]

    def _serve(self):
        while not self._over.is_set():
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection):
        self.sessions += 1
        self.open_sessions += 1
        with contextlib.suppress(OSError, struct.error), connection:
            if self.sessions <= self._drop:
                return
            while self._one_request(connection):
                pass
        self.open_sessions -= 1

    def _one_request(self, connection):
        kind, size = struct.unpack("!ci", _exactly(connection, 5))
        payload = _exactly(connection, size - 4)
        if kind == b"X":
            self.goodbyes += 1
            return False
        reply = self._log_in(kind, payload) if kind in b"MR" else self._reply(kind, payload)
        if reply is SILENCE:
            self._over.wait(10)
        elif isinstance(reply, Trickle):
            for byte in reply.data:
                connection.sendall(bytes([byte]))
                time.sleep(reply.pause)
        elif reply is not CLOSE:
            connection.sendall(reply)
        return reply not in (SILENCE, CLOSE) and b"SFATAL" not in getattr(reply, "data", reply)

    def _log_in(self, kind, payload):
        if kind == b"M":
            return b"m" + struct.pack("!i", 8) + SALT
        user, proof = payload[:-1].split(b"\0")
        wanted = _md5(_md5(_md5(self._password) + user) + SALT)
        return message(b"r", "AuthenticationOK") if proof == wanted else error(*REJECTED_LOGIN)

    def _reply(self, kind, payload):
        self.requests.append((kind, payload))
        return self.answer(kind, payload)


class Backends:
    """Two backends of a Pgpool whose node info has 9, 12 or 13 fields; orders change them as Pgpool would."""

    def __init__(self, family=13, *, nodes=None, watchdog=None):
        self.family = family
        self.nodes = nodes or [node(port=5433, role="2", pg_role="primary"), node(port=5434)]
        self.watchdog = watchdog
        self.silent = set()
        self.obeys = True
        self.complaint = None

    def __call__(self, kind, payload):
        text = payload.rstrip(b"\0").decode()
        return getattr(self, {"I": "info", "L": "count", "W": "watch", "H": "health"}.get(kind.decode(), "order"))(
            kind, text
        )

    def count(self, _kind, _text):
        return message(b"l", "CommandComplete", str(len(self.nodes)))

    def info(self, _kind, text):
        number = int(text)
        if not 0 <= number < len(self.nodes):
            return error("ERROR", "informing node info failed", "invalid node ID")
        if number in self.silent:
            return SILENCE
        fields = wire_fields(self.nodes[number], self.family)
        if self.family == 9:
            return message(b"i", "CommandComplete", *fields)
        return message(b"i", "ArraySize", "1") + message(b"i", "NodeInfo", *fields) + message(b"i", "CommandComplete")

    def health(self, _kind, text):
        if self.family == 9:
            return error("FATAL", "PCP processing request", 'unknown PCP packet type "H"')
        one = self.nodes[int(text)]
        names = {"0": "unused", "1": "waiting", "2": "up", "3": "quarantine" if one["quarantine"] == "1" else "down"}
        role = {"2": "primary", "3": "standby"}[one["role"]]
        head = (text, one["hostname"], one["port"], names[one["status"]], role)
        return message(b"h", "CommandComplete", *head, *["0"] * 15)

    def watch(self, _kind, _text):
        if self.watchdog is None:
            return error("ERROR", "PCP: informing watchdog info failed", "watchdog is not enabled")
        return message(b"w", "CommandComplete", json.dumps(self.watchdog))

    def order(self, kind, text):
        number = int(text.split(" ")[0])
        if self.complaint:
            return self.complaint
        if self.obeys and number < len(self.nodes):
            self.carry_out(kind, number)
        return message(b"c" if kind == b"C" else b"d", "CommandComplete")

    def carry_out(self, kind, number):
        if kind == b"J":
            for other in self.nodes:
                other["role"] = "3"
            self.nodes[number]["role"] = "2"
        else:
            self.nodes[number].update(status="1" if kind == b"C" else "3", quarantine="0")


def node(**differences):
    usual = {
        "hostname": "127.0.0.1",
        "port": "5433",
        "status": "2",
        "quarantine": "0",
        "pg_status": "up",
        "weight": "1073741823.500000",
        "role": "3",
        "pg_role": "standby",
        "by_time": "0",
        "delay": "0",
        "state": "",
        "sync_state": "",
        "changed": "1795398777",
    }
    return dict(usual, **{name: str(value) for name, value in differences.items()})


def wire_fields(values, family):
    missing = {9: ("quarantine", "pg_status", "pg_role", "by_time"), 12: ("by_time",), 13: ()}[family]
    return [value for name, value in values.items() if name not in missing]


class QuickClock:
    """Real time, except that sleeping takes none."""

    def __init__(self):
        self.slept = 0

    def now(self):
        return time.monotonic() + self.slept

    def sleep(self, seconds):
        self.slept += seconds


def _exactly(connection, size):
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise OSError("closed")
        data += chunk
    return data


def _md5(data):
    return hashlib.md5(data).hexdigest().encode()
