# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import marks

from tests.unit.rejoin_cases import work


@pytest.fixture
def node(tmp_path):
    return work(tmp_path).marks


def test_intent_names_a_directory(node, tmp_path):
    assert not node.intended()
    node.intend(purpose="clone")
    assert node.intended()
    content = json.loads((tmp_path / "state" / "intent-15-main.json").read_text())
    assert (content["schema"], content["purpose"]) == (1, "clone")
    (tmp_path / "state" / "intent-15-main.json").write_text(json.dumps({"data_directory": "/other"}))
    assert not node.intended()


def test_a_mark_that_is_there_stays_as_it_is(node, tmp_path):
    node.prepare()
    path = tmp_path / "state" / "intent-15-main.json"
    path.write_text(json.dumps({"schema": 1, "data_directory": node.data_directory, "adopted": True}))
    node.intend(purpose="clone")
    assert json.loads(path.read_text())["adopted"] is True


def test_the_journal_counts_for_its_own_directory_only(node, tmp_path):
    node.note(marks.REWINDING, salvage="/s")
    assert (node.journal()["stage"], node.journal()["salvage"]) == ("rewinding", "/s")
    (tmp_path / "main").rename(tmp_path / "old")
    (tmp_path / "main").mkdir()
    assert node.journal() == {}


def test_a_journal_of_the_swap_counts_while_directories_change(node, tmp_path):
    node.note(marks.SWAPPING)
    (tmp_path / "main").rename(tmp_path / "old")
    assert node.journal()["stage"] == "swapping"


def test_a_complete_run_leaves_no_journal(node):
    node.note(marks.READY)
    node.forget()
    node.forget()
    assert node.journal() == {}


@pytest.mark.parametrize("text", ["", "[1]", "{broken", "null"])
def test_a_damaged_file_is_no_mark(node, tmp_path, text):
    node.prepare()
    (tmp_path / "state" / "rejoin-15-main.json").write_text(text)
    assert node.journal() == {}


def test_files_of_our_state_are_not_for_everybody(node, tmp_path):
    node.note(marks.READY)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "state" / "rejoin-15-main.json").stat().st_mode) == 0o640


def test_stamps_sort_by_time():
    assert marks.stamp(0) == "19700101T000000Z"
    assert marks.utc(0) == "1970-01-01T00:00:00Z"


def test_files_kept_go_when_they_are_back_in_place(tmp_path):
    job = work(tmp_path)
    for end in (lambda: job.marks.note(marks.READY), job.marks.forget):
        job.marks.keep_files({"files": {"pg_hba.conf": {}}})
        job.marks.note(marks.REWINDING)
        assert list(job.marks.kept_files()["files"]) == ["pg_hba.conf"]
        end()
        assert job.marks.kept_files() == {}
