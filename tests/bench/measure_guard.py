# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an old primary still acknowledges writes to a client of its own: until its guard has ended it."""

from __future__ import annotations

import time

from guarded import Pair, moment  # its path is set by cluster
from proof import eventually

from .cluster import Cluster
from .figures import Figure, of_runs

NAMES = ("writes_after_cut_off", "writes_after_thaw")
LIMIT = 60  # seconds that anything is waited for


def measure(cluster: Cluster) -> list[Figure]:
    """The primary is cut off from everybody, or thaws after its standby was promoted; a client on its host writes."""
    runs = range(cluster.settings.runs)
    cut_off = [last_write(cluster, "cut", "heal") for _run in runs]
    thawed = [last_write(cluster, "pause", "unpause") for _run in runs]
    return [
        of_runs(NAMES[0], "s", cut_off, note="the last write that the old primary acknowledged, after the cut"),
        of_runs(NAMES[1], "s", thawed, note="the last write that the old primary acknowledged, after the thaw"),
    ]


def last_write(cluster: Cluster, fault: str, end: str) -> float:
    """One fault with its failover, and the cluster healed; in seconds."""
    lab, pair = cluster.lab, Pair(cluster.lab)
    cluster.say(f"{fault} of {pair.primary} with a client on it")
    pair.write(pair.primary)
    began = moment(lab, fault, pair.primary)
    eventually(lambda: lab.in_recovery(pair.standby) is False, timeout=LIMIT)
    if fault == "pause":
        began = moment(lab, end, pair.primary)
        eventually(lambda: not pair.runs(pair.primary), timeout=LIMIT)
    else:
        pair.wait_until_ended(pair.primary)
        lab.fault(end, pair.primary)
        eventually(lambda: lab.ssh(pair.primary, "true").returncode == 0, timeout=LIMIT)
    time.sleep(1)  # a second primary would write now
    late = pair.last_write(pair.primary) - began
    pair.recover(pair.primary)
    eventually(lambda: Pair(lab).healthy(), timeout=LIMIT)
    return max(late, 0.0)
