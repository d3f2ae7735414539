# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a host there at all? A TCP connection is accepted, refused, or nothing happens."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time

THERE = (0, errno.ECONNREFUSED)


class Reach:
    """Tries hosts. Their names are looked up while the network works, so that nothing waits for a name server later."""

    def __init__(self, targets):
        self.targets = [(one["address"], one["port"]) for one in targets]
        self.known = {}

    def look_up(self):
        """Remember the addresses of all targets that have names."""
        for target in self.targets:
            if target not in self.known:
                with contextlib.suppress(OSError):
                    self.known[target] = _resolve(*target)

    def anybody(self, limit):
        """Does any target react within so many seconds?"""
        with selectors.DefaultSelector() as waiting, contextlib.ExitStack() as sockets:
            for target in self.targets:
                if target not in self.known and not _is_literal(target[0]):
                    continue
                family, address = self.known.get(target) or _resolve(*target)
                one = sockets.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
                code = one.connect_ex(address)
                if code in THERE:
                    return True
                if code == errno.EINPROGRESS:
                    waiting.register(one, selectors.EVENT_WRITE)
            return _first_reaction(waiting, time.monotonic() + limit)


def _first_reaction(waiting, deadline):
    while waiting.get_map():
        ready = waiting.select(max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        for key, _events in ready:
            if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in THERE:
                return True
            waiting.unregister(key.fileobj)
    return False


def _resolve(host, port):
    family, _kind, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, address


def _is_literal(host):
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return True
    return False
