# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import NotVerified, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._net import vip_apply
from ansible_collections.pgops.pgpool.plugins.module_utils._net.address import BadAddress, VirtualAddress
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import BoundAddress, Interface
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip import Desired

VIP, VIP6 = VirtualAddress("10.1.7.100", 24), VirtualAddress("fd00::100", 64)
OTHER = "02:42:0a:01:07:69"


class Host:
    """One host with eth0: it is the clock, ``ip``, ``arp`` and ``ndp``; knobs make it misbehave."""

    def __init__(self, holder=None, kernel_objects=False, deaf=False, link_local=True, flags=("UP",)):
        self.holder, self.kernel_objects, self.deaf, self.flags = holder, kernel_objects, deaf, flags
        self.bound = [BoundAddress("10.1.7.104", 24, 4, label="eth0")]
        if link_local:
            self.bound += [BoundAddress("fe80::4", 64, 6, scope="link"), BoundAddress("fd00::4", 64, 6)]
        self.log, self.time, self.settles_at = [], 0.0, None

    def ports(self):
        return vip_apply.Ports(self, self, lambda name: True, self, self)

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds

    def holders_of(self, address, *, interface, source=""):
        self.log.append(f"ask{' from ' if source else ''}{source}")
        return (self.holder,) if self.holder else ()

    def announce(self, address, *, interface):
        self.log.append(f"tell {address} {interface.mac}")

    def interfaces(self):
        settled = self.settles_at is not None and self.time >= self.settles_at
        shown = [
            one._replace(
                tentative=one.tentative and (not settled or self.kernel_objects),
                dad_failed=one.tentative and settled and self.kernel_objects,
            )
            for one in self.bound
        ]
        return (Interface("eth0", ("eth0",), "02:00:00:00:00:01", self.flags, tuple(shown)),)

    def add(self, address, *, interface, label, detect_duplicates):
        self.log.append(f"add {address}{'' if detect_duplicates else ' nodad'}")
        if not self.deaf:
            tentative = address.family == 6 and detect_duplicates
            self.settles_at = self.time + 1.0
            label = (label or interface) if address.family == 4 else None
            self.bound.append(
                BoundAddress(address.address, address.prefix, address.family, label=label, tentative=tentative)
            )

    def remove(self, address, *, interface):
        self.log.append(f"remove {address}")
        self.bound = [one for one in self.bound if str(one) != str(address)]


def converge(host, check_mode=False, **wanted):
    return vip_apply.converge(host.ports(), Desired(**wanted), check_mode=check_mode)


@pytest.mark.parametrize(
    ("wanted", "log"),
    [
        ({"address": VIP}, ["ask", "add 10.1.7.100/24", "tell 10.1.7.100 02:00:00:00:00:01"]),
        ({"address": VIP, "check_duplicate": False, "announce": False}, ["add 10.1.7.100/24 nodad"]),
        ({"address": VIP6}, ["ask from fe80::4", "add fd00::100/64", "tell fd00::100 02:00:00:00:00:01"]),
        ({"address": VIP6, "check_duplicate": False, "announce": False}, ["add fd00::100/64 nodad"]),
        ({"address": VIP6, "force": True, "announce": False}, ["ask from fe80::4", "add fd00::100/64 nodad"]),
        ({"address": VIP, "present": False}, []),
    ],
)
def test_order_and_idempotence(wanted, log):
    host = Host()
    outcome = converge(host, **wanted)
    assert host.log == log and outcome.changed == bool(log)
    host.log.clear()
    again = converge(host, **wanted)
    assert not again.plan.changes and not again.changed and again.after == outcome.after
    assert host.log == [line for line in log if line.startswith("ask")]


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_check_mode_predicts_what_the_run_does(address):
    host = Host()
    told = converge(host, check_mode=True, address=address)
    assert not any(line.startswith(("add", "tell")) for line in host.log) and not told.announced
    done = converge(host, address=address)
    assert (told.before, told.after, told.plan) == (done.before, done.after, done.plan) and done.announced


@pytest.mark.parametrize("address", [VIP, VIP6])
@pytest.mark.parametrize("check_mode", [True, False])
def test_refuses_a_taken_address(address, check_mode):
    host = Host(holder=OTHER)
    with pytest.raises(Refused, match=OTHER):
        converge(host, check_mode=check_mode, address=address)
    assert not any(line.startswith("add") for line in host.log)


def test_forced_still_names_the_holder():
    outcome = converge(Host(holder=OTHER), address=VIP, force=True)
    assert outcome.observed.holders == (OTHER,) and outcome.announced


def test_kernel_has_the_last_word():
    host = Host(kernel_objects=True)
    with pytest.raises(Refused, match="the kernel found"):
        converge(host, address=VIP6)
    assert host.log[-1] == "remove fd00::100/64"


def test_waits_until_the_kernel_is_content():
    host = Host()
    converge(host, address=VIP6)
    assert host.time >= 1.0


def test_does_not_believe_the_command():
    with pytest.raises(NotVerified, match=r"10\.1\.7\.104/24"):
        converge(Host(deaf=True), address=VIP)


@pytest.mark.parametrize(
    ("host", "options", "words"),
    [
        (Host(flags=("UP", "NOARP")), {"address": VIP, "check_mode": True}, "no neighbours"),
        (Host(flags=("UP", "NO-CARRIER")), {"address": VIP, "check_mode": True, "force": True}, "no carrier"),
        (Host(link_local=False), {"address": VIP6, "check_mode": True, "interface": "eth0"}, "link-local"),
        (Host(), {"address": VIP, "check_duplicate": False, "check_mode": True}, "check_duplicate is off"),
        (Host(), {"address": VIP, "present": False}, "nothing is to be bound"),
    ],
)
def test_says_why_nobody_was_asked(host, options, words):
    assert words in converge(host, **options).observed.unchecked


@pytest.mark.parametrize("wanted", [{"announce_again": True}, {"force": True}])
def test_tells_again_without_a_change_of_this_host(wanted):
    host = Host()
    converge(host, address=VIP)
    host.holder = OTHER if "force" in wanted else None
    host.log.clear()
    assert not converge(host, address=VIP, check_mode=True, **wanted).announced and host.log == ["ask"]
    outcome = converge(host, address=VIP, **wanted)
    assert outcome.announced and not outcome.changed and outcome.before == outcome.after
    assert host.log[-1] == "tell 10.1.7.100 02:00:00:00:00:01"


def test_a_second_holder_is_refused_although_this_host_is_one():
    host = Host()
    converge(host, address=VIP)
    host.holder = OTHER
    with pytest.raises(Refused, match=f"{OTHER}; eth0 of this host has it too"):
        converge(host, address=VIP)


def test_label_is_checked_against_the_interface_found():
    with pytest.raises(BadAddress, match="eth0"):
        converge(Host(), address=VIP, label="vip:1")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"all": "0\n", "eth0": "0\n"}, False),
        ({"all": "1\n", "eth0": "0\n"}, True),
        ({"eth0": "1\n"}, True),
        ({}, False),
    ],
)
def test_promote_secondaries(tmp_path, monkeypatch, files, expected):
    monkeypatch.setattr(vip_apply, "KERNEL_SETTINGS", tmp_path)
    for name, text in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "promote_secondaries").write_text(text)
    assert vip_apply.promotes_secondaries("eth0") is expected
