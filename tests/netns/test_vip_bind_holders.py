# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vip_bind where the address is somewhere else as well: on another interface, on another host, on two."""

from __future__ import annotations

import shutil

import pytest

from tests.netns.hosts import QUIET, STALE, VIP4, VIP6, eventually

BOTH = pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])


@BOTH
def test_every_other_holder_is_named(three, vip, prefix):
    here, *others = three
    for other in others:
        other.hold(vip, prefix)
    refused = here.vip_bind(address=vip, prefix=prefix)
    assert sorted(refused["error"]["evidence"]["holders"]) == sorted(other.mac() for other in others)
    assert all(other.mac() in refused["msg"] for other in others)
    assert f"{vip}/{prefix}" not in here.addresses()


@BOTH
def test_a_second_holder_is_found_by_the_first(hosts, vip, prefix):
    here, other = hosts
    here.hold(vip, prefix)
    other.hold(vip, prefix)
    for check_mode in (True, False):
        refused = here.vip_bind(address=vip, prefix=prefix, _check_mode=check_mode)
        assert refused["error"]["code"] == "refused" and "eth0 of this host has it too" in refused["msg"]
        assert refused["error"]["evidence"]["holders"] == [other.mac()]
    assert f"{vip}/{prefix}" in here.addresses()


@BOTH
def test_two_holders_are_healed(three, vip, prefix):
    """The wrong one releases it, the right one says again where it is, and a neighbour that was misled believes it."""
    right, wrong, client = three
    right.hold(vip, prefix)
    wrong.hold(vip, prefix)
    client.remember(vip, wrong.mac())
    assert wrong.vip_bind(address=vip, state="absent")["changed"]
    assert f"{vip}/{prefix}" not in wrong.addresses() and f"{vip}/{prefix}" in right.addresses()
    assert client.remembers(vip) == wrong.mac()
    again = right.vip_bind(address=vip, prefix=prefix, announce_again=True)
    assert again["announced"] and not again["changed"] and not again["executed_commands"]
    assert client.remembers(vip) == right.mac()
    told = right.vip_bind(address=vip, prefix=prefix, announce_again=True, _check_mode=True)
    assert not told["announced"] and "announce it on eth0" in str(told["plan"]["steps"])


@BOTH
def test_force_says_it_louder_than_a_holder_that_nobody_can_reach(three, vip, prefix):
    here, stranger, client = three
    here.hold(vip, prefix)
    stranger.hold(vip, prefix)
    client.remember(vip, stranger.mac())
    done = here.vip_bind(address=vip, prefix=prefix, force=True)
    assert done["announced"] and not done["changed"] and stranger.mac() in str(done["warnings"])
    assert client.remembers(vip) == here.mac()


@BOTH
def test_absent_while_another_host_has_it(three, vip, prefix):
    here, other, client = three
    other.hold(vip, prefix)
    client.remember(vip, other.mac())
    assert not here.vip_bind(address=vip, state="absent")["changed"]
    here.hold(vip, prefix)
    done = here.vip_bind(address=vip, prefix=prefix, state="absent")
    assert done["changed"] and done["duplicate"]["reason"] == "nothing is to be bound" and not done["announced"]
    assert f"{vip}/{prefix}" in other.addresses() and client.remembers(vip) == other.mac()


def test_absent_of_another_prefix_is_not_meant(hosts):
    here = hosts[0]
    here.hold(VIP4, 32)
    assert not here.vip_bind(address=VIP4, prefix=24, state="absent")["changed"]
    assert here.vip_bind(address=VIP4, prefix=32, state="absent")["changed"]


