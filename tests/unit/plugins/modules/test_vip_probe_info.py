# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.probe import Seen
from ansible_collections.pgops.pgpool.plugins.modules import vip_probe_info

GIVEN = {"address": "10.1.7.100", "login_user": "healthcheck", "os_user": "root", "limit": 5, "enough": 1}


class Probe:
    """Has been answered at once."""

    wanted = None

    def __init__(self, wanted, _driver):
        Probe.wanted = wanted

    def run(self):
        return Seen([1.0, 1.1], [], 1.1)


def answer(monkeypatch, capsys, **options):
    monkeypatch.setattr(vip_probe_info.probe, "Probe", Probe)
    with patch_module_args(dict(GIVEN, **options)), pytest.raises(SystemExit):
        vip_probe_info.main()
    return json.loads(capsys.readouterr().out)


def test_it_asks_with_the_pass_file_of_its_user(monkeypatch, capsys):
    found = answer(monkeypatch, capsys)["probe"]
    assert found["answers"] == 2 and found["gap"] == 0.1
    asked = Probe.wanted.options
    assert asked["passfile"].endswith("/.pgpass") and "password" not in asked
    assert (asked["host"], asked["user"], Probe.wanted.enough) == ("10.1.7.100", "healthcheck", 1)


def test_without_its_driver_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(vip_probe_info, "psycopg2", None)
    found = answer(monkeypatch, capsys)["probe"]
    assert found["gap"] is None and "python3-psycopg2" in found["error"]
