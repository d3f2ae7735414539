# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.doc_fragments import _postgres as fragment
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import layout
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.rejoin import METHODS
from ansible_collections.pgops.pgpool.plugins.modules import pg_basebackup_sync as module

LAYOUT = layout.Layout("/d", "/c", "/b", 5432, "/s", "pg", "15", "main", "root")
REQUIRED = {"primary_host": "10.1.7.107", "slot_name": "pgops_0"}


@pytest.fixture
def answer(monkeypatch, capsys):
    """Run the module and return its JSON, its exit status and what reached the use case."""

    def run(result, found=LAYOUT, **options):
        seen = {}

        def use_case(work, *, check_mode):
            seen.update(work=work, check_mode=check_mode)
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(module, "discover", lambda **_arguments: found)
        monkeypatch.setattr(module.sync, "run", use_case)
        with patch_module_args(dict(REQUIRED, **options)), pytest.raises(SystemExit) as ended:
            module.main()
        return json.loads(capsys.readouterr().out), ended.value.code, seen

    return run


def test_options_reach_the_use_case(answer):
    _result, status, seen = answer({"changed": False}, method="rewind", salvage_skip=True, primary_port="5433")
    desired = seen["work"].desired
    assert status == 0
    assert (desired.method, desired.salvage_skip, desired.primary) == ("rewind", True, "10.1.7.107:5433")
    assert seen["work"].layout.service == "pg"


@pytest.mark.parametrize("check_mode", [False, True])
def test_check_mode_reaches_the_use_case(answer, check_mode):
    assert answer({"changed": True}, _ansible_check_mode=check_mode)[2]["check_mode"] is check_mode


def test_an_empty_service_means_that_no_unit_runs_it(answer):
    assert answer({"changed": False}, service="")[2]["work"].layout.service is None


def test_a_refusal_is_a_failure_with_its_evidence(answer):
    refusal = Refused("make it", server="db1", seen="no", next_step="look", evidence={"primary": {"timeline": 2}})
    result, status, _seen = answer(refusal)
    assert (status, result["failed"], result["error"]["code"]) == (1, True, "refused")
    assert result["error"]["evidence"]["primary"]["timeline"] == 2


def test_its_progress_goes_with_the_run(answer, monkeypatch, tmp_path):
    def use_case(work, *, check_mode):
        work.progress.write({"done": 1})
        assert (tmp_path / "progress-15-main.json").exists()
        raise Refused("make it", server="db1", seen="no", next_step="look")

    real = module.Progress.of
    monkeypatch.setattr(module.Progress, "of", lambda layout: real(layout, directory=str(tmp_path)))
    answer({"changed": False})
    monkeypatch.setattr(module, "discover", lambda **_arguments: LAYOUT)
    monkeypatch.setattr(module.sync, "run", use_case)
    with patch_module_args(REQUIRED), pytest.raises(SystemExit):
        module.main()
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_postgresql_is_refused(answer):
    result, _status, _seen = answer({}, found=None)
    assert "no PostgreSQL server is installed here" in result["msg"]


def test_a_wrong_option_is_an_error_that_names_it(answer):
    assert "slot_name" in answer({}, slot_name="Not A Slot")[0]["msg"]


def test_documentation_and_arguments_say_the_same():
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    documented.update(yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"])
    spec = module.argument_spec()
    assert set(documented) == set(spec)
    for name, option in documented.items():
        assert option.get("default") == spec[name].get("default"), name
        assert option.get("choices") == spec[name].get("choices"), name
    assert documented["method"]["choices"] == list(METHODS)


def test_every_return_value_of_the_use_case_is_documented():
    returned = yaml.safe_load(module.RETURN)
    assert {"method", "reasons", "plan", "bytes_moved", "bytes_expected", "seconds", "timings", "fork_lsn"} <= set(
        returned
    )
    assert {"diverged", "salvage", "observed", "postgres", "executed_commands", "error"} <= set(returned)
