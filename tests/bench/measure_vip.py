# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client is without when a pgpool breaks: seconds between two acknowledged rows, by who moves the address."""

from __future__ import annotations

from pair_faults import Drill, Pgpools  # its path is set by cluster

from .cluster import Cluster
from .failure import CannotMeasure
from .figures import VIP_OUTAGES, Figure, not_taken
from .measure_faults import Twice, drilled
from .settings import MANAGERS

HOLDERS = Twice("two_holders_when_whole_s", "in a whole network two holders of the address")
NAMES = tuple(f"vip_{manager}_{name}" for manager in MANAGERS for name in VIP_OUTAGES)


def measure(cluster: Cluster) -> list[Figure]:
    """Each fault as often as wanted, with one manager after the other."""
    return [figure for manager in cluster.settings.managers for figure in of_manager(cluster, manager)]


def of_manager(cluster: Cluster, manager: str) -> list[Figure]:
    """All figures of one; the cluster changes to it as a user's does."""
    titles = {f"vip_{manager}_{name}": name for name in VIP_OUTAGES if name in cluster.settings.faults}
    try:
        cluster.say(f"deploying: the address is moved by {manager}")
        cluster.choose(pgops_vip_manager=manager)
        cluster.playbook(f"deploy-{manager}", "deploy_cluster.yml")
        if Pgpools(cluster.lab).manager != manager:
            raise CannotMeasure(f"the deployment did not make {manager} the manager of the address")
    except Exception as exc:
        cluster.say(f"not taken: {manager}: {exc}")
        return [not_taken(title, f"{type(exc).__name__}: {exc}") for title in titles]
    return [taken(cluster, title, name) for title, name in titles.items()]


def taken(cluster: Cluster, title: str, name: str) -> Figure:
    """The figure of one fault of the pgpool side."""
    return drilled(cluster, title, lambda: Drill(cluster.lab, name, say=cluster.say).run(), HOLDERS)
