# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vip_bind on every kind of prefix, label and interface, and beside other addresses."""

from __future__ import annotations

import pytest

from tests.netns.hosts import QUIET, STALE, VIP4, VIP6, eventually

PREFIXES = [("10.99.7.0", 31), ("10.99.7.255", 32), (VIP6, 127), (VIP6, 128)]


@pytest.mark.parametrize(("vip", "prefix"), PREFIXES)
def test_every_prefix_length(hosts, vip, prefix):
    """Also those that are no network of the interface: found by the network that the interface's own address has."""
    here, other = hosts
    other.remember(vip, STALE)
    done = here.vip_bind(address=vip, prefix=prefix)
    assert done["changed"] and done["duplicate"]["checked"] and done["announced"], done
    assert f"{vip}/{prefix}" in here.addresses() and other.remembers(vip) == here.mac()
    assert not here.vip_bind(address=vip, prefix=prefix)["changed"]
    assert here.vip_bind(address=vip, prefix=prefix, state="absent")["changed"]
    assert f"{vip}/{prefix}" not in here.addresses()


@pytest.mark.parametrize("label", ["eth0:1", "eth0:vip-of-app"])
def test_labels(hosts, label):
    here = hosts[0]
    bound = {"address": VIP4, "prefix": 24, "label": label, **QUIET}
    assert here.vip_bind(**bound)["vip"]["bindings"] == [f"{VIP4}/24 dev eth0 label {label}"]
    assert [one["label"] for one in here.entries() if one["local"] == VIP4] == [label]
    assert not here.vip_bind(**bound)["changed"]
    assert not here.vip_bind(**{**bound, "label": None})["changed"], "without a wish any label will do"


@pytest.mark.parametrize(("vip", "wrong", "right"), [(VIP4, 32, 24), (VIP4, 16, 24), (VIP6, 128, 64)])
def test_a_wrong_prefix_is_repaired(hosts, vip, wrong, right):
    here = hosts[0]
    here.hold(vip, wrong)
    asked = {"address": vip, "prefix": right, **QUIET}
    told = here.vip_bind(**asked, _check_mode=True, _diff=True)
    assert f"its prefix is {wrong} instead of {right}" in str(told["plan"]["steps"])
    assert f"{vip}/{wrong}" in here.addresses()
    done = here.vip_bind(**asked, _diff=True)
    assert done["diff"] == told["diff"] and f"{vip}/{wrong} dev eth0" in done["diff"]["before"]
    assert {one for one in here.addresses() if one.startswith(f"{vip}/")} == {f"{vip}/{right}"}
    assert {"10.99.7.1/24", "fd00:99::1/64"} <= here.addresses()
    assert not here.vip_bind(**asked)["changed"]


def test_an_ipv6_address_in_another_spelling_is_the_same(hosts):
    here = hosts[0]
    here.hold(VIP6, 64)
    assert not here.vip_bind(address="FD00:0099:0:0::0100", prefix=64)["changed"]


def test_an_address_that_the_kernel_switched_off_is_switched_on_when_the_other_is_gone(hosts):
    here, other = hosts
    other.hold(VIP6, 64)
    here.ip("address", "add", f"{VIP6}/64", "dev", "eth0")
    eventually(lambda: [one for one in here.entries() if one["local"] == VIP6 and one.get("dadfailed")])
    refused = here.vip_bind(address=VIP6, prefix=64)
    assert refused["error"]["evidence"]["holders"] == [other.mac()]
    other.ip("address", "del", f"{VIP6}/64", "dev", "eth0")
    done = here.vip_bind(address=VIP6, prefix=64)
    assert done["changed"] and "found it to be a duplicate" in str(done["plan"]["steps"])
    (bound,) = [one for one in here.entries() if one["local"] == VIP6]
    assert not bound.get("dadfailed") and not bound.get("tentative")


def test_an_interface_by_its_other_name(hosts):
    here = hosts[0]
    here.ip("link", "property", "add", "dev", "eth0", "altname", "towards-the-clients")
    done = here.vip_bind(address=VIP4, prefix=24, interface="towards-the-clients", **QUIET)
    assert done["vip"]["interface"] == "eth0" and f"{VIP4}/24" in here.addresses()


def make_bridges(hosts):
    for host in hosts:
        host.ip("link", "add", "lan", "type", "bridge", "mcast_snooping", "0")
        host.ip("link", "set", "eth0", "master", "lan")
    return "lan"


