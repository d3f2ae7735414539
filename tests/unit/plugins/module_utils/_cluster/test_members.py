# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.members import (
    REQUIRED_SECRETS,
    database_members,
    pgpool_members,
    topology_problems,
    weight_of,
)

HOSTVARS = {
    "db1": {"pgops_backend_id": 0, "ansible_host": "10.0.0.1"},
    "db2": {
        "pgops_backend_id": 1,
        "ansible_host": "10.0.0.2",
        "pgops_address": "192.168.0.2",
        "pgops_postgresql_port": 5433,
    },
    "app1": {"pgops_pgpool_id": 0},
}
CLUSTER = dict(
    {name: "secret" for name in REQUIRED_SECRETS},
    pgops_vip="10.0.0.100", pgops_vip_prefix=24, pgops_vip_interface="eth0", pgops_cluster_network="10.0.0.0/24",
)  # fmt: skip


def test_members_come_in_the_order_of_their_ids_with_the_address_that_members_use():
    members = database_members(["db2", "db1"], HOSTVARS)
    assert [m["name"] for m in members] == ["db1", "db2"]
    assert [(m["address"], m["port"]) for m in members] == [("10.0.0.1", 5432), ("192.168.0.2", 5433)]
    assert [m["slot"] for m in members] == ["pgops_0", "pgops_1"]


def test_a_host_without_any_address_is_named_by_its_inventory_name():
    assert pgpool_members(["app1"], HOSTVARS)[0]["address"] == "app1"


def problems(hostvars=None, **cluster):
    hostvars = hostvars or HOSTVARS
    databases = database_members([n for n in hostvars if n.startswith("db")], hostvars)
    return topology_problems(databases, pgpool_members(["app1"], hostvars), dict(CLUSTER, **cluster))


def test_a_good_inventory_has_no_problems():
    assert problems() == []


BAD = {
    "no id": ({"db1": {}, "app1": {"pgops_pgpool_id": 0}}, {}, "db1: pgops_backend_id is not set"),
    "doubled id": (dict(HOSTVARS, db2={"pgops_backend_id": 0}), {}, "given to more than one host: db1, db2"),
    "gap": (dict(HOSTVARS, db2={"pgops_backend_id": 2}), {}, "without a gap, found [0, 2]"),
    "same address": (
        dict(HOSTVARS, db2={"pgops_backend_id": 1, "ansible_host": "10.0.0.1"}),
        {},
        "have the same address",
    ),
    "weight": (
        dict(HOSTVARS, db2={"pgops_backend_id": 1, "pgops_backend_weight": "a lot"}),
        {},
        "db2: pgops_backend_weight is a number from 0",
    ),
    "no weight at all": (
        {name: dict(variables, pgops_backend_weight=0) for name, variables in HOSTVARS.items()},
        {},
        "nobody is left for the SELECTs",
    ),
    "missing password": (None, {"pgops_pcp_password": ""}, "pgops_pcp_password is not set"),
    "no vip": (None, {"pgops_vip": ""}, "pgops_vip is not set"),
    "bad vip": (None, {"pgops_vip": "10.0.0.300"}, "not valid"),
    "vip of IPv6": (None, {"pgops_vip": "fd00::100", "pgops_vip_prefix": 64}, "pgops_vip has to be an IPv4 address"),
    "bad network": (None, {"pgops_cluster_network": "10.0.0.1/24"}, "not valid"),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_each_fault_is_named(case):
    hostvars, cluster, words = BAD[case]
    assert any(words in problem for problem in problems(hostvars, **cluster))


def test_a_secret_is_never_part_of_a_problem():
    assert "secret" not in " ".join(problems(pgops_vip=""))


@pytest.mark.parametrize(
    ("given", "weight"),
    [(1, 1), ("3", 3), (0, 0), (0.5, 0.5), ("0.25", 0.25), (-1, None), ("", None), (None, None), ("nan", None)],
)
def test_the_weight_of_a_host(given, weight):
    assert weight_of({"pgops_backend_weight": given}) == weight
    assert database_members(["db1"], {"db1": {"pgops_backend_weight": given}})[0]["weight"] == weight


def test_each_host_weighs_the_same_unless_told():
    assert {member["weight"] for member in database_members(["db1", "db2"], HOSTVARS)} == {1}
