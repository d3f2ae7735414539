# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import ladder
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import FORK, desired, observed, old_primary, primary, stopped, target

MISSING = {
    "not a running standby (primary)": (target(state="primary"), primary()),
    "receiver is not running": (target(receiver=None), primary()),
    "receiver is waiting": (target(receiver={"status": "waiting", "timeline": 2}), primary()),
    "receives timeline 1": (target(receiver={"status": "streaming", "timeline": 1}), primary()),
    "primary_conninfo is not the one": (target(conninfo=None), primary()),
    "primary_slot_name is not set": (target(slot_name=None), primary()),
    "no standby.signal": (target(standby_signal=False), primary()),
    "lists no streaming sender": (target(), primary(sender={"state": "catchup"})),
    "slot pgops_0 on the primary is not active": (target(), primary(slot={"active": False})),
}


def test_nothing_is_missing_on_a_healthy_standby():
    assert ladder.missing_for_none(observed(target()), desired()) == []


@pytest.mark.parametrize("words", MISSING)
def test_each_part_of_the_wanted_state_is_looked_at(words):
    node, server = MISSING[words]
    assert words in "; ".join(ladder.missing_for_none(observed(node, server), desired()))


MATTERS = {
    "streams": (target(), "auto", (), False),
    "can be started": (stopped(), "auto", (), False),
    "can be rewound": (old_primary(), "auto", (), False),
    "could be rewound, but that failed": (old_primary(), "auto", ("rewind",), True),
    "could be started, but that failed": (stopped(), "auto", ("start",), True),
    "can't be rewound": (old_primary(page_safe=False), "auto", (), True),
    "asked for": (target(), "delta", (), True),
    "a full copy is asked for": (old_primary(page_safe=False), "basebackup", (), False),
    "nothing there": (target(state="absent"), "auto", (), False),
}


@pytest.mark.parametrize("case", MATTERS)
def test_the_primarys_files_are_looked_at_only_when_that_matters(case):
    node, method, failed, matters = MATTERS[case]
    tail = Tail(FORK + 0x2000, 3) if node.wrote_itself else None
    seen = observed(node, primary(slot=None, sender=None), tail)
    assert ladder.delta_matters(seen, desired(method=method), failed) is matters


WANTED = ladder.wanted_conninfo(desired())


@pytest.mark.parametrize(
    ("configured", "same"),
    [
        (WANTED, True),
        (dict(WANTED, keepalives_idle="5"), True),  # an administrator's addition stays
        (dict(WANTED, host="10.1.7.108"), False),
        (dict(WANTED, password="********"), False),  # a password belongs into the pass file
        ({}, False),
        (None, False),
    ],
)
def test_conninfo_is_compared_by_what_is_ours(configured, same):
    assert ladder.same_conninfo(configured, WANTED) is same


def test_the_connection_string_never_holds_a_password():
    assert "password" not in WANTED
    assert WANTED["passfile"] == "/var/lib/postgresql/.pgpass"


@pytest.mark.parametrize(("major", "limit"), [(15, True), (11, False)])
def test_a_tool_notices_that_the_primary_has_vanished(major, limit):
    words = ladder.tool_conninfo(desired(), major, application_name="pgops_rewind")
    assert words["application_name"] == "pgops_rewind"
    assert int(words["keepalives_idle"]) + int(words["keepalives_interval"]) * int(words["keepalives_count"]) <= 30
    assert ("tcp_user_timeout" in words) is limit, "libpq 12 and newer"
    assert "keepalives_idle" not in ladder.wanted_conninfo(desired()), "a standby has wal_receiver_timeout"


def test_without_any_pg_basebackup_the_way_out_is_told():
    node = old_primary(missing_tools=("pg_basebackup",))
    verdict = ladder.judge_basebackup(observed(node), desired())
    assert (verdict.usable, "client programs" in verdict.way_out) == (False, True)
