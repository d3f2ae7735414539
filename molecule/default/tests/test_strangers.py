# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we did not make is never overwritten."""

from __future__ import annotations

import pytest


def refused(lab, *words):
    done = lab.playbook("deploy_cluster.yml", check=False)
    assert done.returncode != 0
    for word in (*words, "pgops_adopt_existing"):
        assert word in done.stdout


def test_a_data_directory_of_somebody_else_is_refused(lab):
    marks = lab.run("postgres-db2", "ls /var/lib/pgops/").split()
    mark = next(m for m in marks if m.startswith("intent-"))
    before = lab.run("postgres-db2", "systemctl show --property=MainPID 'postgresql@*'")
    lab.run("postgres-db2", f"mv /var/lib/pgops/{mark} /root/{mark}")
    try:
        refused(lab, "postgres-db2", "/var/lib/postgresql/")
    finally:
        lab.run("postgres-db2", f"mv /root/{mark} /var/lib/pgops/{mark}")
    assert lab.run("postgres-db2", "systemctl show --property=MainPID 'postgresql@*'") == before


@pytest.mark.matrix
def test_pgpool_settings_of_somebody_else_are_refused(lab):
    lab.run("app-server2", "cp -a /etc/pgpool2/pgpool.conf /root/pgpool.conf")
    lab.run("app-server2", "echo 'port = 7777' > /etc/pgpool2/pgpool.conf")
    try:
        refused(
            lab, "app-server2", "/etc/pgpool2/pgpool.conf", "port: 7777 -> 5432 [restart]", "health_check_period: 0"
        )
        assert lab.run("app-server2", "cat /etc/pgpool2/pgpool.conf") == "port = 7777\n"
    finally:
        lab.run("app-server2", "mv /root/pgpool.conf /etc/pgpool2/pgpool.conf")


@pytest.mark.matrix
def test_keepalived_settings_of_somebody_else_are_refused(lab):
    path, ours = "/etc/keepalived/keepalived.conf", "/root/keepalived.conf"
    lab.run("app-server2", f"cp -a {path} {ours} && echo 'global_defs {{ }}' > {path}")
    try:
        refused(lab, "app-server2", path, "pgops_vip_manager: watchdog")
        assert lab.run("app-server2", f"cat {path}") == "global_defs { }\n"
    finally:
        lab.run("app-server2", f"mv {ours} {path}")


@pytest.mark.parametrize(
    "settings, rules",
    [
        ('{"log_conections": true}', ["did you mean log_connections", "unknown_name"]),
        ('{"health_check_period": 0, "detach_false_primary": true}', ["no_health_check", "false_primary_of_two"]),
    ],
)
def test_settings_that_are_wrong_or_dangerous_are_refused_before_they_are_written(lab, settings, rules):
    before = lab.run("app-server1", "md5sum /etc/pgpool2/pgpool.conf")
    done = lab.playbook("deploy_cluster.yml", "-e", f'{{"pgpool_extra_settings": {settings}}}', check=False)
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert [rule for rule in rules if rule not in said] == []
    assert lab.run("app-server1", "md5sum /etc/pgpool2/pgpool.conf") == before


@pytest.mark.parametrize(
    ("text", "status", "said"), [("", 0, "0 errors"), ("port = 7777 prot = 1", 2, "did you mean port")]
)
def test_the_linter_judges_what_is_there(lab, text, status, said):
    lab.run("app-server2", "cp -a /etc/pgpool2/pgpool.conf /root/pgpool.conf")
    lab.run("app-server2", f"echo '{text}' >> /etc/pgpool2/pgpool.conf")
    try:
        done = lab.playbook("lint_pgpool.yml", "-l", "app-server2", check=False)
        assert (done.returncode, said in done.stdout) == (status, True), done.stdout
    finally:
        lab.run("app-server2", "mv /root/pgpool.conf /etc/pgpool2/pgpool.conf")


@pytest.mark.parametrize("name", ["pgops_app_password", "pgops_pcp_password"])
def test_a_missing_password_is_named(lab, name):
    done = lab.playbook("deploy_cluster.yml", "-e", f"{name}=", check=False)
    assert done.returncode != 0
    assert f"{name} is not set" in done.stdout
