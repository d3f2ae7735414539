# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

# What is about a pair is tried with one; with fewer or more pgpools it is the faults, and what moves the address.
ONLY = {1: ("test_pair_faults.py",), 3: ("test_pair_faults.py", "test_move_vip.py")}


def pytest_collection_modifyitems(config, items):
    """By the number of pgpools that the lab has. (Molecule names each file, and such a file is never ignored.)"""
    from proof import Lab  # its path is set by the conftest of all scenarios

    lab = Lab()
    watchdog = lab.vars.get("pgops_vip_manager") == "watchdog"

    def fits(item):
        wanted = ONLY.get(len(lab.pgpools), (item.path.name,))
        # test_refuse is about what keepalived's hosts do.
        return item.path.name in wanted and not (watchdog and item.path.name == "test_refuse.py")

    later = [item for item in items if not fits(item)]
    items[:] = [item for item in items if item not in later]
    config.hook.pytest_deselected(items=later)
