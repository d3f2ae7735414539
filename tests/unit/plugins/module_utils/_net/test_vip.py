# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._net.address import VirtualAddress
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import BoundAddress, Interface
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip import (
    Desired,
    Observed,
    plan,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip_interfaces import (
    AmbiguousInterface,
    NoInterface,
    choose_interfaces,
)

VIP = VirtualAddress("10.1.7.100", 24)
VIP6 = VirtualAddress("fd00::100", 64)
UP = ("BROADCAST", "UP")


def four(address, prefix=24, **more):
    return BoundAddress(address, prefix, 4, **{"label": "eth0", **more})


def six(address, prefix=64, **more):
    return BoundAddress(address, prefix, 6, **more)


def nic(name, *addresses, flags=UP, mac="02:00:00:00:00:01"):
    return Interface(name, (name, f"alt-{name}"), mac, flags, addresses)


LO = nic("lo", four("127.0.0.1", 8), flags=("LOOPBACK", "UP"))
OWN = four("10.1.7.104")
ETH0 = nic("eth0", OWN, six("fd00::4"), six("fe80::4", scope="link"))
ETH1 = nic("eth1", four("192.0.2.4"))
BOUND = nic("eth0", OWN, four("10.1.7.100", secondary=True))
FIRST = nic("eth0", four("10.1.7.100"), four("10.1.7.104", secondary=True))


@pytest.mark.parametrize(
    ("interfaces", "wanted", "expected"),
    [
        ((LO, ETH0, ETH1), Desired(VIP), "eth0"),
        ((LO, ETH0, ETH1), Desired(VIP6), "eth0"),
        ((LO, ETH0, ETH1), Desired(VIP, interface="eth1"), "eth1"),
        ((LO, ETH0, ETH1), Desired(VIP, interface="alt-eth1"), "eth1"),
        ((LO, BOUND, nic("eth1", four("10.1.7.9"))), Desired(VIP), "eth0"),
        ((LO, ETH0), Desired(VIP, present=False), ""),
        ((BOUND, nic("eth1", four("10.1.7.100"))), Desired(VIP, present=False), "eth0 eth1"),
        ((LO, BOUND), Desired(VIP, present=False), "eth0"),
        ((nic("lo", four("10.1.7.9"), flags=("LOOPBACK", "UP")), ETH0), Desired(VIP), "eth0"),
    ],
)
def test_choice_of_interface(interfaces, wanted, expected):
    assert " ".join(one.name for one in choose_interfaces(interfaces, wanted)) == expected


@pytest.mark.parametrize(
    ("interfaces", "wanted", "error", "words"),
    [
        ((LO, ETH0), Desired(VIP, interface="eth7"), NoInterface, "no interface eth7; there are lo, eth0"),
        ((LO, ETH0), Desired(VIP, interface="eth7", present=False), NoInterface, "eth7"),
        ((LO, ETH1), Desired(VIP), NoInterface, "eth1 192.0.2.4/24"),
        ((LO,), Desired(VIP), NoInterface, "there are none"),
        (
            (ETH1, nic("eth2", six("fe80::4", scope="link"))),
            Desired(VirtualAddress("fe80::9", 64)),
            NoInterface,
            "no interface",
        ),
        ((ETH0, nic("eth1", four("10.1.7.9"))), Desired(VIP), AmbiguousInterface, "eth0, eth1"),
        (
            (BOUND, nic("eth1", four("10.1.7.100"))),
            Desired(VIP),
            AmbiguousInterface,
            "has it: eth0, eth1",
        ),
    ],
)
def test_no_choice(interfaces, wanted, error, words):
    with pytest.raises(error, match=words):
        choose_interfaces(interfaces, wanted)


@pytest.mark.parametrize(
    ("name", "interface", "wanted", "actions"),
    [
        ("bind", ETH0, Desired(VIP), ["add 10.1.7.100/24 to eth0", "announce it on eth0"]),
        ("bind ipv6", ETH0, Desired(VIP6), ["add fd00::100/64 to eth0", "announce it on eth0"]),
        ("bind silently", ETH0, Desired(VIP, announce=False), ["add 10.1.7.100/24 to eth0"]),
        ("nobody to tell", nic("d0", OWN, flags=("NOARP", "UP")), Desired(VIP), ["add 10.1.7.100/24 to d0"]),
        ("bound", BOUND, Desired(VIP), []),
        ("bound, tell again", BOUND, Desired(VIP, announce_again=True), ["announce it on eth0"]),
        ("bound, and told to be silent", BOUND, Desired(VIP, announce=False, announce_again=True), []),
        ("released, nothing to tell", ETH0, Desired(VIP, present=False, announce_again=True), []),
        ("several networks", nic("eth0", OWN, four("10.1.7.100", 32)), Desired(VirtualAddress("10.1.7.100", 32)), []),
        ("bound, label as wanted", BOUND, Desired(VIP, label="eth0"), []),
        (
            "bound, another label",
            BOUND,
            Desired(VIP, label="eth0:1", announce=False),
            ["remove 10.1.7.100/24 from eth0", "add 10.1.7.100/24 to eth0"],
        ),
        (
            "another prefix",
            nic("eth0", OWN, four("10.1.7.100", 32)),
            Desired(VIP, announce=False),
            ["remove 10.1.7.100/32 from eth0", "add 10.1.7.100/24 to eth0"],
        ),
        (
            "both prefixes",
            nic("eth0", OWN, four("10.1.7.100", 32), four("10.1.7.100", secondary=True)),
            Desired(VIP),
            ["remove 10.1.7.100/32 from eth0"],
        ),
        (
            "found to be a duplicate earlier",
            nic("eth0", six("fd00::100", tentative=True, dad_failed=True)),
            Desired(VIP6, announce=False),
            ["remove fd00::100/64 from eth0", "add fd00::100/64 to eth0"],
        ),
        ("absent already", ETH0, Desired(VIP, present=False), []),
        ("absent elsewhere", ETH0, Desired(VIP, interface="eth0", present=False), []),
        ("release", BOUND, Desired(VIP, present=False), ["remove 10.1.7.100/24 from eth0"]),
        (
            "release any prefix",
            nic("eth0", OWN, four("10.1.7.100", 32)),
            Desired(VirtualAddress("10.1.7.100", None), present=False),
            ["remove 10.1.7.100/32 from eth0"],
        ),
        ("release another prefix", nic("eth0", OWN, four("10.1.7.100", 32)), Desired(VIP, present=False), []),
        ("release the first one", FIRST, Desired(VIP, present=False), ["remove 10.1.7.100/24 from eth0"]),
    ],
)
def test_steps(name, interface, wanted, actions):
    decided = plan(Observed((LO, interface)), wanted)
    decided.require_allowed()
    assert [step.action for step in decided.steps] == actions, name
    assert all(step.reason for step in decided.steps)
    assert decided.changes == bool(actions)


HOLDER = ("02:42:0a:01:07:69",)
DOWN = nic("eth0", OWN, flags=("BROADCAST",))
LOOSE = nic("eth0", OWN, flags=("NO-CARRIER", "BROADCAST", "UP"))
VLAN = nic("eth0.7", *FIRST.addresses)


@pytest.mark.parametrize(
    ("name", "observed", "wanted", "words"),
    [
        ("duplicate", Observed((ETH0,), HOLDER), Desired(VIP), "02:42:0a:01:07:69"),
        ("two duplicates", Observed((ETH0,), (*HOLDER, "02:42:0a:01:07:6a")), Desired(VIP), "07:69, 02:42:0a:01:07:6a"),
        ("bound here and there", Observed((BOUND,), HOLDER), Desired(VIP), "eth0 of this host has it too"),
        ("no carrier", Observed((LOOSE,)), Desired(VIP), "no carrier"),
        ("ours on another card", Observed((ETH0,), (ETH0.mac,)), Desired(VIP), "eth0 of this host"),
        ("down", Observed((DOWN,)), Desired(VIP), "ip link set eth0 up"),
        ("down, forced", Observed((DOWN,)), Desired(VIP, force=True), "eth0 is down"),
        ("elsewhere", Observed((BOUND, ETH1)), Desired(VIP, interface="eth1"), "eth0 of this host"),
        (
            "takes others along",
            Observed((FIRST,), not_promoting=("eth0",)),
            Desired(VIP, present=False),
            "promote_secondaries=1",
        ),
        (
            "relabel takes others along",
            Observed((FIRST,), not_promoting=("eth0",)),
            Desired(VIP, label="eth0:1"),
            "10.1.7.104/24",
        ),
        (
            "a setting that sysctl finds, with the dot of the name",
            Observed((VLAN,), not_promoting=("eth0.7",)),
            Desired(VIP, present=False),
            "net.ipv4.conf.eth0/7.promote_secondaries=1",
        ),
    ],
)
def test_refusals(name, observed, wanted, words):
    decided = plan(observed, wanted)
    assert not decided.changes, name
    with pytest.raises(Refused, match=words):
        decided.require_allowed()


@pytest.mark.parametrize(
    ("name", "observed", "wanted"),
    [
        ("forced", Observed((ETH0,), HOLDER), Desired(VIP, force=True)),
        ("bound here and there, forced", Observed((BOUND,), HOLDER), Desired(VIP, force=True)),
        ("released here, held there", Observed((BOUND,), HOLDER, "x"), Desired(VIP, present=False, force=True)),
        ("no carrier, nobody is to be asked", Observed((LOOSE,)), Desired(VIP, check_duplicate=False)),
        ("no carrier, forced", Observed((LOOSE,)), Desired(VIP, force=True)),
        ("secondary goes alone", Observed((BOUND,), not_promoting=("eth0",)), Desired(VIP, present=False)),
        ("release while down", Observed((nic("eth0", four("10.1.7.100"), flags=()),)), Desired(VIP, present=False)),
    ],
)
def test_allowed(name, observed, wanted):
    assert plan(observed, wanted).refusal is None, name


def test_evidence_of_a_duplicate():
    assert plan(Observed((ETH0,), HOLDER), Desired(VIP)).refusal.evidence == {"holders": list(HOLDER)}


def test_a_second_holder_is_told_louder_when_forced():
    decided = plan(Observed((BOUND,), HOLDER), Desired(VIP, force=True))
    assert [(step.action, step.reason) for step in decided.steps] == [
        ("announce it on eth0", "another holder answers for it too")
    ]


def test_absent_takes_it_from_every_interface():
    both = (BOUND, nic("eth1", four("10.1.7.100", 32)))
    assert [
        step.action for step in plan(Observed(both), Desired(VirtualAddress("10.1.7.100", None), present=False)).steps
    ] == [
        "remove 10.1.7.100/24 from eth0",
        "remove 10.1.7.100/32 from eth1",
    ]
