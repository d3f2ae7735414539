# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import vip_manager as vm

ONE, TWO = {"name": "app1", "witness": False}, {"name": "app2", "witness": False}
WITNESS = {"name": "witness1", "witness": True}


@pytest.mark.parametrize(
    "wanted, pgpools, in_force, problem",
    [
        ("watchdog", [ONE, TWO], "watchdog", ""),
        ("keepalived", [ONE, TWO], "keepalived", ""),
        ("watchdog", [ONE], "systemd", ""),
        ("keepalived", [ONE], "systemd", ""),
        ("keepalived", [ONE, TWO, WITNESS], "keepalived", ""),
        ("watchdog", [ONE, TWO, WITNESS], "watchdog", "a witness needs pgops_vip_manager: keepalived"),
        ("watchdog", [ONE, WITNESS], "systemd", ""),
        ("watchdog", [WITNESS], "systemd", "every pgpool is a witness"),
    ],
)
def test_who_moves_the_address(wanted, pgpools, in_force, problem):
    assert vm.vip_manager(wanted, pgpools) == in_force
    assert problem in "; ".join(vm.manager_problems(wanted, pgpools))
    assert bool(problem) == bool(vm.manager_problems(wanted, pgpools))


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="watchdog or keepalived, found 'vrrp'"):
        vm.vip_manager("vrrp", [ONE, TWO])
    assert "found 'vrrp'" in vm.manager_problems("vrrp", [ONE, TWO])[0]
