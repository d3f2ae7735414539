# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import lsn

MIB16, MIB1, GIB = 16 << 20, 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("text", "position"),
    [("0/0", 0), ("0/3000148", 0x3000148), ("16/B374D848", 0x16B374D848), ("FFFFFFFF/FFFFFFFF", 2**64 - 1)],
)
def test_parse_and_render_are_inverse(text, position):
    assert lsn.parse(text) == position
    assert lsn.render(position) == text


def test_parse_accepts_lower_case_and_blanks():
    assert lsn.parse(" 16/b374d848\n") == 0x16B374D848


@pytest.mark.parametrize("text", ["", "3000148", "0/", "/1", "0/G", "1/123456789", "0x0/1", None, "0/1/2", "-1/0"])
def test_what_is_no_lsn_is_quoted(text):
    with pytest.raises(ParseError) as caught:
        lsn.parse(text)
    assert repr(text) in str(caught.value)


def test_diff_crosses_the_4_gib_border():
    assert lsn.diff("1/0", "0/FFFFFFFF") == 1
    assert lsn.diff("0/1", "0/3") == -2


def test_latest_ignores_what_is_unknown():
    assert lsn.latest("0/9", None, "0/10", "0/0") == "0/10"
    assert lsn.latest("9/0", "10/0") == "10/0"
    assert lsn.latest(None, "0/0") is None
    assert lsn.latest() is None


@pytest.mark.parametrize(
    ("timeline", "position", "size", "name"),
    [
        (1, "0/3000148", MIB16, "000000010000000000000003"),
        (1, "0/2FFFFFF", MIB16, "000000010000000000000002"),
        (1, "0/3000000", MIB16, "000000010000000000000003"),
        (10, "16/B374D848", MIB16, "0000000A00000016000000B3"),
        (2, "0/FF000000", MIB16, "0000000200000000000000FF"),
        (2, "1/0", MIB16, "000000020000000100000000"),
        (1, "0/FFF00000", MIB1, "000000010000000000000FFF"),
        (1, "2/C0000000", GIB, "000000010000000200000003"),
        (1, 0x3000148, MIB16, "000000010000000000000003"),
    ],
)
def test_wal_file_name(timeline, position, size, name):
    assert lsn.wal_file_name(timeline, position, size) == name
