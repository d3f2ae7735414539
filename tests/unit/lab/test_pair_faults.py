# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pgpools of a lab are asked whether they may have the address, and which faults a lab can have."""

from __future__ import annotations

import subprocess

import pytest
from pair_faults import Drill, Pgpools

ONE, TWO, THREE = "app-server1", "app-server2", "app-server3"


class Lab:
    """Pgpools that are all well. A witness has nothing of keepalived: what is looked for there is not found."""

    vip = "10.1.7.100"
    databases = ("postgres-db1",)

    def __init__(self, *pgpools, witness=None, keepalived=True):
        self.pgpools, self.keepalived, self.asked = list(pgpools), keepalived, []
        self.hostvars = {name: {} for name in pgpools}
        if witness:
            self.hostvars[witness]["pgops_pgpool_witness"] = True
        self.witness = witness

    def ssh(self, _name, command):
        assert "is-enabled" in command
        return subprocess.CompletedProcess(command, 0 if self.keepalived else 1)

    def run(self, name, command):
        if "/run/pgops-vip" not in command:
            return ""
        self.asked.append(name)
        assert name != self.witness, f"{name}: cat: state: No such file or directory"
        return "BACKUP\n"

    def vip_holders(self):
        return [ONE]

    def address(self, name):
        return f"10.1.7.10{name[-1]}"

    def pool_nodes(self, _name):
        return {0: ("postgres-db1", "up", "primary")}

    def watchdog(self, _name):
        states = ["LEADER"] + ["STANDBY"] * (len(self.pgpools) - 1)
        return "Quorum state   : QUORUM EXIST\n" + "".join(f"Status Name    : {state}\n" for state in states)


@pytest.mark.parametrize(
    ("lab", "asked"),
    [
        (Lab(ONE, TWO), [ONE, TWO]),
        (Lab(ONE, TWO, THREE), [ONE, TWO, THREE]),
        (Lab(ONE, TWO, THREE, witness=THREE), [ONE, TWO]),
        (Lab(ONE, TWO, keepalived=False), []),
        (Lab(ONE, keepalived=False), []),
    ],
)
def test_whoever_may_have_the_address_is_asked_whether_something_keeps_it_away(lab, asked):
    assert Pgpools(lab).whole()
    assert lab.asked == asked


def test_a_single_pgpool_has_no_fault_of_another_one():
    possible = Drill.possible(Lab(ONE, keepalived=False))
    assert "host_frozen" in possible and "keepalived_killed" not in possible
    assert not {"moved", "other_killed", "cut_apart", "other_cut_from_databases"} & set(possible)


def test_only_a_lab_with_a_witness_loses_one_and_a_majority_takes_three():
    of_a_majority = {"others_killed", "primary_killed_without_a_majority"}
    assert not {"witness_killed", *of_a_majority} & set(Drill.possible(Lab(ONE, TWO)))
    assert of_a_majority == {"witness_killed", *of_a_majority} & set(Drill.possible(Lab(ONE, TWO, THREE)))
    assert {"witness_killed", *of_a_majority} <= set(Drill.possible(Lab(ONE, TWO, THREE, witness=THREE)))


def test_the_other_one_of_a_drill_is_no_witness():
    assert Pgpools(Lab(ONE, TWO, THREE, witness=TWO)).able == [ONE, THREE]
