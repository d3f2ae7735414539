# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "molecule" / "shared"), str(ROOT)]

from matrix import pytest_collection_modifyitems, pytest_configure  # noqa: E402 (the path has to be set first)

__all__ = ("lab", "pytest_collection_modifyitems", "pytest_configure")

# What is about a pair is tried with one; with fewer or more pgpools it is the faults, and what moves the address.
ONLY = {1: ("test_pair_faults.py",), 3: ("test_pair_faults.py", "test_move_vip.py")}


def pytest_ignore_collect(collection_path):
    from proof import Lab  # the path has to be set first

    wanted = ONLY.get(len(Lab().pgpools)) if collection_path.suffix == ".py" else None
    return True if wanted and collection_path.name not in wanted else None


@pytest.fixture(scope="session")
def lab():
    """The lab that LAB_PROJECT names."""
    from proof import Lab  # the path has to be set first

    return Lab()
