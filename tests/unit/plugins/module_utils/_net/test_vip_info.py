# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._net import vip_info
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import BoundAddress, Interface
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip_apply import Ports

OWN, OTHER, STRANGER = "02:42:0a:01:07:68", "02:42:0a:01:07:69", "02:42:0a:01:07:ee"
NAMES = {"app-server2": ("10.1.7.105", "fd00::5"), "10.1.7.106": ("10.1.7.106",), "gone": ()}


class Host:
    """One host with eth0 and its neighbours: clock, ``ip``, ``arp`` and ``ndp``."""

    def __init__(self, answers, *more, flags=("UP",), error=None):
        self.answers, self.error, self.asked = answers, error, []
        link = BoundAddress("fe80::4", 64, 6, scope="link")
        own = (BoundAddress("10.1.7.104", 24, 4, label="eth0"), BoundAddress("fd00::4", 64, 6), link, *more)
        self.all = (Interface("eth0", ("eth0",), OWN, flags, own),)

    def interfaces(self):
        return self.all

    def now(self):
        return 0.0

    def macs_of(self, addresses, *, interface, source=None):
        if self.error:
            raise self.error
        self.asked.append((interface.name, source, addresses))
        return {one: self.answers.get(one, ()) for one in addresses}


def describe(host, address="10.1.7.100", interface=None, members=()):
    ports = Ports(clock=host, ip=host, promotes_secondaries=None, arp=host, ndp=host)
    return vip_info.describe(
        ports, address=address, interface=interface, members=members, resolve=lambda name: NAMES.get(name, ())
    )


def test_nobody_has_it():
    seen = describe(Host({}))
    assert (seen["held"], seen["bindings"], seen["asked"], seen["reason"], seen["others"]) == (
        False,
        [],
        True,
        None,
        [],
    )


def test_this_host_and_others_each_with_their_mac_and_name():
    here = BoundAddress("10.1.7.100", 24, 4, label="eth0:1")
    answers = {"10.1.7.100": (OTHER, STRANGER, OWN), "10.1.7.105": (OTHER,)}
    host = Host(answers, here)
    seen = describe(host, members=["app-server2", "10.1.7.106", "gone"])
    assert seen["bindings"] == [{"interface": "eth0", "mac": OWN, "prefix": 24, "label": "eth0:1"}]
    assert seen["others"] == [{"mac": OTHER, "member": "app-server2"}, {"mac": STRANGER, "member": None}]
    assert host.asked == [
        ("eth0", None, ("10.1.7.100", "10.1.7.105", "10.1.7.106")),
        ("eth0", "fe80::4", ("fd00::5",)),
    ]


def test_an_ipv6_address_is_recognised_by_the_members_of_either_family():
    answers = {"fd00::100": (OTHER,), "10.1.7.105": (OTHER,)}
    assert describe(Host(answers), "fd00::100", members=["app-server2"])["others"] == [
        {"mac": OTHER, "member": "app-server2"}
    ]


def test_an_address_that_is_given_as_a_member_too_names_nobody():
    assert vip_info._known(["10.1.7.106"], lambda name: NAMES[name]) == {"10.1.7.106": "10.1.7.106"}
    answers = {"10.1.7.106": (OTHER,)}
    assert describe(Host(answers), "10.1.7.106", members=["10.1.7.106"])["others"] == [{"mac": OTHER, "member": None}]


@pytest.mark.parametrize(
    ("host", "options", "words"),
    [
        (Host({}, flags=()), {}, "eth0 is down"),
        (Host({}, flags=("UP", "NOARP")), {}, "no neighbours"),
        (Host({}), {"interface": "eth7"}, "no interface eth7"),
        (Host({}), {"address": "192.0.2.9"}, "no interface has an address in its network"),
        (Host({}, error=CommandFailed("ask", server="x", seen="not permitted", next_step="root")), {}, "not permitted"),
    ],
)
def test_says_why_the_network_was_not_asked(host, options, words):
    seen = describe(host, **options)
    assert not seen["asked"] and words in seen["reason"] and seen["others"] == []


def test_names_become_addresses():
    assert vip_info.addresses_of("10.1.7.104") == ("10.1.7.104",)
    assert vip_info.addresses_of("FD00::0005") == ("fd00::5",)
    assert vip_info.addresses_of("no.such.name.invalid") == () == vip_info.addresses_of("x" * 70 + ".invalid")
