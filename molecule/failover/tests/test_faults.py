# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault after the other, each healed by recover_standby.yml before the next. PGOPS_FAULTS=all takes every one."""

from __future__ import annotations

import json
import os

import pytest
from faults import FAULTS, Drill
from proof import eventually

# The ones that ``make test`` takes: a planned end, a server that hangs, half a network.
# (test_guard.py cuts the primary off from everything, test_switch.py switches.)
CHOSEN = ("service_stopped", "host_frozen", "primary_cut_from_pgpools")
NAMES = tuple(FAULTS) if os.environ.get("PGOPS_FAULTS") == "all" else CHOSEN

# Generous: a noisy machine fails no test. The figures are taken by ``make bench``.
SERVICE = 30.0
TWO_PRIMARIES = 15.0
NOT_RECEIVED = 2.0
# The server ended in good order, its host answers and gives what it wrote last, or the standby heard it to the end.
LOSES_NOTHING = (
    "switched", "service_stopped", "postmaster_killed", "leader_restarted_during_failover", "disk_full",
    "primary_cut_from_pgpools",
)  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def report(lab, request):
    """What one fault did; taken once for all tests of it."""
    drill = Drill(lab, request.param)
    result = drill.run()
    result["lost_at"] = [drill.writer.acknowledged[number] for number in result["lost_rows"]]
    result["lost_of"] = sorted({drill.writer.servers[number] for number in result["lost_rows"]})
    result["old_address"] = lab.address(result["old_primary"])
    result["outage_begins"] = drill.writer.outage_begins()
    print(json.dumps(result, indent=2))
    return result


def fails_over(report):
    return FAULTS[report["fault"]].fails_over


def test_the_service_is_back(report):
    assert report["outage_s"] is not None
    assert report["outage_s"] <= SERVICE


def test_who_is_the_primary_now(report):
    if report["fault"] != "both_restarted":  # whichever was up first
        assert (report["new_primary"] != report["old_primary"]) is fails_over(report)


def test_no_row_is_lost_but_those_that_the_standby_never_received(report):
    assert report["acknowledged"] > 80
    if report["fault"] in LOSES_NOTHING or not fails_over(report):
        assert report["lost"] == 0
    assert report["lost_of"] in ([], [report["old_address"]]), "rows of the new primary are lost"
    assert all(at > report["outage_begins"] - NOT_RECEIVED for at in report["lost_at"]), "older rows are lost"


def test_a_failover_where_one_is_due_and_none_where_it_is_not(report):
    """Nothing is taken out of the pool because a backend crashed or a child of pgpool ended."""
    results = report["failovers"]
    if report["fault"] in ("backend_crashed", "pgpool_child_killed"):
        assert results == []
    elif not fails_over(report):
        assert set(results) == {"nothing_to_do"}
    elif report["fault"] != "both_restarted":
        assert set(results) & {"promoted", "switched", "already_promoted"}


def test_clients_met_one_primary_after_the_other(report):
    assert len(report["served_by"]) == (2 if report["new_primary"] != report["old_primary"] else 1)


def test_when_the_network_is_whole_there_is_one_writable_primary(report):
    assert report["two_primaries_when_whole_s"] <= TWO_PRIMARIES
    assert report["primaries_at_last"] == [report["new_primary"]]


@pytest.mark.matrix
def test_there_and_back(lab):
    """A second failover right after the first one, with nothing but recover_standby.yml in between."""
    there, back = (Drill(lab, "postmaster_killed").run() for _time in range(2))
    assert (back["old_primary"], back["new_primary"]) == (there["new_primary"], there["old_primary"])
    for report in (there, back):
        print(json.dumps(report, indent=2))
        assert report["outage_s"] <= SERVICE and report["acknowledged"] > 80
        assert (report["lost"], report["check_cluster"]) == (0, 0)
        assert report["two_primaries_s"] == 0 and report["primaries_at_last"] == [report["new_primary"]]


def test_the_cluster_is_healthy_again(lab, report):
    assert report["check_cluster"] == 0
    for proxy in lab.pgpools:
        eventually(lambda p=proxy: {state for _host, state, _role in lab.pool_nodes(p).values()} <= {"up", "waiting"})
