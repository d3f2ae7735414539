# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.doc_fragments._pcp import ModuleDocFragment
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.info import describe
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.login import OPTIONS, pgpool_from
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.modules import pgpool_info

from tests.unit.fake_pcp import Backends, FakePcp

SECRET = "s3'cr\"et%\\$:#ß"


class Runner:
    """A host without pgpool program that holds 10.1.7.100."""

    def run(self, argv, **_options):
        address = {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "10.1.7.100", "prefixlen": 24}]}
        return (
            CommandResult(argv, 0, json.dumps([address]), "") if argv[0] == "ip" else CommandResult(argv, 127, "", "")
        )


def answer(monkeypatch, capsys, **options):
    monkeypatch.setattr(pgpool_info, "LocalRunner", Runner)
    with patch_module_args(options), pytest.raises(SystemExit) as stop:
        pgpool_info.main()
    text = capsys.readouterr().out
    assert SECRET not in text and json.dumps(SECRET)[1:-1] not in text
    return json.loads(text), stop.value.code


def test_all_there(monkeypatch, capsys):
    with FakePcp(Backends(), password=SECRET) as server:
        result, code = answer(monkeypatch, capsys, login_port=server.port, login_password=SECRET, vip="10.1.7.100")
    assert code == 0 and result["changed"] is False and not result.get("failed")
    pgpool = result["pgpool"]
    assert (pgpool["reachable"], pgpool["error"], pgpool["version"]) == (True, None, None)
    assert [node["role"] for node in pgpool["nodes"]] == ["primary", "standby"] and pgpool["vip"]["held"] is True


def test_the_password_from_a_file(monkeypatch, capsys, tmp_path):
    path = tmp_path / "pcppass"
    path.write_text("*:*:pgpoolad:" + SECRET.replace("\\", "\\\\").replace(":", "\\:"), "utf-8")
    with FakePcp(Backends(9), password=SECRET) as server:
        path.chmod(0o644)
        result, _code = answer(monkeypatch, capsys, login_port=server.port, login_pass_file=str(path))
        assert "its mode is 0644" in result["pgpool"]["error"]["message"]
        path.chmod(0o600)
        result, _code = answer(monkeypatch, capsys, login_port=server.port, login_pass_file=str(path))
    assert result["pgpool"]["reachable"] is True


def test_down_and_wrong_password_are_answers(monkeypatch, capsys):
    with FakePcp(Backends(), password=SECRET) as server:
        result, code = answer(monkeypatch, capsys, login_port=server.port, login_password=SECRET + "x")
    assert code == 0 and result["pgpool"]["error"]["code"] == "authentication_failed"
    result, code = answer(monkeypatch, capsys, login_port=server.port, login_password=SECRET, timeout=0.5)
    assert code == 0 and result["pgpool"]["error"]["code"] == "unreachable"
    assert result["pgpool"]["reachable"] is False and result["pgpool"]["nodes"] == []


def test_an_empty_password_is_a_password(monkeypatch, capsys):
    with FakePcp(Backends(), password="") as server:
        result, _code = answer(monkeypatch, capsys, login_port=server.port, login_password="")
    assert result["pgpool"]["reachable"] is True


@pytest.mark.parametrize("options", [{}, {"login_password": SECRET, "login_pass_file": "/x"}])
def test_exactly_one_password_is_needed(monkeypatch, capsys, options):
    result, code = answer(monkeypatch, capsys, **options)
    assert code == 1 and "login_pass_file" in result["msg"] and "login_password" in result["msg"]


def test_documentation_and_code_agree():
    fragment = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(fragment) == set(OPTIONS)
    for name, option in OPTIONS.items():
        assert (fragment[name]["type"], fragment[name].get("default")) == (option["type"], option.get("default"))
    assert set(yaml.safe_load(pgpool_info.DOCUMENTATION)["options"]) == {"vip"}
    documented = yaml.safe_load(pgpool_info.RETURN)["pgpool"]["contains"]
    with FakePcp(Backends(watchdog=None)) as server:
        params = {name: option.get("default") for name, option in OPTIONS.items()}
        params.update(login_port=server.port, login_password="secret")
        seen = describe(lambda: pgpool_from(params), runner=Runner(), vip="10.1.7.1")
    assert set(documented) == set(seen)
    for name, sample in (("nodes", seen["nodes"][0]), ("watchdog", seen["watchdog"]), ("vip", seen["vip"])):
        assert set(documented[name]["contains"]) == set(sample)
