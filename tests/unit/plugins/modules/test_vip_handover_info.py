# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.modules import vip_handover_info

GIVEN = {"manager": "watchdog", "address": "10.1.7.100", "port": 5433, "target": "app-server2", "ignored_users": ["x"]}


def test_it_tells_what_the_host_says(monkeypatch, capsys):
    seen = []

    class Handover:
        def __init__(self, wanted, **_ports):
            seen.append(wanted)

        def describe(self):
            return {"held": True}

    monkeypatch.setattr(vip_handover_info.handover, "Handover", Handover)
    with patch_module_args(GIVEN), pytest.raises(SystemExit):
        vip_handover_info.main()
    found = json.loads(capsys.readouterr().out)
    assert found["handover"] == {"held": True} and found["changed"] is False
    assert (seen[0].manager, seen[0].port, seen[0].ignored_users) == ("watchdog", 5433, ("x",))
