# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands do."""

from __future__ import annotations

import os
import shutil
import sys

from . import access, engine, hosts, image, network, plan
from .docker import attempt, docker, labelled
from .errors import LabError
from .progress import say, wait_for
from .settings import read_settings


def up(settings, _arguments):
    """Build, boot and give access to all hosts."""
    facts = engine.ensure(settings.install_docker)
    with access.lock("image"):
        name = image.ensure(settings.suite, settings.image)
    network.ensure(settings)
    access.store_settings(settings)
    everyone = plan.hosts_of(settings)
    say(f"{len(everyone)} hosts from {name}")
    made = hosts.boot(settings, everyone, name, hosts.run_options(facts, settings))
    access.authorize(settings)
    access.write_secrets(settings.project)
    access.write_inventory(settings)
    _require_reachable(everyone)
    image.remove_dangling()
    kept = len(everyone) - len(made)
    say(f"lab '{settings.project}' is up{f' ({kept} of {len(everyone)} hosts were there already)' if kept else ''}")
    return 0


def _require_reachable(everyone):
    silent = [host.name for host in everyone if not wait_for(lambda h=host: hosts.answers(h.address), 15)]
    if silent:
        raise LabError(
            f"{', '.join(silent)} booted and cannot be reached on port 22 from here. The lab needs an engine on this "
            "very machine (Docker Desktop does not route to containers), and no firewall rule that drops its bridge."
        )


def down(project, _arguments):
    """Remove containers, network and files of a lab; nothing is left."""
    if engine.info() is None:
        if access.folder(project).exists() and shutil.which("dockerd"):
            raise LabError(
                f"No Docker engine answers, and containers of the lab '{project}' may be left in it. "
                "Start it (lab.py docker) and run this again."
            )
    else:
        label = f"{network.LAB_LABEL}={project}"
        for name in labelled("container", label):
            docker("rm", "-f", "-v", name)
        for name in labelled("network", label):
            network.remove(name)
        for name in labelled("volume", label):
            docker("volume", "rm", name)
    access.forget(project)
    say(f"lab '{project}' is removed")
    return 0


def clean(project, arguments):
    """``down``, and our images too."""
    down(project, arguments)
    if engine.info() is None:
        return 0
    kept = image.remove_all()
    say(f"images kept, another lab uses them: {', '.join(kept)}" if kept else "images are removed")
    return 0


def status(project, _arguments):
    """Show every host; 0 when all are running."""
    stored = _stored(project)
    engine.require()
    well = True
    print(f"lab {project}: {stored.subnet}, VIP {plan.address(stored.subnet, plan.VIP)}, {stored.suite}-{stored.image}")
    for host in plan.hosts_of(stored):
        state = hosts.state(project, host)
        well = well and state in hosts.BOOTED
        print(f"  {host.name:<14} {host.address:<15} {state}")
    return 0 if well else 1


def shell(project, arguments):
    """Become a root shell on a host, or run a command there."""
    host = _host(project, arguments.host)
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    command = ["docker", "exec", "-i", *terminal, plan.container(project, host.name), *(words or ["bash", "-l"])]
    os.execvp(command[0], command)


def provide_engine(settings, _arguments):
    """Make sure that a Docker engine answers."""
    facts = engine.ensure(settings.install_docker)
    say(f"Docker engine {facts['ServerVersion']}, cgroup v{facts.get('CgroupVersion', '?')}")
    return 0


def provide_image(settings, _arguments):
    """Make sure that the image exists and print its name."""
    engine.ensure(settings.install_docker)
    with access.lock("image"):
        print(image.ensure(settings.suite, settings.image))
    return 0


def kill(project, arguments):
    """Power off without warning."""
    return _docker_on(project, arguments.host, "kill", "killed")


def pause(project, arguments):
    """Freeze all processes. On a busy host the engine may find new ones for as long as it tries, and gives up then."""
    name = plan.container(project, _host(project, arguments.host).name)
    if not wait_for(lambda: attempt("pause", name, timeout=30).ok, 10):
        docker("pause", name, timeout=30)  # says why not
    say(f"{arguments.host} is frozen")
    return 0


def unpause(project, arguments):
    """Let frozen processes go on."""
    return _docker_on(project, arguments.host, "unpause", "running again")


def _docker_on(project, name, verb, done):
    host = _host(project, name)
    docker(verb, plan.container(project, host.name), timeout=30)
    say(f"{host.name} is {done}")
    return 0


def start(project, arguments):
    """Power on and wait for the boot."""
    host = _host(project, arguments.host)
    hosts.start(project, host)
    say(f"{host.name} has booted")
    return 0


def restart(project, arguments):
    """Reboot in good order and wait for the boot."""
    host = _host(project, arguments.host)
    hosts.reboot(project, host)
    say(f"{host.name} has rebooted")
    return 0


def cut(project, arguments):
    """Unplug a host from the network."""
    host = _host(project, arguments.host)
    network.cut(project, host, arguments.link_up)
    say(f"{host.name} is cut off")
    return 0


def heal(project, arguments):
    """Plug a host in again."""
    host = _host(project, arguments.host)
    network.heal(project, host)
    say(f"{host.name} is connected again")
    return 0


def _stored(project):
    stored = access.stored_settings(project)
    if not stored:
        raise LabError(f"There is no lab '{project}'. Make it with: LAB_PROJECT={project} lab.py up")
    return read_settings({}, {"project": project}, stored)


def _host(project, name):
    everyone = plan.hosts_of(_stored(project))
    for host in everyone:
        if host.name == name:
            return host
    raise LabError(f"There is no host '{name}' in the lab '{project}': it has {', '.join(h.name for h in everyone)}.")


# name -> (function, what it takes, help). `settings`: all parameters validated; `stored`: with those the lab has.
COMMANDS = {
    "up": (up, ("settings", "stored"), "build images, boot all hosts, give access (a running lab stays)"),
    "down": (down, (), "remove containers, network, keys and passwords of the lab"),
    "status": (status, (), "show every host; exit status 0 when all have booted"),
    "shell": (shell, ("host", "words"), "a root shell on HOST, or run COMMAND there"),
    "clean": (clean, (), "down, and remove the lab's images"),
    "docker": (provide_engine, ("settings",), "make sure that a Docker engine answers"),
    "image": (provide_image, ("settings",), "build the image and print its name"),
    "kill": (kill, ("host",), "power HOST off without warning"),
    "start": (start, ("host",), "power HOST on"),
    "restart": (restart, ("host",), "reboot HOST in good order"),
    "pause": (pause, ("host",), "freeze HOST"),
    "unpause": (unpause, ("host",), "let HOST go on"),
    "cut": (cut, ("host", "link_up"), "unplug HOST from the network"),
    "heal": (heal, ("host",), "plug HOST in again"),
}
