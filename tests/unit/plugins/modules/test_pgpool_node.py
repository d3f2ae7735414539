# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.login import OPTIONS
from ansible_collections.pgops.pgpool.plugins.modules import pgpool_node

from tests.unit.fake_pcp import SILENCE, Backends, FakePcp

SECRET = "s3'cr\"et%\\$:#ß"


def answer(capsys, server, **options):
    options = dict(
        {
            "login_port": server.port,
            "login_password": SECRET,
            "timeout": 0.5,
            "wait_timeout": 1,
            "node_id": 1,
            "backend_host": "127.0.0.1",
            "backend_port": 5434,
            "_ansible_diff": True,
        },
        **options,
    )
    with patch_module_args(options), pytest.raises(SystemExit) as stop:
        pgpool_node.main()
    text = capsys.readouterr().out
    assert SECRET not in text and json.dumps(SECRET)[1:-1] not in text
    result = json.loads(text)
    assert bool(result.get("failed")) == bool(stop.value.code)
    return result


@pytest.fixture
def backends():
    return Backends(13)


@pytest.fixture
def server(backends):
    with FakePcp(backends, password=SECRET) as running:
        yield running


def test_detach_attach_and_the_second_time_nothing(capsys, server):
    results = [answer(capsys, server, state=state) for state in ("detached", "detached", "attached", "attached")]
    assert [result["changed"] for result in results] == [True, False, True, False]
    assert [result["node"]["status_name"] for result in results] == ["down", "down", "waiting", "waiting"]
    assert results[0]["diff"]["before"]["status_name"] == "up" and results[0]["diff"]["after"]["status_name"] == "down"


def test_check_mode(capsys, server):
    result = answer(capsys, server, state="detached", _ansible_check_mode=True)
    assert result["changed"] and result["plan"]["steps"][0]["action"] == "detach"
    assert result["diff"]["after"]["status_name"] == "down" and result["node"]["status_name"] == "up"
    assert not set(server.kinds) & set("CDJ")


def test_the_primary_goes_only_by_name(capsys, server):
    primary = {"state": "detached", "node_id": 0, "backend_port": 5433}
    assert answer(capsys, server, **primary)["error"]["code"] == "refused"
    result = answer(capsys, server, allow_failover=True, **primary)
    assert result["changed"] and result["node"]["status_name"] == "down"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"state": "attached", "login_password": "wrong"}, "authentication_failed"),
        ({"state": "attached", "login_host": "127.0.0.1", "login_port": 1}, "unreachable"),
        ({"state": "attached", "node_id": 4}, "no_such_node"),
        ({"state": "attached", "node_id": 0}, "wrong_backend"),
        ({"state": "detached", "node_id": 0, "backend_port": 5433}, "refused"),
        ({"state": "promoted"}, "refused"),
    ],
)
def test_each_failure_has_its_code_and_names_the_server(capsys, server, options, code):
    result = answer(capsys, server, **options)
    assert result["error"]["code"] == code
    assert result["error"]["server"] in result["msg"] and result["error"]["server"].startswith("pgpool of ")
    assert result["error"]["next_step"] in result["msg"]


def test_not_verified(capsys, server, backends):
    backends.obeys = False
    assert answer(capsys, server, state="detached")["error"]["code"] == "not_verified"


def test_a_silent_pgpool_is_unreachable(capsys, server):
    server.answer = lambda _kind, _payload: SILENCE
    assert answer(capsys, server, state="detached")["error"]["code"] == "unreachable"


def test_documentation_and_code_name_the_same_options(monkeypatch, capsys):
    seen = {}

    class Spy(basic.AnsibleModule):
        def __init__(self, argument_spec, **options):
            seen.update(argument_spec)
            super().__init__(argument_spec, **options)

    monkeypatch.setattr(pgpool_node, "AnsibleModule", Spy)
    with patch_module_args({}), pytest.raises(SystemExit):
        pgpool_node.main()
    capsys.readouterr()
    documented = yaml.safe_load(pgpool_node.DOCUMENTATION)["options"]
    assert set(documented) | set(OPTIONS) == set(seen)
    for name, option in documented.items():
        assert (option["type"], option.get("default")) == (seen[name]["type"], seen[name].get("default"))
        assert option.get("choices") == seen[name].get("choices")
