# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages; what happens on the wire is in tests/netns."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._net import ndp
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import Interface

MAC = "02:42:0a:01:07:68"
TARGET = "fd00" + "00" * 12 + "0100"


def test_messages():
    assert ndp.solicitation("fd00::100", MAC).hex() == "87000000" + "00000000" + TARGET + "0101" + "02420a010768"
    assert ndp.advertisement("fd00::100", MAC).hex() == "88000000" + "20000000" + TARGET + "0201" + "02420a010768"


@pytest.mark.parametrize(
    ("address", "group"),
    [("fd00::100", "ff02::1:ff00:100"), ("fe80::12:34ab:cdef:1", "ff02::1:ffef:1"), ("::", "ff02::1:ff00:0")],
)
def test_group_of_an_address(address, group):
    assert ndp.solicited_node(address) == group


HEAD = "88000000" + "60000000"
OPTION = "0201" + "02420a010768"


@pytest.mark.parametrize(
    ("message", "mac"),
    [
        (HEAD + TARGET + OPTION, MAC),
        (HEAD + TARGET + "0e01" + "00" * 6 + OPTION, MAC),
        (HEAD + TARGET + "0e02" + "00" * 14 + OPTION, MAC),
        (HEAD + TARGET, None),
        (HEAD + TARGET + "0101" + "02420a010768", None),
        (HEAD + TARGET + "0e00" + "00" * 6 + OPTION, None),
        (HEAD + TARGET + "0201" + "0242", None),
        (HEAD + TARGET.replace("0100", "0101") + OPTION, None),
        ("87000000" + "00000000" + TARGET + OPTION, None),
        (HEAD, None),
        ("", None),
    ],
)
def test_reading_an_advertisement(message, mac):
    assert ndp.parse_advertisement(bytes.fromhex(message), "fd00::100") == mac


def test_what_we_say_we_understand():
    assert ndp.parse_advertisement(ndp.advertisement("fd00::7", MAC), "fd00::7") == MAC


def test_failure_names_the_interface():
    nowhere = Interface("nope0", ("nope0",), MAC, ("UP",), ())
    with pytest.raises(CommandFailed, match="nope0"):
        ndp.announce("fd00::100", interface=nowhere)
