# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role move_vip works out by itself."""

from __future__ import annotations

import pytest

from .rendering import cluster, value_of


@pytest.mark.parametrize("word", [True, "yes", "on", "true"])
def test_who_is_a_witness_is_read_as_everywhere_else(word):
    variables = cluster(pgpools=3)
    variables["hostvars"]["app-server3"]["pgops_pgpool_witness"] = word
    assert value_of("move_vip", "{{ __move_vip_witnesses }}", variables) == ["app-server3"]
