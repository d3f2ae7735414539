# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit tests see nothing of the environment they happen to run in."""

from __future__ import annotations

import os

import pytest

SPEAKING_TO_SERVERS = ("PG", "PCP", "LAB_", "ANSIBLE_")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """libpq, PCP and Ansible read variables: a developer's PGHOST must not decide a test."""
    for name in list(os.environ):
        if name.startswith(SPEAKING_TO_SERVERS):
            monkeypatch.delenv(name)
