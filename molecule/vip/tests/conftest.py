# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

# What is about a pair is tried with one; with fewer or more pgpools it is the faults, and what moves the address.
ONLY = {1: ("test_pair_faults.py",), 3: ("test_pair_faults.py", "test_move_vip.py")}


def pytest_ignore_collect(collection_path):
    """By the number of pgpools that the lab has."""
    from proof import Lab  # its path is set by the conftest of all scenarios

    lab = Lab()
    wanted = ONLY.get(len(lab.pgpools)) if collection_path.suffix == ".py" else None
    if wanted and collection_path.name not in wanted:
        return True
    # It is about what keepalived's hosts do.
    watchdog = lab.vars.get("pgops_vip_manager") == "watchdog"
    return True if watchdog and collection_path.name == "test_refuse.py" else None
