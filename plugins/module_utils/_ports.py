# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import abc
import typing as t


class CommandResult(t.NamedTuple):
    """What a command said. ``rc`` is None when it was ended because its time was up."""

    argv: tuple
    rc: int | None
    stdout: str
    stderr: str


class Watch(abc.ABC):
    """Looks on while a command runs. What it is told must not make it fail: the command goes on alone.

    With ``enough`` set to true the command is ended: what was wanted from it is known.
    """

    enough = False

    @abc.abstractmethod
    def line(self, text):
        """Something was printed, on either stream: the text between two ends of line (or returns of the carriage)."""

    @abc.abstractmethod
    def tick(self, pid):
        """About a second has passed, and the command still runs."""


class Runner(abc.ABC):
    """Runs commands on this host. Secrets go through files, ``stdin`` or ``env``, never through ``argv``."""

    @abc.abstractmethod
    def run(self, argv, *, user=None, env=None, stdin=None, timeout=60.0, cwd="/", watch=None):
        """Run ``argv`` as ``user`` (None: as we are) with a limit in seconds; return a ``CommandResult``.

        With a ``Watch`` the result holds only the end of what was printed (64 KiB of each stream).

        Never raises for a non-zero exit, a time-out (rc None) or a missing program (rc 127).
        """

    def begin(self, argv):
        """Start a command for whose end nobody waits; return a function that tells whether it has ended."""
        raise NotImplementedError

    def converse(self, argv, *, user):
        """Start a command to talk with as ``user``; returns its Popen: bytes in, both its streams out in one."""
        raise NotImplementedError

    @abc.abstractmethod
    def which(self, name, *, paths=()):
        """Return the absolute path of a program, or None. ``paths`` are looked at first, the system's after."""


class Clock(abc.ABC):
    """Time, so that waiting can be tested without waiting."""

    @abc.abstractmethod
    def now(self):
        """Seconds of a monotonic clock."""

    @abc.abstractmethod
    def sleep(self, seconds):
        """Wait."""


def wait_for(probe, *, clock, timeout, interval=0.25):
    """Call ``probe()`` until it returns something true or ``timeout`` seconds are over; return its last answer."""
    deadline = clock.now() + timeout
    while True:
        answer = probe()
        if answer or clock.now() >= deadline:
            return answer
        clock.sleep(interval)


__all__ = ("Clock", "CommandResult", "Runner", "Watch", "wait_for")
