# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy standby: what it costs to see that nothing has to be done."""

from __future__ import annotations

from .cluster import Cluster
from .failure import CannotMeasure
from .figures import Figure, of_runs

NAMES = ("noop",)
RUNS = 5


def measure(cluster: Cluster) -> list[Figure]:
    """Median of five; the baseline is one ping of all hosts by Ansible, in between."""
    primary, standby = cluster.roles()
    cluster.load(primary)
    seconds, pings = [], []
    for number in range(RUNS):
        run = cluster.recover(f"noop-{number}", standby)
        if "Nothing was changed" not in run.output:
            raise CannotMeasure("the run on a healthy standby did not say that nothing was changed")
        seconds.append(run.seconds)
        pings.append(cluster.playbook(f"ping-{number}", "all", "-m", "ping", program="ansible").seconds)
        cluster.shared.setdefault("anatomy", {})["noop"] = run
    cluster.stop_load(primary)
    note = "whole playbook on a healthy standby; baseline: ansible all -m ping"
    return [of_runs("noop", "s", seconds, baseline=pings, note=note)]
