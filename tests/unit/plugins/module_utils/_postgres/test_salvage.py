# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import salvage
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Part, Tail

from tests.unit.rejoin_cases import FORK, MIB, desired, disk, observed, old_primary, stopped, target

ABSENT = target(state="absent", system_identifier=None, timeline=None, lsn=None, history=())


def seen(commits=3, node=None, **places):
    return observed(node or old_primary(), tail=Tail(FORK + 0x2000, commits), where=disk(**places))


def summary(kept):
    return (kept.how, kept.discard_first, bool(kept.refusal))


SPACE = (Part("pg_tblspc/1", "/ts", "PG_15_1", old=True, new=True, old_bytes=300 * MIB, new_bytes=1 * MIB),)
REWIND = {
    "no commits": (seen(0), {}, ("wal", False, False)),
    "commits": (seen(3), {}, ("copy", False, False)),
    "commits can't be counted": (seen(None), {}, ("copy", False, False)),
    "no room for a full copy": (seen(3, salvage_free_bytes=210 * MIB), {}, ("copy", False, True)),
    "room for the WAL only": (seen(0, salvage_free_bytes=210 * MIB), {}, ("wal", False, False)),
    "no room for the WAL": (seen(0, salvage_free_bytes=40 * MIB), {}, ("wal", False, True)),
    "tablespaces are a part of it": (seen(3, parts=SPACE), {}, ("copy", False, False)),
    "no room for the tablespaces": (seen(3, parts=SPACE, salvage_free_bytes=400 * MIB), {}, ("copy", False, True)),
    "given up": (seen(3, salvage_free_bytes=0), {"salvage_skip": True}, ("", False, False)),
}

CUT_OFF = old_primary(state="foreign", swapping=True, marked=True, kept_before="/s")
COPY = {
    "diverged: moved and kept": (seen(), {}, ("move", False, False)),
    "a part of the history: parked, then removed": (seen(0, stopped()), {}, ("", False, False)),
    "given up: parked, then removed": (seen(), {"salvage_skip": True}, ("", False, False)),
    "half rewound: kept before": (
        seen(3, old_primary(interrupted="rewinding", kept_before="/s")),
        {},
        ("", False, False),
    ),
    "half exchanged: kept before": (seen(3, CUT_OFF), {}, ("", False, False)),
    "no room for both": (seen(free_bytes=90 * MIB), {}, ("", False, True)),
    "kept on another disk": (seen(salvage_device=9), {}, ("copy", False, False)),
    "a mount point is copied": (seen(mount_point=True), {}, ("copy", False, False)),
    "with a tablespace it is copied": (seen(parts=SPACE), {}, ("copy", False, False)),
    "no room for the copy of a tablespace": (
        seen(0, stopped(), parts=(SPACE[0]._replace(device=7, free_bytes=MIB),)),
        {},
        ("", False, True),
    ),
    "the other disk is full": (seen(salvage_device=9, salvage_free_bytes=0), {}, ("copy", False, True)),
    "nothing there yet": (seen(0, ABSENT), {}, ("", False, False)),
    "nothing there, no room": (seen(0, ABSENT, free_bytes=0), {}, ("", False, True)),
}
BASEBACKUP = {
    "room for one of salvage and old directory": (
        seen(mount_point=True, free_bytes=330 * MIB, salvage_free_bytes=330 * MIB),
        {},
        ("copy", True, False),
    ),
    "no room for both, given up": (seen(free_bytes=90 * MIB), {"salvage_skip": True}, ("", True, False)),
    "not even then": (seen(free_bytes=0, data_bytes=MIB), {"salvage_skip": True}, ("", False, True)),
    "kept on another disk, which makes room": (
        seen(salvage_device=9, free_bytes=90 * MIB),
        {},
        ("copy", True, False),
    ),
    "the copy is made already": (seen(free_bytes=0, finished_copy="basebackup"), {}, ("move", False, False)),
}
DELTA = {
    "no room for salvage and copy on one disk": (
        seen(mount_point=True, free_bytes=330 * MIB, salvage_free_bytes=330 * MIB),
        {},
        ("", False, True),
    ),
    "needs the old directory until the end": (seen(free_bytes=90 * MIB), {"salvage_skip": True}, ("", False, True)),
}


@pytest.mark.parametrize("case", REWIND)
def test_before_pg_rewind(case):
    facts, options, expected = REWIND[case]
    assert summary(salvage.decide("rewind", facts, desired(**options))) == expected


@pytest.mark.parametrize("case", COPY)
@pytest.mark.parametrize("method", ["delta", "basebackup"])
def test_before_a_new_copy(method, case):
    facts, options, expected = COPY[case]
    assert summary(salvage.decide(method, facts, desired(**options))) == expected


@pytest.mark.parametrize("case", BASEBACKUP)
def test_before_pg_basebackup(case):
    facts, options, expected = BASEBACKUP[case]
    assert summary(salvage.decide("basebackup", facts, desired(**options))) == expected


@pytest.mark.parametrize("case", DELTA)
def test_before_delta(case):
    facts, options, expected = DELTA[case]
    assert summary(salvage.decide("delta", facts, desired(**options))) == expected


@pytest.mark.parametrize("method", ["none", "start"])
def test_nothing_is_kept_where_nothing_is_overwritten(method):
    assert summary(salvage.decide(method, seen(), desired())) == ("", False, False)


def test_no_room_names_the_variable_that_allows_it():
    kept = salvage.decide("rewind", seen(3, salvage_free_bytes=0), desired())
    assert "recover_standby_salvage_skip" in kept.way_out
    assert "200 MiB are needed in /data" in kept.refusal


def test_a_margin_stays_free():
    assert salvage.fits(0, 0)
    assert not salvage.fits(100 * MIB, 100 * MIB)
    assert not salvage.fits(100 * MIB, 165 * MIB)
    assert salvage.fits(100 * MIB, 167 * MIB)
