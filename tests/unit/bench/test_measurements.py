# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements read out of tools and results."""

from __future__ import annotations

import json
import types

import pytest

from tests.bench import figures, host, measure_delta, measure_faults, measure_memory, measure_rewind, settings
from tests.bench.anatomy import anatomy
from tests.bench.cluster import one_per_cent
from tests.bench.failure import CannotMeasure
from tests.bench.playbook import Run

PG_REWIND = (
    "pg_rewind: need to copy 184 MB (total source directory size is 350 MB)\n"
    "     0/188047 kB (0%) copied\r100012/188047 kB (53%) copied\r188047/188047 kB (100%) copied\npg_rewind: Done!\n"
)


def test_bytes_that_pg_rewind_tells():
    assert measure_rewind.reported(PG_REWIND) == 188047 * 1024


def test_no_bytes_told_is_no_figure():
    with pytest.raises(CannotMeasure, match="told no bytes"):
        measure_rewind.reported("pg_rewind: no rewind required")


def test_rebuilding_is_all_after_the_salvage():
    module = {"seconds": 9.0, "timings": {"observe": 1.0, "salvage": 3.0, "rewind": 2.0, "verify": 2.5}}
    assert measure_rewind.rebuild_seconds(module) == 5.0


def test_files_that_differ_count_with_their_full_size():
    old = {"./same": ("a", 10), "./other": ("b", 20), "./gone": ("c", 40)}
    new = {"./same": ("a", 10), "./other": ("x", 21), "./new": ("y", 5)}
    assert measure_delta.changed_bytes(old, new) == 26


def test_find_leaves_out_what_rsync_leaves_out():
    words = measure_delta.unlike()
    assert "! -name 'pgsql_tmp*'" in words
    assert "! -path './pg_wal' ! -path './pg_wal/*'" in words
    assert "! -path './pg_replslot/*'" in words


def run_of(**module):
    facts = {"check": False, "seconds": 6.0, "timings": {"rewind": 2.0}, "bytes_moved": 100, "method": "rewind"}
    return Run(0.0, 20.0, [], [{**facts, **module}], "")


def test_every_figure_of_a_rewind_is_announced():
    """What is listed as not taken after a failure are the same names."""
    alone = [host.Timed(0.0, 2.0, 120, PG_REWIND)]
    ours = [{"run": run_of(), "received": 150, "streamed": 40, "streams": 10.0, "attached": 12.0}]
    kept = [{**ours[0], "run": run_of(timings={"salvage": 1.5}, salvage={"bytes": 7})}]
    figures = measure_rewind._figures(alone, ours) + measure_rewind._salvage_figures(ours, kept)
    assert {figure.name for figure in figures} == set(measure_rewind.NAMES)
    by_name = {figure.name: figure for figure in figures}
    assert by_name["rewind_overhead"].value == 18.0
    assert by_name["rewind_attached"].value == 12.0
    assert (by_name["rewind_bytes"].value, by_name["rewind_bytes"].ratio) == (110, 1.1)
    assert by_name["rewind_salvage_copy"].value == 1.5


def test_every_figure_of_delta_is_announced():
    rsync = [host.Timed(0.0, 4.0, 90, "")]
    ours = [run_of(timings={"copy": 3.0}, method="delta")]
    figures = measure_delta._figures(rsync, rsync, ours, [80], [95])
    assert {figure.name for figure in figures} == set(measure_delta.NAMES)
    assert {figure.name: figure.ratio for figure in figures}["delta_wall"] == 1.5


def line(module, kilobytes):
    return json.dumps({"pid": 1, "kb": kilobytes, "module": module, "argv": []})


def test_highest_of_our_modules():
    lines = [
        line("pgops.pgpool.pg_basebackup_sync", 40000),
        line("pgops.pgpool.pg_cluster_info", 50000),
        line("ansible.builtin.setup", 90000),
    ]
    assert measure_memory.highest(lines) == (50000, "pgops.pgpool.pg_cluster_info")


def test_a_hook_that_saw_nothing_of_the_module_gives_no_figure():
    with pytest.raises(CannotMeasure, match="saw no pg_basebackup_sync"):
        measure_memory.highest([line("pgops.pgpool.pg_cluster_info", 50000)])


