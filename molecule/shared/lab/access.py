# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the lab usable from this machine: SSH key, verified host keys, passwords, inventory data in .lab/."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from . import plan
from .docker import docker
from .errors import LabError
from .progress import say

CHECKOUT = Path(__file__).resolve().parents[3]
USER = "ops"
PASSWORDS = (
    "pgops_replication_password",
    "pgops_dbadmin_password",
    "pgops_app_password",
    "pgops_healthcheck_password",
    "pgops_pcp_password",
    "pgops_watchdog_authkey",
)
AUTHORIZE = (
    "install -d -m 700 -o ops -g ops /home/ops/.ssh && cat >/home/ops/.ssh/authorized_keys && "
    "chown ops:ops /home/ops/.ssh/authorized_keys && chmod 600 /home/ops/.ssh/authorized_keys"
)


def folder(project):
    """Where all about a lab is kept."""
    return CHECKOUT / ".lab" / project


def stored_settings(project):
    """What the lab of this name was made with; empty when there is none."""
    try:
        return json.loads((folder(project) / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise LabError(f"{folder(project) / 'lab.json'} is damaged. Run lab.py down to start afresh.") from None


def store_settings(settings):
    """Keep what a lab is made with."""
    write(folder(settings.project) / "lab.json", as_json(settings.stored()))


def authorize(settings):
    """Let our key in on every host and write down every host's own key, both through docker exec."""
    key = _own_key(settings.project)
    public = key.with_suffix(".pub").read_bytes()
    lines = []
    for host in plan.hosts_of(settings):
        name = plan.container(settings.project, host.name)
        docker("exec", "-i", name, "/bin/sh", "-ec", AUTHORIZE, stdin=public)
        host_key = docker("exec", name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        lines.append(known_hosts_line(host, host_key))
    write(key.parent / "known_hosts", "".join(lines))


def known_hosts_line(host, public_key):
    """A line of known_hosts for a host's address and name."""
    words = public_key.split()
    if len(words) < 2 or words[0] != "ssh-ed25519":
        raise LabError(f"{host.name} gave no ed25519 host key, but: {public_key[:80]!r}")
    return f"{host.address},{host.name} {words[0]} {words[1]}\n"


def write_secrets(project):
    """Random passwords, made once and kept. The file is JSON, which is YAML too."""
    path = folder(project) / "secrets.yml"
    if not path.exists():
        write(path, as_json({name: secrets.token_urlsafe(24) for name in PASSWORDS}))


def write_inventory(settings):
    """Write the data of ``inventories/lab/hosts``."""
    write(folder(settings.project) / "inventory.json", as_json(inventory(settings, folder(settings.project) / "ssh")))


def inventory(settings, ssh):
    """Hosts and variables, as `ansible-inventory --list` wants them; without passwords."""
    hosts = plan.hosts_of(settings)
    numbers = {"pgpool": "pgops_pgpool_id", "postgres": "pgops_backend_id"}
    data = {
        "_meta": {
            "hostvars": {
                host.name: {
                    "ansible_host": host.address,
                    "pgops_address": host.address,
                    numbers[host.role]: host.number,
                }
                for host in hosts
            }
        },
        "all": {"children": sorted(numbers), "vars": _cluster_vars(settings, ssh)},
    }
    if settings.witness:
        last = max((host for host in hosts if host.role == "pgpool"), key=lambda host: host.number)
        data["_meta"]["hostvars"][last.name]["pgops_pgpool_witness"] = True
    for role in numbers:
        data[role] = {"hosts": [host.name for host in hosts if host.role == role]}
    return data


def _cluster_vars(settings, ssh):
    chosen = {} if settings.vip_manager == "default" else {"pgops_vip_manager": settings.vip_manager}
    return {
        **chosen,
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(ssh / "id_ed25519"),
        "ansible_ssh_common_args": (
            f"-o 'UserKnownHostsFile=\"{ssh / 'known_hosts'}\"' -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        ),
        "ansible_python_interpreter": "/usr/bin/python3",
        "pgops_vip": plan.address(settings.subnet, plan.VIP),
        "pgops_vip_prefix": settings.subnet.prefixlen,
        "pgops_vip_interface": "eth0",
        "pgops_cluster_network": str(settings.subnet),
        "pgops_ssl": False,
        "pgops_ssl_mode": "prefer",
    }


def forget(project):
    """Remove all that is kept about a lab."""
    shutil.rmtree(folder(project), ignore_errors=True)


@contextmanager
def lock(name):
    """One lab.py of this checkout at a time."""
    path = CHECKOUT / ".lab"
    path.mkdir(mode=0o700, exist_ok=True)
    with open(path / f".{name}.lock", "w", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another lab.py of this checkout works on the {name}: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def write(path, text, mode=0o600):
    """Write a private file so that it is never half there."""
    for parent in (path.parent.parent, path.parent):
        if parent != CHECKOUT and CHECKOUT in parent.parents:
            parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    path.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(draft, path)


def as_json(data):
    """JSON for people and programs."""
    return json.dumps(data, indent=2) + "\n"


def _own_key(project):
    key = folder(project) / "ssh" / "id_ed25519"
    if not key.exists():
        key.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {project}", "-f", str(key)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        except FileNotFoundError:
            raise LabError("ssh-keygen is missing here: install the package openssh-client.") from None
        except subprocess.SubprocessError as exc:
            raise LabError(f"ssh-keygen made no key: {exc}") from None
    return key