def make_vlans(hosts):
    """On a kernel that has no VLANs, a second cable whose ends are named as if they were."""
    words = ("link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7")
    for host in hosts:
        host.ip(*words, check=False)
    if "eth0.7" not in hosts[0].ip("link"):
        hosts[0].ip("link", "add", "eth0.7", "type", "veth", "peer", "eth0.7", "netns", hosts[1].name)
    return "eth0.7"


@pytest.mark.parametrize("make", [make_vlans, make_bridges])
@pytest.mark.parametrize(("vip", "prefix"), [("10.98.7.100", 24), ("fd00:98::100", 64)])
def test_interfaces_upon_interfaces(hosts, make, vip, prefix):
    """By its name as by its network, with the duplicate check and the announcement going through it."""
    dev = make(hosts)
    for number, host in enumerate(hosts, start=1):
        host.ip("link", "set", dev, "up")
        host.hold(f"10.98.7.{number}", 24, dev=dev)
        host.hold(f"fd00:98::{number}", 64, dev=dev)
    here, other = hosts
    eventually(lambda: [one for one in other.entries(dev) if one["scope"] == "link" and not one.get("tentative")])
    other.hold(vip, prefix, dev=dev)
    refused = here.vip_bind(address=vip, prefix=prefix)
    assert refused["error"]["evidence"]["holders"] == [other.mac(dev)], refused
    assert other.vip_bind(address=vip, state="absent")["changed"]
    other.remember(vip, STALE, dev=dev)
    done = here.vip_bind(address=vip, prefix=prefix, interface=dev)
    assert done["changed"] and done["vip"]["interface"] == dev
    assert other.remembers(vip, dev=dev) == here.mac(dev)
    assert not here.vip_bind(address=vip, prefix=prefix)["changed"]


def test_never_takes_other_addresses_along(hosts):
    """The kernel removes the secondary addresses of a network with its first one, unless told to promote one."""
    here = hosts[0]
    here.ip("address", "flush", "dev", "eth0")
    here.hold(VIP4, 24)
    here.hold("10.99.7.1", 24)
    here.sysctl(ipv4__conf__all__promote_secondaries=0, ipv4__conf__eth0__promote_secondaries=0)
    for wanted in ({"state": "absent"}, {"prefix": 32, **QUIET}, {"prefix": 24, "label": "eth0:1", **QUIET}):
        refused = here.vip_bind(address=VIP4, **wanted)
        assert refused["failed"] and "10.99.7.1/24" in refused["msg"], wanted
        assert here.addresses() == {f"{VIP4}/24", "10.99.7.1/24"}
    here.run(*refused["error"]["next_step"].split(",")[0].split(" "))  # the command that it names
    assert here.vip_bind(address=VIP4, prefix=24, label="eth0:1", **QUIET)["changed"]
    assert here.vip_bind(address=VIP4, state="absent")["changed"]
    assert here.addresses() == {"10.99.7.1/24"}


def test_leaves_the_other_addresses_of_its_network_alone(hosts):
    here = hosts[0]
    others = {"10.99.7.1/24", "10.99.7.101/24", "10.99.7.102/25", "fd00:99::1/64", "fd00:99::101/64"}
    for one in others - here.addresses():
        here.hold(*one.split("/"))
    here.sysctl(ipv4__conf__all__promote_secondaries=0, ipv4__conf__eth0__promote_secondaries=0)
    for vip, prefix in ((VIP4, 24), (VIP6, 64)):
        assert here.vip_bind(address=vip, prefix=prefix, **QUIET)["changed"]
        assert here.addresses() == others | {f"{vip}/{prefix}"}
        assert here.vip_bind(address=vip, state="absent")["changed"]
        assert here.addresses() == others


def test_a_setting_of_a_vlan_is_named_as_sysctl_takes_it(hosts):
    here = hosts[0]
    here.ip("link", "set", make_vlans(hosts), "up")
    here.hold("10.98.7.100", 24, dev="eth0.7")
    here.hold("10.98.7.1", 24, dev="eth0.7")
    here.run("sysctl", "-qw", "net/ipv4/conf/all/promote_secondaries=0", "net/ipv4/conf/eth0.7/promote_secondaries=0")
    refused = here.vip_bind(address="10.98.7.100", state="absent")
    here.run(*refused["error"]["next_step"].split(",")[0].split(" "))
    assert here.vip_bind(address="10.98.7.100", state="absent")["changed"]
    assert here.addresses("eth0.7") == {"10.98.7.1/24"}
