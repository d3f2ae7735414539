# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What one run carries along: the ports, where things are, what is wanted, and the commands that changed something."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import typing as t

from .._errors import CommandFailed, PgopsError
from .._local import LocalRunner
from .._ports import Clock, CommandResult, Runner
from .facts import Desired
from .layout import Layout
from .marks import Marks
from .overrides import here
from .progress import Meter, Progress, is_progress

LONGEST = 1000  # characters of a command that are remembered
_WRONG = re.compile(r"\b(?:error|fatal|panic|failed|cannot|No space left)\b:?", re.IGNORECASE)


class MethodFailed(PgopsError):
    """A method did not get through; the server is stopped and the next one may be tried."""

    code = "method_failed"


class Work(t.NamedTuple):
    """One run on one node. ``jobs`` is the runner for long commands: they hold our lock as long as they live."""

    runner: Runner
    jobs: Runner
    clock: Clock
    layout: Layout
    desired: Desired
    marks: Marks
    commands: list
    timings: dict
    progress: Progress = Progress()

    @property
    def data_directory(self):
        return self.layout.data_directory

    @property
    def user(self):
        return self.layout.postgres_user

    @contextlib.contextmanager
    def timed(self, step):
        """Count the seconds of a step; a step that comes several times is summed."""
        begun = self.clock.now()
        try:
            yield
        finally:
            self.timings[step] = round(self.timings.get(step, 0.0) + self.clock.now() - begun, 2)

    def change(self, argv, *, long=False, **options):
        """Run a command that changes something and remember it (no secret is ever in its words)."""
        text = " ".join(str(word) for word in argv)
        self.commands.append(text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(argv)} words)")
        return (self.jobs if long else self.runner).run(argv, **options)

    def meter(self, step, parser=None, **options):
        """Return the ``watch`` of a long command that tells how far it is (see ``progress``).

        Without a parser of its lines the kernel is asked how much it has written, or ``count``; a ``total`` is needed.
        ``also`` is called about once a second.
        """
        return Meter(self.progress, self.clock, step, parser, **options)

    def must_change(self, attempted, argv, **options):
        """Like ``change``, but anything except success is an error."""
        answer = self.change(argv, **options)
        if answer.rc != 0:
            raise failed(attempted, answer)
        return answer


def failed(attempted, answer: CommandResult, *, kind=CommandFailed, next_step=None):
    """Return the error for a command that did not succeed."""
    said = last_lines(answer.stderr or answer.stdout)
    return kind(
        attempted,
        server=here(),
        seen=_how_it_ended(answer.rc, said),
        next_step=next_step or f"run it by hand to see more: {' '.join(answer.argv[:3])} ...",
        evidence={"command": " ".join(answer.argv), "output": last_lines(answer.stderr or answer.stdout, count=20)},
    )


def _how_it_ended(status, said):
    if status is None:
        return "it did not end in time"
    limit = _file_size_limit()
    if status >= 0:
        return f"exit status {status}: {said}{limit}"
    name = signal.Signals(-status).name
    killer = " (by somebody, or by the kernel when memory ran out: journalctl -k)" if name == "SIGKILL" else ""
    return f"ended by the signal {name}{killer}{limit}" + (f": {said}" if said else "")


def _file_size_limit():
    """A tool whose helper was ended by this limit does not say so."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return ""
    return f" (this login may write no file of more than {limit} bytes: ulimit -f, /etc/security/limits.conf)"


def last_lines(text, *, count=3):
    """Return the last lines that say something: the errors where there are some, for what follows is tidying up."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    lines = [line for line in lines if not is_progress(line)] or lines
    wrong = [line for line in lines if _WRONG.search(line)]
    lines = wrong if wrong and count < 10 else lines
    return " / ".join(lines[-count:])[-2000:]


def holding(work, descriptor):
    """Return the same work, whose long commands keep the lock's descriptor open."""
    return work._replace(jobs=LocalRunner(keep_fds=(descriptor,)))


__all__ = ("MethodFailed", "Work", "failed", "holding", "last_lines")
