# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's containers: made, booted, checked, and made again when their systemd hangs at boot."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from . import apthost, cgroup, network, plan
from .docker import attempt, docker, inspect
from .errors import LabError
from .network import LAB_LABEL
from .progress import say

HOST_LABEL = "pgops.lab.host"
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "NET_RAW")
BOOTED = ("running", "degraded")
WAITS = ("initializing", "starting", "silent")
BOOT_SECONDS = 40
ATTEMPTS = 3
STOP_SECONDS = 30
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_INOTIFY = 512


def run_options(engine, settings):
    """Options of ``docker run`` that are the same for all hosts: all that systemd needs, without --privileged."""
    mounts = Path("/proc/mounts")
    unified = cgroup.has_unified_mount(mounts.read_text()) if mounts.exists() else False
    options = [word for name in CAPABILITIES for word in ("--cap-add", name)]
    options += cgroup.security_options(engine.get("SecurityOptions") or [])
    options += cgroup.cgroup_options(engine.get("CgroupVersion", ""), unified, settings.suite)
    options += ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--shm-size", "256m", "--stop-signal", "SIGRTMIN+3"]
    for host in plan.hosts_of(settings):
        options += ["--add-host", f"{host.name}:{host.address}"]
    return options


def state(project, host):
    """In one word: missing, exited, paused, ... as Docker says; of a running host what its systemd says; cut."""
    found = inspect("container", plan.container(project, host.name))
    if not found:
        return "missing"
    if found["State"]["Status"] != "running":
        return found["State"]["Status"]
    booted = boot_state(project, host) or "silent"
    return "cut" if booted in BOOTED and not answers(host.address) else booted


def boot_state(project, host):
    """What systemd says of itself: running, degraded, starting, ... or an empty text."""
    done = attempt("exec", plan.container(project, host.name), "systemctl", "is-system-running", timeout=10)
    return done.out.strip()


def create(settings, host, image, options):
    """Make and start a container, in the place of ours of the same name."""
    name = plan.container(settings.project, host.name)
    found = inspect("container", name)
    if found and (found["Config"].get("Labels") or {}).get(LAB_LABEL) != settings.project:
        raise LabError(f"A container {name} exists and is not of this lab. Use another LAB_PROJECT, or remove it.")
    if found:
        docker("rm", "-f", "-v", name)
    docker(
        *("create", "--name", name, "--hostname", host.name),
        *("--label", f"{LAB_LABEL}={settings.project}", "--label", f"{HOST_LABEL}={host.name}"),
        *("--network", network.name_of(settings.project), "--ip", host.address, *options, image),
    )
    gateway = plan.address(settings.subnet, plan.GATEWAY)
    docker("cp", "-", f"{name}:/", stdin=apthost.tar_of(apthost.files(settings.suite, gateway)))
    docker("start", name)


def boot(settings, hosts, image, options):
    """Bring hosts up together; return those that had to be made or started."""
    waiting = [host for host in hosts if state(settings.project, host) not in BOOTED]
    changed = list(waiting)
    for number in range(1, ATTEMPTS + 1):
        for host in waiting:
            if number > 1:
                say(f"{host.name}: its systemd did not finish booting, making it again ({number} of {ATTEMPTS})")
                create(settings, host, image, options)
            elif not _revive(settings, host):
                create(settings, host, image, options)
        waiting = wait_booted(settings.project, waiting)
        if not waiting:
            return changed
    names = [plan.container(settings.project, host.name) for host in waiting]
    raise LabError(
        f"{', '.join(names)}: systemd did not finish booting in {ATTEMPTS} attempts of {BOOT_SECONDS} s. "
        f"Look with: docker exec {names[0]} systemctl list-jobs{_inotify_hint()}"
    )


def _inotify_hint():
    """All containers of a machine share its inotify instances, and systemd does not boot without them."""
    try:
        limit = int(INOTIFY.read_text())
    except (OSError, ValueError):
        return ""
    if limit >= ENOUGH_INOTIFY:
        return ""
    return f". If many containers run here: {INOTIFY.name} is {limit}, try sysctl -w fs.inotify.{INOTIFY.name}=1024"


def _revive(settings, host):
    """Undo what stopped an existing container, so that its data stays; False when it has to be made."""
    was = state(settings.project, host)
    if was == "missing":
        return False
    say(f"{host.name} is {was}: {'waiting for it' if was in WAITS else 'bringing it back as it is'}")
    name = plan.container(settings.project, host.name)
    if was == "paused":
        attempt("unpause", name)
    if was in ("paused", "cut"):
        network.heal(settings.project, host)
    return attempt("start", name).ok


def wait_booted(project, hosts, seconds=BOOT_SECONDS):
    """Wait until hosts have booted and answer on the SSH port; return those that did not."""
    waiting = list(hosts)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        waiting = [host for host in waiting if boot_state(project, host) not in BOOTED]
        if waiting:
            time.sleep(0.3)
    return waiting


def reboot(project, host):
    """An orderly reboot."""
    name = plan.container(project, host.name)
    docker("restart", "-t", str(STOP_SECONDS), name, timeout=STOP_SECONDS + 60)
    _until_booted(project, host)


def start(project, host):
    """Power on."""
    docker("start", plan.container(project, host.name))
    _until_booted(project, host)


def _until_booted(project, host):
    """Repeat a boot that hangs, by a kill, since a hanging systemd does not shut down; the data stays."""
    name = plan.container(project, host.name)
    for number in range(1, ATTEMPTS + 1):
        if number > 1:
            say(f"{host.name}: its systemd did not finish booting, starting it again ({number} of {ATTEMPTS})")
            attempt("kill", name)
            docker("start", name)
        if not wait_booted(project, [host]):
            return
    raise LabError(f"{host.name} did not boot in {ATTEMPTS} attempts of {BOOT_SECONDS} s.")


def answers(address, port=22, seconds=2):
    """Whether a TCP connection from this machine is accepted."""
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return True
    except OSError:
        return False
