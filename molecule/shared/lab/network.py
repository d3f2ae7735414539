# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Docker network."""

from __future__ import annotations

from pathlib import Path

from . import plan
from .docker import attempt, docker, inspect
from .errors import LabError
from .progress import say

LAB_LABEL = "pgops.lab"


def name_of(project):
    """The network's name."""
    return f"{project}-net"


def ensure(settings):
    """Create the network unless it is there; refuse addresses that somebody else uses."""
    name = name_of(settings.project)
    found = inspect("network", name)
    if found:
        if (found.get("Labels") or {}).get(LAB_LABEL) == settings.project and str(settings.subnet) in _subnets(found):
            return
        raise LabError(
            f"A Docker network {name} exists with {', '.join(_subnets(found)) or 'no subnet'}, not made for this lab. "
            f"Use another LAB_PROJECT, or remove it: docker network rm {name}"
        )
    _refuse_overlap(settings)
    say(f"network {name}: {settings.subnet}")
    docker(
        *("network", "create", "--driver", "bridge", "--label", f"{LAB_LABEL}={settings.project}"),
        *("--subnet", str(settings.subnet), "--gateway", plan.address(settings.subnet, plan.GATEWAY), name),
    )


def connect(project, host):
    """Plug a host in again, with its own address."""
    docker("network", "connect", "--ip", host.address, name_of(project), plan.container(project, host.name))


def disconnect(project, host):
    """Unplug a host."""
    docker("network", "disconnect", name_of(project), plan.container(project, host.name))


def _refuse_overlap(settings):
    names = docker("network", "ls", "--format", "{{.Name}}").split()
    used = [(name, cidr) for name in names for cidr in _subnets(inspect("network", name) or {})]
    hit = plan.overlapping(settings.subnet, used)
    remedy = "Set LAB_SUBNET to a free one, such as LAB_SUBNET=10.1.77.0/24."
    if hit:
        raise LabError(f"LAB_SUBNET {settings.subnet} overlaps the Docker network {hit[0]} ({hit[1]}). {remedy}")
    routes = Path("/proc/net/route")
    hit = plan.overlapping(settings.subnet, plan.routed_networks(routes.read_text()) if routes.exists() else [])
    if hit:
        raise LabError(f"LAB_SUBNET {settings.subnet} overlaps this machine's route {hit[1]} on {hit[0]}. {remedy}")


def _subnets(found):
    return [entry["Subnet"] for entry in (found.get("IPAM") or {}).get("Config") or [] if entry.get("Subnet")]


def remove(name):
    """Remove a network by name; a LabError says what keeps it."""
    done = attempt("network", "rm", name)
    if not done.ok and inspect("network", name):
        raise LabError(f"The network {name} could not be removed: {done.err.strip()}")
