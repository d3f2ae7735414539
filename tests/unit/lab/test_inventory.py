# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab import access
from lab.errors import LabError
from lab.plan import Host
from lab.settings import read_settings

SCRIPT = Path(__file__).resolve().parents[3] / "inventories" / "lab" / "hosts"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with the inventory script and no lab."""
    folder = tmp_path / "a checkout" / "inventories" / "lab"
    folder.mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    shared = folder.parents[1] / "molecule" / "shared"
    shared.mkdir(parents=True)
    shutil.copy(SCRIPT.parents[2] / "molecule" / "shared" / "lab_inventory.py", shared)
    monkeypatch.setattr(access, "CHECKOUT", folder.parents[1])
    return folder.parents[1]


def ask(checkout, *words, project="demo"):
    script = checkout / "inventories" / "lab" / "hosts"
    return subprocess.run(
        [str(script), *words],
        env={**os.environ, "LAB_PROJECT": project},
        capture_output=True,
        text=True,
        check=False,
    )


def put(environ):
    settings = read_settings({"LAB_PROJECT": "demo", **environ})
    access.write_secrets(settings.project)
    access.write_inventory(settings)
    return settings


def test_groups_ids_and_cluster_variables(checkout):
    put({"LAB_SUBNET": "10.9.0.0/20", "LAB_STANDBYS": "2"})
    answer = json.loads(ask(checkout, "--list").stdout)
    assert answer["pgpool"]["hosts"] == ["app-server1", "app-server2"]
    assert answer["postgres"]["hosts"] == ["postgres-db1", "postgres-db2", "postgres-db3"]
    assert answer["_meta"]["hostvars"]["postgres-db3"] == {
        "ansible_host": "10.9.0.116",
        "pgops_address": "10.9.0.116",
        "pgops_backend_id": 2,
    }
    assert answer["_meta"]["hostvars"]["app-server2"]["pgops_pgpool_id"] == 1
    variables = answer["all"]["vars"]
    assert (variables["pgops_vip"], variables["pgops_vip_prefix"]) == ("10.9.0.100", 20)
    assert (variables["pgops_vip_interface"], variables["pgops_cluster_network"]) == ("eth0", "10.9.0.0/20")
    assert (variables["pgops_ssl"], variables["pgops_ssl_mode"]) == (False, "prefer")
    assert not {"pgops_trusted_servers", "pgops_vip_manager"} & set(variables)


def test_who_moves_the_address_and_who_is_a_witness(checkout):
    put({"LAB_PGPOOLS": "3", "LAB_VIP_MANAGER": "keepalived", "LAB_WITNESS": "yes"})
    answer = json.loads(ask(checkout, "--list").stdout)
    assert answer["all"]["vars"]["pgops_vip_manager"] == "keepalived"
    witnesses = [name for name, known in answer["_meta"]["hostvars"].items() if "pgops_pgpool_witness" in known]
    assert witnesses == ["app-server3"]


def test_host_keys_are_checked_with_the_labs_own_file(checkout):
    put({})
    variables = json.loads(ask(checkout, "--list").stdout)["all"]["vars"]
    assert "-o StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]
    assert f"-o 'UserKnownHostsFile=\"{checkout}/.lab/demo/ssh/known_hosts\"'" in variables["ansible_ssh_common_args"]
    assert variables["ansible_ssh_private_key_file"] == f"{checkout}/.lab/demo/ssh/id_ed25519"


def test_passwords_are_complete_private_and_kept(checkout):
    put({})
    path = checkout / ".lab" / "demo" / "secrets.yml"
    first = json.loads(path.read_text())
    assert set(first) == set(access.PASSWORDS)
    assert len(set(first.values())) == len(first)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    put({})
    assert json.loads(path.read_text()) == first
    assert "pgops_pcp_password" not in (path.parent / "inventory.json").read_text()
    assert first.items() <= json.loads(ask(checkout, "--list").stdout)["all"]["vars"].items()


def test_without_a_lab_one_sentence_says_so(checkout):
    done = ask(checkout, "--list", project="nolab")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "The lab 'nolab' is not up" in done.stderr


def test_ansible_ends_with_an_error_when_there_is_no_lab(checkout):
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-inventory"),
            "-i",
            str(checkout / "inventories/lab/hosts"),
            "--graph",
        ],
        cwd=SCRIPT.parents[2],  # the root's ansible.cfg asks for it
        env={**os.environ, "LAB_PROJECT": "nolab"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "The lab 'nolab' is not up" in done.stderr.replace("\n", " ")


def test_known_hosts_has_address_and_name():
    host = Host("app-server1", "10.1.7.104", "pgpool", 0)
    line = access.known_hosts_line(host, "ssh-ed25519 AAAA root@app-server1\n")
    assert line == "10.1.7.104,app-server1 ssh-ed25519 AAAA\n"
    with pytest.raises(LabError, match="app-server1 gave no ed25519 host key"):
        access.known_hosts_line(host, "")


def test_a_lab_is_remembered_and_forgotten(checkout):
    settings = read_settings({"LAB_PROJECT": "demo", "LAB_SUITE": "13"})
    assert access.stored_settings("demo") == {}
    access.store_settings(settings)
    assert access.stored_settings("demo") == settings.stored()
    access.forget("demo")
    assert not (checkout / ".lab" / "demo").exists()


def test_a_damaged_memory_is_said(checkout):
    access.write(checkout / ".lab" / "demo" / "lab.json", "{")
    with pytest.raises(LabError, match="is damaged. Run lab.py down"):
        access.stored_settings("demo")
