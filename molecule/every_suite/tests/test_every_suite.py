# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster does on each suite: is of the suite's versions, serves, fails over, takes the old primary back.

Molecule has deployed it twice, after a look at the bare hosts with --check. Each test leaves what the next one needs.
"""

from __future__ import annotations

import re

import pytest
from faults import Drill
from proof import changed, eventually
from suites import keep_figures, this_suite

PGPOOLS = ("app-server1", "app-server2")
DATABASES = ("postgres-db1", "postgres-db2")
SERVICE = 30.0  # generous: a noisy machine fails no test
STARTED = "systemctl show --property=Id,ActiveEnterTimestampMonotonic,MainPID 'postgresql@*' pgpool2 | sort"


SUITE = this_suite()


def assert_healthy_standby(lab, node, primary):
    number = lab.hostvars[node]["pgops_backend_id"]
    assert (lab.in_recovery(node), lab.in_recovery(primary)) == (True, False)
    rows = lab.sql(primary, "SELECT application_name, state FROM pg_stat_replication")
    assert rows == [(f"pgops_{number}", "streaming")]
    for proxy in lab.pgpools:
        nodes = lab.pool_nodes(proxy)
        host, status, role = nodes[number]
        assert (host, role) == (lab.address(node), "standby")
        assert status in ("up", "waiting")
        assert nodes[1 - number][2] == "primary"


# --- what was deployed


@pytest.mark.parametrize("name", [*PGPOOLS, *DATABASES])
def test_the_hosts_are_of_the_suite(lab, name):
    assert lab.run(name, ". /etc/os-release && echo $VERSION_CODENAME").strip() == SUITE.name


@pytest.mark.parametrize("name", DATABASES)
def test_the_running_database_is_of_the_version_of_the_suite(lab, name):
    assert int(lab.sql(name, "SHOW server_version_num")[0][0]) // 10000 == int(SUITE.postgresql)


@pytest.mark.parametrize("name", PGPOOLS)
def test_the_running_pgpool_is_of_the_version_of_the_suite(lab, name):
    assert lab.sql(name, "SHOW pool_version")[0][0].startswith(SUITE.pgpool + ".")


def test_the_databases_are_a_primary_and_a_standby_on_both_pgpools(lab):
    assert_healthy_standby(lab, "postgres-db2", "postgres-db1")


def test_one_pgpool_holds_the_address_and_the_watchdog_has_its_quorum(lab):
    assert len(lab.vip_holders()) == 1
    for name in lab.pgpools:
        said = lab.run(name, "runuser -u postgres -- pcp_watchdog_info -h localhost -U pgpoolad -w -v")
        assert re.search(r"Quorum state\s*: QUORUM (EXIST|IS ON THE EDGE)", said), said
        assert re.search(r"Alive Remote Nodes\s*: 1", said), said


@pytest.mark.parametrize("name", PGPOOLS)
def test_the_running_pgpool_knows_every_setting_of_its_file(lab, name):
    """At its start it passes over a name that it does not know, and goes on with the default."""
    lines = lab.run(name, "cat /etc/pgpool2/pgpool.conf").splitlines()
    written = {line.split("=")[0].strip() for line in lines if line.strip() and not line.startswith("#")}
    assert len(written) > 60
    assert written - {row[0] for row in lab.sql(name, "PGPOOL SHOW ALL")} == set()


def test_check_cluster_says_that_all_is_well(lab):
    assert "verdict: healthy" in lab.playbook("check_cluster.yml").stdout


@pytest.mark.matrix
def test_a_row_through_the_address_is_read_back_everywhere(lab):
    assert "was read back from every database" in lab.playbook("smoke_test.yml").stdout


# --- failover and recovery


@pytest.fixture(scope="module")
def report(lab):
    """What the kill of the postmaster did under load, and recover_standby.yml after it."""
    result = Drill(lab, "postmaster_killed").run()
    keep_figures("failover", result)
    return result


def test_a_killed_primary_is_replaced(report):
    assert report["outage_s"] <= SERVICE
    assert (report["old_primary"], report["new_primary"]) == DATABASES
    assert len(report["served_by"]) == 2


def test_no_acknowledged_row_is_lost(report):
    assert report["acknowledged"] > 80
    assert report["lost_rows"] == []


def test_the_old_primary_is_a_standby_again_and_attached_on_every_pgpool(lab, report):
    assert_healthy_standby(lab, report["old_primary"], report["new_primary"])
    assert report["check_cluster"] == 0
    assert report["primaries_at_last"] == [report["new_primary"]]


@pytest.mark.matrix
def test_a_deployment_after_the_failover_changes_and_restarts_nothing(lab, report):
    started = {name: lab.run(name, STARTED) for name in (*PGPOOLS, *DATABASES)}
    for arguments in (["--check"], []):
        assert changed(lab.playbook("deploy_cluster.yml", *arguments).stdout) == 0
    assert {name: lab.run(name, STARTED) for name in (*PGPOOLS, *DATABASES)} == started
    assert lab.in_recovery(report["new_primary"]) is False


@pytest.mark.matrix
def test_a_planned_switch_brings_the_first_primary_back(lab, report):
    lab.playbook("switch_primary.yml", "-l", report["old_primary"])
    eventually(lambda: lab.in_recovery(report["old_primary"]) is False)
    assert_healthy_standby(lab, report["new_primary"], report["old_primary"])
