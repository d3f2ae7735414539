# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client whose neighbour table still has the former holder of the address, as in the milliseconds of a move."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest


@pytest.fixture
def misled(lab):
    """This host sends what is for the address to another pgpool than the one that has it."""
    (holder,) = lab.vip_holders()
    other = next(name for name in lab.pgpools if name != holder)
    mac = json.loads(lab.run(other, "ip -json link show dev eth0"))[0]["address"]
    route = subprocess.run(["ip", "-json", "route", "get", lab.vip], capture_output=True, text=True, check=True).stdout
    device = json.loads(route)[0]["dev"]

    def neigh(*words):
        subprocess.run(["ip", "neigh", *words, "dev", device], check=True)

    neigh("replace", lab.vip, "lladdr", mac, "nud", "permanent")
    yield other
    neigh("del", lab.vip)


def test_it_is_refused_by_a_host_that_does_not_have_it(lab, misled):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((lab.vip, 5432), timeout=0.7)  # before the kernel repeats a SYN
    assert lab.vip_holders() != [misled]
    with socket.create_connection((lab.address(misled), 5432), timeout=5):
        pass  # its own address is served as ever
