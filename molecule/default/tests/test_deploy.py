# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployed cluster, seen from outside."""

from __future__ import annotations

import re

import psycopg2
import pytest
from proof import eventually

HOSTS = ("app-server1", "app-server2", "postgres-db1", "postgres-db2")


def test_the_databases_are_a_primary_and_a_streaming_standby(lab):
    assert lab.in_recovery("postgres-db1") is False
    assert lab.in_recovery("postgres-db2") is True
    rows = lab.sql("postgres-db1", "SELECT application_name, state, sync_state FROM pg_stat_replication")
    assert rows == [("pgops_1", "streaming", "async")]
    assert lab.sql("postgres-db1", "SELECT slot_name, active FROM pg_replication_slots") == [("pgops_1", True)]
    assert lab.sql("postgres-db2", "SELECT status FROM pg_stat_wal_receiver") == [("streaming",)]


def test_a_write_through_the_vip_reaches_the_standby(lab):
    lab.sql(lab.vip, "CREATE TABLE IF NOT EXISTS proof (n int)", user="someuser", database="appdb")
    lab.sql(lab.vip, "INSERT INTO proof VALUES (42)", user="someuser", database="appdb")
    eventually(lambda: lab.sql("postgres-db2", "SELECT n FROM proof", user="someuser", database="appdb") == [(42,)])


@pytest.mark.parametrize("name", ["app-server1", "app-server2"])
def test_both_pgpools_have_both_nodes_up(lab, name):
    nodes = lab.pool_nodes(name)
    assert [nodes[0][2], nodes[1][2]] == ["primary", "standby"]
    assert {nodes[0][1], nodes[1][1]} <= {"up", "waiting"}
    assert nodes[1][0] == lab.address("postgres-db2")


def test_exactly_one_pgpool_holds_the_vip_and_the_watchdog_has_quorum(lab):
    assert len(lab.vip_holders()) == 1
    for name in lab.pgpools:
        said = lab.run(name, "runuser -u postgres -- pcp_watchdog_info -h localhost -U pgpoolad -w -v")
        assert re.search(r"Quorum state\s*: QUORUM (EXIST|IS ON THE EDGE)", said), said
        assert re.search(r"Alive Remote Nodes\s*: 1", said), said


@pytest.mark.matrix  # on a starved machine the address moves by itself
def test_the_leader_of_the_watchdog_has_the_address(lab):
    """It fails the databases over, and its own clients are served first."""
    assert lab.vip_holders() == [lab.leader()]


@pytest.mark.parametrize("user", ["someuser", "dbadmin", "healthcheck", "replication"])
def test_every_user_logs_in_by_every_way_with_a_difficult_password(lab, user):
    database = "appdb" if user == "someuser" else "postgres"
    for target in (*HOSTS, lab.vip):
        assert lab.sql(target, "SELECT current_user", user=user, database=database) == [(user,)], target


@pytest.mark.parametrize("target", [*HOSTS, "vip"])
def test_a_wrong_password_is_refused(lab, target):
    address = lab.vip if target == "vip" else lab.address(target)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host=address, user="someuser", password="wrong", dbname="appdb", connect_timeout=5)


@pytest.mark.parametrize("name", HOSTS)
def test_the_service_runs_as_postgres_under_systemd(lab, name):
    unit = "pgpool2" if name.startswith("app") else "postgresql@*"
    said = lab.run(name, f"systemctl show --property=ActiveState,MainPID '{unit}'")
    assert "ActiveState=active" in said
    pid = re.search(r"MainPID=(\d+)", said).group(1)
    assert lab.run(name, f"ps -o user= -p {pid}").strip() == "postgres"


@pytest.mark.parametrize("name", ["app-server1", "app-server2"])
def test_pcp_listens_on_the_loopback_address_only(lab, name):
    listening = [line.split()[3] for line in lab.run(name, "ss -Hltn 'sport = :9898'").splitlines()]
    assert listening
    assert all(address.startswith(("127.", "[::1]")) for address in listening), listening


@pytest.mark.parametrize("source", HOSTS)
def test_the_postgres_users_reach_each_other_with_verified_host_keys(lab, source):
    for target in HOSTS:
        command = f"runuser -u postgres -- ssh -o BatchMode=yes -o ConnectTimeout=5 {lab.address(target)} hostname"
        assert lab.run(source, command).strip() == target
    said = lab.run(source, "cat /var/lib/postgresql/.ssh/config 2>/dev/null || true")
    assert "StrictHostKeyChecking no" not in said


@pytest.mark.parametrize("name", HOSTS)
def test_sudo_is_limited_to_exact_commands(lab, name):
    lab.run(name, "visudo -c")
    listed = lab.run(name, "sudo -l -U postgres")
    allowed = [line.strip() for line in listed.splitlines() if "NOPASSWD" in line]
    assert allowed, listed
    assert not any(re.search(r"\bALL$", line) for line in allowed), allowed
    assert lab.ssh(name, "runuser -u postgres -- sudo -n /usr/bin/id").returncode != 0


@pytest.mark.parametrize("name", HOSTS)
def test_the_second_deployment_restarted_nothing(lab, name):
    first = lab.run(name, "cat /run/first-deploy-started").strip()
    now = lab.run(
        name, "systemctl show --property=Id,ActiveEnterTimestampMonotonic,MainPID 'postgresql@*' pgpool2 | sort"
    ).strip()
    assert "ActiveEnterTimestampMonotonic" in first
    assert now == first


def test_smoke_test_and_check_cluster_agree_that_all_is_well(lab):
    assert "was read back from every database" in lab.playbook("smoke_test.yml").stdout
    said = lab.playbook("check_cluster.yml").stdout
    assert "verdict: healthy" in said


def test_check_cluster_fails_and_names_the_command_when_a_standby_is_stopped(lab):
    lab.run("postgres-db2", "systemctl stop 'postgresql@*'")
    try:
        eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down", timeout=30)
        done = lab.playbook("check_cluster.yml", check=False)
        assert done.returncode == 2
        assert "ansible-playbook recover_standby.yml -l postgres-db2" in done.stdout
    finally:
        lab.playbook("recover_standby.yml", "-l", "postgres-db2")
    assert lab.playbook("check_cluster.yml", "-l", "app-server1").returncode == 0
