# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts on one Ethernet: network namespaces, each with an eth0 that leads to a port of the same switch."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = "ansible_collections.pgops.pgpool.plugins.modules"
QUIET = {"check_duplicate": False, "announce": False}  # where neither is what the test is about: they take seconds
VIP4, VIP6 = "10.99.7.100", "fd00:99::100"
STALE = "02:00:00:00:00:99"


def sh(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise AssertionError(f"{argv}: {done.stderr}{done.stdout}")
    return done.stdout


def eventually(probe, seconds=20):
    """Wait until ``probe()`` is true, with a bound; return what it said."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer}"
        time.sleep(0.1)


class Host:
    """A network namespace."""

    def __init__(self, name):
        self.name = name

    def ip(self, *words, check=True):
        return sh("ip", "-n", self.name, *words, check=check)

    def run(self, *words, check=True):
        return sh("ip", "netns", "exec", self.name, *words, check=check)

    def sysctl(self, **settings):
        """Kernel settings, as ipv6__conf__eth0__accept_dad=0."""
        for name, value in settings.items():
            self.run("sysctl", "-qw", f"net/{name.replace('__', '/')}={value}")

    def entries(self, dev="eth0"):
        """The addresses of an interface, as ip tells them."""
        return json.loads(self.run("ip", "-json", "address", "show", "dev", dev))[0]["addr_info"]

    def addresses(self, dev="eth0", scopes=("global",)):
        return {f"{one['local']}/{one['prefixlen']}" for one in self.entries(dev) if one["scope"] in scopes}

    def mac(self, dev="eth0"):
        return json.loads(self.run("ip", "-json", "link", "show", "dev", dev))[0]["address"]

    def hold(self, address, prefix, dev="eth0"):
        self.ip("address", "add", f"{address}/{prefix}", "dev", dev, *(["nodad"] if ":" in address else []))

    def remember(self, address, mac, dev="eth0"):
        """As a neighbour that was told, some time ago, who has the address."""
        self.ip("neigh", "replace", address, "lladdr", mac, "dev", dev, "nud", "stale")

    def remembers(self, address, dev="eth0"):
        known = json.loads(self.run("ip", "-json", "neigh", "show", "to", address, "dev", dev))
        return known[0].get("lladdr") if known else None

    def module(self, name, through=(), **options):
        """Run a module as Ansible would run it on this host (``through`` a wrapper), and return what it answers."""
        arguments = {f"_ansible_{key[1:]}" if key.startswith("_") else key: value for key, value in options.items()}
        done = subprocess.run(
            ("ip", "netns", "exec", self.name, *through, sys.executable, "-m", f"{MODULES}.{name}"),
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env=dict(os.environ, PYTHONPATH=str(ROOT / "playbooks" / "collections")),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def vip_bind(self, **options):
        return self.module("vip_bind", **options)


class Segment:
    """Some hosts and their switch. Their addresses are 10.99.7.1/24 and fd00:99::1/64, and so on."""

    def __init__(self, count):
        self.switch = Host(f"pgops-{os.getpid()}-switch")
        self.hosts = [Host(f"pgops-{os.getpid()}-{number}") for number in range(1, count + 1)]

    def build(self):
        for one in (self.switch, *self.hosts):
            sh("ip", "netns", "add", one.name)
            one.ip("link", "set", "lo", "up")
        self.switch.ip("link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        self.switch.ip("link", "set", "switch", "up")
        for number, host in enumerate(self.hosts, start=1):
            self.plug(number)
            host.sysctl(ipv6__conf__eth0__accept_dad=0)  # no waiting for the link-local address
            host.ip("link", "set", "eth0", "up")
            host.sysctl(ipv6__conf__eth0__accept_dad=1)
            host.hold(f"10.99.7.{number}", 24)
            host.hold(f"fd00:99::{number}", 64)
        for host in self.hosts:
            eventually(lambda host=host: "fe80" in str(host.addresses(scopes=("link",))))

    def plug(self, number):
        words = ("link", "add", f"port{number}", "type", "veth", "peer", "eth0", "netns", self.hosts[number - 1].name)
        self.switch.ip(*words)
        self.switch.ip("link", "set", f"port{number}", "master", "switch", "up")

    def remove(self):
        for one in (self.switch, *self.hosts):
            sh("ip", "netns", "del", one.name, check=False)


@contextlib.contextmanager
def segment(count):
    built = Segment(count)
    try:
        built.build()
        yield built
    finally:
        built.remove()