def test_each_cycle_updates_another_hundredth():
    assert one_per_cent(10, 0).endswith("BETWEEN 1 AND 10000")
    assert one_per_cent(10, 99).endswith("BETWEEN 990001 AND 1000000")
    assert one_per_cent(10, 100) == one_per_cent(10, 0)


def test_anatomy_accounts_for_every_second():
    tasks = [{"name": "long", "seconds": 6.0}, {"name": "a", "seconds": 0.1}, {"name": "b", "seconds": 0.1}]
    module = {"check": False, "seconds": 4.0, "timings": {"rewind": 2.5, "verify": 1.0}, "method": "rewind"}
    plan = {"check": True, "seconds": 1.0, "timings": {"observe": 1.0}, "method": "rewind"}
    text = anatomy("rewind", Run(0.0, 7.4, tasks, [plan, module], ""))
    assert "7.4 in all, 3 tasks" in text
    assert "* 1.2 start and end of ansible-playbook" in text
    assert "* 6.0 long" in text
    assert "* 0.2 2 tasks below 0.2 s each" in text
    assert "in pg_basebackup_sync 4.0: rewind 2.5, verify 1.0, the rest 0.5" in text


def fault_report(outage, lost=0):
    return {"outage_s": outage, "acknowledged": 100, "lost": lost, "two_primaries_s": outage and outage / 10}


def test_an_outage_is_the_median_and_what_was_lost_is_told():
    reports = [fault_report(3.0), fault_report(2.0, lost=4), fault_report(9.0)]
    found = measure_faults.figure("outage_host_killed", reports, "2 pgpools, 1 of 2 votes decide")
    assert (found.name, found.value, found.runs, found.met) == ("outage_host_killed", 3.0, [3.0, 2.0, 9.0], True)
    assert found.note.startswith("4 of 300 acknowledged rows lost; two writable primaries for at most 0.9 s")
    assert found.note.endswith("; 2 pgpools, 1 of 2 votes decide")


def test_a_service_that_did_not_come_back_is_no_figure():
    with pytest.raises(CannotMeasure, match="host_killed"):
        measure_faults.figure("outage_host_killed", [fault_report(None)], "2 pgpools")


def test_every_outage_has_a_target():
    assert set(measure_faults.NAMES) <= set(figures.TARGETS)
    three = settings.read({"BENCH_PGPOOLS": "3"})
    assert {measure_faults.named(name, three) for name in figures.OUTAGES} <= set(figures.TARGETS)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "outage_switched"),
        ({"BENCH_PGPOOLS": "3"}, "outage_three_votes_switched"),
        ({"BENCH_PROFILE": "conservative"}, "outage_conservative_switched"),
        ({"BENCH_PROFILE": "conservative", "BENCH_PGPOOLS": "4"}, "outage_conservative_four_votes_switched"),
    ],
)
def test_an_outage_is_named_by_its_setting(environ, name):
    assert measure_faults.named("switched", settings.read(environ)) == name


@pytest.mark.parametrize(
    ("count", "witnesses", "half", "said"),
    [
        (2, 0, "on", "2 pgpools, 1 of 2 votes decide"),
        (2, 0, "off", "2 pgpools, 2 of 2 votes decide"),
        (3, 0, "off", "3 pgpools, 2 of 3 votes decide"),
        (3, 1, "off", "3 pgpools (1 of them a witness), 2 of 3 votes decide"),
        (4, 0, "on", "4 pgpools, 2 of 4 votes decide"),
        (4, 0, "off", "4 pgpools, 3 of 4 votes decide"),
    ],
)
def test_a_figure_names_its_quorum(monkeypatch, count, witnesses, half, said):
    monkeypatch.setattr(measure_faults.host, "run", lambda _lab, _name, _command: f"{half}\n")
    names = [f"app-server{number}" for number in range(count)]
    hostvars = {name: {"pgops_pgpool_witness": True} if n < witnesses else {} for n, name in enumerate(names)}
    lab = types.SimpleNamespace(pgpools=names, hostvars=hostvars)
    assert measure_faults.topology(lab) == said
