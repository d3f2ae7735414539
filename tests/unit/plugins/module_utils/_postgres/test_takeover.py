# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import NotVerified, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import takeover
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.takeover import Limits, Observed

from tests.unit.switch_cases import PRIMARY, STANDBY

SERVER = "10.1.7.106:5432"


def observed(here=None, other=None, **more):
    return Observed(dict(STANDBY, **(here or {})), dict(PRIMARY, **(other or {})), **more)


def test_the_steps():
    plan = takeover.plan(observed(), primary=SERVER, limits=Limits())
    assert plan.refusal is None
    assert [step.action.split()[0] for step in plan.steps] == ["make", "shut", "wait", "promote"]
    assert "2 active sessions" in plan.steps[1].reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"other": {"in_recovery": True}}, "the other one is a standby itself"),
        ({"other": {"system_identifier": "78"}}, "different database systems"),
        ({"here": {"receiver": None}}, "WAL receiver here is not running"),
        ({"here": {"receiver": "starting"}}, "WAL receiver here is starting"),
        ({"here": {"paused": True}}, "replay is paused"),
        ({"apply_delay": 60000}, "recovery_min_apply_delay is 60000 ms"),
        ({"other": {"lsn": "0/5000000"}}, "33554432 bytes behind"),
        ({"other": {"backups": 1}}, "base backup"),
        ({"other": {"archiving": True, "not_archived": 65}}, "65 WAL files"),
    ],
)
def test_what_stands_in_the_way(changes, words):
    plan = takeover.plan(observed(**changes), primary=SERVER, limits=Limits())
    with pytest.raises(Refused, match=words) as caught:
        plan.require_allowed()
    assert caught.value.next_step and caught.value.evidence["standby"]


@pytest.mark.parametrize(
    "changes",
    [{"other": {"not_archived": 65}}, {"other": {"archiving": True, "not_archived": 64}}, {"other": {"prepared": 3}}],
)
def test_what_does_not(changes):
    assert takeover.plan(observed(**changes), primary=SERVER, limits=Limits()).refusal is None


class World:
    """Both servers; ``conn`` and ``line`` at once. What happens is in ``done``."""

    major = 15

    def __init__(self, *, replays=True, promotes=True, stops=True, before_stop=None):
        self.replays, self.promotes, self.stops, self.before_stop = replays, promotes, stops, before_stop
        self.here, self.done, self.time = dict(STANDBY), [], 0.0

    # the line to the primary
    def look(self, _timeout):
        return dict(PRIMARY)

    def checkpoint(self, _timeout):
        self.done.append("checkpoint")
        self.here.update(self.before_stop or {})

    def stop(self, _timeout):
        self.done.append("stop")
        if not self.stops:
            raise NotVerified("shut the primary down", server=SERVER, seen="late", next_step="look")
        return "0/3000060"

    # the session on this server
    def query(self, sql, _args=()):
        if "recovery_min_apply_delay" in sql:
            return []
        return [dict(self.here)]

    # the clock
    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        if self.replays and "stop" in self.done:
            self.here["replayed"] = "0/30000D8"

    def promote(self):
        assert self.here["replayed"] == "0/30000D8", "something is missing"
        self.done.append("promote")
        self.here["in_recovery"] = not self.promotes

    def switch(self):
        return takeover.switch(self, self, primary=SERVER, limits=Limits(), clock=self, promote=self.promote)


def test_in_this_order():
    world = World()
    result = world.switch()
    assert world.done == ["checkpoint", "stop", "promote"]
    assert result["lsn"] == "0/3000060"
    assert list(result["seconds"]) == ["checkpoint", "last_look", "stop", "replay", "promote"]


def test_the_beginning_of_the_last_record_is_not_enough():
    world = World()
    world.here["replayed"] = "0/3000060"
    world.switch()
    assert world.here["replayed"] == "0/30000D8"


@pytest.mark.parametrize(
    ("trouble", "stage", "done"),
    [
        ({"before_stop": {"receiver": None}}, "before", ["checkpoint"]),
        ({"stops": False}, "stopping", ["checkpoint", "stop"]),
        ({"replays": False}, "stopping", ["checkpoint", "stop"]),
        ({"promotes": False}, "promoting", ["checkpoint", "stop", "promote"]),
    ],
)
def test_an_error_tells_how_far_it_came(trouble, stage, done):
    world = World(**trouble)
    with pytest.raises((NotVerified, Refused)) as caught:
        world.switch()
    assert caught.value.evidence["stage"] == stage
    assert world.done == done
    assert world.time < 60


def test_who_is_the_primary_already():
    world = World()
    assert not takeover.is_primary(world)
    world.here["in_recovery"] = False
    assert takeover.is_primary(world)
    assert takeover.nothing_to_do().steps == ()
