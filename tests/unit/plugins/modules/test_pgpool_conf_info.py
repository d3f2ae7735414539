# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import fixed_versions
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult, Runner
from ansible_collections.pgops.pgpool.plugins.modules.pgpool_conf_info import look

ANSWERS = {"pgpool": "", "dpkg-query": "4.3.5-1+deb12u1"}


class Host(Runner):
    """Answers as a host does: pgpool says its version on standard error."""

    def __init__(self, version="pgpool-II version 4.3.5 (tamahomeboshi)\n"):
        self.version, self.asked = version, []

    def run(self, argv, **_ignored):
        self.asked.append(argv[0])
        return CommandResult(tuple(argv), 0 if self.version else 127, ANSWERS[argv[0]], self.version)

    def which(self, name, *, paths=()):
        return name


@pytest.fixture
def conf(tmp_path, monkeypatch):
    monkeypatch.setattr(fixed_versions, "CHANGELOG", str(tmp_path / "changelog.gz"))

    def judge(text, host=None, **more):
        path = tmp_path / "pgpool.conf"
        path.write_text(text)
        params = {"path": str(path), "content": None, "version": None, "package_version": None, "compare_with": None}
        params |= {"accept": [], "require_fixed": False, "check_paths": True, "paths_to_come": [], "facts": {}}
        return look({**params, **more}, runner=host or Host())

    return judge


def rules(result):
    return {(problem["level"], problem["rule"], problem["name"]) for problem in result["problems"]}


def test_the_version_is_asked_of_the_host(conf):
    assert conf("port = 9999\n")["version"] == "4.3.5"
    assert conf("port = 9999\n", version="4.6.1")["version"] == "4.6.1"


def test_without_pgpool_the_version_must_be_given(conf):
    with pytest.raises(Refused, match="give the option version"):
        conf("port = 9999\n", host=Host(""))
    with pytest.raises(Refused, match=r"outside of what this collection knows"):
        conf("port = 9999\n", version="3.7.5")


def test_a_file_that_is_not_there(conf, tmp_path):
    with pytest.raises(Refused, match="No such file"):
        conf("", path=str(tmp_path / "nowhere.conf"))


def test_content_is_judged_in_place_of_the_file(conf):
    result = conf("no_such = 1\n", content="port = 80\n")
    assert ("error", "wrong_value", "port") in rules(result)
    assert not any(name == "no_such" for _level, _rule, name in rules(result))


def test_included_files_are_read(conf, tmp_path):
    (tmp_path / "more.conf").write_text("\nno_such = 1\n")
    (problem,) = [one for one in conf("include 'more.conf'\n")["problems"] if one["rule"] == "unknown_name"]
    assert (problem["line"], problem["file"]) == (2, str(tmp_path / "more.conf"))


def test_programs_that_are_not_there(conf, tmp_path):
    script = tmp_path / "failover.sh"
    text = f"failover_command = '{script} %d'\n"
    assert ("error", "no_such_command", "failover_command") in rules(conf(text))
    assert ("error", "no_such_command", "failover_command") not in rules(conf(text, paths_to_come=[str(script)]))
    assert ("error", "no_such_command", "failover_command") not in rules(conf(text, check_paths=False))
    script.write_text("")
    assert ("error", "no_such_command", "failover_command") not in rules(conf(text))


def test_facts_are_taken_as_given(conf):
    facts = {
        "max_connections": 10,
        "superuser_reserved_connections": 3,
        "pgpools": None,
        "application_names": {"0": "a"},
    }
    result = conf("backend_hostname0 = 'x'\n", facts=facts)
    assert {("error", "too_many_connections", "num_init_children")} <= rules(result)
    assert {("warning", "application_name", "backend_application_name0")} <= rules(result)


def test_what_another_file_would_change(conf):
    result = conf("wd_authkey = 's3cret'\n", compare_with="wd_authkey = 's3cret2'\nhealth_check_period = 1\n")
    assert {"name": "health_check_period", "old": "0 (default)", "new": "1", "apply": "reload"} in result["changes"]
    assert "wd_authkey: (hidden) -> (hidden) [restart]" in result["lines"]
    assert "s3cret" not in json.dumps(result)
    assert result["lines"][-1].endswith("2 settings would be another")


def test_a_hole_is_a_warning_an_error_or_mended_by_the_distribution(conf, tmp_path):
    hole = ("hole", "CVE-2025-46801")
    assert ("warning", *hole) in rules(conf("", package_version="4.3.5-1"))
    assert ("error", *hole) in rules(conf("", package_version="4.3.5-1", require_fixed=True))
    assert hole not in {one[1:] for one in rules(conf(""))}  # the package of the host is known to hold the fix
    with gzip.open(tmp_path / "changelog.gz", "wt") as stream:
        stream.write("  * CVE-2025-46801\n")
    assert hole not in {one[1:] for one in rules(conf("", package_version="4.3.5-9"))}
    assert ("warning", *hole) in rules(conf("", package_version="", version="4.3.5"))


def test_the_methods_stand_beside_the_file(conf, tmp_path):
    (tmp_path / "pool_hba.conf").write_text("host all all 0.0.0.0/0 password\n")
    (fits,) = [hole["fits"] for hole in conf("enable_pool_hba = on\n")["holes"] if hole["cve"] == "CVE-2025-46801"]
    assert fits is True
    (fits,) = [one["fits"] for one in conf("", content="enable_pool_hba = on\n")["holes"] if "46801" in one["cve"]]
    assert fits is False


def test_the_verdict_and_what_it_reports(conf):
    result = conf("health_check_period = 5\nhealth_check_timeout = 2\nport = 80\n", package_version="4.3.5-1+deb12u1")
    assert result["changed"] is False
    assert result["errors"] == 2  # the port, and failover_on_backend_shutdown, which is on by default in 4.3
    assert result["detection_seconds"] == 7
    assert result["lines"][-1].startswith("2 errors, ")
