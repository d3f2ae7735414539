# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers are writable, seen on each host itself: also while nobody can reach it.

All hosts of a lab share one clock, so what they write down can be laid side by side.
"""

from __future__ import annotations

import time

PLACE = "/var/tmp/pgops-primaries"
EVERY = 0.2
STALE = 1.0  # a line tells about the time until the next one, but not for longer than this
LATE = 4.0  # on a busy machine a line comes late; the newest one counts for so long
LOOK = f"""
while sleep {EVERY}; do
  printf '%s %s\\n' "$EPOCHREALTIME" "$(timeout 1 psql -XAtqc 'select pg_is_in_recovery()' 2>/dev/null)"
done >>{PLACE}
"""
UNIT = "pgops-primaries"


class Primaries:
    """Has every database host write down, five times a second, whether its server may write."""

    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        for name in self.lab.databases:
            self._start(name)
        return self

    def __exit__(self, *_exc):
        for name in self.lab.databases:
            self._inside(name, f"systemctl stop {UNIT}", check=False)

    def resume(self):
        """Go on where a host was started again."""
        for name in self.lab.databases:
            if self._inside(name, f"systemctl is-active {UNIT}", check=False).strip() != "active":
                self._watch(name)

    def _start(self, name):
        self._inside(name, f"systemctl stop {UNIT} 2>/dev/null; rm -f {PLACE}; true")
        self._watch(name)

    def _watch(self, name):
        self._inside(name, f"systemd-run -q --collect --unit={UNIT} --uid=postgres bash -c {_quoted(LOOK)}")

    def _inside(self, name, command, check=True):
        return self.lab.run_inside(name, command, check=check)

    def samples(self, name):
        """(time, writable) in order."""
        text = self._inside(name, f"cat {PLACE}", check=False)
        lines = [line.split() for line in text.splitlines()]
        return [(float(line[0]), len(line) == 2 and line[1] == "f") for line in lines if line]

    def spans(self, name):
        """(from, until) in which the server may write."""
        samples = self.samples(name)
        ends = [at for at, _writable in samples[1:]] + [samples[-1][0] + EVERY] if samples else []
        return [(at, min(end, at + STALE)) for (at, writable), end in zip(samples, ends) if writable]

    def now(self):
        """The hosts whose servers may write at this moment."""
        fresh = time.time() - LATE
        last = {name: self.samples(name)[-1:] for name in self.lab.databases}
        return [name for name, samples in last.items() if any(writable and at > fresh for at, writable in samples)]

    def together(self, since=0.0):
        """Seconds in which more than one server may write."""
        points = []
        for name in self.lab.databases:
            for begin, end in self.spans(name):
                if end > since:
                    points += [(max(begin, since), 1), (end, -1)]
        total, count, before = 0.0, 0, 0.0
        for at, step in sorted(points):
            if count > 1:
                total += at - before
            count, before = count + step, at
        return total


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"
