# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import service


class Runner:
    def __init__(self, rc, stdout):
        self.rc, self.stdout, self.argv = rc, stdout, None

    def run(self, argv, **_options):
        self.argv = list(argv)
        return CommandResult(tuple(argv), self.rc, self.stdout, "")


def answer(active, state, enabled):
    return {"name": "pg", "active": active, "state": state, "enabled": enabled}


@pytest.mark.parametrize(
    ("rc", "stdout", "expected"),
    [
        (0, "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n", answer(True, "active", True)),
        (0, "LoadState=loaded\nActiveState=active\nUnitFileState=enabled-runtime\n", answer(True, "active", True)),
        (0, "LoadState=loaded\nActiveState=failed\nUnitFileState=disabled\n", answer(False, "failed", False)),
        (0, "LoadState=loaded\nActiveState=activating\nUnitFileState=\n", answer(False, "activating", False)),
        (0, "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n", answer(False, "not-found", False)),
        (0, "", answer(None, "unknown", None)),
        (1, "System has not been booted with systemd", answer(None, "unknown", None)),
        (127, "", answer(None, "unknown", None)),
        (None, "", answer(None, "unknown", None)),
    ],
)
def test_read(rc, stdout, expected):
    assert service.read(runner=Runner(rc, stdout), name="pg") == expected


def test_no_unit_is_not_asked_for():
    runner = Runner(0, "ActiveState=active")
    assert service.read(runner=runner, name=None) == dict(answer(None, "unknown", None), name=None)
    assert runner.argv is None
