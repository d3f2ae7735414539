# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""recover_standby.yml as an AWX job, against the lab that LAB_PROJECT names.

AWX_INVENTORY (inventories/lab/hosts) and AWX_LIMIT (postgres-db1) choose inventory and node; the node may be degenerate
or a healthy standby.
"""

from __future__ import annotations

import os

import pytest

from tests.awx.runner import ROOT, Job, run

INVENTORY = os.environ.get("AWX_INVENTORY", str(ROOT / "inventories" / "lab" / "hosts"))
NODE = os.environ.get("AWX_LIMIT", "postgres-db1")


def assert_recovered_as_a_job(job: Job, node: str) -> None:
    """Success, told by events and artifacts alone: AWX reads no text."""
    assert (job.rc, job.status) == (0, "successful"), job.output
    assert job.counters("ok").keys() == {node}, "a host outside the limit took part"
    assert job.counters("failures") == {}
    assert job.counters("dark") == {}
    named = [event["event_data"]["task"] for event in job.events if event["event"] == "playbook_on_task_start"]
    assert len(named) > 5
    assert all(named)
    result = job.artifacts["recover_standby"]
    assert result["node"] == node
    assert result["primary"]
    assert result["primary"] != node
    assert result["method"]
    assert result["changed"] is (sum(job.counters("changed").values()) > 0)


@pytest.fixture(name="job", scope="module")
def _job(tmp_path_factory) -> Job:
    return run("playbooks/recover_standby.yml", INVENTORY, NODE, tmp_path_factory.mktemp("runner"))


def test_a_limited_job_recovers_the_node_and_leaves_its_result(job):
    assert_recovered_as_a_job(job, NODE)


def test_the_job_could_not_have_waited_for_an_answer(job):
    assert "password:" not in job.output.lower()
    assert not any(event["event"].startswith("playbook_on_vars_prompt") for event in job.events)
