# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import failovers

EVENT = {
    "schema": 1, "event": "failover", "time": "2026-11-23T10:00:00.000Z", "host": "app-server1", "result": "promoted",
    "message": "done", "failed_id": 0, "failed_host": "10.1.7.106", "old_primary_id": 0, "new_primary_id": 1, "lag": 0,
    "seconds": 0.5, "candidates": {"1": 200},
}  # fmt: skip


@pytest.fixture
def record(tmp_path):
    def write(*events):
        path = tmp_path / "failover.jsonl"
        path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in events))
        return str(path)

    return write


def test_the_newest_event_about_a_primary_counts(record):
    fence = {"event": "fence", "result": "fenced"}
    standby = dict(EVENT, result="nothing_to_do")
    path = record(EVENT, dict(EVENT, result="too_far_behind", lag=10**6), standby, fence)
    found = failovers.last_failover(path)
    assert (found["result"], found["lag"], found["failed_id"]) == ("too_far_behind", 10**6, 0)
    assert "candidates" not in found


@pytest.mark.parametrize("broken", ['{"event": "failover", "resu', "7", "\x00\x00"])
def test_a_line_that_is_cut_off_is_passed_over(record, broken):
    assert failovers.last_failover(record(EVENT, broken))["result"] == "promoted"


def test_only_the_end_of_a_long_record_is_read(record):
    path = record(*[dict(EVENT, message="x" * 500, lag=number) for number in range(300)])
    assert failovers.last_failover(path)["lag"] == 299


def test_no_record(tmp_path, record):
    assert failovers.last_failover(str(tmp_path / "none")) is None
    assert failovers.last_failover(record()) is None


def test_paused(tmp_path):
    assert not failovers.paused(str(tmp_path / "paused"))
    (tmp_path / "paused").touch()
    assert failovers.paused(str(tmp_path / "paused"))
