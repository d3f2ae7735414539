# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import NotVerified, Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import verify
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import FORK, primary, target, work

GOOD = (target(), primary())
STARTING = (target(state="silent", receiver=None), primary())
NO_RECEIVER = (target(receiver=None), primary())


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A node that shows one sight after the other; the last one stays."""

    def play(*sights, dead=False, log=(), **options):
        job = work(tmp_path, start_timeout=10, **options)
        shown = list(sights)

        def current(_work):
            sight = shown.pop(0) if len(shown) > 1 else shown[0]
            if isinstance(sight, Exception):
                raise sight
            job.timings["looks"] = job.timings.get("looks", 0) + 1
            node_seen, server = sight
            monkeypatch.setattr(verify.observe_primary, "read", lambda *_a, **_k: server)
            return node_seen, {"error": "starting up", "role": "standby", "receiver": {}}

        monkeypatch.setattr(verify.observe_target, "read", current)
        monkeypatch.setattr(verify.server_control, "dead", lambda _work: dead)
        monkeypatch.setattr(verify.server_control, "log_tail", lambda _work: list(log))
        return job

    return play


def test_it_looks_twice_with_half_a_second_between(node):
    job = node(GOOD)
    verify.wait(job)
    assert job.timings["looks"] == 2
    assert job.clock.time == 1000.5


def test_a_sight_that_does_not_last_does_not_count(node):
    job = node(GOOD, NO_RECEIVER, GOOD, GOOD)
    verify.wait(job)
    assert job.timings["looks"] == 4


def test_it_waits_for_a_server_that_starts(node):
    job = node(*[STARTING] * 20, GOOD)
    verify.wait(job)
    assert job.clock.time >= 1005.0


def test_progress_extends_the_time(node):
    steps = [(target(receiver=None, lsn=FORK + number), primary()) for number in range(200)]
    job = node(*steps, GOOD)
    verify.wait(job)
    assert job.clock.time > 1040.0


def test_without_progress_it_gives_up_with_the_log(node):
    job = node(NO_RECEIVER, log=["LOG: x", "FATAL: requested WAL segment has already been removed", "LOG: y"])
    with pytest.raises(MethodFailed, match="already been removed") as failed:
        verify.wait(job)
    assert 1010.0 <= job.clock.time < 1012.0
    assert failed.value.code == "not_verified"
    assert failed.value.evidence["missing"] == ["its WAL receiver is not running"]


def test_a_server_that_died_is_not_waited_for(node):
    job = node(STARTING, dead=True)
    with pytest.raises(MethodFailed):
        verify.wait(job)
    assert job.clock.time < 1004.0


def test_a_broken_configuration_is_no_reason_for_another_method(node):
    job = node(STARTING, dead=True, log=['FATAL: configuration file "x" contains errors'])
    with pytest.raises(NotVerified):
        verify.wait(job)


def test_a_server_that_came_up_writable_is_an_error_at_once(node):
    with pytest.raises(MethodFailed, match="came up as a primary"):
        verify.wait(node((target(state="primary"), primary())))


def test_a_primary_that_is_away_for_a_moment_is_waited_for(node):
    gone = Unreachable("ask", server="p", seen="refused", next_step="wait")
    job = node(gone, gone, GOOD)
    verify.wait(job)
    assert job.timings["looks"] == 2


def test_a_primary_that_stays_away_is_told(node):
    gone = Unreachable("ask", server="p", seen="refused", next_step="wait")
    with pytest.raises(MethodFailed, match="the primary does not answer: refused"):
        verify.wait(node(gone))
