# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""How far a long command is: read from what it prints or from the kernel, and left in a small file while it runs.

Everybody on the host may read the file; it holds numbers, our own words for the step and a number of the run. Nothing
depends on it: a run that can't write it goes on without.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import time
import uuid
from collections import deque

from .._local import acting_as
from .._ports import Watch

RUN_DIRECTORY = "/run/pgops"
SCHEMA = 1
WINDOW = 10.0  # seconds over which the rate is measured
WRITE_EVERY = 1.0

_BASEBACKUP = re.compile(r"\s*(\d+)/(\d+) kB \(\s*\d+%\), \d+/\d+ tablespace")
_REWIND = re.compile(r"\s*(\d+)/(\d+) kB \(\s*\d+%\) copied")


def pg_basebackup(line):
    """Return ``(done, total)`` in bytes of a line of ``pg_basebackup --progress``, or None."""
    return _kilobytes(_BASEBACKUP.match(line))


def pg_rewind(line):
    """Return ``(done, total)`` in bytes of a line of ``pg_rewind --progress``, or None."""
    return _kilobytes(_REWIND.match(line))


def is_progress(line):
    """Tell whether a line of output is only progress, and nothing that a person has to read."""
    return any(parser(line) for parser in (pg_basebackup, pg_rewind))


def _kilobytes(found):
    return (int(found.group(1)) * 1024, int(found.group(2)) * 1024) if found else None


def written(pid, *, proc="/proc"):
    """Return the bytes that a process has written so far, or None: for commands that tell nothing themselves.

    ``wchar`` grows when a call returns, and one copy_file_range() of cp may be a whole file of 1 GB; ``write_bytes``
    grows with each page, but not on every file system.
    """
    return max(_counts(pid, proc, ("wchar", "write_bytes")), default=None)


def compared(pid, *, proc="/proc"):
    """Return the bytes that rsync has dealt with: it reads a file of the old directory to compare and again to copy it.

    What it prints counts only what comes over the network.
    """
    read_so_far = max(_counts(pid, proc, ("rchar",)), default=None)
    return None if read_so_far is None else read_so_far // 2


def _counts(pid, proc, names):
    """The kernel's counts of a process. Root of a container may not look at other users' processes, these may."""
    path = f"{proc}/{pid}/io"
    try:
        try:
            text = _text(path)
        except PermissionError:
            with acting_as(pwd.getpwuid(os.stat(f"{proc}/{pid}").st_uid).pw_name):
                text = _text(path)
    except (OSError, KeyError):
        return []
    return [int(number) for name, number in re.findall(r"^(\w+): (\d+)$", text, re.M) if name in names]


def _text(path):
    with open(path, encoding="ascii") as stream:
        return stream.read()


class Progress:
    """The file of one run. Without a path nobody is told."""

    def __init__(self, path=None):
        self.path, self.run = path, uuid.uuid4().hex
        self._there = False

    @classmethod
    def of(cls, layout, *, directory=RUN_DIRECTORY):
        return cls(os.path.join(directory, f"progress-{layout.version}-{layout.cluster_name}.json"))

    def write(self, content):
        """Put a new file in the place of the old one."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            _make(os.path.dirname(self.path))
            temporary = f"{self.path}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(temporary, flags, 0o644), "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), 0o644)
                stream.write(json.dumps(dict(content, schema=SCHEMA, run=self.run)) + "\n")
            os.replace(temporary, self.path)
            self._there = True

    def remove(self):
        """The run is over. Another run's file stays."""
        if self._there:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def _make(folder):
    if not os.path.isdir(folder):
        os.mkdir(folder)
        os.chmod(folder, 0o755)


class Meter(Watch):
    """Watches one command and tells how far it is, at most once a second."""

    def __init__(self, progress, clock, step, parser=None, *, total=None, count=None, also=None):
        self._also = also
        self._progress, self._clock, self._parser, self._count = progress, clock, parser, count
        self.step, self.done, self.total = step, None, total
        self._begun, self._told = clock.now(), None
        self._samples = deque()

    def line(self, text):
        seen = self._parser(text) if self._parser else None
        if seen:
            self._now(*seen)
            self._tell()

    def tick(self, pid):
        if self._parser is None:
            self._now(self._count(pid) if self._count else written(pid), None)
        if self.done is not None:
            self._tell()
        if self._also:
            self._also()

    def _now(self, done, total):
        if self.done is not None and done is not None and done < self.done:  # a second try begins anew
            self._samples.clear()
        self.done, self.total = self.done if done is None else done, total or self.total

    def _tell(self):
        now = self._clock.now()
        if self._told is not None and now - self._told < WRITE_EVERY:
            return
        self._told = now
        self._samples.append((now, self.done))
        while now - self._samples[0][0] > WINDOW and len(self._samples) > 2:
            self._samples.popleft()
        self._progress.write(self.content(now))

    def content(self, now):
        """Return what is known now; rate and the seconds left are None while there is nothing to tell them from."""
        total = None if self.total is None else max(self.total, self.done)
        (then, before), (last, done) = self._samples[0], self._samples[-1]
        rate = (done - before) / (last - then) if last > then else None
        return {
            "step": self.step,
            "done": self.done,
            "total": total,
            "rate": None if rate is None else round(rate),
            "eta": round((total - self.done) / rate) if rate and total is not None else None,
            "seconds": round(now - self._begun, 1),
            "updated": time.time(),
        }


__all__ = ("Meter", "Progress", "compared", "is_progress", "pg_basebackup", "pg_rewind", "written")
