# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import inspect, observe_target

from tests.unit.rejoin_cases import work

CONTROL = {
    "state": "in production",
    "timeline": 1,
    "checkpoint_lsn": "0/3000060",
    "redo_lsn": "0/3000028",
    "min_recovery_end": "0/0",
    "min_recovery_timeline": 0,
    "system_identifier": "77",
    "data_checksums": False,
    "wal_log_hints": True,
    "segment_size": 16 * 1024 * 1024,
}
DOWN = dict(
    inspect.blank(),
    major=15,
    data_version="15",
    role="down",
    control=CONTROL,
    system_identifier="77",
    timeline=1,
    lsn="0/3000060",
)
UP = dict(DOWN, running=True, accepting=True, in_recovery=True, role="standby", receiver={"status": "streaming"})


@pytest.fixture
def look(tmp_path):
    job = work(tmp_path)

    def describe(evidence, stage=None, **journal):
        if stage:
            job.marks.note(stage, **journal)
        return observe_target.describe(evidence, job)

    describe.data = tmp_path / "main"
    describe.marks = job.marks
    return describe


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (DOWN, "stopped"),
        (UP, "standby"),
        (dict(UP, in_recovery=False), "primary"),
        (dict(UP, accepting=False, in_recovery=None), "silent"),
        (dict(DOWN, data_version=None), "absent"),
    ],
)
def test_states(look, evidence, state):
    assert look(evidence).state == state


@pytest.mark.parametrize(("name", "state"), [("lost+found", "absent"), ("letters", "foreign")])
def test_a_directory_without_a_database(look, name, state):
    (look.data / name).mkdir()
    assert look(dict(DOWN, data_version=None)).state == state


def test_a_file_in_its_place_is_foreign(look):
    look.data.rmdir()
    look.data.write_text("x")
    assert look(dict(inspect.blank(), major=15)).state == "foreign"


@pytest.mark.parametrize(
    ("state", "label", "expected"),
    [
        ("in production", False, (True, False, False)),
        ("shut down", False, (True, True, False)),
        ("shut down in recovery", False, (False, True, False)),
        ("in archive recovery", False, (False, False, False)),
        ("in production", True, (False, False, True)),  # the control file came with the copy
    ],
)
def test_who_wrote_last(look, state, label, expected):
    if label:
        (look.data / "backup_label").write_text("BACKUP METHOD: streamed\n")
    seen = look(dict(DOWN, control=dict(CONTROL, state=state)))
    assert (seen.wrote_itself, seen.clean, seen.never_started) == expected


@pytest.mark.parametrize(("hints", "sums", "safe"), [(True, False, True), (False, True, True), (False, False, False)])
def test_either_makes_pages_safe(look, hints, sums, safe):
    control = dict(CONTROL, wal_log_hints=hints, data_checksums=sums)
    assert look(dict(DOWN, control=control)).page_safe is safe


def test_the_identifier_is_read_from_the_file_where_no_tool_can(look):
    (look.data / "global").mkdir()
    (look.data / "global" / "pg_control").write_bytes(
        (7711175892381483133).to_bytes(8, observe_target.sys.byteorder) + b"x"
    )
    seen = look(dict(DOWN, control=None, system_identifier=None, timeline=None, lsn=None))
    assert seen.system_identifier == "7711175892381483133"
    assert (seen.timeline, seen.lsn) == (None, None)


def test_a_server_that_does_not_answer_is_judged_by_its_files(look):
    (look.data / "pg_wal").mkdir()
    (look.data / "pg_wal" / "00000002.history").write_text("1\t0/3001000\tno recovery target specified\n")
    control = dict(CONTROL, timeline=1, min_recovery_timeline=2, min_recovery_end="0/3001100")
    seen = look(dict(UP, accepting=False, timeline=None, lsn=None, history=[], control=control))
    assert (seen.timeline, seen.lsn) == (2, 0x3001100)
    assert [entry["switch_lsn"] for entry in seen.history] == ["0/3001000"]


def test_a_redacted_password_is_a_difference(look):
    seen = look(dict(UP, primary_conninfo="host=a password=********"))
    assert seen.conninfo == {"host": "a", "password": "********"}


def test_the_oldest_wal(look):
    (look.data / "pg_wal").mkdir()
    for name in ("000000010000000000000004", "000000020000000000000003", "00000002.history"):
        (look.data / "pg_wal" / name).write_text("")
    assert look(DOWN).oldest_wal == 3 * CONTROL["segment_size"]


def test_a_rewind_that_was_cut_off(look):
    seen = look(DOWN, "rewinding", salvage="/kept")
    assert (seen.interrupted, seen.resumable, seen.kept_before, seen.marked) == ("rewinding", False, "/kept", True)


def test_a_rewind_that_was_through_can_be_finished(look):
    (look.data / "backup_label").write_text("BACKUP METHOD: pg_rewind\n")
    seen = look(dict(DOWN, control=dict(CONTROL, state="in archive recovery")), "rewinding")
    assert (seen.interrupted, seen.resumable, seen.never_started) == ("", True, False)


def test_a_server_that_streams_owes_nothing_to_an_old_journal(look):
    seen = look(UP, "rewinding")
    assert (seen.interrupted, seen.resumable, seen.unfinished) == ("", False, True)


def test_a_node_that_was_only_started_is_as_trustworthy_as_before(look):
    seen = look(DOWN, "started")
    assert (seen.interrupted, seen.resumable, seen.swapping, seen.unfinished) == ("", False, False, True)
    assert not look.marks.intended()
    look.marks.forget()
    assert not look(DOWN).unfinished


def test_a_journal_of_a_directory_that_was_replaced_by_hand_does_not_count(look, tmp_path):
    look.marks.note("rewinding")
    (tmp_path / "main").rename(tmp_path / "away")
    (tmp_path / "main").mkdir()
    assert look(DOWN).interrupted == ""


def test_marks_make_a_directory_ours(look, tmp_path):
    assert not look(DOWN).marked
    look.marks.intend()
    assert look(DOWN).marked
    assert json.loads((tmp_path / "state" / "intent-15-main.json").read_text())["schema"] == 1
