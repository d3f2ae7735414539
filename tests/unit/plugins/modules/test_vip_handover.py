# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import NotVerified
from ansible_collections.pgops.pgpool.plugins.modules import vip_handover

GIVEN = {"manager": "keepalived", "address": "10.1.7.100", "target": "app-server2"}


class Handover:
    """One that does what it is told."""

    def __init__(self, wanted, **_ports):
        self.wanted, self.claim = wanted, self

    def take(self):
        pass

    def away(self, drain):
        return {"changed": True, "drained": {"seconds": drain}}

    def taken(self, timeout):
        raise NotVerified("take over", server="app-server2", seen=f"nothing in {timeout:g} s", next_step="look")

    def back(self):
        return {"changed": False}

    def would_change(self, state):
        return state == "away"


def answer(monkeypatch, capsys, **options):
    monkeypatch.setattr(vip_handover.handover, "Handover", Handover)
    with patch_module_args(dict(GIVEN, **options)), pytest.raises(SystemExit):
        vip_handover.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("claimed", {"changed": False}),
        ("away", {"changed": True, "drained": {"seconds": 2}}),
        ("back", {"changed": False}),
    ],
)
def test_states(monkeypatch, capsys, state, expected):
    found = answer(monkeypatch, capsys, state=state, drain=2)
    assert {key: found[key] for key in expected} == expected


def test_a_failure_says_where_and_what_next(monkeypatch, capsys):
    found = answer(monkeypatch, capsys, state="taken", timeout=5)
    assert found["failed"] and found["error"]["code"] == "not_verified"
    assert found["msg"] == "Could not take over on app-server2: nothing in 5 s. Next: look"


@pytest.mark.parametrize(("state", "changed"), [("away", True), ("claimed", False), ("back", False)])
def test_check_mode(monkeypatch, capsys, state, changed):
    assert answer(monkeypatch, capsys, state=state, _ansible_check_mode=True)["changed"] is changed
