# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers whose server does not run while ours waits: as what their data would start, and on which timeline.

Their hosts refuse connections, so they are there and can be asked by SSH, as the owner of the cluster: they answer by
``guard.py --standing``. Without that, two servers that both were a primary when they ended would wait for each other.
"""

from __future__ import annotations

import json
import re
import time

from .ask import Asker
from .here import control_file, own_timeline, parse_controldata, recovering, server_process, start_role
from .seen import SILENT, STOPPED

LIMIT = 4.0  # seconds for the answers
EAGER = 20  # looks at which they are asked each time; then every PAUSE seconds
PAUSE = 10.0
REFUSED = re.compile(r"Connection refused|server closed the connection|Connection reset", re.IGNORECASE)
SCHEMA = 1


def describe(config):
    """Print as JSON how this host's data stands, for a peer that waits."""
    folder = config["data_directory"]
    control = Asker(config).run(control_file(config), limit=LIMIT / 2)
    timeline, identifier = parse_controldata(control.stdout)
    found = {
        "schema": SCHEMA,
        "name": config["name"],
        "busy": server_process(folder) is not None or recovering(config["recover_lock"]),
        "data": start_role(folder),
        "timeline": own_timeline(timeline, folder),
        "system_identifier": identifier,
    }
    print(json.dumps(found))


def read_standing(peer, answer):
    """Return the peer with what its host said of its data; as it was when nothing was said, or something is at work."""
    try:
        found = json.loads(answer.stdout) if answer.rc == 0 else {}
    except ValueError:
        return peer
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or found.get("name") != peer.name or found["busy"]:
        return peer
    timeline, data = found["timeline"], found["data"]
    return peer._replace(
        answer=STOPPED,
        data=data,
        timeline=timeline,
        system_identifier=found["system_identifier"],
        detail=f"does not run, its data would start as {data} on timeline {timeline}",
    )


class StoppedPeers:
    """Asks them, at first each time, later now and then; all at once, and never for longer than LIMIT."""

    def __init__(self, config, asker=None, *, clock=time.monotonic):
        self.config, self.clock = config, clock
        self.asker = asker or Asker(config)
        self.addresses = {peer["name"]: peer["address"] for peer in config["peers"]}
        self.asked, self.due = 0, float("-inf")

    def fill(self, seen):
        """Return what was seen, with what the silent peers' hosts say."""
        silent = [peer.name for peer in seen.peers if peer.answer == SILENT and REFUSED.search(peer.detail)]
        if not silent or (self.asked >= EAGER and self.clock() < self.due):
            return seen
        self.asked, self.due = self.asked + 1, self.clock() + PAUSE
        answers = self.asker.run_all([self._command(name) for name in silent], limit=LIMIT)
        said = dict(zip(silent, answers))
        return seen._replace(
            peers=tuple(read_standing(peer, said[peer.name]) if peer.name in said else peer for peer in seen.peers)
        )

    def _command(self, name):
        ssh = ("-n", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=yes")
        where = f"{self.config['os_user']}@{self.addresses[name]}"
        return ("ssh", *ssh, "-o", "LogLevel=ERROR", where, f"{self.config['script']} --standing")


__all__ = ("StoppedPeers", "describe", "read_standing")
