# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from tests.bench import figures, settings


def test_defaults_are_the_full_run():
    wanted = settings.read({})
    assert (wanted.scale, wanted.runs, wanted.files, wanted.keep) == (270, 3, 200000, False)
    assert wanted.only == settings.MEASUREMENTS
    assert (wanted.project, wanted.profile, wanted.pgpools) == ("bench", "fast", 2)
    assert wanted.needed_bytes > 25 * 2**30


def test_long_measurements_run_twice_at_most():
    assert settings.read({"BENCH_RUNS": "1"}).long_runs == 1
    assert settings.read({"BENCH_RUNS": "5"}).long_runs == 2


def test_a_third_vote_is_a_setting():
    assert settings.read({"BENCH_PGPOOLS": "3"}).pgpools == 3
    assert settings.read({}).managers == ("keepalived", "watchdog")
    assert settings.read({"BENCH_VIP_MANAGER": "watchdog"}).managers == ("watchdog",)


def test_a_choice_of_measurements():
    assert settings.read({"BENCH_ONLY": "rewind, noop,"}).only == ("rewind", "noop")
    assert settings.read({"BENCH_FAULTS": "moved"}).faults == ("moved",)
    assert set(settings.read({}).faults) == {*figures.OUTAGES, *figures.VIP_OUTAGES}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"BENCH_ONLY": "rewnd"}, "rewnd; known are noop, rewind"),
        ({"BENCH_FAULTS": "move"}, "move; known are switched, postmaster_killed"),
        ({"BENCH_SCALE": "0"}, "BENCH_SCALE is '0'"),
        ({"BENCH_RUNS": "three"}, "BENCH_RUNS is 'three'"),
        ({"BENCH_PROFILE": "slow"}, "BENCH_PROFILE is 'slow'; known are fast, conservative"),
        ({"BENCH_PGPOOLS": "1"}, "BENCH_PGPOOLS is '1': it must be a number from 2 to 4"),
        ({"BENCH_VIP_MANAGER": "systemd"}, "BENCH_VIP_MANAGER is 'systemd'; known are keepalived, watchdog"),
        ({"BENCH_PGPOOLS": "5"}, "BENCH_PGPOOLS is '5': it must be a number from 2 to 4"),
    ],
)
def test_nonsense_is_refused(environ, said):
    with pytest.raises(settings.BadSetting, match=said):
        settings.read(environ)


@pytest.mark.parametrize(("text", "kept"), [("", False), ("0", False), ("no", False), ("1", True)])
def test_the_lab_is_kept_when_asked(text, kept):
    assert settings.read({"LAB_KEEP": text}).keep is kept
