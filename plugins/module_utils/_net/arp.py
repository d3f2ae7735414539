# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# IPv4: who else has an address, and telling the network that we have it now. By arping of iputils: a probe from 0.0.0.0
# (RFC 5227) and unsolicited requests. IPv6 is in ndp.py.

from __future__ import annotations

import re
import socket

from .._errors import CommandFailed

PACKAGE = "iputils-arping"
PROBES = 2
_REPLY = re.compile(r"(?:reply|request) from \S+ \[([0-9A-Fa-f:]{17})\]")
_SENT = re.compile(r"^Sent [1-9]", re.MULTILINE)


def parse_holders(stdout):
    """Return the hardware addresses that answered an ``arping -D``, each once, in order."""
    return tuple(dict.fromkeys(mac.lower() for mac in _REPLY.findall(stdout)))


def is_installed(runner):
    return runner.which("arping") is not None


def require(runner, *, attempted):
    """Return the program, or raise an error that names its package."""
    program = runner.which("arping")
    if program is None:
        raise CommandFailed(
            attempted,
            server=socket.gethostname(),
            seen="the program arping is missing",
            next_step=f"install the package {PACKAGE}, or set check_duplicate and announce to false",
        )
    return program


def holders_of(runner, address, *, interface):
    """Return the MACs of those who answer for ``address`` on ``interface``."""
    result = _arping(runner, ("-D", "-c", str(PROBES), "-w", str(PROBES), "-I", interface, address))
    holders = parse_holders(result.stdout)
    # The exit status of -D changed between versions of iputils: what was sent and answered is what counts.
    if not holders and not _SENT.search(result.stdout):
        raise _failed(f"ask on {interface} who has {address}", result)
    return holders


def announce(runner, address, *, interface):
    """Tell the neighbours our MAC for ``address`` by unsolicited ARP."""
    result = _arping(runner, ("-U", "-c", "2", "-w", "1", "-I", interface, address))
    if not _SENT.search(result.stdout):
        raise _failed(f"announce {address} on {interface}", result)


def _arping(runner, words):
    program = require(runner, attempted=f"ask or tell the network about {words[-1]}")
    return runner.run((program, *words), timeout=PROBES + 10)


def _failed(attempted, result):
    return CommandFailed(
        attempted,
        server=socket.gethostname(),
        seen=(result.stderr or result.stdout).strip() or f"arping ended with {result.rc}",
        next_step=f"run it by hand as root: {' '.join(result.argv)} (Debian's package is {PACKAGE})",
        evidence={"rc": result.rc, "stdout": result.stdout, "stderr": result.stderr},
    )


__all__ = ("PACKAGE", "announce", "holders_of", "is_installed", "parse_holders", "require")
