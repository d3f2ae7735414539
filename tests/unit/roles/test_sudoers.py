# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pgpool.conf and failover.sh run with sudo is, word for word, what sudoers allows."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import settings

from .rendering import cluster, render, value_of


def allowed(variables):
    text = render("sudoers", "pgops.j2", variables)
    lines = re.findall(r"^postgres ALL=\(root\) NOPASSWD: (.*)$", text, re.MULTILINE)
    return [re.sub(r"\\(.)", r"\1", line) for line in lines]


def on_database_host(variables):
    return {**variables, "inventory_hostname": "postgres-db1"}


WATCHDOG = {"pgops_vip_manager": "watchdog"}


def test_what_the_watchdog_runs_is_allowed():
    variables = cluster(3, **WATCHDOG)
    values = settings.parse(render("pgpool", "pgpool.conf.j2", variables))
    for name in ("if_up_cmd", "if_down_cmd", "arping_cmd"):
        command = values[name].strip("'")
        assert command.startswith("/usr/bin/sudo -n ")
        assert command[len("/usr/bin/sudo -n ") :] in allowed(variables)


def test_what_failover_sh_runs_is_allowed_here_and_there():
    variables = cluster(3, pgops_vip_manager="keepalived")
    script = render("pgpool", "failover.sh.j2", variables)
    here = re.findall(r"^cut_sockets\[\d\]='sudo -n (.*)'$", script, re.MULTILINE)
    there = re.findall(r"^fence\[\d\]='sudo -n (.*)'$", script, re.MULTILINE)
    monitor = value_of("backend_monitor", "{{ __backend_monitor_backends }}", variables)
    watched = [" ".join(backend["cut"]).removeprefix("sudo -n ") for backend in monitor]
    assert len(here) == len(there) == len(watched) == 3
    assert {*here, *watched} == set(allowed(variables)), "keepalived runs as root and needs no sudo"
    assert set(there) == set(allowed(on_database_host(variables)))


def test_nothing_else_is_allowed():
    variables = cluster(2, **WATCHDOG)
    assert len(allowed(variables)) == 7
    assert allowed(on_database_host(variables)) == ["/bin/systemctl kill -s SIGKILL postgresql@15-main.service"]
    text = render("sudoers", "pgops.j2", variables)
    assert "*" not in text
    assert "Defaults:postgres !requiretty" in text


@pytest.mark.skipif(not shutil.which("visudo"), reason="sudo is not installed")
@pytest.mark.parametrize("host", ["app-server1", "postgres-db1"])
def test_visudo_agrees(tmp_path, host):
    path = tmp_path / "pgops"
    path.write_text(render("sudoers", "pgops.j2", {**cluster(3), "inventory_hostname": host}))
    path.chmod(0o440)
    done = subprocess.run(["visudo", "-cf", str(path)], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
