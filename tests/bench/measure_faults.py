# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client is without when a server breaks: seconds between two acknowledged rows, through the virtual IP."""

from __future__ import annotations

import json
import typing as t

from faults import Drill  # its path is set by cluster

from . import host
from .cluster import Cluster
from .failure import CannotMeasure
from .figures import Figure, not_taken, of_runs
from .playbook import EVIDENCE
from .settings import OUTAGES, Settings

VOTES = {2: "", 3: "three_votes_", 4: "four_votes_"}  # in the name of a figure
LIMITS = {"fast": 60.0, "conservative": 240.0}  # seconds to wait for the service
HALF_VOTES = 'sed -n "s/^enable_consensus_with_half_votes *= *//p" /etc/pgpool2/pgpool.conf | tr -d "\'"'


class Twice(t.NamedTuple):
    """Of what there must be one: the field of a report with the seconds in which there were two, and their name."""

    field: str
    words: str


PRIMARIES = Twice("two_primaries_s", "two writable primaries")
NAMES = tuple(f"outage_{name}" for name in OUTAGES)


def measure(cluster: Cluster) -> list[Figure]:
    """Each fault as often as wanted; the roles change with every failover, and recover_standby.yml heals in between."""
    return [taken(cluster, name) for name in OUTAGES if name in cluster.settings.faults]


def named(name: str, settings: Settings) -> str:
    """The figure's name; the targets are those of the profile `fast`."""
    profile = "" if settings.profile == "fast" else f"{settings.profile}_"
    return f"outage_{profile}{VOTES[settings.pgpools]}{name}"


def topology(lab) -> str:
    """How many pgpools there are, and how many of their votes decide, as pgpool itself is configured."""
    count = len(lab.pgpools)
    half = host.run(lab, lab.pgpools[0], HALF_VOTES).strip() == "on"
    needed = count // 2 + (count % 2 if half else 1)
    witnesses = sum(bool(lab.hostvars[name].get("pgops_pgpool_witness")) for name in lab.pgpools)
    which = f" ({witnesses} of them a witness)" if witnesses else ""
    return f"{count} pgpools{which}, {needed} of {count} votes decide"


def taken(cluster: Cluster, name: str) -> Figure:
    """The figure of one fault of a database."""
    limit = LIMITS[cluster.settings.profile]
    title = named(name, cluster.settings)
    return drilled(cluster, title, lambda: Drill(cluster.lab, name, say=cluster.say, limit=limit).run(), PRIMARIES)


def drilled(cluster: Cluster, title: str, drill: t.Callable[[], dict], twice: Twice) -> Figure:
    """The figure of what ``drill`` breaks and reports. Where it could not be taken it says why, and the run goes on."""
    reports: list[dict] = []
    try:
        for number in range(cluster.settings.runs):
            cluster.say(f"{title}: {number + 1} of {cluster.settings.runs}")
            reports.append(drill())
        return figure(title, reports, topology(cluster.lab), twice)
    except Exception as exc:
        cluster.say(f"not taken: {title}: {exc}")
        return not_taken(title, f"{type(exc).__name__}: {exc}")
    finally:
        (EVIDENCE / f"{title}.json").write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def figure(title: str, reports: list[dict], voters: str, twice: Twice = PRIMARIES) -> Figure:
    """The median of the outages; what was lost, and for how long there were two, stands beside it."""
    outages = [report["outage_s"] for report in reports]
    if None in outages:
        raise CannotMeasure(f"{title}: no row was acknowledged afterwards")
    acknowledged = sum(report["acknowledged"] for report in reports)
    lost = sum(report["lost"] for report in reports)
    most = max(report[twice.field] for report in reports)
    note = f"{lost} of {acknowledged} acknowledged rows lost; {twice.words} for at most {most} s; {voters}"
    return of_runs(title, "s", outages, note=note)
