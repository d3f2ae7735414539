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


@pytest.fixture(scope="session")
def lab():
    """The lab that LAB_PROJECT names."""
    from proof import Lab  # the path has to be set first

    return Lab()
