# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import controldata

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pg_controldata"


def fixture(name):
    return (FIXTURES / f"{name}.txt").read_text(encoding="utf-8")


class Runner:
    def __init__(self, rc=0, stdout="", stderr=""):
        self.answer, self.calls = (rc, stdout, stderr), []

    def run(self, argv, **options):
        self.calls.append((list(argv), options))
        return CommandResult(tuple(argv), *self.answer)


def node(tmp_path, with_tool=True, with_file=True):
    layout = SimpleNamespace(
        data_directory=str(tmp_path / "data"), postgres_user="postgres", tool=lambda name: str(tmp_path / "bin" / name)
    )
    (tmp_path / "data" / "global").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    if with_file:
        (tmp_path / "data" / "global" / "pg_control").write_bytes(b"x")
    if with_tool:
        (tmp_path / "bin" / "pg_controldata").touch(mode=0o755)
    return layout


@pytest.mark.parametrize("major", ["13", "15", "17", "18"])
def test_every_major_is_understood(major):
    control = controldata.parse(fixture(f"{major}-in_production"))
    assert control["state"] == controldata.IN_PRODUCTION
    assert (control["timeline"], control["min_recovery_timeline"]) == (1, 0)
    assert control["system_identifier"].isdigit() and len(control["system_identifier"]) == 19
    assert control["data_checksums"] is True and control["wal_log_hints"] is False
    assert control["segment_size"] == 16 << 20
    assert control["values"]["Catalog version number"].isdigit()
    assert not controldata.clean(control)


def test_a_standby_that_crossed_to_timeline_2():
    control = controldata.parse(fixture("15-standby_on_timeline_2"))
    assert control["state"] in controldata.STANDBY_STATES
    assert control["min_recovery_end"] == "0/35143C8"
    assert controldata.effective_timeline(control) == 2


@pytest.mark.parametrize("major", ["13", "15"])
def test_the_checkpoint_of_a_fresh_promotion_is_stale(major):
    control = controldata.parse(fixture(f"{major}-promoted_before_checkpoint"))
    assert control["timeline"] == 1
    assert controldata.effective_timeline(control) == 2


@pytest.mark.parametrize(
    ("state", "expected"), [("shut down", True), ("shut down in recovery", True), ("in crash recovery", False)]
)
def test_clean(state, expected):
    assert controldata.clean({"state": state}) is expected


def test_a_missing_line_is_named():
    text = fixture("15-in_production").replace("wal_log_hints setting", "something else")
    with pytest.raises(ParseError, match="wal_log_hints setting"):
        controldata.parse(text)


def test_a_value_that_is_no_number_is_quoted():
    text = fixture("15-in_production").replace("TimeLineID:       1", "TimeLineID:       one")
    with pytest.raises(ParseError, match="'one'"):
        controldata.parse(text)


def test_read_runs_as_postgres_in_c_locale(tmp_path):
    layout, runner = node(tmp_path), Runner(stdout=fixture("15-in_production"))
    assert controldata.read(runner=runner, layout=layout)["timeline"] == 1
    ((argv, options),) = runner.calls
    assert argv == [layout.tool("pg_controldata"), "-D", layout.data_directory]
    assert options["user"] == "postgres" and options["env"] == {"LC_ALL": "C"}


@pytest.mark.parametrize("missing", ["with_tool", "with_file"])
def test_nothing_to_read_is_none(tmp_path, missing):
    runner = Runner()
    assert controldata.read(runner=runner, layout=node(tmp_path, **{missing: False})) is None
    assert runner.calls == []


@pytest.mark.parametrize(("rc", "stderr", "seen"), [(1, "could not read", "could not read"), (None, "", "within 20 s")])
def test_a_failure_says_what_the_tool_said(tmp_path, rc, stderr, seen):
    with pytest.raises(CommandFailed, match=seen):
        controldata.read(runner=Runner(rc, "", stderr), layout=node(tmp_path))
