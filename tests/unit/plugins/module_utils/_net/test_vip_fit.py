# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip_fit import holds, vip_fit_problem


def link(*addresses, name="eth0"):
    entries = [{"family": "inet", "local": a.split("/")[0], "prefixlen": int(a.split("/")[1])} for a in addresses]
    return {"ifname": name, "addr_info": entries}


def problem(*links, address="10.1.7.100", prefix=24, interface="eth0"):
    return vip_fit_problem(json.dumps(links), address=address, prefix=prefix, interface=interface)


@pytest.mark.parametrize(
    "links, options, why",
    [
        ([link("10.1.7.104/24")], {}, None),
        ([link("10.1.7.104/24", "10.1.7.100/24")], {}, None),
        ([link("192.168.0.4/24", "10.1.7.104/24")], {}, None),
        ([link("10.1.7.104/24")], {"interface": "eth1"}, "no interface eth1; this host has eth0"),
        ([], {}, "no interface eth0; this host has none"),
        ([link()], {}, "no IPv4 address"),
        ([link("10.1.7.100/24")], {}, "no IPv4 address of its own"),
        ([link("10.1.7.104/24")], {"address": "fd00::100", "prefix": 64}, "has to be an IPv4 address"),
        ([link("10.1.8.104/24")], {}, "outside of the subnet"),
        ([link("10.1.7.104/24")], {"prefix": 29}, "10.1.7.96 to 10.1.7.103, which leaves out"),
        ([link("10.1.7.104/24")], {"prefix": 16}, "/16 differs"),
        ([link("10.1.7.98/29")], {"prefix": 24}, "/24 differs"),
    ],
)
def test_vip_fit_problem(links, options, why):
    found = problem(*links, **options)
    assert (found is None) if why is None else (why in found)


def test_holds():
    text = json.dumps([link("127.0.0.1/8", name="lo"), link("10.1.7.104/24", "10.1.7.100/24")])
    assert holds(text, "10.1.7.100")
    assert not holds(text, "10.1.7.10")
    assert not holds("", "10.1.7.100")


def test_what_is_no_json_is_an_error():
    with pytest.raises(ParseError):
        holds("Option -json is unknown", "10.1.7.100")
