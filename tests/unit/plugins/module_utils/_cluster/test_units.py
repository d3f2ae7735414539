# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.units import count, human_bytes

SIZES = {
    None: "unknown",
    0: "0 bytes",
    1: "1 byte",
    1023: "1023 bytes",
    1536: "1.5 KiB",
    1024 * 1024 - 1: "1.0 MiB",
    16 * 1024 * 1024: "16.0 MiB",
    5 * 1024**4: "5.0 TiB",
    5000 * 1024**4: "5000.0 TiB",
}


@pytest.mark.parametrize("number", SIZES)
def test_bytes_are_shown_in_the_unit_that_a_person_would_choose(number):
    assert human_bytes(number) == SIZES[number]


def test_counts_agree_with_their_noun():
    assert [count(n, "commit") for n in (None, 0, 1, 2)] == [
        "an unknown number of commits", "0 commits", "1 commit", "2 commits"]  # fmt: skip
