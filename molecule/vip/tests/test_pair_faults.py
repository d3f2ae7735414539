# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault of the pgpool side after the other, with the manager that the lab has. PGOPS_FAULTS=all takes every one."""

from __future__ import annotations

import os
from functools import cache

import pytest
from pair_faults import FAULTS, LASTS, Drill
from proof import Lab
from suites import keep_figures

# The ones that ``make test`` takes, where the lab can have them: a move, a host that hangs, half a network.
CHOSEN = ("moved", "host_frozen", "other_cut_from_databases")

# Seconds. Generous: a noisy machine fails no test. The figures are taken by ``make bench``.
SERVICE = 45.0
TWO_HOLDERS = 15.0
OVERLAP = 1.0  # of two hosts that hear each other: what a host had that died is counted for so long at most


@cache
def chosen():
    """The lab is there before the tests are: it may have faults of its own."""
    possible = Drill.possible(Lab())
    return possible if os.environ.get("PGOPS_FAULTS") == "all" else [name for name in CHOSEN if name in possible]


def pytest_generate_tests(metafunc):
    if "report" in metafunc.fixturenames:
        metafunc.parametrize("report", chosen(), indirect=True, scope="module")


@pytest.fixture(scope="module")
def report(lab, request):
    """What one fault did; taken once for all tests of it."""
    result = Drill(lab, request.param).run()
    keep_figures(f"fault_{request.param}", result)
    return result


def test_the_service_is_back(report):
    """Not before the fault is over when nobody can serve; without a majority of the pgpools nobody is promoted."""
    assert report["outage_s"] is not None and report["outage_s"] <= SERVICE
    if FAULTS[report["fault"]].away:
        assert report["outage_s"] >= LASTS
    assert report["acknowledged"] > 80


def test_who_has_the_address_now(report):
    """One host and the right one; a host that comes back does not take it back."""
    assert report["holders_at_last"] == [report["new_holder"]]
    moves = FAULTS[report["fault"]].moves
    if report["manager"] == "systemd":  # there is one
        assert report["new_holder"] == report["old_holder"]
    elif moves is not None:
        assert (report["new_holder"] != report["old_holder"]) is moves


def test_two_holders_only_while_the_network_is_broken(report):
    assert report["two_holders_when_whole_s"] <= TWO_HOLDERS
    if not FAULTS[report["fault"]].splits:
        assert report["two_holders_s"] <= OVERLAP


def test_the_databases_have_nothing_to_do_with_it(report):
    """No failover but the one that was asked for, one writable primary at any moment, and no row is lost."""
    assert (report["new_primary"] != report["old_primary"]) is FAULTS[report["fault"]].fails_over
    assert (report["two_primaries_s"], report["lost"]) == (0, 0)


def test_which_database_is_left_to_recover_standby(report):
    """The old primary after a failover, and what the only pgpool of all did not reach; nobody else."""
    primary, taken_out = report["old_primary"], report["taken_out"]
    if FAULTS[report["fault"]].fails_over:
        assert taken_out == [primary]
    elif FAULTS[report["fault"]].blinds and report["manager"] == "systemd":
        assert primary not in taken_out
    else:
        assert taken_out == []


def test_the_pair_is_one_again(report):
    """A quorum, one view of the nodes, no session left behind (the drill waits for them), and nothing else is wrong."""
    assert report["check_cluster"] == 0
