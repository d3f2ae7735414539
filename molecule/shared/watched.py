# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers are writable, which hosts have the virtual IP: seen on each host itself, also while nobody reaches it.

All hosts of a lab share one clock, so what they write down can be laid side by side.
"""

from __future__ import annotations

import shlex
import time

STALE = 1.0  # a line tells about the time until the next one, but not for longer than this
LATE = 4.0  # on a busy machine a line comes late; the newest one counts for so long


BINDS = """
import os, socket, time
before = at = None
while True:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("{address}", 0))
            now = "yes"
        except OSError:
            now = ""
    if now != before or time.time() - at > {every}:
        before, at = now, time.time()
        os.write(1, f"{{at}} {{now}}\\n".encode())
    time.sleep(0.005)
"""


class Watched:
    """Has hosts write down, several times a second, whether something is true there.

    ``look`` is a shell command that prints lines until it is ended: the time, and ``yes`` or nothing. It asks nobody
    else, and each look is bounded.
    """

    look: str
    every: float  # seconds between two lines, or less
    unit: str

    def __init__(self, lab, names):
        self.lab, self.names = lab, names
        self.place = f"/var/tmp/{self.unit}"

    def __enter__(self):
        for name in self.names:
            self._inside(name, f"systemctl stop {self.unit} 2>/dev/null; rm -f {self.place}; true")
            self._watch(name)
        return self

    def __exit__(self, *_exc):
        for name in self.names:
            self._inside(name, f"systemctl stop {self.unit}", check=False)

    def resume(self):
        """Go on where a host was started again."""
        for name in self.names:
            if self._inside(name, f"systemctl is-active {self.unit}", check=False).strip() != "active":
                self._watch(name)

    def _watch(self, name):
        look = shlex.quote(f"{self.look} >>{self.place}")
        run = f"systemd-run -q --collect --unit={self.unit} --uid=postgres bash -c {look}"
        self._inside(name, run)

    def _inside(self, name, command, check=True):
        return self.lab.run_inside(name, command, check=check)

    def samples(self, name):
        """(time, whether it was true) in order."""
        text = self._inside(name, f"cat {self.place}", check=False)
        lines = [line.split() for line in text.splitlines()]
        return [(float(line[0]), line[1:] == ["yes"]) for line in lines if line]

    def spans(self, name):
        """(from, until) of each stretch in which it was true."""
        samples = self.samples(name)
        ends = [at for at, _true in samples[1:]] + [samples[-1][0] + self.every] if samples else []
        spans = []
        for (at, true), end in zip(samples, ends):
            end = min(end, at + STALE)
            if true and spans and spans[-1][1] == at:
                spans[-1] = (spans[-1][0], end)
            elif true:
                spans.append((at, end))
        return spans

    def now(self):
        """The hosts where it is true at this moment."""
        fresh = time.time() - LATE
        last = {name: self.samples(name)[-1:] for name in self.names}
        return [name for name, samples in last.items() if any(true and at > fresh for at, true in samples)]

    def together(self, since=0.0):
        """Seconds in which it was true on more than one host."""
        points = []
        for name in self.names:
            for begin, end in self.spans(name):
                if end > since:
                    points += [(max(begin, since), 1), (end, -1)]
        total, count, before = 0.0, 0, 0.0
        for at, step in sorted(points):
            if count > 1:
                total += at - before
            count, before = count + step, at
        return total


class Primaries(Watched):
    """Database hosts whose servers may write."""

    every = 0.2
    unit = "pgops-primaries"
    question = "timeout 1 psql -XAtqc \"select case when not pg_is_in_recovery() then 'yes' end\" 2>/dev/null"
    look = f"while sleep {every}; do echo $EPOCHREALTIME $({question}); done"

    def __init__(self, lab):
        super().__init__(lab, lab.databases)


class Holders(Watched):
    """Pgpool hosts that have the virtual IP: only its holder can bind a socket to it. It moves within milliseconds."""

    every = 0.05
    unit = "pgops-holders"

    def __init__(self, lab):
        self.look = f"python3 -c {shlex.quote(BINDS.format(address=lab.vip, every=self.every))}"
        super().__init__(lab, lab.pgpools)
