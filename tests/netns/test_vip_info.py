# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vip_info on a real segment: who has the address, with the hardware address of each."""

from __future__ import annotations

import pytest

from tests.netns.hosts import VIP4, VIP6

BOTH = pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])


@BOTH
def test_every_holder_is_told_with_its_mac_and_its_name(three, vip, prefix):
    """Whether this host has it itself or not; a host that is no member is a stranger, also when it was spoken with."""
    here, member, stranger = three
    for other in (member, stranger):
        other.hold(vip, prefix)
    known = {"mac": member.mac(), "member": "10.99.7.2"}
    for held in (False, True):
        if held:
            here.hold(vip, prefix)
        seen = here.module("vip_info", address=vip, members=["10.99.7.1", "10.99.7.2", "no-such-name.invalid"])["vip"]
        assert seen["asked"] and seen["held"] is held and seen["interface"] == "eth0"
        assert sorted(seen["others"], key=lambda one: str(one["member"])) == [
            known,
            {"mac": stranger.mac(), "member": None},
        ]
    assert [(one["interface"], one["mac"], one["prefix"]) for one in seen["bindings"]] == [("eth0", here.mac(), prefix)]


@BOTH
def test_one_holder_is_alone(hosts, vip, prefix):
    here = hosts[0]
    here.hold(vip, prefix)
    here.remember(vip, "02:00:00:00:00:99")
    seen = here.module("vip_info", address=vip, members=["fd00:99::2", "10.99.7.2"])["vip"]
    assert seen["held"] and seen["asked"] and seen["others"] == []


def test_a_question_leaves_no_trace_at_the_neighbours(hosts):
    """Nobody learns a wrong owner from it."""
    here, other = hosts
    here.hold(VIP4, 24)
    other.remember(VIP4, "02:00:00:00:00:99")
    here.module("vip_info", address=VIP4, members=["10.99.7.2"])
    assert other.remembers(VIP4) == "02:00:00:00:00:99"


def test_a_network_that_cannot_be_asked_is_an_answer(hosts):
    here = hosts[0]
    here.ip("link", "set", "eth0", "down")
    seen = here.module("vip_info", address=VIP4, interface="eth0")["vip"]
    assert not seen["asked"] and "eth0 is down" in seen["reason"]
