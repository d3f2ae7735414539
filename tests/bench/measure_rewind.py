# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An old primary with rows past the fork: pg_rewind by hand, then our command, after the same divergence."""

from __future__ import annotations

import re

from . import host, watch
from .cluster import DATA, Cluster, eventually, same_rows
from .failure import CannotMeasure
from .figures import Figure, median, of_runs

NAMES = (
    "rewind", "rewind_overhead", "rewind_attached", "rewind_streams", "rewind_rebuild", "rewind_bytes",
    "rewind_streamed", "rewind_told", "rewind_salvage", "rewind_salvage_copy",
    "rewind_salvage_bytes",
)  # fmt: skip
WIRE = "received by the node's interface during the whole command"
TOLD = "what pg_rewind tells it copied"
DONE = re.compile(r"(\d+)/\d+ kB \(\s*\d+%\) copied")
# Steps of the module before the node is written to, and after it is verified; the rest of its seconds is rebuilding.
APART = ("observe", "stop", "slot", "report", "checkpoint", "crash_recovery", "rehearsal", "salvage", "clean_up")


def measure(cluster: Cluster) -> list[Figure]:
    """Baseline and ours in turn, so that a drift of the machine meets both, and on either host."""
    alone, ours = [], []
    for number in range(cluster.settings.runs):
        cluster.say(f"rewind: pg_rewind alone and recover_standby.yml, {number + 1} of {cluster.settings.runs}")
        turns = [
            lambda n=number: alone.append(_by_hand(cluster, n)),
            lambda n=number: ours.append(_ours(cluster, f"rewind-{n}", recover_standby_salvage_skip="true")),
        ]
        for turn in turns if number % 2 == 0 else reversed(turns):  # the roles change hosts each time
            turn()
    cluster.shared["pg_rewind"] = [run.seconds for run in alone]
    cluster.shared.setdefault("anatomy", {})["rewind"] = ours[-1]["run"]
    figures = _figures(alone, ours)
    cluster.say("rewind: recover_standby.yml with the full salvage copy")
    kept = [_ours(cluster, f"rewind-salvage-{n}") for n in range(cluster.settings.long_runs)]
    cluster.shared["anatomy"]["rewind with the full salvage"] = kept[-1]["run"]
    return figures + _salvage_figures(ours, kept)


def _by_hand(cluster, number):
    old, new = cluster.diverge()
    source = f"host={cluster.address(new)} port=5432 user=replication dbname=postgres"
    command = f"pg_rewind -D {DATA} --source-server='{source}' --write-recovery-conf --progress"
    done = host.timed(cluster.lab, old, f"/usr/lib/postgresql/15/bin/{command}")
    cluster.require_load(new)
    cluster.restore(old, f"after-hand-{number}")
    return done


def _ours(cluster, label, **variables):
    old, new = cluster.diverge()
    before = host.received(cluster.lab, old)
    with watch.Watch(cluster.questions(old, new)) as look:
        run = cluster.recover(label, old, **variables)
        complete = look.wait(10)
    received = host.received(cluster.lab, old) - before
    streamed = _streamed(cluster, old)
    cluster.require_load(new)
    if run.module.get("method") != "rewind" or not complete:
        raise CannotMeasure(f"method {run.module.get('method')}, seen: {sorted(look.at)}")
    eventually(lambda: same_rows(cluster.lab, old, new))
    cluster.clean(old)
    at = {name: moment - run.began for name, moment in look.at.items()}
    moments = {"streams": at.pop("streams"), "attached": max(at.values())}
    return {"run": run, "received": received, "streamed": streamed, **moments}


def _streamed(cluster, name):
    """WAL that came by streaming since the node is back."""
    lsns = "pg_wal_lsn_diff(flushed_lsn, receive_start_lsn)"
    return int(host.psql(cluster.lab, name, f"SELECT {lsns} FROM pg_stat_wal_receiver") or 0)


def reported(output: str) -> int:
    """The bytes that pg_rewind says it copied."""
    lines = DONE.findall(output.replace("\r", "\n"))
    if not lines:
        raise CannotMeasure(f"pg_rewind told no bytes: {output[-300:]}")
    return int(lines[-1]) * 1024


def rebuild_seconds(module: dict) -> float:
    """From the first write of the rewind until the module has verified the standby."""
    return module["seconds"] - sum(module["timings"].get(step, 0.0) for step in APART)


def _figures(alone, ours):
    tool = [run.seconds for run in alone]
    wall = [each["run"].seconds for each in ours]
    modules = [each["run"].module for each in ours]
    attached = [max(each["streams"], each["attached"]) for each in ours]
    told = [module["bytes_moved"] for module in modules]
    overhead = [seconds - median(tool) for seconds in wall]
    wire, streamed = [each["received"] for each in ours], [each["streamed"] for each in ours]
    apart = [whole - wal for whole, wal in zip(wire, streamed)]
    by_hand = [reported(run.output) for run in alone]
    return [
        of_runs("rewind", "s", wall, baseline=tool, note="whole playbook, without a full salvage; baseline: pg_rewind"),
        of_runs("rewind_overhead", "s", overhead, note="whole playbook minus pg_rewind alone"),
        of_runs("rewind_attached", "s", attached, baseline=tool, note="command to streaming and attached everywhere"),
        of_runs("rewind_streams", "s", [each["streams"] for each in ours], baseline=tool, note="command to streaming"),
        of_runs("rewind_rebuild", "s", [rebuild_seconds(m) for m in modules], baseline=tool, note="node rebuilt"),
        of_runs("rewind_bytes", "bytes", apart, baseline=told, note=f"{WIRE}, less rewind_streamed; baseline: {TOLD}"),
        of_runs("rewind_streamed", "bytes", streamed, note="WAL streamed from the start of the standby on"),
        of_runs("rewind_told", "bytes", told, baseline=by_hand, note=f"{TOLD}; baseline: the same of pg_rewind alone"),
    ]


def _salvage_figures(ours, kept):
    wall, without = ([each["run"].seconds for each in runs] for runs in (kept, ours))
    copy = [each["run"].module["timings"].get("salvage", 0.0) for each in kept]
    told = [each["run"].module["bytes_moved"] for each in kept]
    apart = [each["received"] - each["streamed"] for each in kept]
    size = (kept[-1]["run"].module.get("salvage") or {}).get("bytes") or 0
    return [
        of_runs("rewind_salvage", "s", wall, baseline=without, note="with the full salvage copy; baseline: without"),
        of_runs("rewind_salvage_copy", "s", copy, note=f"the copy alone, {size / 2**20:.0f} MiB"),
        of_runs("rewind_salvage_bytes", "bytes", apart, baseline=told, note="as rewind_bytes, with the full salvage"),
    ]
