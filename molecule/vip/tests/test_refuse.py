# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client whose neighbour table still has the former holder of the address, as in the milliseconds of a move."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess

TRIES = 3  # on a starved machine the address may move by itself meanwhile


def link_of(lab, name):
    return json.loads(lab.run(name, "ip -json link show dev eth0"))[0]["address"]


@contextlib.contextmanager
def sends_to(lab, name):
    """This host sends what is for the address to that one."""
    route = subprocess.run(["ip", "-json", "route", "get", lab.vip], capture_output=True, text=True, check=True).stdout
    device = json.loads(route)[0]["dev"]

    def neigh(*words):
        subprocess.run(["ip", "neigh", *words, "dev", device], check=True)

    neigh("replace", lab.vip, "lladdr", link_of(lab, name), "nud", "permanent")
    try:
        yield
    finally:
        neigh("del", lab.vip)


def said(address):
    try:
        with socket.create_connection((address, 5432), timeout=0.7):  # before the kernel repeats a SYN
            return "connected"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "nothing"


def test_it_is_refused_by_a_host_that_does_not_have_it(lab):
    for _try in range(TRIES):
        (holder,) = lab.vip_holders()
        other = next(name for name in lab.pgpools if name != holder)
        with sends_to(lab, other):
            heard = said(lab.vip)
        if lab.vip_holders() == [holder]:
            break
    assert heard == "refused"
    assert said(lab.address(other)) == "connected", "its own address is served as ever"
