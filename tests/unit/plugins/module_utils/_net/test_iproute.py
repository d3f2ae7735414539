# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._net.address import parse_address
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import (
    IpRoute,
    parse_interfaces,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult

LO = {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "address": "00:00:00:00:00:00", "addr_info": []}
ETH0 = {
    "ifname": "eth0",
    "altnames": ["enp0s3"],
    "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    "address": "02:42:0A:01:07:68",
    "addr_info": [
        {"family": "inet", "local": "10.1.7.104", "prefixlen": 24, "scope": "global", "label": "eth0"},
        {
            "family": "inet",
            "local": "10.1.7.100",
            "prefixlen": 24,
            "scope": "global",
            "secondary": True,
            "label": "eth0:1",
        },
        {
            "family": "inet6",
            "local": "fd00::100",
            "prefixlen": 64,
            "scope": "global",
            "tentative": True,
            "dadfailed": True,
        },
        {"family": "mpls", "local": "x", "prefixlen": 0},
    ],
}


def test_parses_what_ip_says():
    loopback, eth0 = parse_interfaces(json.dumps([LO, {}, ETH0]))
    assert loopback.is_loopback and not loopback.asks_neighbours
    assert (eth0.name, eth0.names, eth0.mac) == ("eth0", ("eth0", "enp0s3"), "02:42:0a:01:07:68")
    assert eth0.is_up and eth0.asks_neighbours
    assert [str(one) for one in eth0.addresses] == ["10.1.7.104/24", "10.1.7.100/24", "fd00::100/64"]
    own, vip, six = eth0.addresses
    assert (own.secondary, own.label, vip.secondary, vip.label) == (False, "eth0", True, "eth0:1")
    assert six.tentative and six.dad_failed and six.family == 6 and six.label is None
    assert eth0.bindings_of("10.1.7.100") == (vip,)


def test_noarp_has_no_neighbours():
    (dummy,) = parse_interfaces(json.dumps([dict(LO, ifname="d0", flags=["BROADCAST", "NOARP", "UP"])]))
    assert not dummy.asks_neighbours


@pytest.mark.parametrize(
    "text", ["not json", "[1]", '[{"flags": []}]', '[{"ifname": "e", "addr_info": [{"family": "inet"}]}]']
)
def test_quotes_what_it_does_not_understand(text):
    with pytest.raises(ParseError) as caught:
        parse_interfaces(text)
    assert text in str(caught.value)


class Script:
    """A runner that gives one answer to everything, and remembers what it was asked."""

    def __init__(self, rc=0, stdout="", stderr=""):
        self.answer, self.asked = (rc, stdout, stderr), []

    def run(self, argv, **_options):
        self.asked.append(" ".join(argv))
        return CommandResult(tuple(argv), *self.answer)


@pytest.mark.parametrize(
    ("address", "prefix", "label", "detect", "command"),
    [
        ("10.1.7.100", 24, None, True, "ip address add 10.1.7.100/24 dev eth0"),
        ("10.1.7.100", 24, "eth0:1", False, "ip address add 10.1.7.100/24 dev eth0 label eth0:1"),
        ("fd00::1", 64, None, True, "ip address add fd00::1/64 dev eth0"),
        ("fd00::1", 64, None, False, "ip address add fd00::1/64 dev eth0 nodad"),
    ],
)
def test_adds(address, prefix, label, detect, command):
    runner = Script()
    ip = IpRoute(runner)
    ip.add(parse_address(address, prefix=prefix), interface="eth0", label=label, detect_duplicates=detect)
    assert runner.asked == ip.executed == [command]


def test_reading_is_not_counted_as_executed():
    ip = IpRoute(Script(stdout="[]"))
    assert ip.interfaces() == () and ip.executed == []


@pytest.mark.parametrize(
    ("rc", "stderr", "words"),
    [
        (127, "", "iproute2"),
        (2, "RTNETLINK answers: Operation not permitted", "not permitted"),
        (None, "", "ended with None"),
    ],
)
def test_failures(rc, stderr, words):
    with pytest.raises(CommandFailed) as caught:
        IpRoute(Script(rc, "", stderr)).interfaces()
    assert words in str(caught.value)