@BOTH
def test_an_address_on_the_wrong_interface(hosts, vip, prefix):
    """It is not put on a second one; the refusal names the call that mends it."""
    here = hosts[0]
    here.ip("link", "add", "other", "type", "veth", "peer", "end")
    for dev in ("other", "end"):
        here.ip("link", "set", dev, "up")
    here.hold(vip, 128 if ":" in vip else 32, dev="other")
    refused = here.vip_bind(address=vip, prefix=prefix, interface="eth0")
    assert refused["error"]["code"] == "refused" and "state: absent, interface: other" in refused["msg"]
    assert here.vip_bind(address=vip, state="absent", interface="other")["changed"]
    assert here.vip_bind(address=vip, prefix=prefix, **QUIET)["vip"]["interface"] == "eth0"
    here.hold(vip, 128 if ":" in vip else 32, dev="other")
    unclear = here.vip_bind(address=vip, prefix=prefix)
    assert unclear["error"]["code"] == "ambiguous_interface" and "other" in unclear["msg"]
    gone = here.vip_bind(address=vip, state="absent")
    assert gone["changed"] and not gone["vip"]["present"] and len(gone["executed_commands"]) == 2


def test_several_interfaces_in_the_network(hosts):
    here = hosts[0]
    here.ip("link", "add", "eth1", "type", "veth", "peer", "eth2")
    here.ip("address", "add", "10.99.7.50/24", "dev", "eth1")
    here.ip("link", "set", "eth1", "up", "arp", "off")
    result = here.vip_bind(address=VIP4, prefix=24)
    assert result["error"]["code"] == "ambiguous_interface" and "eth0, eth1" in result["msg"]
    named = here.vip_bind(address=VIP4, prefix=24, interface="eth1")
    assert named["changed"] and not named["duplicate"]["checked"] and not named["announced"]
    other = here.vip_bind(address=VIP4, prefix=24, interface="eth0")
    assert other["error"]["code"] == "refused" and "eth1 of this host" in other["msg"]


def test_refuses_an_interface_that_is_down(hosts):
    here = hosts[0]
    here.ip("link", "set", "eth0", "down")
    for options in ({}, {"force": True}, {"check_duplicate": False}):
        result = here.vip_bind(address=VIP4, prefix=24, interface="eth0", **options)
        assert result["error"]["code"] == "refused" and "eth0 is down" in result["msg"]
    here.hold(VIP4, 24)
    assert here.vip_bind(address=VIP4, state="absent")["changed"]


def test_refuses_an_interface_through_which_nobody_can_be_asked(wired):
    """A holder on the other side of a cable that is out would not be seen."""
    here, other = wired.hosts
    other.hold(VIP4, 24)
    wired.switch.ip("link", "set", "port1", "down")
    eventually(lambda: "NO-CARRIER" in here.run("ip", "link", "show", "dev", "eth0"))
    refused = here.vip_bind(address=VIP4, prefix=24)
    assert refused["error"]["code"] == "refused" and "no carrier" in refused["msg"]
    assert here.vip_bind(address=VIP4, prefix=24, force=True)["changed"]
    wired.switch.ip("link", "set", "port1", "up")
    eventually(lambda: "NO-CARRIER" not in here.run("ip", "link", "show", "dev", "eth0"))
    assert here.vip_bind(address=VIP4, prefix=24)["error"]["evidence"]["holders"] == [other.mac()]


@BOTH
def test_a_host_that_left_is_no_holder(hosts, vip, prefix):
    """What a neighbour remembers is no answer: only who speaks up counts."""
    here, other = hosts
    here.remember(vip, other.mac())
    done = here.vip_bind(address=vip, prefix=prefix)
    assert done["changed"] and done["duplicate"] == {"checked": True, "reason": None, "holders": []}


def test_needs_no_program_but_ip(hosts):
    """arping is not everywhere; where it is, its place is taken away here."""
    here, other = hosts
    other.remember(VIP4, STALE)
    arping = shutil.which("arping") or "/tmp"
    without = ("unshare", "-m", "sh", "-c", f'mount --bind /dev/null {arping} 2>/dev/null; exec "$@"', "sh")
    assert here.module("vip_bind", through=without, address=VIP4, prefix=24)["announced"]
    assert other.remembers(VIP4) == here.mac()
