# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packets; what happens on the wire is in tests/netns."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._net import arp
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import Interface

MAC, OTHER = "02:42:0a:01:07:68", "02:42:0a:01:07:69"
HEAD = "0001" + "0800" + "06" + "04"


def test_packets():
    ours, nobody, everybody, vip = "02420a010768", "00" * 6, "ff" * 6, "0a010764"
    assert arp.question("10.1.7.100", MAC).hex() == HEAD + "0001" + ours + "00000000" + nobody + vip
    assert arp.statement("10.1.7.100", MAC, arp.REQUEST).hex() == HEAD + "0001" + ours + vip + nobody + vip
    assert arp.statement("10.1.7.100", MAC, arp.REPLY).hex() == HEAD + "0002" + ours + vip + everybody + vip


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (arp.statement("10.1.7.100", OTHER, arp.REPLY), ("10.1.7.100", OTHER)),
        (arp.statement("10.1.7.100", OTHER, arp.REQUEST) + bytes(18), ("10.1.7.100", OTHER)),
        (arp.question("10.1.7.100", OTHER), ("0.0.0.0", OTHER)),
        (bytes.fromhex("0020080014040001") + bytes(40), None),
        (arp.question("10.1.7.100", OTHER)[:27], None),
        (b"", None),
    ],
)
def test_reading_a_packet(packet, said):
    assert arp.parse(packet) == said


@pytest.mark.parametrize("call", [arp.holders_of, arp.announce])
def test_failure_names_the_interface(call):
    with pytest.raises(CommandFailed, match="nope0"):
        call("10.1.7.100", interface=Interface("nope0", ("nope0",), MAC, ("UP",), ()))
