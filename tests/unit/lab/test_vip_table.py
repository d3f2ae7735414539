# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/vip.md says of each fault of the pgpool side what it does to each size of the pair, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pair_faults import FAULTS, KEEPALIVED

DOCS = Path(__file__).resolve().parents[3] / "docs" / "vip.md"
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.M)
# The columns of the table: how many pgpools, who moves the address, and whether one of them is a witness.
SIZES = (
    (1, "systemd", False),
    (2, KEEPALIVED, False),
    (2, "watchdog", False),
    (3, KEEPALIVED, False),
    (3, KEEPALIVED, True),
)

rows = {
    name: [cell.strip() for cell in rest.split("|")] for name, rest in ROW.findall(DOCS.read_text(encoding="utf-8"))
}


def test_each_fault_has_a_row():
    assert list(rows) == list(FAULTS)


@pytest.mark.parametrize("name", rows)
def test_a_cell_is_empty_where_a_size_cannot_have_the_fault(name):
    fault = FAULTS[name]
    what, *cells = rows[name]
    assert what
    can = [
        pgpools >= fault.pgpools and manager in fault.managers and (witness or not fault.witness)
        for pgpools, manager, witness in SIZES
    ]
    assert [cell != "-" for cell in cells] == can
