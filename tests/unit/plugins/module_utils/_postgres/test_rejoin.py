# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decision as a table: one row a situation, with the method and a word of the reason."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import rejoin
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Part, Tail

from tests.unit.rejoin_cases import (
    FORK,
    MIB,
    SEGMENT,
    desired,
    disk,
    observed,
    old_primary,
    primary,
    stopped,
    switch,
    target,
)

IDLE = primary(slot=None, sender=None, slots_used=0)
LOST = Tail(FORK + 0x2000, 3)
ABSENT = target(state="absent", system_identifier=None, timeline=None, lsn=None, history=(), receiver=None)

METHODS = {
    "streams as wanted": (observed(target()), "none", "already streams"),
    "cleanly stopped standby": (observed(stopped(), IDLE), "start", "is stopped"),
    "crashed standby": (observed(stopped(clean=False), IDLE), "start", "is stopped"),
    "streams from another server": (
        observed(target(conninfo={"host": "10.9.9.9"}), IDLE),
        "start",
        "it runs",
    ),
    "runs, and its receiver does not": (observed(target(receiver=None), IDLE), "start", "it runs"),
    "would start as a primary next time": (observed(target(standby_signal=False)), "start", "it runs"),
    "old primary, nothing more than the fork": (
        observed(old_primary(lsn=FORK), IDLE, Tail(FORK, 0)),
        "start",
        "not past",
    ),
    "crashed old primary, its end at the fork": (
        observed(old_primary(lsn=FORK - SEGMENT, clean=False), IDLE, Tail(FORK, 0)),
        "start",
        "not past",
    ),
    "old primary with lost commits": (observed(old_primary(), IDLE, LOST), "rewind", "parts from the primary"),
    "running old primary": (observed(old_primary(state="primary"), IDLE, LOST), "rewind", "parts from"),
    "diverged standby that runs": (
        observed(target(timeline=1, history=(), lsn=FORK + 0x2000, receiver=None), IDLE, LOST),
        "rewind",
        "parts from",
    ),
    "no hint bits, no checksums": (observed(old_primary(page_safe=False), IDLE, LOST), "basebackup", "new copy"),
    "the slot's WAL is gone": (
        observed(stopped(), IDLE._replace(oldest_wal=9 * SEGMENT)),
        "basebackup",
        "new copy",
    ),
    "wrote on the primary's timeline": (observed(stopped(wrote_itself=True), IDLE), "basebackup", "new copy"),
    "ahead of the primary": (observed(stopped(lsn=FORK + 0x9000), IDLE), "basebackup", "new copy"),
    "cut off in pg_rewind": (observed(stopped(interrupted="rewinding"), IDLE), "basebackup", "new copy"),
    "a copy that nobody opened": (observed(stopped(never_started=True), IDLE), "basebackup", "new copy"),
    "no data directory": (observed(ABSENT, IDLE), "basebackup", "no data directory yet"),
    "a complete copy of a killed run": (
        observed(ABSENT, IDLE, where=disk(finished_copy="basebackup")),
        "basebackup",
        "only has to be moved",
    ),
    "rewound by a killed run": (observed(stopped(resumable=True), IDLE), "start", "is stopped"),
}


@pytest.mark.parametrize("case", METHODS)
def test_the_cheapest_safe_method(case):
    seen, method, words = METHODS[case]
    decision = rejoin.plan(seen, desired())
    assert decision.method == method
    assert decision.reasons[-1].taken
    assert words in decision.reasons[-1].reason
    assert decision.changes is (method != "none")


def test_every_method_passed_over_has_its_reason():
    decision = rejoin.plan(observed(old_primary(page_safe=False), IDLE, LOST), desired())
    assert [(v.method, v.taken) for v in decision.reasons] == [
        ("none", False),
        ("start", False),
        ("rewind", False),
        ("delta", False),
        ("basebackup", True),
    ]
    assert "wal_log_hints" in decision.reasons[2].reason


