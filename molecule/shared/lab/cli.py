# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab."""

from __future__ import annotations

import argparse
import os
import sys

from . import access, commands, settings
from .errors import LabError

ENVIRONMENT = """\
parameters (environment; a flag before COMMAND wins):
  LAB_PROJECT=pgops         name: containers are <project>-<host>, the network <project>-net
  LAB_SUBNET=10.1.7.0/24    addresses; the VIP is .100
  LAB_SUITE=bookworm        Debian: bullseye bookworm trixie forky (or 11 12 13 testing)
  LAB_STANDBYS=1            standby servers
  LAB_PGPOOLS=2             Pgpool-II servers
  LAB_VIP_MANAGER=default   who moves the virtual IP: watchdog or keepalived; default: the collection's own choice
  LAB_WITNESS=no            yes: the last Pgpool-II server votes, and never has the virtual IP
  LAB_IMAGE=bare            bare: minimal Debian; packages: PostgreSQL and Pgpool-II preinstalled
  LAB_INSTALL_DOCKER=yes    no: never install or start a Docker engine
"""


def parser():
    """The arguments."""
    top = argparse.ArgumentParser(
        prog="lab.py",
        description="A cluster of systemd containers on one Docker network, reached over SSH.",
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("project", "subnet", "suite", "standbys", "pgpools", "vip_manager", "witness", "install_docker"):
        top.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"as {settings.variable(name)}")
    subs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_function, takes, text) in commands.COMMANDS.items():
        sub = subs.add_parser(name, help=text, description=text)
        if name in ("up", "image"):
            kinds = sub.add_mutually_exclusive_group()
            for kind in ("bare", "packages"):
                kinds.add_argument(f"--{kind}", dest="image", action="store_const", const=kind)
        if "host" in takes:
            sub.add_argument("host", metavar="HOST")
        if "link_up" in takes:
            sub.add_argument("--link-up", action="store_true", help="keep the link up, and let no packet pass")
        if "words" in takes:
            sub.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    return top


def main(argv):
    """Run one command; return the exit status."""
    arguments = parser().parse_args(argv)
    flags = vars(arguments)
    function, takes, _text = commands.COMMANDS[arguments.command]
    try:
        subject = settings.project_name(os.environ, flags.get("project"))
        if "settings" in takes:
            stored = access.stored_settings(subject) if "stored" in takes else None
            subject = settings.read_settings(os.environ, flags, stored)
        return function(subject, arguments)
    except LabError as exc:
        print(f"lab.py: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab.py: interrupted", file=sys.stderr)
        return 130
