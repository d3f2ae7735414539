# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress

import pytest
from lab import plan
from lab.settings import read_settings

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wg0\t0000010A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def hosts(**environ):
    return {host.name: host for host in plan.hosts_of(read_settings(environ))}


def test_the_four_hosts_have_the_runbooks_addresses():
    assert {name: host.address for name, host in hosts().items()} == {
        "app-server1": "10.1.7.104",
        "app-server2": "10.1.7.105",
        "postgres-db1": "10.1.7.106",
        "postgres-db2": "10.1.7.107",
    }


def test_ids_count_from_zero_in_each_group():
    assert {name: (host.role, host.number) for name, host in hosts(LAB_STANDBYS="2").items()} == {
        "app-server1": ("pgpool", 0),
        "app-server2": ("pgpool", 1),
        "postgres-db1": ("postgres", 0),
        "postgres-db2": ("postgres", 1),
        "postgres-db3": ("postgres", 2),
    }


def test_the_largest_lab_has_no_address_twice():
    everyone = hosts(LAB_STANDBYS="8", LAB_PGPOOLS="4", LAB_SUBNET="172.20.0.0/16")
    addresses = [host.address for host in everyone.values()]
    assert len(set(addresses)) == len(addresses) == 13
    assert everyone["app-server3"].address == "172.20.0.114"
    assert everyone["postgres-db3"].address == "172.20.0.116"
    assert not {"172.20.0.1", "172.20.0.100"} & set(addresses)


@pytest.mark.parametrize(
    ("networks", "hit"),
    [
        ([], None),
        ([("bridge", "172.17.0.0/16"), ("v6", "fd00::/64")], None),
        ([("bridge", "172.17.0.0/16"), ("other-net", "10.1.0.0/16")], ("other-net", "10.1.0.0/16")),
        ([("inside", "10.1.7.128/25")], ("inside", "10.1.7.128/25")),
        ([("next-door", "10.1.8.0/24")], None),
    ],
)
def test_overlap_names_the_network(networks, hit):
    assert plan.overlapping(ipaddress.ip_network("10.1.7.0/24"), networks) == hit


def test_routes_of_the_machine_without_the_default_route():
    assert plan.routed_networks(ROUTES) == [("eth0", "192.168.2.0/24"), ("wg0", "10.1.0.0/16")]
