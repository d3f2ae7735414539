# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import switch_note

GATE = {"primary_id": 0}


def limits(checkpoint=120, stop=15, replay=15):
    return {"checkpoint": checkpoint, "stop": stop, "replay": replay}


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (limits(), "50 230"),
        (limits("120", "15", "15"), "50 230"),  # -e gives words
        (limits(stop="15.0"), "50 230"),  # which the modules take for a number, too
        (limits(stop=3), "38 218"),
        (limits(replay=60), "140 320"),
        (limits(checkpoint=600), "50 710"),
        (limits(0, 0, 0), "5 65"),
    ],
)
def test_who_hands_over_to_whom_and_for_how_long(asked, seconds):
    assert switch_note.note(GATE, 1, asked) == f"0 to 1 {seconds}"
    assert switch_note.note({"primary_id": "2"}, "0", asked) == f"2 to 0 {seconds}"


@pytest.mark.parametrize("stop", [1, 15, 120])
@pytest.mark.parametrize("replay", [1, 15, 120])
@pytest.mark.parametrize("checkpoint", [1, 120, 900])
def test_failover_sh_waits_until_the_switch_has_come_about_or_failed(checkpoint, stop, replay):
    """The times of pg_switchover, one after the other; Ansible takes 30 s before it."""
    takes, counts = map(int, switch_note.note(GATE, 1, limits(checkpoint, stop, replay)).split()[3:])
    shutdown = stop + 2  # what it gives the answer
    assert takes > shutdown + replay + replay
    assert counts > 30 + checkpoint + takes


def test_where_the_note_could_not_be_written():
    results = [
        {"item": {"name": "one"}, "changed": True},
        {"item": {"name": "two"}, "failed": True, "msg": "No space\nleft"},
        {"item": {"name": "three"}, "unreachable": True},
    ]
    assert switch_note.not_noted(results) == ["two (No space left)", "three (no reason given)"]
    assert switch_note.not_noted(results[:1]) == []
