# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import synchronous


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("off", "off"),
        (False, "off"),
        ("False", "off"),
        ("block", "block"),
        (True, "block"),
        ("on", "block"),
        ("fallback", "fallback"),
        (" Fallback", "fallback"),
        ("", ""),
        (None, ""),
        (1, ""),
        ("remote_apply", ""),
    ],
)
def test_what_a_person_may_write(value, mode):
    assert synchronous.mode(value) == mode


@pytest.mark.parametrize(
    ("value", "slots", "names"),
    [
        ("off", ["pgops_1"], ""),
        ("nonsense", ["pgops_1"], ""),
        ("block", [], ""),
        ("block", ["pgops_1"], "ANY 1 (pgops_1)"),
        ("fallback", ["pgops_2", "pgops_0"], "ANY 1 (pgops_0, pgops_2)"),
    ],
)
def test_one_of_all_others_has_to_have_each_commit(value, slots, names):
    assert synchronous.standby_names(value, slots) == names