REFUSALS = {
    "the primary is this server": (observed(target(), primary(is_this_server=True)), "this very server"),
    "the primary is a standby": (observed(target(), primary(in_recovery=True)), "in recovery"),
    "another major version": (observed(target(), primary(major=17)), "PostgreSQL 15"),
    "another system": (observed(stopped(), primary(system_identifier="78")), "another database"),
    "no system identifier": (observed(stopped(system_identifier=None)), "can't be read"),
    "files of a stranger": (observed(ABSENT._replace(state="foreign")), "no database of ours"),
    "live primary": (observed(target(state="primary", wrote_itself=True)), "may be the live primary"),
    "a newer primary runs here": (
        observed(target(state="primary", timeline=3, history=(switch(1, FORK), switch(2, FORK + 5)))),
        "may be the live primary",
    ),
    "starts as a primary, may be the live one": (
        observed(target(state="silent", standby_signal=False)),
        "starting as a primary",
    ),
    "stopped on a newer timeline": (
        observed(old_primary(timeline=3, history=(switch(1, FORK), switch(2, FORK + 5)))),
        "may be the better copy",
    ),
    "wal_level minimal": (
        observed(stopped(), primary(settings=dict(primary().settings, wal_level="minimal"))),
        "wal_level = minimal",
    ),
    "no walsender": (
        observed(stopped(), primary(settings=dict(primary().settings, max_wal_senders=0))),
        "max_wal_senders = 0",
    ),
    "no slot left": (observed(stopped(), IDLE._replace(slots_used=10)), "no free replication slot"),
    "the slot of another standby": (
        observed(stopped(), primary(sender={"state": "streaming", "client_addr": "10.1.7.108"})),
        "in use by 10.1.7.108",
    ),
    "a logical slot of that name": (
        observed(stopped(), primary(slot={"slot_type": "logical", "active": False})),
        "a logical one",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_carry_evidence_and_the_way_out(case):
    seen, words = REFUSALS[case]
    decision = rejoin.plan(seen, desired())
    assert decision.method is None
    assert not decision.changes
    with pytest.raises(Refused, match=words) as refused:
        decision.plan.require_allowed()
    assert refused.value.next_step
    assert refused.value.evidence["primary"]["server"] == "10.1.7.107:5432"


def test_a_missing_directory_needs_leave():
    assert rejoin.plan(observed(ABSENT, IDLE), desired(allow_initial=False)).plan.refusal
    again = observed(ABSENT._replace(marked=True), IDLE)
    assert rejoin.plan(again, desired(allow_initial=False)).method == "basebackup"


def test_a_marked_directory_without_a_database_is_ours():
    seen = observed(ABSENT._replace(state="foreign", marked=True), IDLE)
    assert rejoin.plan(seen, desired()).method == "basebackup"


def test_a_newer_timeline_may_be_given_up_by_name():
    node = old_primary(timeline=3, history=(switch(1, FORK), switch(2, FORK + 5)))
    assert rejoin.plan(observed(node, IDLE), desired(allow_older_primary=True)).method == "rewind"


@pytest.mark.parametrize("method", ["none", "start", "rewind"])
def test_a_named_method_leaves_a_healthy_standby_alone(method):
    assert rejoin.plan(observed(target()), desired(method=method)).method == "none"


@pytest.mark.parametrize("method", ["delta", "basebackup"])
def test_a_copy_asked_for_by_name_is_made_even_of_a_healthy_standby(method):
    seen = observed(target(), primary(files_problem=""))
    assert rejoin.plan(seen, desired(method=method)).method == method


@pytest.mark.parametrize(
    ("method", "seen", "words"),
    [
        ("none", observed(stopped(), IDLE), "not a running standby"),
        ("start", observed(old_primary(), IDLE, LOST), "parts from"),
        ("rewind", observed(stopped(), IDLE), "nothing to rewind"),
        ("rewind", observed(old_primary(page_safe=False), IDLE, LOST), "wal_log_hints"),
        ("basebackup", observed(stopped(), IDLE, where=disk(free_bytes=0)), "no room"),
        ("delta", observed(stopped(), IDLE._replace(files_problem="no SSH")), "no SSH"),
        ("delta", observed(ABSENT, IDLE), "no data directory"),
        ("delta", observed(stopped(), IDLE, where=disk(data_bytes=9 * MIB)), "too little"),
    ],
)
def test_a_named_method_is_taken_or_refused(method, seen, words):
    with pytest.raises(Refused, match=words):
        rejoin.plan(seen, desired(method=method)).plan.require_allowed()


def test_a_method_that_failed_makes_room_for_the_next():
    seen = observed(old_primary(), IDLE, LOST)
    decision = rejoin.plan(seen, desired(), {"rewind": "exit status 1: no luck"})
    assert decision.method == "basebackup"
    assert "tried and failed: exit status 1: no luck" in decision.reasons[2].reason


def test_a_method_whose_work_was_done_by_a_cheaper_one_is_told():
    """pg_rewind was through, and its server was killed: it only has to be started again."""
    decision = rejoin.plan(observed(stopped(resumable=True), IDLE), desired(), {"rewind": "the server was killed"})
    assert decision.method == "start"
    assert [(v.method, v.taken) for v in decision.reasons] == [("none", False), ("start", True), ("rewind", False)]
    assert decision.reasons[-1].reason == "tried and failed: the server was killed"


def test_when_everything_failed_all_reasons_are_told():
    with pytest.raises(Refused, match=r"rewind: tried and failed: a.*basebackup: tried and failed: b"):
        rejoin.plan(
            observed(old_primary(), IDLE, LOST), desired(), {"rewind": "a", "basebackup": "b"}
        ).plan.require_allowed()


REWIND_NOT = {
    "pg_rewind is not installed": (old_primary(missing_tools=("pg_rewind",)), IDLE),
    "full_page_writes": (old_primary(), IDLE._replace(settings=dict(IDLE.settings, full_page_writes="off"))),
    "pg_ls_dir": (old_primary(), IDLE._replace(missing_rights=("pg_ls_dir(text,boolean,boolean)",))),
    "no longer on this node": (old_primary(oldest_wal=4 * SEGMENT), IDLE),
    "no longer on the primary": (old_primary(), IDLE._replace(oldest_wal=4 * SEGMENT)),
    "already": (old_primary(resumable=True), IDLE),
}


@pytest.mark.parametrize("words", REWIND_NOT)
def test_what_stands_in_the_way_of_pg_rewind(words):
    node, server = REWIND_NOT[words]
    decision = rejoin.plan(observed(node, server, LOST), desired())
    assert decision.method == "basebackup"
    assert words in next(v.reason for v in decision.reasons if v.method == "rewind")


COPY_NOT = {
    "is there already": disk(parts=(Part("pg_tblspc/1", "/ts", "PG_15_1", new=True, problem="it is there already"),)),
    "no room for a copy": disk(free_bytes=50 * MIB),
}


@pytest.mark.parametrize("words", COPY_NOT)
def test_what_stands_in_the_way_of_a_copy_has_a_way_out(words):
    seen = observed(stopped(interrupted="" if "room" in words else "rewinding"), IDLE, where=COPY_NOT[words])
    with pytest.raises(Refused, match=words) as refused:
        rejoin.plan(seen, desired(method="basebackup")).plan.require_allowed()
    assert "auto" not in refused.value.next_step


def actions(decision):
    return [step.action for step in decision.plan.steps]


def test_the_steps_of_a_rewind_in_order():
    node = old_primary(state="primary", clean=False)
    decision = rejoin.plan(observed(node, IDLE._replace(control_timeline=1), LOST), desired())
    assert [text.split(" on ")[0].split(" 10.")[0] for text in actions(decision)] == [
        "create the slot pgops_0",
        "stop the server",
        "mark the data directory as a standby's",
        "ask",
        "rehearse pg_rewind",
        "copy the data directory into /data",
        "run pg_rewind against",
        "write the standby settings for",
        "start the server",
        "prove",
    ]
    assert decision.stop_first
    assert decision.replaces == ("/data/main",)


READABLE = IDLE._replace(files_problem="")
UNSAFE = observed(old_primary(page_safe=False), READABLE, LOST)


def test_without_pg_rewind_only_what_differs_is_copied():
    decision = rejoin.plan(UNSAFE, desired())
    assert decision.method == "delta"
    assert [verdict.method for verdict in decision.reasons] == ["none", "start", "rewind", "delta"]
    assert [text.split(" on ")[0].split(" into ")[0] for text in actions(decision)] == [
        "create the slot pgops_0",
        "mark the data directory as a standby's",
        "begin a backup",
        "copy",
        "end the backup and write backup_label",
        "move the old data directory aside",
        "move the copy to /data/main",
        "write the standby settings for 10.1.7.107:5432",
        "start the server",
        "prove",
    ]
    assert decision.bytes_expected is None


def test_delta_that_failed_falls_to_the_full_copy():
    decision = rejoin.plan(UNSAFE, desired(), {"delta": "the primary's host is gone"})
    assert decision.method == "basebackup"
    assert decision.reasons[3].reason == "tried and failed: the primary's host is gone"


@pytest.mark.parametrize("method", ["delta", "basebackup"])
def test_a_finished_copy_of_an_interrupted_run_is_moved_into_place(method):
    decision = rejoin.plan(
        observed(ABSENT._replace(marked=True), READABLE, where=disk(finished_copy=method)), desired()
    )
    assert decision.method == method
    assert "only has to be moved" in decision.reasons[-1].reason
    assert not any("pgops-new" in text for text in actions(decision))


def test_every_place_that_is_replaced_is_told():
    where = disk(
        mount_point=True,
        parts=(
            Part("pg_wal", "/wal", old=True, new=True),
            Part("pg_tblspc/1", "/ts", "PG_15_1", old=True, new=True),
            Part("pg_tblspc/2", "/fresh", "PG_15_1", new=True),
        ),
    )
    decision = rejoin.plan(UNSAFE._replace(disk=where), desired())
    assert decision.replaces == ("/data/main", "/wal", "/ts/PG_15_1")
    moved = next(step for step in decision.plan.steps if step.action.startswith("move the copy"))
    assert "inside /data/main, /wal, /ts, /fresh" in moved.reason
    assert any(step.action.startswith("copy the data directory into") for step in decision.plan.steps)


def test_a_running_standby_is_reloaded_not_restarted():
    decision = rejoin.plan(observed(target(conninfo={"host": "x"}), IDLE), desired())
    assert not decision.stop_first
    assert "reload the server" in actions(decision)


def test_before_13_the_connection_takes_a_restart():
    decision = rejoin.plan(observed(target(conninfo={"host": "x"}, major=12), IDLE._replace(major=12)), desired())
    assert decision.stop_first
    assert "start the server" in actions(decision)


def test_bytes_expected():
    assert rejoin.plan(observed(stopped(), IDLE), desired()).bytes_expected == 0x1000
    assert rejoin.plan(observed(ABSENT, IDLE), desired()).bytes_expected == 100 * MIB
    assert rejoin.plan(observed(old_primary(), IDLE, LOST), desired()).bytes_expected is None


def test_what_the_old_node_has_alone():
    assert rejoin.diverged(observed(old_primary(), IDLE, LOST)) == {
        "relation": "diverged",
        "fork_timeline": 1,
        "fork_lsn": "0/3001000",
        "target_timeline": 1,
        "target_lsn": "0/3003000",
        "wal_bytes_past_fork": 0x2000,
        "commits_past_fork": 3,
        "note": "",
    }
    assert rejoin.diverged(observed(stopped(), IDLE)) is None
    assert rejoin.diverged(observed(ABSENT, IDLE)) is None
