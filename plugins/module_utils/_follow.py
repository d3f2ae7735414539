# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Follow a running command: hand on what it prints as it comes, and keep no more than the end of it."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time

KEPT = 65536  # of each stream: what failed is told at the end
LONGEST = 8192  # of a line that does not end
TICK = 1.0
_AT_ONCE = 512  # POSIX: a pipe that is ready takes this much without blocking


class _Output:
    """One stream of a command."""

    def __init__(self, watch):
        self._watch, self._kept, self._open = watch, bytearray(), b""

    def take(self, data):
        self._kept += data
        if len(self._kept) > 2 * KEPT:
            del self._kept[:-KEPT]
        *pieces, rest = (self._open + data).replace(b"\r", b"\n").split(b"\n")
        self._open = rest[-LONGEST:]
        for piece in pieces:
            self._tell(piece)

    def end(self):
        self._tell(self._open)

    def kept(self):
        return bytes(self._kept[-KEPT:])

    def _tell(self, piece):
        if piece:
            self._watch.line(piece.decode("utf-8", "replace"))


def follow(process, *, stdin, watch, timeout, end):
    """Return ``(stdout, stderr, late)`` of a ``Popen`` with pipes, once it has ended and closed them.

    When its time is up ``end(pid)`` is called, and ``late`` is true; so is it when the watch has seen enough.
    """
    outputs = {process.stdout: _Output(watch), process.stderr: _Output(watch)}
    deadline = None if timeout is None else time.monotonic() + timeout
    late, ended, next_tick = False, False, time.monotonic() + TICK
    with selectors.DefaultSelector() as selector:
        for stream in outputs:
            selector.register(stream, selectors.EVENT_READ, outputs[stream])
        if stdin is not None:
            selector.register(process.stdin, selectors.EVENT_WRITE, memoryview(stdin))
        while selector.get_map() or process.poll() is None:
            now = time.monotonic()
            if now >= next_tick:
                watch.tick(process.pid)
                next_tick = now + TICK
            if deadline is not None and now >= deadline:
                end(process.pid)
                late, deadline = True, None
            _step(process, selector, max(0.0, min(next_tick, deadline or next_tick) - now))
            if watch.enough and not ended:
                end(process.pid)
                ended = True
    out, err = outputs.values()
    return out.kept(), err.kept(), late


def _step(process, selector, seconds):
    """Wait for something to do, and do it."""
    if not selector.get_map():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return
    for key, _events in selector.select(seconds):
        if key.fileobj is process.stdin:
            _write(selector, key)
        else:
            _read(selector, key)


def _read(selector, key):
    data = os.read(key.fd, KEPT)
    if data:
        key.data.take(data)
        return
    key.data.end()
    selector.unregister(key.fileobj)
    key.fileobj.close()


def _write(selector, key):
    rest = b""
    with contextlib.suppress(BrokenPipeError):
        rest = key.data[os.write(key.fd, key.data[:_AT_ONCE]) :] if key.data else b""
    if rest:
        selector.modify(key.fileobj, selectors.EVENT_WRITE, rest)
        return
    selector.unregister(key.fileobj)
    with contextlib.suppress(BrokenPipeError):
        key.fileobj.close()


__all__ = ("KEPT", "follow")
