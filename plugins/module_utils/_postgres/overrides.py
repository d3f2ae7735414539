# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os
import platform
import re

from .._errors import PgopsError

# The layout options of our modules, as AnsibleModule wants them; documented in doc_fragments/_postgres.py.
ARGUMENTS = {
    "version": {"type": "str"},
    "cluster_name": {"type": "str"},
    "data_directory": {"type": "path"},
    "config_directory": {"type": "path"},
    "bin_directory": {"type": "path"},
    "port": {"type": "int"},
    "socket_directory": {"type": "path"},
    "service": {"type": "str"},
    "postgres_user": {"type": "str", "default": "postgres"},
}
OVERRIDES = tuple(ARGUMENTS)
_CLUSTER_NAME = re.compile(r"^\w[\w.+-]*$")
_VERSION = re.compile(r"^(\d+)(?:\.(\d+))?(?:\.\d+)?$")


def here():
    """Return the name of this host, for messages."""
    return platform.node() or "this host"


def checked(overrides):
    """Return the overrides that are given, each of them valid; an invalid one is an error that names the option."""
    wanted = {key: value for key, value in overrides.items() if value not in (None, "")}
    unknown = sorted(set(wanted) - set(OVERRIDES))
    if unknown:
        raise TypeError(f"unknown layout overrides: {', '.join(unknown)}")
    for key in ("data_directory", "config_directory", "bin_directory", "socket_directory"):
        if key in wanted:
            wanted[key] = _directory(key, wanted[key])
    if "port" in wanted:
        wanted["port"] = port_number(wanted["port"])
    if "version" in wanted:
        wanted["version"] = short_version(wanted["version"])
    if not _CLUSTER_NAME.match(wanted.get("cluster_name", "main")):
        raise invalid("cluster_name", wanted["cluster_name"], "a name of letters, digits, dots and dashes")
    return wanted


def of_parameters(parameters):
    """Return the layout options among a module's parameters."""
    return {name: parameters[name] for name in OVERRIDES}


def short_version(version):
    """Return the version as directories are named after it: 15 for 15.18, 9.6 for 9.6.24."""
    match = _VERSION.match(str(version).strip())
    if match is None:
        raise invalid("version", version, "a PostgreSQL version such as 15")
    first, second = match.groups()
    return first if int(first) >= 10 or second is None else f"{first}.{second}"


def port_number(value):
    """Return a TCP port as an int."""
    text = str(value).strip()
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < number < 65536:
        raise invalid("port", value, "a port number from 1 to 65535")
    return number


def invalid(option, value, expected):
    """Return the error for an option that can't be used."""
    return PgopsError(
        "use the options given",
        server=here(),
        seen=f"{option} is {value!r}, not {expected}",
        next_step=f"correct the option {option}, or leave it out to have it discovered",
        code="invalid_option",
    )


def _directory(option, value):
    if not os.path.isabs(value):
        raise invalid(option, value, "an absolute path")
    return os.path.normpath(value)


__all__ = ("ARGUMENTS", "OVERRIDES", "checked", "here", "invalid", "of_parameters", "port_number", "short_version")
