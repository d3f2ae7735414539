# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual IP where it should not be: check_cluster names the holder, and its command, run as printed, mends it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from guarded import Pair
from pair_faults import KEEPALIVED, Pgpools
from proof import CHECKOUT, eventually
from suites import this_suite
from vip_by_hand import ByHand


class Vip(ByHand):
    """Who has the virtual IP of a lab, seen with ip on the hosts, and check_cluster's word on it."""

    def __init__(self, lab):
        super().__init__(lab)
        self.right = eventually(self.sole_holder, timeout=60)
        self.wrong = next(name for name in lab.pgpools if name != self.right)
        self.database = lab.databases[-1]  # and a client: its kernel remembers who has the address
        self.report = lab.folder / "check.json"

    def sole_holder(self):
        holders = self.lab.vip_holders()
        return holders[0] if len(holders) == 1 else None

    def remembered(self):
        return self.lab.run(self.database, f"ip neigh show {self.address}")

    def believed(self, name):
        """The database sends to this host. keepalived repeats its word every 10 s: it may have the last one once."""
        self.announce(name)
        return self.mac(name) in self.remembered()

    def check(self):
        """The exit status of check_cluster, its findings about the virtual IP, and what it printed."""
        done = self.lab.playbook("check_cluster.yml", "-e", f"check_cluster_json={self.report}", check=False)
        found = json.loads(self.report.read_text(encoding="utf-8"))["findings"]
        return done.returncode, [item for item in found if item["code"].startswith("vip_")], done.stdout

    def run_as_printed(self, item, printed):
        """The command that stands on the screen, in the folder and the shell of a person who copies it."""
        assert item["command"] in [line.strip() for line in re.findall(r"next: (.*)", printed)]
        return self.run(item["command"])

    def run(self, command):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        inventory = str(CHECKOUT / "inventories" / "lab" / "hosts")
        environment = dict(self.lab.environment, PATH=path, ANSIBLE_INVENTORY=inventory)
        done = subprocess.run(
            command, shell=True, cwd=CHECKOUT / "playbooks", env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def healed(self):
        """One holder and the right one, clients and neighbours find it there, and check_cluster is content."""
        assert eventually(self.sole_holder, timeout=30) == self.right
        assert self.lab.sql(self.address, "SELECT 1") == [(1,)]
        status, found, printed = self.check()
        assert (status, found) == (0, []), printed
        return True


@pytest.fixture
def vip(lab):
    """A healthy cluster at the beginning; afterwards the address is only where it was, whatever a test left behind."""
    eventually(lambda: Pair(lab).healthy(), timeout=120)
    found = Vip(lab)
    yield found
    for name in (found.wrong, *lab.databases):
        found.remove(name)


def test_a_second_pgpool_host(vip):
    vip.lab.run(vip.database, f"ping -c 1 -W 2 {vip.address}")
    vip.add(vip.wrong)
    eventually(lambda: vip.believed(vip.wrong), timeout=5)
    status, (item,), printed = vip.check()
    assert status != 0 and (item["code"], item["host"]) == ("vip_second_holder", vip.wrong)
    for name in (vip.right, vip.wrong):
        assert f"{vip.device}, {vip.mac(name)}" in item["message"]
        assert f"{name} ({vip.device}, {vip.mac(name)})" in printed
    vip.run_as_printed(item, printed)
    assert vip.mac(vip.right) in vip.remembered()  # it was told, it has not asked
    assert vip.healed()


@pytest.mark.matrix
def test_a_database_host(vip):
    vip.add(vip.database)
    status, (item,), printed = vip.check()
    assert status != 0 and (item["code"], item["host"]) == ("vip_stranger", vip.database)
    assert vip.mac(vip.database) in item["message"] and f"{vip.right} is to have it" in item["message"]
    vip.run_as_printed(item, printed)
    assert vip.healed()


@pytest.mark.matrix
def test_a_pgpool_host_that_nobody_can_log_in_to(vip):
    """Only the network shows it: by its hardware address it is known all the same."""
    vip.lab.run_inside(vip.wrong, "systemctl stop ssh; pkill -x sshd || true")
    try:
        vip.add(vip.wrong)
        status, found, printed = vip.check()
        (item,) = found
        assert status != 0 and (item["code"], item["host"]) == ("vip_second_holder", vip.wrong)
        assert vip.mac(vip.wrong) in item["message"] and f"on {vip.wrong} itself: " in item["command"]
        by_hand, by_ansible = item["command"].split(f"on {vip.wrong} itself: ")[1].split("; until then: ")
        assert by_ansible.startswith(f"ansible {vip.right} ") and "force=true" in by_ansible
        assert vip.mac(vip.wrong) in vip.run(by_ansible)  # as a warning
        vip.lab.run_inside(vip.wrong, by_hand.replace("INTERFACE", vip.device))
    finally:
        vip.lab.run_inside(vip.wrong, "systemctl start ssh")
    eventually(lambda: vip.lab.ssh(vip.wrong, "true").returncode == 0)
    assert vip.healed()


@pytest.mark.matrix
def test_nobody(vip):
    """Before Pgpool-II 4.3 the watchdog's leader does not notice that its address is gone; others may be quicker."""
    blind = Pgpools(vip.lab).manager != KEEPALIVED and this_suite().pgpool in ("4.1", "4.2")
    vip.remove(vip.right)
    status, found, printed = vip.check()
    assert found or not blind, printed
    if found:
        assert status != 0 and [item["code"] for item in found] == ["vip_nobody"]
        assert "nobody answers for it on the network" in found[0]["message"]
        vip.run_as_printed(found[0], printed)
    eventually(vip.sole_holder, timeout=60)
    vip.right = vip.sole_holder()
    assert vip.healed()
