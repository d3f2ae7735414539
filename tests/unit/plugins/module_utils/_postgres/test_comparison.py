# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.comparison import comparison
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Fork, Tail
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.salvage import Keeping

from tests.unit.rejoin_cases import FORK, MIB, SEGMENT, observed, old_primary, primary, stopped, target

CONTROL = {"control": {"data_checksums": True, "wal_log_hints": False}}


def compared(seen, evidence=None, keeping=None):
    return comparison(seen, evidence or CONTROL, keeping or Keeping())


def test_a_diverged_node_has_everything_next_to_each_other():
    seen = observed(old_primary(oldest_wal=SEGMENT), primary(oldest_wal=0), Tail(FORK + 0x2000, 3))
    found = compared(seen, keeping=Keeping("copy", 200 * MIB))
    assert found["system_identifier"] == {"target": "77", "primary": "77"}
    assert found["timeline"] == {"target": 1, "primary": 2}
    assert found["lsn"] == {"target": "0/3003000", "primary": "0/3007000"}
    assert found["oldest_wal"] == {"target": "0/1000000", "primary": "0/0"}
    assert found["fork"] == {"relation": "diverged", "timeline": 1, "lsn": "0/3001000"}
    assert found["past_fork"] == {"wal_bytes": 0x2000, "commits": 3}
    assert found["wal_needed_from"] == "0/3000000"
    assert found["pages"] == {"data_checksums": True, "wal_log_hints": False}
    assert found["disk"]["salvage_bytes"] == 200 * MIB
    assert found["disk"]["free_bytes"] == 10000 * MIB


def test_a_part_of_the_primarys_history_has_nothing_of_its_own():
    found = compared(observed(stopped(lsn=FORK - 0x10)))
    assert found["fork"]["relation"] == "prefix"
    assert found["past_fork"] == {"wal_bytes": 0, "commits": 0}
    assert found["wal_needed_from"] == "0/3000000"


UNKNOWN = {
    "no control file": (observed(target()), {"control": None}, "pages"),
    "an unknown end": (observed(target())._replace(fork=Fork("unknown")), CONTROL, "past_fork"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_is_null(case):
    seen, evidence, key = UNKNOWN[case]
    assert all(value is None for value in compared(seen._replace(tail=Tail()), evidence)[key].values())


def test_what_was_not_needed_was_not_read():
    found = compared(observed(target())._replace(disk=None))
    assert found["disk"] is None
