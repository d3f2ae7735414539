# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the tests of every scenario. Those marked ``matrix`` are left to ``make test-matrix``, which has the time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "molecule" / "shared"), str(ROOT)]


def pytest_configure(config):
    """The marker, for --strict-markers; and what stands beside a test can be imported by it."""
    sys.path[:0] = sorted({str(Path(path.split("::")[0]).resolve().parent) for path in config.args})
    config.addinivalue_line("markers", "matrix: run with PGOPS_FAULTS=all only")


def pytest_collection_modifyitems(config, items):
    """Leave them out, and have pytest count them as deselected."""
    if os.environ.get("PGOPS_FAULTS") != "all":
        later = [item for item in items if item.get_closest_marker("matrix")]
        items[:] = [item for item in items if item not in later]
        config.hook.pytest_deselected(items=later)


@pytest.fixture(scope="session")
def lab():
    """The lab that LAB_PROJECT names."""
    from proof import Lab  # the path has to be set first

    return Lab()
