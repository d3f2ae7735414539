# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from tests.bench import figures
from tests.bench.figures import Figure, not_taken, of_runs


def test_median_of_the_runs_against_the_median_of_the_baseline():
    figure = of_runs("rewind", "s", [12.0, 30.0, 14.0], baseline=[2.0, 4.0, 3.5])
    assert (figure.value, figure.baseline, figure.ratio) == (14.0, 3.5, 4.0)
    assert figure.runs == [12.0, 30.0, 14.0]


@pytest.mark.parametrize(
    ("value", "baseline"),
    [(None, 2.0), (1.0, None), (1.0, 0)],
    ids=["no value", "no baseline", "a baseline of nothing"],
)
def test_no_ratio_is_invented(value, baseline):
    assert Figure("rewind", value, "s", baseline).ratio is None


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("noop", 6.0, "s"), True),
        (Figure("noop", 6.0004, "s"), True),
        (Figure("noop", 6.01, "s"), False),
        (Figure("delta_bytes", 130, "bytes", 100), True),
        (Figure("delta_bytes", 131, "bytes", 100), False),
        (Figure("delta_bytes", 131, "bytes"), None),
        (Figure("delta_bytes", None, "bytes", 100), None),
        (Figure("rewind", 900.0, "s", 1.0), None),
    ],
)
def test_a_target_is_met_missed_or_not_there(figure, met):
    assert figure.met is met


def test_json_is_a_list_of_entries_with_the_promised_fields():
    figure = of_runs("rewind_overhead", "s", [9.123456], baseline=[2.0])
    figure.setting = "PostgreSQL 15"
    listed = json.loads(figures.as_json([figure, not_taken("delta_wall", "no such\n method")]))
    for entry in listed:
        assert set(figures.FIELDS) <= set(entry)
    assert listed[0]["value"] == 9.123
    assert listed[0]["ratio"] == 4.562
    assert listed[0]["runs"] == [9.123]
    assert listed[0]["target"] == {"of": "value", "at_most": 12.0}
    assert listed[0]["setting"] == "PostgreSQL 15"
    assert (listed[1]["value"], listed[1]["ratio"], listed[1]["runs"]) == (None, None, [])
    assert listed[1]["reason"] == "no such method"


def test_bytes_stay_whole():
    assert of_runs("delta_bytes", "bytes", [7]).to_json()["value"] == 7


def test_the_table_shows_target_and_verdict_and_reason():
    measured = Figure("noop", 7.5, "s", 2.5, [7.0, 7.5, 8.0])
    text = figures.as_text([measured, not_taken("delta_wall", "not available"), Figure("rewind", 1.0, "s")])
    head, noop, delta, rewind = text.splitlines()
    assert head.split() == ["figure", "value", "baseline", "ratio", "target", "runs", "what"]
    assert noop.split() == ["noop", "7.50", "s", "2.50", "s", "3.00", "<=", "6:", "MISSED", "7.00", "7.50", "8.00"]
    assert "<= x 1.15: not measured" in delta
    assert delta.endswith("not taken: not available")
    assert rewind.split() == ["rewind", "1.00", "s", "-", "-"]


def test_markdown_escapes_bars_and_lists_each_setting_once():
    some = [Figure("noop", 1.0, "s", note="a|b", setting="one"), Figure("rewind", 2048 * 1024, "bytes", setting="one")]
    lines = figures.as_markdown(some).splitlines()
    assert lines[1] == "|---|---|---|---|---|---|---|"
    assert "a\\|b" in lines[2]
    assert "2.0 MiB" in lines[3]
    assert lines[4:] == ["", "* one"]


def test_every_target_names_a_figure_that_is_measured():
    from tests.bench import (
        measure_basebackup,
        measure_delta,
        measure_false_alarms,
        measure_faults,
        measure_guard,
        measure_memory,
        measure_noop,
        measure_rewind,
        measure_vip,
        settings,
    )

    modules = (
        measure_noop, measure_rewind, measure_basebackup, measure_delta, measure_memory, measure_faults,
        measure_false_alarms,
        measure_guard, measure_vip,
    )  # fmt: skip
    three = settings.read({"BENCH_PGPOOLS": "3"})
    names = {name for module in modules for name in module.NAMES}
    assert set(figures.TARGETS) <= names | {measure_faults.named(fault, three) for fault in figures.OUTAGES}
