# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pgpools that do not answer SQL in time: all sessions are held by commits that wait for a standby, or they ask a dead
node how it is before they say so.

The file in which a running pgpool keeps who is up is read then, by SSH as the owner of the cluster. (Not by PCP: a
question that is under way during a failover holds up that pgpool until it is answered.) No look waits for the answer:
later ones use it.
"""

from __future__ import annotations

import time

from .ask import Answer
from .seen import PRIMARY, STANDBY, Node, Pgpool

LIMIT = 4  # seconds for one question
FRESH = 3.0  # seconds for which an answer is used
WORDS = ("up", "down", "unused")


class StatusFiles:
    """Questions under way, and the last answers."""

    def __init__(self, config, asker, *, clock=time.monotonic):
        self.config, self.asker, self.clock = config, asker, clock
        self.addresses = {one["name"]: one["address"] for one in config["pgpools"]}
        self.running, self.answers = {}, {}

    def fill(self, pgpools):
        """Return what the pgpools said, with a fresh answer of this kind in the place of those that said nothing."""
        self._collect()
        for one in pgpools:
            if not one.nodes and one.name not in self.running:
                self.running[one.name] = self.asker.start(self._command(self.addresses[one.name]))
        return tuple(one if one.nodes else self._fresh(one) for one in pgpools)

    def _fresh(self, silent):
        at, answer = self.answers.get(silent.name, (None, silent))
        return answer if at is not None and self.clock() - at <= FRESH else silent

    def _collect(self):
        for name, process in list(self.running.items()):
            if isinstance(process, Answer) or process.poll() is not None:
                del self.running[name]
                self.answers[name] = (self.clock(), read_status(name, self.asker.finish(process, 0)))

    def _command(self, address):
        ssh = ("-n", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=yes")
        read = f"systemctl is-active --quiet {self.config['pgpool_unit']} && cat {self.config['pgpool_status_file']}"
        where = f"{self.config['os_user']}@{address}"
        return ("timeout", "-k", "1", str(LIMIT), "ssh", *ssh, "-o", "LogLevel=ERROR", where, read)


def read_status(name, answer):
    """Turn pgpool_status, a word for each backend, into a ``Pgpool``. The only one that is up is its primary."""
    words = answer.stdout.split()
    if answer.rc != 0 or not words or not set(words) <= set(WORDS):
        return Pgpool(name, detail="no answer, and its status cannot be read")
    only = words.count("up") == 1
    roles = [PRIMARY if only and word == "up" else STANDBY for word in words]
    return Pgpool(name, tuple(Node(number, "", word, role) for number, (word, role) in enumerate(zip(words, roles))))


__all__ = ("FRESH", "StatusFiles", "read_status")
