# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.doc_fragments import _postgres as fragment
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import inspect, layout, overrides
from ansible_collections.pgops.pgpool.plugins.modules import pg_cluster_info as module

LAYOUT = layout.Layout("/d", "/c", "/b", 5432, "/s", "pg", "15", "main", "postgres")


@pytest.fixture
def answer(monkeypatch, capsys):
    """Run the module on a host with the given layout (or error) and return its JSON."""

    def run(found=None, **options):
        seen = {}

        def discover(*, overrides, **_ports):
            seen["overrides"] = overrides
            if isinstance(found, Exception):
                raise found
            return found

        def inspect_local(*, timeout, **ports):
            seen["timeout"] = timeout
            return dict(inspect.blank(), layout=ports["layout"] and ports["layout"]._asdict())

        monkeypatch.setattr(module, "discover", discover)
        monkeypatch.setattr(module, "inspect_local", inspect_local)
        with patch_module_args(options), pytest.raises(SystemExit) as ended:
            module.main()
        return json.loads(capsys.readouterr().out), ended.value.code, seen

    return run


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_bare_host_is_absent(answer, check_mode):
    result, status, _seen = answer(None, version="15", _ansible_check_mode=check_mode)
    assert (status, result["changed"]) == (0, False)
    assert (result["postgres"]["role"], result["postgres"]["installed"]) == ("absent", False)


def test_options_reach_the_search(answer):
    result, _status, seen = answer(LAYOUT, version=15, cluster_name="main", port="5433", timeout=2)
    assert seen["overrides"] == dict(
        dict.fromkeys(overrides.OVERRIDES), version="15", cluster_name="main", port=5433, postgres_user="postgres"
    )
    assert seen["timeout"] == 2
    assert result["postgres"]["layout"]["data_directory"] == "/d"


def test_our_errors_fail_with_code_and_next_step(answer):
    result, status, _seen = answer(overrides.invalid("version", "x", "a version"))
    assert (status, result["failed"]) == (1, True)
    assert result["error"]["code"] == "invalid_option"
    assert "Next: correct the option version" in result["msg"]


@pytest.mark.parametrize("options", [{"port": "http"}, {"timeout": 0}, {"nonsense": 1}])
def test_bad_options(answer, options):
    result, status, seen = answer(LAYOUT, **options)
    assert (status, result["failed"], seen) == (1, True, {})
    assert next(iter(options)) in result["msg"]


def test_the_documentation_and_the_options_agree():
    documented = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) == set(overrides.ARGUMENTS)
    for name, option in overrides.ARGUMENTS.items():
        assert documented[name]["type"] == option["type"]
        assert documented[name].get("default") == option.get("default")
    own = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(own) | set(documented) == set(module.argument_spec())


def test_every_key_of_the_answer_is_documented():
    assert set(yaml.safe_load(module.RETURN)["postgres"]["contains"]) == set(inspect.blank())


def test_examples_use_options_that_exist():
    for task in yaml.safe_load(module.EXAMPLES):
        options = task.get("pgops.pgpool.pg_cluster_info") or {}
        assert set(options) <= set(module.argument_spec())
