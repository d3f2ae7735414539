# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""One move of the virtual address at a time: a note on every Pgpool host, which counts for some minutes only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

from .._errors import PgopsError

SCHEMA = 1
LIMIT = 180  # seconds for which a note counts


class Claimed(PgopsError):
    """Somebody else moves the address."""

    code = "locked"


class Claim:
    """The note of this host. ``limit`` is for how many seconds it counts, ``epoch`` returns the time of the day."""

    def __init__(self, path, *, target, limit, server, epoch=time.time):
        self._path, self._target, self._limit, self._server, self._epoch = path, target, limit, server, epoch

    def read(self):
        """Whereto the address is being moved, and since when; None: nobody moves it."""
        try:
            with open(self._path, encoding="utf-8") as stream:
                told = json.load(stream)
            age = round(self._epoch() - float(told["epoch"]), 1)
            return {"target": str(told["target"]), "age": age} if 0 <= age < self._limit else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def require_free(self):
        """A run to the same target may go on where an interrupted one has stopped; any other has to wait."""
        held = self._of_another_run()
        if held:
            raise Claimed(
                f"move the virtual address to {self._target}",
                server=self._server,
                seen=f"another run moves it to {held['target']}, since {held['age']:.0f} s ({self._path})",
                next_step="let that one end; if it was killed, run it again, or wait "
                f"{self._limit - held['age']:.0f} s",
            )

    def _of_another_run(self):
        held = self.read()
        return held if held and held["target"] != self._target else None

    def take(self):
        """Write it down; of two that come at once one gets it."""
        with self._alone():
            self.require_free()
            self._write()

    def drop(self):
        """Remove it, unless it is another run's by now: ours may have been too old to count."""
        with self._alone(), contextlib.suppress(FileNotFoundError):
            if not self._of_another_run():
                os.unlink(self._path)

    @contextlib.contextmanager
    def _alone(self):
        """Nobody else on this host between a look at the note and what follows from it, which takes milliseconds."""
        descriptor = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self):
        """At once, for those who read it without the lock."""
        new = self._path + ".new"
        with open(new, "w", encoding="utf-8") as stream:
            content = {"schema": SCHEMA, "target": self._target, "epoch": self._epoch()}
            stream.write(json.dumps(content) + "\n")
        os.replace(new, self._path)


__all__ = ("LIMIT", "Claim", "Claimed")
