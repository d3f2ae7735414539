# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The commands that need root, spelled once: pgpool.conf and failover.sh run them, sudoers allows exactly them.

Pgpool-II's watchdog splits them at blanks and runs them without a shell, so words have no blanks and no quotes.
"""

from __future__ import annotations

import re

# /bin: there both with and without a merged /usr (a Debian 11 may have either).
IP = "/bin/ip"
ARPING = "/usr/bin/arping"
SS = "/bin/ss"
SYSTEMCTL = "/bin/systemctl"
SUDO = "/usr/bin/sudo -n"
VIP_DOWN = "/usr/local/lib/pgops/vip_down.sh"  # of the role vip: also ends the sessions that came in by the address

_WORD = re.compile(r"^[A-Za-z0-9_.:@%+/\-]+$")
_INTERFACE_NAME_LENGTH = 15


def vip_commands(*, address, prefix, interface):
    """Commands that put the virtual address on this host, announce it, and take it away."""
    label = f"{interface}:1"
    # The label is for people who look with ifconfig, as in the days of eth0:1; the kernel allows it 15 characters.
    labelled = f" label {label}" if len(label) <= _INTERFACE_NAME_LENGTH else ""
    return {
        "up": _checked(f"{IP} addr add {address}/{prefix} dev {interface}{labelled}"),
        "down": VIP_DOWN,
        "announce": _checked(f"{ARPING} -U {address} -c 2 -w 1 -I {interface}"),
    }


def kill_sockets(*, address, port, opening=False):
    """Command that destroys this host's connections to a database server which does not answer any more.

    ``opening``: also those that are being opened, which belong to whoever still has to find out that it is gone.
    """
    state = "connected" if opening else "established"
    return _checked(f"{SS} -K -t state {state} dst {address} dport = {int(port)}")


def fence(*, service):
    """Command that ends a PostgreSQL on its own host at once."""
    return _checked(f"{SYSTEMCTL} kill -s SIGKILL {service}")


def pgpool_host_commands(vip, databases):
    """All commands that the user of Pgpool-II may run as root on a pgpool host.

    ``vip`` has address, prefix and interface; ``databases`` are members with address and port.
    """
    commands = list(vip_commands(**vip).values()) if vip else []
    for member in databases:
        server = {"address": member["address"], "port": member["port"]}
        commands += [kill_sockets(**server), kill_sockets(**server, opening=True)]
    return commands


def for_sudoers(command):
    """Escape a command for sudoers, where comma, colon, equals sign and backslash have a meaning."""
    return re.sub(r"([,:=\\])", r"\\\1", _checked(command))


def _checked(command):
    for word in command.split(" "):
        if word != "=" and not _WORD.match(word):
            raise ValueError(f"'{word}' cannot be part of a command that sudo is to allow (in: {command})")
    return command


__all__ = ("SUDO", "fence", "for_sudoers", "kill_sockets", "pgpool_host_commands", "vip_commands")
