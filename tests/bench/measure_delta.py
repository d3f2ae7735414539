# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delta method against plain rsync --checksum over SSH of the same two trees."""

from __future__ import annotations

import sys

from . import host
from .cluster import DATA, Cluster
from .failure import CannotMeasure
from .figures import Figure, of_runs
from .playbook import ROOT

sys.path.insert(0, str(ROOT / "playbooks" / "collections"))
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.delta import EMPTIED, LEFT_OUT  # noqa: E402

NAMES = ("delta_wall", "delta_copy", "delta_copy_in_place", "delta_bytes", "delta_received")
VANISHED = 24  # rsync: a file went away meanwhile, as files of a running server do


def measure(cluster: Cluster) -> list[Figure]:
    """Both rsyncs and ours read the same old tree; what they make is removed, so that the old tree stays as it is."""
    beside, in_place, ours, changed, received = [], [], [], [], []
    for number in range(cluster.settings.long_runs):
        cluster.say(f"delta: {number + 1} of {cluster.settings.long_runs}")
        old, new = cluster.diverge()
        changed.append(changed_bytes(_sums(cluster, old), _sums(cluster, new)))
        host.directory(cluster.lab, old, f"{DATA}.bench-rsync")
        beside.append(_rsync(cluster, old, new, f"--copy-dest={DATA}/"))
        host.run(cluster.lab, old, f"cp -a {DATA} {DATA}.bench-rsync")
        in_place.append(_rsync(cluster, old, new, "--delete"))
        before = host.received(cluster.lab, old)
        run = cluster.recover(f"delta-{number}", old, recover_standby_method="delta")
        received.append(host.received(cluster.lab, old) - before)
        cluster.require_load(new)
        if run.module.get("method") != "delta":
            raise CannotMeasure(f"the method was {run.module.get('method')}")
        ours.append(run)
        cluster.clean(old)
    cluster.shared.setdefault("anatomy", {})["delta"] = ours[-1]
    return _figures(beside, in_place, ours, changed, received)


def _figures(beside, in_place, ours, changed, received):
    module = [run.module["seconds"] for run in ours]
    copy = [run.module["timings"]["copy"] for run in ours]
    moved = [run.module["bytes_moved"] for run in ours]
    plain = [run.seconds for run in beside]
    wire = [run.received for run in beside]
    return [
        of_runs("delta_wall", "s", module, baseline=plain, note="the module; baseline: rsync with --copy-dest"),
        of_runs("delta_copy", "s", copy, baseline=plain, note="its copy step; baseline: rsync with --copy-dest"),
        of_runs("delta_copy_in_place", "s", copy, baseline=[run.seconds for run in in_place], note="rsync in place"),
        of_runs("delta_bytes", "bytes", moved, baseline=changed, note="baseline: full size of the files that differ"),
        of_runs("delta_received", "bytes", received, baseline=wire, note="interface, whole command; baseline: rsync"),
    ]


def _rsync(cluster, old, new, option):
    """Pull the tree of the running server, as somebody would by hand, leaving out what the module leaves out."""
    words = " ".join(f"--exclude='{pattern}'" for pattern in [*(f"/{name}/*" for name in EMPTIED), *LEFT_OUT])
    target = f"{DATA}.bench-rsync"
    command = f"rsync -a --checksum {option} {words} {cluster.address(new)}:{DATA}/ {target}/"
    done = host.timed(cluster.lab, old, command, fine=(0, VANISHED))
    host.run(cluster.lab, old, f"rm -rf {target}")
    return done


def _sums(cluster, name):
    """Checksum and size of each file, by its path."""
    find = f"cd {DATA} && find . -type f {unlike()}"
    hashed = f"({find} -print0 | xargs -0 -P2 -n32 md5sum) 2>/dev/null; true"
    sums = host.run(cluster.lab, name, hashed, user="postgres")
    sizes = host.run(cluster.lab, name, f"{find} -printf '%s %p\\n' 2>/dev/null; true", user="postgres")
    size_of = {path: int(size) for size, path in (line.split(" ", 1) for line in sizes.splitlines())}
    pairs = (line.split(maxsplit=1) for line in sums.splitlines())
    return {path: (digest, size_of[path]) for digest, path in pairs if path in size_of}


def unlike() -> str:
    """What find has to leave out, so that it names the files that rsync copies."""
    anchored = [pattern for pattern in LEFT_OUT if pattern.startswith("/")]
    words = [f"! -name '{pattern}'" for pattern in LEFT_OUT if pattern not in anchored]
    words += [f"! -path '.{pattern}' ! -path '.{pattern}/*'" for pattern in anchored]
    return " ".join([*words, *(f"! -path './{name}/*'" for name in EMPTIED)])


def changed_bytes(old: dict, new: dict) -> int:
    """Full size of the files of ``new`` that ``old`` has not, or has otherwise."""
    return sum(size for path, (digest, size) in new.items() if old.get(path, ("", 0))[0] != digest)
