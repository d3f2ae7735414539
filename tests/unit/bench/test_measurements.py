# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements read out of tools and results."""

from __future__ import annotations

import json

import pytest

from tests.bench import measure_delta, measure_memory, measure_rewind
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
