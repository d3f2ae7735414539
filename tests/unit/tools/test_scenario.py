# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two scenarios that run at the same time share neither a lab nor what molecule notes down, also not on two suites."""

from __future__ import annotations

import itertools

import pytest
import scenario

SHARED = ("LAB_PROJECT", "LAB_SUBNET", "MOLECULE_EPHEMERAL_DIRECTORY")
SUITES = ("11", "bookworm", "trixie", "testing")


@pytest.fixture(autouse=True)
def _as_in_a_fresh_shell(monkeypatch):
    for name in (*SHARED, "LAB_SUITE", "LAB_IMAGE", "LAB_STANDBYS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(name="shared_by")
def _shared_by(monkeypatch):
    """What a scenario on a suite shares with another one that has the same."""

    def read(name, suite):
        monkeypatch.setenv("LAB_SUITE", suite)
        env = scenario.environment(name, "results")
        return {key: env[key] for key in SHARED if key in env}

    return read


def test_no_two_of_them_share_anything(shared_by):
    every = [shared_by(name, suite) for name in scenario.scenarios() for suite in ("", *SUITES)]
    for one, other in itertools.combinations(every, 2):
        assert [key for key in SHARED if key in one and one.get(key) == other.get(key)] == []


def test_a_chosen_lab_wins(shared_by, monkeypatch):
    monkeypatch.setenv("LAB_PROJECT", "mine")
    monkeypatch.setenv("LAB_SUBNET", "10.9.9.0/24")
    assert shared_by("failover", "trixie")["LAB_PROJECT"] == "mine"
    assert shared_by("failover", "trixie")["LAB_SUBNET"] == "10.9.9.0/24"


def test_what_is_about_deploying_starts_from_bare_hosts():
    assert scenario.environment("every_suite", "results")["LAB_IMAGE"] == "bare"
    assert scenario.environment("failover", "results")["LAB_IMAGE"] == "packages"
