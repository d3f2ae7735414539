# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check_cluster advises about the virtual IP, run as printed: by ansible, on a real segment.

The pgpools' answers are made up; who has the address is asked by vip_info, and changed by the command alone.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.members import REQUIRED_SECRETS
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_findings import release, vip_findings
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_seen import with_vip

from tests.netns.hosts import ROOT, VIP4
from tests.unit import cluster_answers as c

NAMES = ("app-server1", "app-server2", "postgres-db1")
ADDRESSES = {name: f"10.99.7.{number}" for number, name in enumerate(NAMES, start=1)}


class Cluster:
    """Two pgpool hosts and a database host; the first pgpool leads the watchdog."""

    def __init__(self, hosts, folder):
        self.hosts = dict(zip(NAMES, hosts))
        self.inventory = folder / "inventory.json"
        variables = {name: self.connection(name, folder) for name in NAMES}
        for number, name in enumerate(NAMES[:2]):
            variables[name].update(pgops_pgpool_id=number, pgops_address=ADDRESSES[name])
        variables["postgres-db1"].update(pgops_backend_id=0, pgops_address=ADDRESSES["postgres-db1"])
        groups = {
            "pgpool": {"hosts": {name: variables[name] for name in NAMES[:2]}},
            "postgres": {"hosts": {"postgres-db1": variables["postgres-db1"]}},
        }
        shared = {"pgops_vip": VIP4, "pgops_vip_prefix": 24, "pgops_vip_interface": "eth0", "pgops_pcp_password": "x"}
        content = {"all": {"children": groups, "vars": shared}}
        self.inventory.write_text(json.dumps(content), encoding="utf-8")

    def connection(self, name, folder):
        """As if over SSH: modules run in the namespace of the host."""
        python = folder / f"python-of-{name}"
        python.write_text(f'#!/bin/sh\nexec ip netns exec {self.hosts[name].name} {sys.executable} "$@"\n')
        python.chmod(0o755)
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(python),
            "ansible_become_method": "ansible.builtin.su",
        }

    def holders(self):
        return [name for name, host in self.hosts.items() if f"{VIP4}/24" in host.addresses()]

    def findings(self):
        pgpools = [dict(one, address=ADDRESSES[one["name"]]) for one in c.PGPOOLS]
        databases = [dict(c.DATABASES[0], address=ADDRESSES["postgres-db1"])]
        answers = {}
        for name in NAMES[:2]:
            answer = c.pgpool(statuses=("up",), leader=ADDRESSES["app-server1"])
            held = name in self.holders()
            answer["pgpool"]["vip"] = {"held": held, "interface": "eth0", "mac": self.hosts[name].mac()}
            answers[name] = answer
        view = build_view(databases, pgpools, {"postgres-db1": c.primary()}, answers, VIP4)
        asked = self.hosts["app-server1"].module("vip_info", address=VIP4, members=list(ADDRESSES.values()))
        settings = {"manager": "watchdog", "prefix": 24, "interfaces": {"app-server1": "eth0"}}
        return vip_findings(with_vip(view, asked, asker="app-server1", settings=settings))

    def run(self, command, status=0):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        environment.update(
            PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", ANSIBLE_INVENTORY=str(self.inventory)
        )
        done = subprocess.run(
            command, shell=True, cwd=ROOT / "playbooks", env=environment, capture_output=True, text=True, check=False,
            timeout=400,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def cluster(three, tmp_path):
    return Cluster(three, tmp_path)


@pytest.mark.parametrize("wrong", ["app-server2", "postgres-db1"])
def test_two_holders(cluster, wrong):
    right = cluster.hosts["app-server1"]
    client = next(host for name, host in cluster.hosts.items() if name not in ("app-server1", wrong))
    right.hold(VIP4, 24)
    cluster.hosts[wrong].hold(VIP4, 24)
    client.remember(VIP4, cluster.hosts[wrong].mac())
    (item,) = cluster.findings()
    assert item["host"] == wrong and cluster.hosts[wrong].mac() in item["message"] and right.mac() in item["message"]
    cluster.run(item["command"])
    assert cluster.holders() == ["app-server1"] and client.remembers(VIP4) == right.mac()
    assert cluster.findings() == []


def test_nobody(cluster):
    (item,) = cluster.findings()
    assert item["code"] == "vip_nobody"
    cluster.run(item["command"])
    assert cluster.holders() == ["app-server1"] and cluster.findings() == []


def test_a_holder_that_is_not_the_leader(cluster):
    cluster.hosts["app-server2"].hold(VIP4, 24)
    (item,) = cluster.findings()
    assert item["code"] == "vip_not_on_leader"
    cluster.run(item["command"])
    assert cluster.holders() == ["app-server1"] and cluster.findings() == []


SILENT = {"ansible_connection": "ansible.builtin.ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def report_with(cluster, tmp_path, *silent):
    """What check_cluster.yml says while some hosts cannot be reached: its view, and what it printed."""
    content = json.loads(cluster.inventory.read_text(encoding="utf-8"))
    for name in silent:
        content["all"]["children"]["pgpool"]["hosts"][name].update(SILENT)
    cluster.inventory.write_text(json.dumps(content), encoding="utf-8")
    report = tmp_path / "report.json"
    printed = cluster.run(f"ansible-playbook check_cluster.yml -e check_cluster_json={report}", status=2)
    return json.loads(report.read_text(encoding="utf-8"))["view"]["vip_seen"], printed


def test_the_playbook_asks_the_network(cluster, tmp_path):
    """Neither pgpool nor PostgreSQL runs here; who has the address is told all the same, a host that is silent too."""
    holder = cluster.hosts["app-server2"]
    holder.hold(VIP4, 24)
    seen, printed = report_with(cluster, tmp_path, "app-server2")
    assert seen["asked_by"] == "app-server1" and seen["manager"] == "keepalived"
    assert [(one["host"], one["mac"]) for one in seen["holders"]] == [("app-server2", holder.mac())]
    assert f"app-server2 ({holder.mac()})" in printed and "nobody has the virtual IP" not in printed


def test_the_playbook_says_that_it_could_ask_nobody(cluster, tmp_path):
    seen, printed = report_with(cluster, tmp_path, "app-server1", "app-server2")
    assert seen["asked_by"] is None and seen["holders"] == []
    assert "Ansible could not reach app-server1, app-server2" in printed


def test_a_move_is_refused_while_a_database_host_has_it_too(cluster, tmp_path):
    for name in ("app-server1", "postgres-db1"):
        cluster.hosts[name].hold(VIP4, 24)
    more = tmp_path / "more.json"
    known = {"pgops_cluster_network": "10.99.7.0/24", **dict.fromkeys(REQUIRED_SECRETS, "x")}
    more.write_text(json.dumps(known), encoding="utf-8")
    printed = cluster.run(f"ansible-playbook move_vip.yml -l app-server2 -e @{more}", status=2)
    said = next(line for line in printed.splitlines() if "Refused to move the virtual address to app-server2" in line)
    database = cluster.hosts["postgres-db1"].mac()
    assert f"postgres-db1 has the virtual IP {VIP4} ({database}), as does app-server1" in said
    assert "Nothing was changed. Next: " in said and release({"vip": VIP4}, "postgres-db1") in said.replace('\\"', '"')
    assert cluster.holders() == ["app-server1", "postgres-db1"]
