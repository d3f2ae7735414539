# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules against the real kernel. Needs root and iproute2."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.netns.hosts import segment


def pytest_collection_modifyitems(items):
    """Elsewhere than on Linux as root there is nothing to test, and the report says so."""
    if os.geteuid() == 0 and shutil.which("ip"):
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason="needs root and iproute2"))


@pytest.fixture
def hosts():
    """Two hosts on one switch, removed afterwards."""
    with segment(2) as built:
        yield built.hosts


@pytest.fixture
def three():
    """Three hosts on one switch."""
    with segment(3) as built:
        yield built.hosts


@pytest.fixture
def wired():
    """Two hosts and their switch, for what a cable does."""
    with segment(2) as built:
        yield built
