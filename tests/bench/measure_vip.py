# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client is without when a pgpool breaks: seconds between two acknowledged rows, by who moves the address."""

from __future__ import annotations

import json

from pair_faults import Drill, Pgpools  # its path is set by cluster

from .cluster import Cluster
from .failure import CannotMeasure
from .figures import MANAGERS, VIP_OUTAGES, Figure, not_taken, of_runs
from .measure_faults import topology
from .playbook import EVIDENCE

NAMES = tuple(f"vip_{manager}_{name}" for manager in MANAGERS for name in VIP_OUTAGES)


def measure(cluster: Cluster) -> list[Figure]:
    """Each fault as often as wanted, first with the one manager, then with the other."""
    return [figure for manager in MANAGERS for figure in of_manager(cluster, manager)]


def of_manager(cluster: Cluster, manager: str) -> list[Figure]:
    """All figures of one; the cluster changes to it as a user's does."""
    titles = [f"vip_{manager}_{name}" for name in VIP_OUTAGES]
    try:
        cluster.say(f"deploying: the address is moved by {manager}")
        cluster.choose(pgops_vip_manager=manager)
        cluster.playbook(f"deploy-{manager}", "deploy_cluster.yml")
        if Pgpools(cluster.lab).manager != manager:
            raise CannotMeasure(f"the deployment did not make {manager} the manager of the address")
    except Exception as exc:
        cluster.say(f"not taken: {manager}: {exc}")
        return [not_taken(title, f"{type(exc).__name__}: {exc}") for title in titles]
    return [taken(cluster, title, name) for title, name in zip(titles, VIP_OUTAGES)]


def taken(cluster: Cluster, title: str, name: str) -> Figure:
    """The figure of one fault. Where it could not be taken it says why, and the others are taken all the same."""
    reports: list[dict] = []
    try:
        for number in range(cluster.settings.runs):
            cluster.say(f"{title}: {number + 1} of {cluster.settings.runs}")
            reports.append(Drill(cluster.lab, name, say=cluster.say).run())
        return figure(title, reports, topology(cluster.lab))
    except Exception as exc:
        cluster.say(f"not taken: {title}: {exc}")
        return not_taken(title, f"{type(exc).__name__}: {exc}")
    finally:
        (EVIDENCE / f"{title}.json").write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def figure(title: str, reports: list[dict], voters: str) -> Figure:
    """The median of the outages; what was lost and how long two hosts had the address stand beside it."""
    outages = [report["outage_s"] for report in reports]
    if None in outages:
        raise CannotMeasure(f"{title}: no row was acknowledged afterwards")
    acknowledged = sum(report["acknowledged"] for report in reports)
    lost = sum(report["lost"] for report in reports)
    twice = max(report["two_holders_when_whole_s"] for report in reports)
    note = f"{lost} of {acknowledged} acknowledged rows lost; in a whole network two holders for at most {twice} s; "
    note += voters
    return of_runs(title, "s", outages, note=note)
