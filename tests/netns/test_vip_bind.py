# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vip_bind against the real kernel: hosts are network namespaces on one switch."""

from __future__ import annotations

import pytest

from tests.netns.hosts import QUIET, STALE, VIP4, VIP6


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
        words = ("lladdr", STALE, "dev", "eth0", "nud", "permanent")
        other.ip("neigh", "replace", mine.split("/")[0], *words)
    result = here.vip_bind(address=VIP6, prefix=64)
    assert result["error"]["code"] == "refused" and "the kernel found" in result["msg"]
    assert f"{VIP6}/64" not in here.addresses()


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_announcement_moves_the_neighbours(hosts, vip, prefix):
    here, other = hosts
    other.remember(vip, STALE)
    here.vip_bind(address=vip, prefix=prefix, check_duplicate=False)
    assert other.remembers(vip) == here.mac()


@pytest.mark.parametrize(("vip", "prefix"), [(VIP4, 24), (VIP6, 64)])
def test_silence_leaves_the_neighbours_alone(hosts, vip, prefix):
    here, other = hosts
    other.remember(vip, STALE)
    here.vip_bind(address=vip, prefix=prefix, **QUIET)
    assert here.vip_bind(address=vip, prefix=prefix)["changed"] is False
    assert other.remembers(vip) == STALE


def test_check_mode_tells_and_changes_nothing(hosts):
    here = hosts[0]
    told = here.vip_bind(address=VIP4, prefix=24, label="eth0:1", _check_mode=True, _diff=True)
    assert told["changed"] and [step["action"] for step in told["plan"]["steps"]] == [
        "add 10.99.7.100/24 to eth0",
        "announce it on eth0",
    ]
    assert told["diff"] == {"before": "", "after": "10.99.7.100/24 dev eth0 label eth0:1\n"}
    assert told == here.vip_bind(address=VIP4, prefix=24, label="eth0:1", _check_mode=True, _diff=True)
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


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"address": VIP4, "prefix": 24, "interface": "nope"}, "no_such_interface", "there is no interface nope"),
        ({"address": "192.0.2.7", "prefix": 24}, "no_such_interface", "eth0 10.99.7.1/24"),
        ({"address": "10.99.7.0", "prefix": 24}, "bad_address", "names the network itself"),
        ({"address": VIP4, "prefix": 24, "label": "vip"}, "bad_address", "eth0:1"),
        ({"address": VIP4, "prefix": 24, "label": "eth0:12345678901"}, "bad_address", "at most 15 characters"),
        ({"address": VIP6, "prefix": 64, "label": "eth0:1"}, "bad_address", "no labels"),
    ],
)
def test_says_what_is_wrong(hosts, options, code, words):
    result = hosts[0].vip_bind(**options)
    assert result["failed"] and result["error"]["code"] == code
    assert words in result["msg"] and "Next:" in result["msg"]
