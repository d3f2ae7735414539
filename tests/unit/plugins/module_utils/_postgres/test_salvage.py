# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import salvage
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import FORK, MIB, desired, disk, observed, old_primary, stopped, target

ABSENT = target(state="absent", system_identifier=None, timeline=None, lsn=None, history=())


def seen(commits=3, node=None, **places):
    return observed(node or old_primary(), tail=Tail(FORK + 0x2000, commits), where=disk(**places))


def summary(kept):
    return (kept.how, kept.discard_first, kept.discard_after, bool(kept.refusal))


REWIND = {
    "no commits": (seen(0), {}, ("wal", False, False, False)),
    "commits": (seen(3), {}, ("copy", False, False, False)),
    "commits can't be counted": (seen(None), {}, ("copy", False, False, False)),
    "no room for a full copy": (seen(3, salvage_free_bytes=210 * MIB), {}, ("copy", False, False, True)),
    "room for the WAL only": (seen(0, salvage_free_bytes=210 * MIB), {}, ("wal", False, False, False)),
    "no room for the WAL": (seen(0, salvage_free_bytes=40 * MIB), {}, ("wal", False, False, True)),
    "tablespaces would be missing": (seen(3, tablespaces=("/ts",)), {}, ("", False, False, True)),
    "given up": (seen(3, salvage_free_bytes=0), {"salvage_skip": True}, ("", False, False, False)),
}

BASEBACKUP = {
    "diverged: moved and kept": (seen(), {}, ("move", False, False, False)),
    "a part of the history: moved, then removed": (seen(0, stopped()), {}, ("move", False, True, False)),
    "given up: moved, then removed": (seen(), {"salvage_skip": True}, ("move", False, True, False)),
    "half rewound: kept before": (
        seen(3, old_primary(interrupted="rewinding", kept_before="/s")),
        {},
        ("move", False, True, False),
    ),
    "no room for both": (seen(free_bytes=90 * MIB), {}, ("", False, False, True)),
    "no room for both, given up": (seen(free_bytes=90 * MIB), {"salvage_skip": True}, ("move", True, False, False)),
    "not even then": (seen(free_bytes=0, data_bytes=MIB), {"salvage_skip": True}, ("", False, False, True)),
    "kept on another disk": (seen(salvage_elsewhere=True), {}, ("copy", False, False, False)),
    "kept on another disk, which makes room": (
        seen(salvage_elsewhere=True, free_bytes=90 * MIB),
        {},
        ("copy", True, False, False),
    ),
    "the other disk is full": (seen(salvage_elsewhere=True, salvage_free_bytes=0), {}, ("copy", False, False, True)),
    "nothing there yet": (seen(0, ABSENT), {}, ("", False, False, False)),
    "nothing there, no room": (seen(0, ABSENT, free_bytes=0), {}, ("", False, False, True)),
    "the copy is made already": (seen(free_bytes=0, finished_copy=True), {}, ("move", False, False, False)),
}


@pytest.mark.parametrize("case", REWIND)
def test_before_pg_rewind(case):
    facts, options, expected = REWIND[case]
    assert summary(salvage.decide("rewind", facts, desired(**options))) == expected


@pytest.mark.parametrize("case", BASEBACKUP)
def test_before_a_new_copy(case):
    facts, options, expected = BASEBACKUP[case]
    assert summary(salvage.decide("basebackup", facts, desired(**options))) == expected


@pytest.mark.parametrize("method", ["none", "start"])
def test_nothing_is_kept_where_nothing_is_overwritten(method):
    assert summary(salvage.decide(method, seen(), desired())) == ("", False, False, False)


def test_no_room_names_the_variable_that_allows_it():
    kept = salvage.decide("rewind", seen(3, salvage_free_bytes=0), desired())
    assert "recover_standby_salvage_skip" in kept.way_out
    assert "200 MiB are needed in /data" in kept.refusal


def test_a_margin_stays_free():
    assert salvage.fits(0, 0)
    assert not salvage.fits(100 * MIB, 100 * MIB)
    assert not salvage.fits(100 * MIB, 165 * MIB)
    assert salvage.fits(100 * MIB, 167 * MIB)
