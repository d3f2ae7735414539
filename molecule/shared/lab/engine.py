# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine: found, or (on Debian and Ubuntu, as root) installed and started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .docker import attempt, run
from .errors import LabError
from .progress import say, wait_for

LOG = "/var/log/pgops-lab-dockerd.log"
START_SECONDS = 60


def info():
    """``docker info``, or None when no engine answers."""
    done = attempt("info", "--format", "{{json .}}", timeout=20)
    if not done.ok:
        return None
    found = json.loads(done.out)
    return found if found.get("ServerVersion") else None


def require():
    """``docker info`` of a running engine; never installs or starts anything."""
    found = info()
    if found is None:
        raise LabError("No Docker engine answers. `lab.py docker` installs and starts it (Debian and Ubuntu, as root).")
    return found


def ensure(may_install):
    """Return ``docker info``, after installing and starting the engine where that is needed and allowed."""
    found = info()
    if found is not None:
        return found
    said = attempt("version", timeout=20).err.strip()
    refusal = why_not(said, os.environ.get("DOCKER_HOST", ""), os.geteuid() == 0, _os_ids(), may_install)
    if refusal:
        raise LabError(refusal)
    if not shutil.which("dockerd"):
        _install()
    if not _answers(2):
        _start()
    if not _answers(START_SECONDS):
        raise LabError(f"dockerd was started and does not answer after {START_SECONDS} s. Its log: {_log_hint()}")
    say("the Docker engine answers")
    return require()


def why_not(said, docker_host, is_root, os_ids, may_install):
    """Why the engine cannot be provided here (with what to do), or None when it can."""
    if docker_host and not docker_host.startswith("unix:///"):
        return f"DOCKER_HOST is {docker_host} and no engine answers there. Start it, or unset DOCKER_HOST."
    if "permission denied" in said.lower():
        return (
            "A Docker engine runs, and this user may not talk to it. Run this as root, or add the user to the group "
            "docker (sudo usermod -aG docker $USER) and log in again."
        )
    if not may_install:
        return "No Docker engine answers, and LAB_INSTALL_DOCKER=no forbids to install or start it. Do that yourself."
    if not {"debian", "ubuntu"} & set(os_ids):
        return "No Docker engine answers. Install Docker (https://docs.docker.com/engine/install/) and start it."
    if not is_root:
        return (
            "No Docker engine answers, and only root can install it. Run this as root once, or: "
            "sudo apt-get install docker.io"
        )
    return None


def _install():
    say("no Docker engine on this machine: installing Debian's docker.io (LAB_INSTALL_DOCKER=no refuses)")
    environ = ["env", "DEBIAN_FRONTEND=noninteractive"]
    run([*environ, "apt-get", "update", "-q"], timeout=300)
    packages = ["docker.io", "iptables", "ca-certificates"]
    if not shutil.which("docker") and "Candidate: (none)" not in _policy("docker-cli"):
        packages.append("docker-cli")
    done = run([*environ, "apt-get", "install", "-qy", "--no-install-recommends", *packages], timeout=600)
    if not done.ok:
        raise LabError(f"apt-get could not install {' '.join(packages)}:\n{(done.out + done.err).strip()[-1500:]}")


def _policy(package):
    return run(["apt-cache", "policy", package]).out or "Candidate: (none)"


def _start():
    if Path("/run/systemd/system").is_dir():
        say("starting the Docker engine (systemctl start docker)")
        run(["systemctl", "start", "docker"], timeout=START_SECONDS)
        return
    say(f"starting the Docker engine (no systemd here: dockerd in the background, log {LOG})")
    with open(LOG, "ab") as log:
        subprocess.Popen(  # it outlives us on purpose
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )


def _answers(seconds):
    return wait_for(lambda: info() is not None, seconds, 0.5)


def _log_hint():
    return "journalctl -u docker" if Path("/run/systemd/system").is_dir() else LOG


def _os_ids():
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return " ".join(line.split("=", 1)[1].strip('"') for line in lines if line.startswith(("ID=", "ID_LIKE="))).split()
