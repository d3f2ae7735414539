# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult, Runner
from ansible_collections.pgops.pgpool.plugins.modules.pgpool_pending_info import observe

from tests.unit.roles.rendering import cluster, render


class Systemctl(Runner):
    def __init__(self, state):
        self.state = state

    def run(self, argv, **_ignored):
        return CommandResult(tuple(argv), 0, self.state + "\n", "")

    def which(self, name, *, paths=()):
        return name


class Host:
    """A pgpool host whose service records what it reads by the script that the role installs."""

    def __init__(self, folder):
        self.config, self.state, self.key = folder / "etc", folder / "state", folder / ".pgpoolkey"
        self.config.mkdir()
        self.state.mkdir()
        for name in ("pool_hba.conf", "pool_passwd", "pgpool_node_id"):
            (self.config / name).write_text(name)
        self.key.write_text("key\n")
        (self.config / "pgpool.conf").write_text("port = 5432\nhealth_check_period = 1\n")
        places = {"pgpool_config_directory": str(self.config), "pgpool_state_directory": str(self.state)}
        script = render("pgpool", "record.sh.j2", cluster(**places, pgpool_home=str(folder)))
        self.script = folder / "record.sh"
        self.script.write_text(script)

    def record(self, *moments):
        subprocess.run(["sh", str(self.script), *moments], check=True, timeout=10)

    def pending(self, state="active"):
        params = {
            "version": "4.3.5",
            "service": "pgpool2",
            "config_directory": str(self.config),
            "state_directory": str(self.state),
            "key_file": str(self.key),
        }
        return observe(params, runner=Systemctl(state))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.mark.parametrize("state", ["inactive", "failed", "activating", ""])
def test_not_running(host, state):
    assert host.pending(state)["action"] == "start"


def test_running_without_records(host):
    assert host.pending()["action"] == "restart"


def test_a_start_leaves_nothing_pending(host):
    host.record("started", "loaded")
    assert host.pending() == {"changed": False, "action": "none", "because": []}


@pytest.mark.parametrize(
    "name, action",
    [
        ("pool_hba.conf", "reload"),
        ("pool_passwd", "reload"),
        ("pgpool_node_id", "restart"),
        ("../.pgpoolkey", "restart"),
    ],
)
def test_a_file_that_changed(host, name, action):
    host.record("started", "loaded")
    (host.config / name).write_text("other\n")
    assert host.pending()["action"] == action


def test_a_reload_settles_what_a_reload_can(host):
    host.record("started", "loaded")
    (host.config / "pgpool.conf").write_text("port = 5432\nhealth_check_period = 2\n")
    assert host.pending()["because"] == ["health_check_period"]
    host.record("loaded")
    assert host.pending()["action"] == "none"


def test_the_records_are_private(host):
    host.record("started", "loaded")
    assert {os.stat(host.state / name).st_mode & 0o077 for name in os.listdir(host.state)} == {0}
