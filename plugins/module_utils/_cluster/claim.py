# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""One move of the virtual address at a time: a note on every Pgpool host, which counts for some minutes only."""

from __future__ import annotations

import contextlib
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
        held = self.read()
        if held and held["target"] != self._target:
            raise Claimed(
                f"move the virtual address to {self._target}",
                server=self._server,
                seen=f"another run moves it to {held['target']}, since {held['age']:.0f} s ({self._path})",
                next_step="let that one end; if it was killed, run it again, or wait "
                f"{self._limit - held['age']:.0f} s",
            )

    def take(self):
        """Write it down; of two that come at once one gets it."""
        while True:
            self.require_free()
            self.drop()
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    content = {"schema": SCHEMA, "target": self._target, "epoch": self._epoch()}
                    stream.write(json.dumps(content) + "\n")
                return

    def drop(self):
        """Remove it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


__all__ = ("LIMIT", "Claim", "Claimed")
