# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pgpools that do not answer SQL in time: all sessions are held by commits that wait for a standby, or they ask a dead
node how it is before they say so.

They are asked by PCP then, on their own hosts, by SSH as the owner of the cluster. No look waits for that: an answer is
used by the looks that follow.
"""

from __future__ import annotations

import re
import time

from .ask import Answer
from .seen import Node, Pgpool

LIMIT = 8  # seconds for one question: pgpool asks each node before it answers, a dead one for some seconds
FRESH = 6.0  # seconds for which an answer is used
_FIELD = re.compile(r"^(\d+) (.+?)\s*:\s*(\S.*?)\s*$", re.MULTILINE)


class Pcp:
    """Questions under way, and the last answers."""

    def __init__(self, config, asker, *, clock=time.monotonic):
        self.asker, self.clock = asker, clock
        self.members = {one["name"]: one for one in config["pgpools"]}
        self.count = len(config["peers"]) + 1
        self.running, self.answers = {}, {}

    def fill(self, pgpools):
        """Return what the pgpools said, with a fresh answer of this kind in the place of those that said nothing."""
        self._collect()
        for one in pgpools:
            if not one.nodes and one.name not in self.running and "pcp_port" in self.members[one.name]:
                self.running[one.name] = self.asker.start(self._command(self.members[one.name]))
        return tuple(one if one.nodes else self._fresh(one) for one in pgpools)

    def _fresh(self, silent):
        at, answer = self.answers.get(silent.name, (None, silent))
        return answer if at is not None and self.clock() - at <= FRESH else silent

    def _collect(self):
        for name, process in list(self.running.items()):
            if isinstance(process, Answer) or process.poll() is not None:
                del self.running[name]
                self.answers[name] = (self.clock(), read_nodes(name, self.asker.finish(process, 0)))

    def _command(self, one):
        ask = f"pcp_node_info -h localhost -p {int(one['pcp_port'])} -U {one['pcp_user']} -w -v -n"
        ssh = ("-n", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=yes")
        where = f"{self.asker.config['os_user']}@{one['address']}"
        # /usr/sbin is not in the PATH of a command by SSH.
        loop = f'PATH=$PATH:/usr/sbin; for id in $(seq 0 {self.count - 1}); do {ask} $id | sed "s/^/$id /" & done; wait'
        return ("timeout", "-k", "1", str(LIMIT), "ssh", *ssh, "-o", "LogLevel=ERROR", where, loop)


def read_nodes(name, answer):
    """Turn the answers of pcp_node_info into a ``Pgpool``; a node that it does not tell of in full is left out."""
    if answer.rc != 0:
        return Pgpool(name, detail="no answer by PCP either")
    found = {}
    for number, field, value in _FIELD.findall(answer.stdout):
        found.setdefault(int(number), {})[field] = value
    wanted = ("Hostname", "Status Name", "Role")
    complete = [number for number in sorted(found) if all(field in found[number] for field in wanted)]
    nodes = [Node(number, *(found[number][field] for field in wanted)) for number in complete]
    return Pgpool(name, tuple(nodes))


__all__ = ("FRESH", "Pcp", "read_nodes")
