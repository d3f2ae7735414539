# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new copy: the module against plain pg_basebackup into an empty directory on the same host."""

from __future__ import annotations

from . import host
from .cluster import DATA, Cluster
from .failure import CannotMeasure
from .figures import Figure, of_runs

NAMES = ("basebackup_wall", "basebackup_copy", "basebackup_playbook", "basebackup_received")


def measure(cluster: Cluster) -> list[Figure]:
    """Plain and ours in turn, while a client writes."""
    primary, standby = cluster.roles()
    cluster.wait_healthy()
    cluster.load(primary)
    plain, ours, received = [], [], []
    for number in range(cluster.settings.long_runs):
        cluster.say(f"basebackup: {number + 1} of {cluster.settings.long_runs}")
        host.run(cluster.lab, standby, "systemctl stop 'postgresql@*'", limit=120)
        plain.append(_plain(cluster, standby, primary))
        before = host.received(cluster.lab, standby)
        run = cluster.recover(f"basebackup-{number}", standby, recover_standby_method="basebackup")
        received.append(host.received(cluster.lab, standby) - before)
        cluster.require_load(primary)
        if run.module.get("method") != "basebackup":
            raise CannotMeasure(f"the method was {run.module.get('method')}")
        ours.append(run)
        cluster.clean(standby)
        cluster.wait_healthy()
    cluster.stop_load(primary)
    cluster.shared.setdefault("anatomy", {})["basebackup"] = ours[-1]
    tool = [run.seconds for run in plain]
    module = [run.module["seconds"] for run in ours]
    copy = [run.module["timings"].get("copy", 0.0) for run in ours]
    return [
        of_runs("basebackup_wall", "s", module, baseline=tool, note="the module, from looking to verified"),
        of_runs("basebackup_copy", "s", copy, baseline=tool, note="its copy step alone"),
        of_runs("basebackup_playbook", "s", [run.seconds for run in ours], baseline=tool, note="the whole playbook"),
        of_runs("basebackup_received", "bytes", received, baseline=[run.received for run in plain], note="interface"),
    ]


def _plain(cluster, standby, primary):
    target = f"{DATA}.bench-plain"
    source = f"host={cluster.address(primary)} port=5432 user=replication"
    command = f"/usr/lib/postgresql/15/bin/pg_basebackup -X stream -c fast -w -d '{source}' -D {target}"
    host.directory(cluster.lab, standby, target)
    done = host.timed(cluster.lab, standby, command)
    host.run(cluster.lab, standby, f"rm -rf {target}")
    return done
