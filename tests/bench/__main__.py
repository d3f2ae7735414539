# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: measure recovery and failover on real servers, show a table, leave .lab/bench.json; judge nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback

from . import (
    figures,
    measure_basebackup,
    measure_delta,
    measure_false_alarms,
    measure_faults,
    measure_guard,
    measure_memory,
    measure_noop,
    measure_rewind,
    measure_vip,
    peers,
    settings,
)
from .anatomy import anatomy
from .cluster import Cluster
from .failure import CannotMeasure, NotAvailable
from .playbook import EVIDENCE, ROOT

CLUSTER = {
    "noop": measure_noop,
    "rewind": measure_rewind,
    "basebackup": measure_basebackup,
    "delta": measure_delta,
    "memory": measure_memory,
    "faults": measure_faults,
    "vip": measure_vip,
    "guard": measure_guard,
    "false_alarms": measure_false_alarms,
}
BEGAN = time.monotonic()


def say(text: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:6.0f} s] {text}", flush=True)


class Report:
    """All figures so far; written after each measurement, so that an interrupted run leaves what it has."""

    def __init__(self) -> None:
        self.figures: list[figures.Figure] = []
        self.anatomies: list[str] = []

    def add(self, found: list[figures.Figure], setting: str) -> None:
        for figure in found:
            figure.setting = figure.setting or setting
        self.figures += found
        self.write()

    def write(self) -> None:
        folder = ROOT / ".lab"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "bench.json").write_text(figures.as_json(self.figures), encoding="utf-8")
        text = figures.as_markdown(self.figures) + "".join(f"\n{each}" for each in self.anatomies)
        (folder / "bench.md").write_text(text, encoding="utf-8")


def not_taken(names, exc) -> list[figures.Figure]:
    """The same reason for all figures of a measurement."""
    reason = f"{exc}" if isinstance(exc, CannotMeasure) else f"{type(exc).__name__}: {exc}"
    say(f"not taken: {', '.join(names)}: {reason}")
    with (EVIDENCE / "failures.log").open("a", encoding="utf-8") as stream:
        traceback.print_exception(exc, file=stream)
    return [figures.not_taken(name, reason) for name in names]


def measure_cluster(wanted: settings.Settings, report: Report, shared: dict) -> None:
    """What is measured on the cluster that the collection deploys."""
    names = [name for name in CLUSTER if name in wanted.only]
    cluster = Cluster(wanted, shared, say)
    try:
        setting = bring_up(cluster)
        for name in names:
            say(f"measuring {name}")
            take(cluster, CLUSTER[name], report, setting, mend=name != names[-1])
        report.anatomies += [anatomy(label, run) for label, run in shared.get("anatomy", {}).items()]
        report.write()
    finally:
        if not wanted.keep:
            cluster.down()


def bring_up(cluster: Cluster) -> str:
    """The lab with its database; returns the setting in words."""
    try:
        cluster.up()
        return cluster.setting()
    except Exception as exc:
        cluster.broken = f"the cluster did not come up: {exc or type(exc).__name__}"
        return ""


def take(cluster: Cluster, module, report: Report, setting: str, *, mend: bool) -> None:
    """One measurement. Whatever goes wrong in it is its reason, and the run goes on."""
    try:
        if cluster.broken:
            raise NotAvailable(cluster.broken)
        report.add(module.measure(cluster), setting)
    except Exception as exc:
        report.add(not_taken(module.NAMES, exc), setting)
        if mend and not isinstance(exc, NotAvailable):
            cluster.mend()


def main() -> int:
    try:
        wanted = settings.read(os.environ)
    except settings.BadSetting as exc:
        print(exc, file=sys.stderr)
        return 2
    free = shutil.disk_usage(ROOT).free
    if free < wanted.needed_bytes:
        print(f"About {wanted.needed_bytes >> 30} GiB of disk are needed for BENCH_SCALE={wanted.scale}, and "
              f"{free >> 30} GiB are free. Make room, or lower BENCH_SCALE.", file=sys.stderr)  # fmt: skip
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(EVIDENCE, ignore_errors=True)
    EVIDENCE.mkdir(parents=True)
    report, shared = Report(), {}
    try:
        if set(wanted.only) & set(CLUSTER):
            measure_cluster(wanted, report, shared)
        if "peers" in wanted.only:
            peers.measure(wanted, report, shared, say)
    finally:
        print("\n" + figures.as_text(report.figures))
        for text in report.anatomies:
            print(text)
        say("written: .lab/bench.json, .lab/bench.md (the same as Markdown), .lab/bench-runs/ (what each run printed)")
    return 0 if any(figure.value is not None for figure in report.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
