# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measurement hands on: figures, their ratio to a baseline, the targets, the table and the JSON. Pure."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field

from .settings import MANAGERS, OUTAGES

# Of the pgpool side: fault -> the most that keepalived and the watchdog may take, in seconds.
VIP_OUTAGES = {
    "moved": (0.5, 9.0),
    "service_stopped": (0.5, 9.0),
    "parent_killed": (1.5, 5.0),
    "host_killed": (1.5, 14.0),
    "host_frozen": (1.5, 15.0),
    "host_frozen_and_cut": (1.5, 15.0),
}
FIELDS = ("name", "value", "unit", "baseline", "ratio", "runs", "setting")

# name -> (what is compared, the limit). A target is shown beside the figure; it never makes the run fail.
TARGETS = {
    "rewind_overhead": ("value", 12.0),
    "rewind_attached": ("value", 20.0),
    "rewind_rebuild": ("value", 4.0),
    "rewind_bytes": ("ratio", 1.1),
    "delta_wall": ("ratio", 1.15),
    "delta_bytes": ("ratio", 1.3),
    "basebackup_wall": ("ratio", 1.1),
    "noop": ("value", 6.0),
    "memory_rewind": ("value", 64.0),
    "memory_basebackup": ("value", 64.0),
    "false_failovers": ("value", 0.0),
    "outage_switched": ("value", 0.6),
    "outage_postmaster_killed": ("value", 1.0),
    "outage_service_stopped": ("value", 1.0),
    "outage_host_killed": ("value", 3.5),
    "outage_host_frozen": ("value", 6.0),
    "outage_primary_cut_off": ("value", 4.0),
    "writes_after_cut_off": ("value", 5.0),
}
TARGETS.update(
    {
        f"vip_{manager}_{fault}": ("value", limits[place])
        for fault, limits in VIP_OUTAGES.items()
        for place, manager in enumerate(MANAGERS)
    }
)
TARGETS.update({f"outage_three_votes_{fault}": TARGETS[f"outage_{fault}"] for fault in OUTAGES})


@dataclass
class Figure:
    """One figure. ``value`` is None when it could not be taken; then ``reason`` says why."""

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    runs: list[float] = field(default_factory=list)
    note: str = ""
    reason: str = ""
    setting: str = ""

    @property
    def ratio(self) -> float | None:
        """Value to baseline."""
        if self.value is None or not self.baseline:
            return None
        return self.value / self.baseline

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a figure."""
        what, limit = TARGETS.get(self.name, (None, None))
        figure = getattr(self, what) if what else None
        return None if figure is None else rounded(figure) <= limit

    def to_json(self) -> dict:
        """The entry of bench.json."""
        what, limit = TARGETS.get(self.name, (None, None))
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "baseline": rounded(self.baseline),
            "ratio": rounded(self.ratio),
            "runs": [rounded(run) for run in self.runs],
            "setting": self.setting,
            "target": None if what is None else {"of": what, "at_most": limit},
            "met": self.met,
            "note": self.note,
            "reason": self.reason,
        }


def of_runs(name: str, unit: str, runs: list[float], *, baseline: list[float] | None = None, note: str = "") -> Figure:
    """The median of some runs against the median of the baseline's runs."""
    return Figure(name, median(runs), unit, median(baseline or []), list(runs), note)


def not_taken(name: str, reason: str, unit: str = "") -> Figure:
    """A figure that could not be measured."""
    return Figure(name, None, unit, reason=" ".join(reason.split())[:400])


def median(values: list[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def rounded(number: float | None) -> float | int | None:
    """Three decimals are more than these measurements hold; bytes stay whole."""
    if number is None or isinstance(number, int):
        return number
    return round(number, 3)


def shown(number: float | None, unit: str = "") -> str:
    """A number for people."""
    if number is None:
        return "-"
    if unit == "bytes":
        return f"{number / 1048576:.1f} MiB"
    return f"{number:.2f}{' ' + unit if unit else ''}"


def target_text(figure: Figure) -> str:
    """The target, and whether it was met."""
    what, limit = TARGETS.get(figure.name, (None, None))
    if what is None:
        return ""
    words = {True: "met", False: "MISSED", None: "not measured"}[figure.met]
    return f"{'<= ' if what == 'value' else '<= x '}{limit:g}: {words}"


def rows(figures: list[Figure]) -> list[tuple[str, ...]]:
    """The cells of the table, its head first."""
    table = [("figure", "value", "baseline", "ratio", "target", "runs", "what")]
    for each in figures:
        runs = " ".join(shown(run, each.unit).replace(f" {each.unit}", "").replace(" MiB", "") for run in each.runs)
        what = f"not taken: {each.reason}" if each.value is None else each.note
        value, baseline = shown(each.value, each.unit), shown(each.baseline, each.unit)
        table.append((each.name, value, baseline, shown(each.ratio), target_text(each), runs, what))
    return table


def as_text(figures: list[Figure]) -> str:
    """The table for a terminal."""
    table = rows(figures)
    widths = [max(len(row[column]) for row in table) for column in range(6)]
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append("  ".join([*cells, row[6]]).rstrip())
    return "\n".join(lines) + "\n"


def as_markdown(figures: list[Figure]) -> str:
    """The table for docs/benchmarks.md."""
    table = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows(figures)]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    lines.insert(1, "|" + "---|" * len(table[0]))
    settings = sorted({each.setting for each in figures if each.setting})
    return "\n".join(lines) + "\n\n" + "".join(f"* {setting}\n" for setting in settings)


def as_json(figures: list[Figure]) -> str:
    """The content of bench.json."""
    return json.dumps([figure.to_json() for figure in figures], indent=2) + "\n"
