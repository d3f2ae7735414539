# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import depose, depose_story
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c

DB1 = "postgres-db1"
THREE = [*c.DATABASES, dict(c.DATABASES[1], name="postgres-db3", backend_id=2, address="10.1.7.116", slot="pgops_2")]
EVENT = {"time": "later", "host": "app-server1", "result": "promoted", "failed_id": 0, "message": "m", "lag": 2048,
         "seconds": 0.4}  # fmt: skip


def view(postgres, pgpools, databases=c.DATABASES):
    return build_view(databases, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def after(*, event=None, third=None):
    postgres, pgpools = c.after_failover()
    pgpools["app-server1"]["pgpool"]["last_failover"] = event
    databases = c.DATABASES if third is None else THREE
    return view(postgres if third is None else dict(postgres, **{"postgres-db3": third}), pgpools, databases)


GATE = depose.failover_gate(view(*c.healthy()), DB1)


@pytest.mark.parametrize(
    ("fence", "was_running", "stopped", "word"),
    [(True, True, True, "stopped"), (True, True, False, "killed"), (True, False, True, "was_down"),
     (False, None, True, "unfenced")],
)  # fmt: skip
def test_how_it_was_fenced(fence, was_running, stopped, word):
    assert depose_story.fence_outcome(dict(GATE, fence=fence), was_running, stopped) == word
    assert depose_story.FENCES[word]


def test_the_result_of_a_failover():
    found = depose_story.result(GATE, ["the plan"], after(event=EVENT), DB1, "stopped", 2.5)
    assert (found["primary"], found["changed"], found["seconds"], found["fence"]) == (
        "postgres-db2",
        True,
        2.5,
        "stopped",
    )
    assert found["next"] == "ansible-playbook recover_standby.yml -l postgres-db1"
    text = "\n".join(found["story"])
    assert "postgres-db2 is the primary in place of postgres-db1" in text and "2.5 s" in text
    assert "PostgreSQL there was stopped" in text and "took 0.4 s; it lacked 2.0 KiB" in text
    assert found["story"][-1] == f"Next: {found['next']}"


def test_an_earlier_failover_is_not_told_as_this_one():
    gate = dict(GATE, before="later")
    assert depose_story.result(gate, [], after(event=EVENT), DB1, "stopped", 2.5)["failover"] is None


def test_standbys_that_do_not_stream_yet_are_named():
    found = depose_story.result(GATE, [], after(third=c.standby(status=None)), DB1, "unfenced", 1.0)
    assert found["not_streaming"] == ["postgres-db3"]
    assert "Does not stream yet: postgres-db3 (standby)" in "\n".join(found["story"])
    assert depose_story.result(GATE, [], after(third=c.standby(2)), DB1, "killed", 1.0)["not_streaming"] == []


def test_check_mode_and_the_second_run():
    found = depose_story.result(GATE, [], view(*c.healthy()), DB1, check_mode=True)
    assert (found["changed"], found["would_change"], found["next"]) == (False, True, None)
    assert found["story"] == ["Check mode: postgres-db1 would be deposed. Nothing was changed."]
    gate = depose.failover_gate(after(), DB1)
    found = depose_story.result(gate, [], after(), DB1)
    assert (found["changed"], found["primary"], found["next"]) == (
        False, "postgres-db2", "ansible-playbook recover_standby.yml -l postgres-db1")  # fmt: skip
    assert found["story"] == [gate["message"]]


def test_a_failure_says_what_was_tried_seen_and_comes_next():
    words = depose_story.failure(GATE, view(*c.healthy()), DB1, "stopped", "no answer", 60)
    for part in ("tried to depose postgres-db1", "app-server1 was told", "60 s", "still is the primary", "no answer"):
        assert part in words
    assert "failover_primary.yml -l postgres-db1" in words.split("Next: ")[1]


def test_a_failure_for_want_of_wal_names_the_variable():
    postgres, pgpools = {DB1: c.down(), "postgres-db2": c.standby()}, {"app-server1": c.pgpool(None, ("down", "up"))}
    pgpools["app-server1"]["pgpool"]["last_failover"] = dict(EVENT, result="too_far_behind")
    assert "accept_loss=true" in depose_story.failure(GATE, view(postgres, pgpools), DB1, "stopped")


@pytest.mark.parametrize(
    ("said", "unfenced", "words"),
    [
        ("failover.sh: too_far_behind: lacks 9000", False, "-l postgres-db1 -e failover_primary_accept_loss=true"),
        ("failover.sh: may_lack_commits: it may", False, "-l postgres-db1 -e failover_primary_accept_loss=true"),
        ("failover.sh: too_far_behind: lacks 9000", True, "accept_loss=true -e failover_primary_unfenced=true"),
        ("failover.sh: no_candidate: x", False, "mend that, then run this again"),
    ],
)
def test_why_failover_sh_promoted_nobody(said, unfenced, words):
    text = depose_story.refused_promotion(GATE, DB1, said, unfenced)
    assert said in text and words in text
    assert ("accept_loss" in text) is ("no_candidate" not in said)
