# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The login options that our PCP modules share, and the Pgpool that they name."""

from __future__ import annotations

import socket

from .._local import SystemClock
from .observe import Pgpool
from .pcppass import password_from_file
from .wire import Login

OPTIONS = {
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int", "default": 9898},
    "login_user": {"type": "str", "default": "pgpoolad"},
    "login_password": {"type": "str", "no_log": True},
    # Says that this is the name of a file, no secret: without it a name that holds "pass" brings a warning.
    "login_pass_file": {"type": "path", "no_log": False},
    "timeout": {"type": "float", "default": 5},
}
ONE_PASSWORD = ("login_password", "login_pass_file")


def pgpool_from(params):
    """Return the Pgpool that a module's parameters describe; raise AuthenticationFailed without a usable password."""
    host, port, user = params["login_host"], params["login_port"], params["login_user"]
    server = f"pgpool of {socket.gethostname()}"
    password = params["login_password"]
    if password is None:
        password = password_from_file(params["login_pass_file"], host=host, port=port, user=user, server=server)
    return Pgpool(Login(host, port, user, password), server=server, timeout=params["timeout"], clock=SystemClock())


__all__ = ("ONE_PASSWORD", "OPTIONS", "pgpool_from")
