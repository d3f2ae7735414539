# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._net.address import (
    BadAddress,
    check_label,
    network_of,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "prefix", "expected", "family"),
    [
        ("10.1.7.100", 24, "10.1.7.100/24", 4),
        (" 10.1.7.100 ", None, "10.1.7.100", 4),
        ("10.1.7.0", 31, "10.1.7.0/31", 4),
        ("10.1.7.0", 32, "10.1.7.0/32", 4),
        ("2001:DB8:0::7", 64, "2001:db8::7/64", 6),
        ("fd00::1", 128, "fd00::1/128", 6),
    ],
)
def test_canonical_spelling(text, prefix, expected, family):
    address = parse_address(text, prefix=prefix)
    assert (str(address), address.family) == (expected, family)


@pytest.mark.parametrize(
    ("text", "prefix", "words"),
    [
        ("10.1.7.100/24", None, "without a prefix"),
        ("10.1.7", 24, "does not appear to be"),
        ("", 24, "does not appear to be"),
        ("10.1.7.100", 33, "1 to 32"),
        ("10.1.7.100", 0, "1 to 32"),
        ("fd00::1", 129, "1 to 128"),
        ("10.1.7.0", 24, "network itself"),
        ("10.1.7.255", 24, "broadcast"),
        ("127.0.0.1", 8, "loopback"),
        ("224.0.0.1", 8, "multicast"),
        ("0.0.0.0", 8, "unspecified"),
        ("ff02::1", 64, "multicast"),
    ],
)
def test_what_nobody_can_bind(text, prefix, words):
    with pytest.raises(BadAddress) as caught:
        parse_address(text, prefix=prefix)
    assert words in str(caught.value) and caught.value.code == "bad_address"


def test_network():
    assert str(network_of("10.1.7.9", prefix=29)) == "10.1.7.8/29"
    assert parse_address("10.1.7.9", prefix=29).network == network_of("10.1.7.14", prefix=29)


@pytest.mark.parametrize(
    ("label", "family", "words"),
    [
        (None, 4, None),
        (None, 6, None),
        ("eth0:1", 4, None),
        ("eth0:1", 6, "no labels"),
        ("vip", 4, "starts with"),
        ("eth0:0123456789a", 4, "15 characters"),
    ],
)
def test_labels(label, family, words):
    if words is None:
        check_label(label, interface="eth0", family=family)
        return
    with pytest.raises(BadAddress, match=words):
        check_label(label, interface="eth0", family=family)
