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
from ansible_collections.pgops.pgpool.plugins.modules import vip_info

INTERFACES = [
    {
        "ifname": "eth0",
        "flags": ["UP"],
        "address": "02:42:0a:01:07:68",
        "addr_info": [{"family": "inet", "local": "10.1.7.104", "prefixlen": 24, "scope": "global", "label": "eth0"}],
    }
]


class Runner:
    """A host with eth0."""

    def run(self, argv, **_options):
        return CommandResult(argv, 0, json.dumps(INTERFACES), "")


def answer(monkeypatch, capsys, **options):
    monkeypatch.setattr(vip_info, "LocalRunner", Runner)
    said = {"10.1.7.100": ("02:42:0a:01:07:69",), "10.1.7.105": ("02:42:0a:01:07:69",)}
    monkeypatch.setattr(vip_info.arp, "macs_of", lambda addresses, interface: {one: said.get(one) for one in addresses})
    with patch_module_args(options), pytest.raises(SystemExit):
        vip_info.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("check_mode", [True, False])
def test_reads_only_and_has_the_shape_that_is_documented(monkeypatch, capsys, check_mode):
    result = answer(monkeypatch, capsys, address="10.1.7.100", members=["10.1.7.105"], _ansible_check_mode=check_mode)
    assert result["changed"] is False
    assert result["vip"]["others"] == [{"mac": "02:42:0a:01:07:69", "member": "10.1.7.105"}]
    documented = yaml.safe_load(vip_info.RETURN)["vip"]
    assert set(documented["contains"]) == set(result["vip"]) == set(documented["sample"])


def test_a_bad_address_is_an_error(monkeypatch, capsys):
    assert answer(monkeypatch, capsys, address="10.1.7.300")["error"]["code"] == "bad_address"


def test_documentation_and_code_name_the_same_options(monkeypatch):
    seen = {}

    class Spy(basic.AnsibleModule):
        def __init__(self, **arguments):
            seen.update(arguments["argument_spec"])
            raise SystemExit

    monkeypatch.setattr(vip_info, "AnsibleModule", Spy)
    with pytest.raises(SystemExit):
        vip_info.main()
    documented = yaml.safe_load(vip_info.DOCUMENTATION)["options"]
    assert {name: option.get("default") for name, option in documented.items()} == {
        name: option.get("default") for name, option in seen.items()
    }
