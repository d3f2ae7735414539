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


def cut(project, host, link_up=False):
    """Unplug a host: its interface loses the carrier, or (``link_up``) keeps it and no packet passes any more.

    Addresses and routes inside stay, as on a server whose cable is pulled. (After ``docker network disconnect`` and
    ``connect`` the interface would come back under another name.)
    """
    _on_port(project, host, "ip link set dev $PORT nomaster" if link_up else "ip link set dev $PORT down")


def heal(project, host):
    """Plug a host in again, however it was cut off."""
    bridge = f"br-{inspect('network', name_of(project))['Id'][:12]}"
    _on_port(project, host, f"ip link set dev $PORT up master {bridge}")


def _on_port(project, host, command):
    """Run a command about the host's port on the bridge, in a helper that shares the engine's network."""
    name = plan.container(project, host.name)
    found = inspect("container", name) or {"State": {}}
    if found["State"].get("Status") not in ("running", "paused"):
        raise LabError(f"{host.name} is not running: it has no network to cut or heal.")
    helper = ("run", "--rm", "--entrypoint", "", "--label", f"{LAB_LABEL}={project}", "--network")
    peer = docker(*helper, f"container:{name}", found["Image"], "cat", "/sys/class/net/eth0/iflink").strip()
    script = f'PORT=$(grep -lx {int(peer)} /sys/class/net/*/ifindex | cut -d/ -f5) && test "$PORT" && {command}'
    docker(*helper, "host", "--cap-add", "NET_ADMIN", found["Image"], "sh", "-ec", script)


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
