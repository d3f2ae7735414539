# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vip_bind against the real kernel: two hosts, as network namespaces, on one cable. Needs root and iputils-arping."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("arping"),
    reason="needs root, iproute2 and iputils-arping",
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "ansible_collections.pgops.pgpool.plugins.modules.vip_bind"
QUIET = {"check_duplicate": False, "announce": False}  # where neither is what the test is about: they take seconds
VIP4, VIP6 = "10.99.7.100", "fd00:99::100"


def sh(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise AssertionError(f"{argv}: {done.stderr}{done.stdout}")
    return done.stdout


class Host:
    """A network namespace."""

    def __init__(self, name):
        self.name = name

    def ip(self, *words, check=True):
        return sh("ip", "-n", self.name, *words, check=check)

    def run(self, *words, check=True):
        return sh("ip", "netns", "exec", self.name, *words, check=check)

    def addresses(self, scopes=("global",)):
        entries = json.loads(self.run("ip", "-json", "address", "show", "dev", "eth0"))
        return {f"{one['local']}/{one['prefixlen']}" for one in entries[0]["addr_info"] if one["scope"] in scopes}

    def mac(self):
        return json.loads(self.run("ip", "-json", "link", "show", "dev", "eth0"))[0]["address"]

    def wait_until_reachable(self):
        for _attempt in range(50):
            if "fe80" in str(self.addresses(scopes=("link",))):
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} has no link-local address")

    def hold(self, address, prefix):
        self.ip("address", "add", f"{address}/{prefix}", "dev", "eth0", *(["nodad"] if ":" in address else []))

    def vip_bind(self, **options):
        """Run the module as Ansible would run it on this host, and return what it answers."""
        arguments = {f"_ansible_{key[1:]}" if key.startswith("_") else key: value for key, value in options.items()}
        environment = dict(os.environ, PYTHONPATH=str(ROOT / "playbooks" / "collections"))
        done = subprocess.run(
            ("ip", "netns", "exec", self.name, sys.executable, "-m", MODULE),
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def hosts():
    """Two hosts with one cable between them, removed afterwards."""
    pair = [Host(f"pgops-{os.getpid()}-{letter}") for letter in "ab"]
    try:
        for host in pair:
            sh("ip", "netns", "add", host.name)
            host.ip("link", "set", "lo", "up")
        sh("ip", "-n", pair[0].name, "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", pair[1].name)
        for number, host in enumerate(pair, start=1):
            host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")  # no waiting for the link-local address
            host.ip("link", "set", "eth0", "up")
            host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1")
            host.ip("address", "add", f"10.99.7.{number}/24", "dev", "eth0")
            host.ip("-6", "address", "add", f"fd00:99::{number}/64", "dev", "eth0", "nodad")
        pair[1].wait_until_reachable()
        yield pair
    finally:
        for host in pair:
            sh("ip", "netns", "del", host.name, check=False)


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_binds_once_and_releases_once(hosts, vip, prefix):
    here = hosts[0]
    first = here.vip_bind(address=vip, prefix=prefix)
    assert first["changed"] and first["announced"] and first["duplicate"]["checked"]
    assert first["vip"]["interface"] == "eth0"
    assert f"{vip}/{prefix}" in here.addresses()

    again = here.vip_bind(address=vip, prefix=prefix)
    assert not again["changed"] and again["vip"]["present"] and not again["executed_commands"]

    gone = here.vip_bind(address=vip, state="absent")
    assert gone["changed"] and not gone["vip"]["present"]
    assert f"{vip}/{prefix}" not in here.addresses()
    assert not here.vip_bind(address=vip, state="absent")["changed"]


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_refuses_a_taken_address_and_names_the_holder(hosts, vip, prefix):
    here, other = hosts
    other.hold(vip, prefix)
    for check_mode in (True, False):
        refused = here.vip_bind(address=vip, prefix=prefix, _check_mode=check_mode)
        assert refused["failed"] and refused["error"]["code"] == "refused"
        assert refused["error"]["evidence"]["holders"] == [other.mac()]
        assert other.mac() in refused["msg"]
    assert f"{vip}/{prefix}" not in here.addresses()


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_force_takes_a_taken_address(hosts, vip, prefix):
    here, other = hosts
    other.hold(vip, prefix)
    taken = here.vip_bind(address=vip, prefix=prefix, force=True)
    assert taken["changed"] and taken["duplicate"]["holders"] == [other.mac()]
    assert other.mac() in str(taken["warnings"])
    assert f"{vip}/{prefix}" in here.addresses()


def test_kernel_detection_stands_behind_ours_for_ipv6(hosts):
    here, other = hosts
    other.hold(VIP6, 64)
    # The holder's answers to our question get lost; those to the kernel's own go to all nodes.
    for mine in here.addresses(scopes=("global", "link")):
        words = (
            "neigh",
            "replace",
            mine.split("/")[0],
            "lladdr",
            "02:00:00:00:00:99",
            "dev",
            "eth0",
            "nud",
            "permanent",
        )
        other.ip(*words)
    result = here.vip_bind(address=VIP6, prefix=64)
    assert result["error"]["code"] == "refused" and "the kernel found" in result["msg"]
    assert f"{VIP6}/64" not in here.addresses()


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_announcement_moves_the_neighbours(hosts, vip, prefix):
    here, other = hosts
    version = "-6" if ":" in vip else "-4"
    other.ip(version, "neigh", "replace", vip, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale")
    other.run("sysctl", "-qw", "net.ipv4.conf.eth0.arp_accept=1")
    here.vip_bind(address=vip, prefix=prefix, check_duplicate=False)
    assert here.mac() in other.ip(version, "neigh", "show", "to", vip, "dev", "eth0")


def test_silence_leaves_the_neighbours_alone(hosts):
    here, other = hosts
    other.ip("neigh", "replace", VIP4, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale")
    here.vip_bind(address=VIP4, prefix=24, check_duplicate=False, announce=False)
    assert "02:00:00:00:00:99" in other.ip("neigh", "show", "to", VIP4, "dev", "eth0")


def test_check_mode_tells_and_changes_nothing(hosts):
    here = hosts[0]
    told = here.vip_bind(address=VIP4, prefix=24, label="eth0:1", _check_mode=True, _diff=True)
    assert told["changed"] and [step["action"] for step in told["plan"]["steps"]] == [
        "add 10.99.7.100/24 to eth0",
        "announce it on eth0",
    ]
    assert told["diff"] == {"before": "", "after": "10.99.7.100/24 dev eth0 label eth0:1\n"}
    assert here.addresses() == {"10.99.7.1/24", "fd00:99::1/64"}
    done = here.vip_bind(address=VIP4, prefix=24, label="eth0:1", _diff=True, **QUIET)
    assert done["diff"] == told["diff"]


def test_corrects_prefix_and_label(hosts):
    here = hosts[0]
    here.ip("address", "add", f"{VIP4}/32", "dev", "eth0")
    assert here.vip_bind(address=VIP4, prefix=24, **QUIET)["changed"]
    assert here.addresses() == {"10.99.7.1/24", f"{VIP4}/24", "fd00:99::1/64"}
    assert here.vip_bind(address=VIP4, prefix=24, label="eth0:1", **QUIET)["changed"]
    assert "eth0:1" in here.run("ip", "address", "show", "label", "eth0:1")
    assert not here.vip_bind(address=VIP4, prefix=24, label="eth0:1", **QUIET)["changed"]


def test_never_takes_other_addresses_along(hosts):
    here = hosts[0]
    here.ip("address", "flush", "dev", "eth0")
    here.ip("address", "add", f"{VIP4}/24", "dev", "eth0")
    here.ip("address", "add", "10.99.7.1/24", "dev", "eth0")
    for name in ("all", "eth0"):
        here.run("sysctl", "-qw", f"net.ipv4.conf.{name}.promote_secondaries=0")
    refused = here.vip_bind(address=VIP4, state="absent")
    assert refused["failed"] and "10.99.7.1/24" in refused["msg"] and "promote_secondaries" in refused["msg"]
    here.run("sysctl", "-qw", "net.ipv4.conf.eth0.promote_secondaries=1")
    assert here.vip_bind(address=VIP4, state="absent")["changed"]
    assert "10.99.7.1/24" in here.addresses()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"address": VIP4, "prefix": 24, "interface": "nope"}, "no_such_interface", "there is no interface nope"),
        ({"address": "192.0.2.7", "prefix": 24}, "no_such_interface", "eth0 10.99.7.1/24"),
        ({"address": "10.99.7.0", "prefix": 24}, "bad_address", "names the network itself"),
        ({"address": VIP4, "prefix": 24, "label": "vip"}, "bad_address", "eth0:1"),
        ({"address": VIP6, "prefix": 64, "label": "eth0:1"}, "bad_address", "no labels"),
    ],
)
def test_says_what_is_wrong(hosts, options, code, words):
    result = hosts[0].vip_bind(**options)
    assert result["failed"] and result["error"]["code"] == code
    assert words in result["msg"] and "Next:" in result["msg"]


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
    result = here.vip_bind(address=VIP4, prefix=24, interface="eth0")
    assert result["error"]["code"] == "refused" and "eth0 is down" in result["msg"]
