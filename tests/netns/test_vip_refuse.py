# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client hears from a host that has lost the virtual address, while its neighbours still send there."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.netns.hosts import VIP4
from tests.unit.roles.rendering import cluster, render, value_of

pytestmark = pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")

ASK = """
import socket, sys
probe = socket.socket()
probe.settimeout(0.7)  # before the kernel repeats a SYN
try:
    probe.connect((sys.argv[1], int(sys.argv[2])))
    said = "connected"
except ConnectionRefusedError:
    said = "refused"
except OSError:
    said = "nothing"
print(said)
"""
SERVE = """
import socket
server = socket.create_server(("0.0.0.0", 5432))
print("ready", flush=True)
while True:
    server.accept()[0].close()
"""
VARIABLES = {**cluster(), "pgops_vip": VIP4, "pgops_vip_interface": "eth0"}


def ask(client, address, port=5432):
    return client.run(sys.executable, "-c", ASK, address, str(port)).strip()


@pytest.fixture
def moved(hosts, tmp_path):
    """The address was on the first host a moment ago, and the second one still sends there."""
    holder, client = hosts
    rules = tmp_path / "vip_refuse.nft"
    rules.write_text(render("vip", "vip_refuse.nft.j2", VARIABLES), encoding="utf-8")
    client.remember(VIP4, holder.mac())
    return holder, client, lambda: holder.run("nft", "-f", str(rules))


@pytest.fixture
def background():
    """Run Python on a host until the test is over; begins when it has said a line."""
    started = []

    def run(host, program):
        words = ("ip", "netns", "exec", host.name, sys.executable, "-c", program)
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"ready\n"

    yield run
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("forwards", ["0", "1"])
def test_a_host_that_lost_the_address_refuses_instead_of_saying_nothing(moved, forwards):
    holder, client, load = moved
    holder.sysctl(ipv4__ip_forward=forwards)
    assert ask(client, VIP4) == "nothing", "the kernel's own answer is enough"
    load()
    load()
    assert ask(client, VIP4) == "refused"
    assert ask(client, VIP4, 5433) == "nothing"
    assert holder.run("nft", "list", "table", "inet", "pgops_vip").count("tcp dport") == 1


def test_the_role_finds_the_rule_as_the_kernel_lists_it(moved):
    holder, _client, load = moved
    load()
    listed = holder.run("nft", "list", "table", "inet", "pgops_vip")
    assert value_of("vip", "{{ __vip_refuse }}", VARIABLES).strip() in listed


def test_while_pgpool_stops_nobody_gets_in_until_it_starts_again(moved, background):
    """The line of vip_down.sh, and what the unit of pgpool does at the next start."""
    holder, client, load = moved
    load()
    holder.hold(VIP4, 24)
    background(holder, SERVE)
    text = render("vip", "vip_down.sh.j2", VARIABLES)
    (close,) = [line.strip() for line in text.splitlines() if "insert rule" in line]
    holder.run("bash", "-c", close)
    assert ask(client, VIP4) == "refused"
    assert ask(client, "10.99.7.1") == "connected"
    load()
    assert ask(client, VIP4) == "connected"


def test_a_holder_and_its_own_address_are_served_as_before(moved, background):
    holder, client, load = moved
    load()
    holder.hold(VIP4, 24)
    background(holder, SERVE)
    assert ask(client, VIP4) == "connected"
    assert ask(client, "10.99.7.1") == "connected"
    holder.ip("address", "del", f"{VIP4}/24", "dev", "eth0")
    assert ask(client, VIP4) == "refused"
    assert ask(client, "10.99.7.1") == "connected"
