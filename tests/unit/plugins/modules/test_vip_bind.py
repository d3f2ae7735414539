# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.modules import vip_bind

INTERFACES = [
    {
        "ifname": "eth0",
        "flags": ["UP"],
        "address": "02:00:00:00:00:01",
        "addr_info": [
            {"family": "inet", "local": "10.1.7.104", "prefixlen": 24, "scope": "global", "label": "eth0"},
            {"family": "inet", "local": "10.1.7.100", "prefixlen": 24, "scope": "global", "label": "eth0"},
        ],
    }
]


class Runner:
    """A host that has 10.1.7.100 on eth0."""

    def run(self, argv, **_options):
        return CommandResult(argv, 0, json.dumps(INTERFACES), "")


def answer(monkeypatch, capsys, holders=(), **options):
    monkeypatch.setattr(vip_bind, "LocalRunner", Runner)
    monkeypatch.setattr(vip_bind.arp, "holders_of", lambda _address, interface: holders)
    monkeypatch.setattr(vip_bind.arp, "announce", lambda _address, interface: None)
    with patch_module_args(options), pytest.raises(SystemExit):
        vip_bind.main()
    return json.loads(capsys.readouterr().out)


def test_already_there(monkeypatch, capsys):
    result = answer(monkeypatch, capsys, address="10.1.7.100", prefix=24)
    assert result["changed"] is False and result["executed_commands"] == []
    assert result["vip"] == {
        "address": "10.1.7.100",
        "prefix": 24,
        "interface": "eth0",
        "bindings": ["10.1.7.100/24 dev eth0 label eth0"],
        "present": True,
    }
    assert result["duplicate"] == {"checked": True, "reason": None, "holders": []}
    again = answer(monkeypatch, capsys, address="10.1.7.100", prefix=24, announce_again=True)
    assert not again["changed"] and again["announced"] and again["plan"]["summary"] == "announce 10.1.7.100/24 on eth0"


def test_a_second_holder(monkeypatch, capsys):
    result = answer(monkeypatch, capsys, ["02:42:0a:01:07:69"], address="10.1.7.100", prefix=24)
    assert result["failed"] and result["error"]["evidence"] == {"holders": ["02:42:0a:01:07:69"]}
    forced = answer(monkeypatch, capsys, ["02:42:0a:01:07:69"], address="10.1.7.100", prefix=24, force=True)
    assert not forced["changed"] and forced["announced"] and forced["duplicate"]["holders"] == ["02:42:0a:01:07:69"]


def test_check_mode_and_diff(monkeypatch, capsys):
    result = answer(monkeypatch, capsys, address="10.1.7.101", prefix=24, _ansible_check_mode=True, _ansible_diff=True)
    assert result["changed"] is True and result["duplicate"]["checked"] and not result["announced"]
    assert result["diff"] == {"before": "", "after": "10.1.7.101/24 dev eth0 label eth0\n"}
    assert [step["action"] for step in result["plan"]["steps"]][0] == "add 10.1.7.101/24 to eth0"


def test_failure_is_for_machines_too(monkeypatch, capsys):
    result = answer(monkeypatch, capsys, address="10.1.7.101", prefix=24, interface="eth9")
    assert result["failed"] and result["error"]["code"] == "no_such_interface"
    assert result["error"]["next_step"] in result["msg"]


def test_prefix_is_required_to_bind(monkeypatch, capsys):
    assert "prefix" in answer(monkeypatch, capsys, address="10.1.7.101")["msg"]
    assert not answer(monkeypatch, capsys, address="10.1.7.101", state="absent").get("failed")


def test_documentation_and_code_name_the_same_options(monkeypatch):
    seen = {}

    class Spy(basic.AnsibleModule):
        def __init__(self, **arguments):
            seen.update(arguments["argument_spec"])
            raise SystemExit

    monkeypatch.setattr(vip_bind, "AnsibleModule", Spy)
    with pytest.raises(SystemExit):
        vip_bind.main()
    documented = yaml.safe_load(vip_bind.DOCUMENTATION)["options"]
    assert {name: option.get("default") for name, option in documented.items()} == {
        name: option.get("default") for name, option in seen.items()
    }
