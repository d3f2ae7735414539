# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The options of ``pg_basebackup_sync``, checked and turned into what the rest works with."""

from __future__ import annotations

import os
import pwd
import re

from .._errors import Refused
from .facts import Desired
from .overrides import here, invalid

_SLOT = re.compile(r"^[a-z0-9_]{1,63}\Z")
_RATE = re.compile(r"^\d+[kM]?\Z")


def desired(parameters, layout):
    """Return the ``Desired`` of a module's parameters; an option that can't be used is an error that names it."""
    return Desired(
        primary_host=_word("primary_host", parameters["primary_host"]),
        primary_port=_port(parameters["primary_port"]),
        replication_user=parameters["replication_user"],
        pass_file=parameters["pass_file"] or _home_pass_file(layout.postgres_user),
        sslmode=parameters["sslmode"],
        slot_name=_matching("slot_name", parameters["slot_name"], _SLOT, "1 to 63 of a-z, 0-9 and _"),
        application_name=parameters["application_name"] or parameters["slot_name"],
        method=parameters["method"],
        salvage_directory=_salvage_directory(parameters["salvage_directory"], layout),
        salvage_skip=parameters["salvage_skip"],
        salvage_keep=_count("salvage_keep", parameters["salvage_keep"]),
        max_rate=_rate(parameters["max_rate"]),
        lock_timeout=_seconds("lock_timeout", parameters["lock_timeout"]),
        start_timeout=_seconds("start_timeout", parameters["start_timeout"]),
        allow_initial=parameters["allow_initial"],
        allow_older_primary=parameters["allow_older_primary"],
    )


def require_installed(layout):
    """Raise when there is no PostgreSQL on this host."""
    if layout is None:
        raise Refused(
            "make this host a standby",
            server=here(),
            seen="no PostgreSQL server is installed here",
            next_step="install the packages first (deploy_cluster.yml -l this host), or name bin_directory",
        )
    return layout


def _word(option, value):
    if not value or any(character.isspace() or character == "," for character in value):
        raise invalid(option, value, "one host name or address")
    return value


def _port(value):
    if not 0 < value < 65536:
        raise invalid("primary_port", value, "a port number from 1 to 65535")
    return value


def _matching(option, value, pattern, expected):
    if not pattern.match(value):
        raise invalid(option, value, expected)
    return value


def _rate(value):
    return (
        _matching("max_rate", value, _RATE, "a number of kB per second, or one with k or M behind it")
        if value
        else None
    )


def _count(option, value):
    if value < 0:
        raise invalid(option, value, "0 (nothing is ever removed) or a number of salvages to keep")
    return value


def _seconds(option, value):
    if value < 0:
        raise invalid(option, value, "a number of seconds")
    return value


def _salvage_directory(value, layout):
    if not value:
        return None
    inside = os.path.realpath(layout.data_directory) + os.sep
    if not os.path.isabs(value) or (os.path.realpath(value) + os.sep).startswith(inside):
        raise invalid("salvage_directory", value, "an absolute path outside the data directory")
    return value


def _home_pass_file(user):
    try:
        return os.path.join(pwd.getpwnam(user).pw_dir, ".pgpass")
    except KeyError:
        raise invalid("postgres_user", user, "a user of this host") from None


__all__ = ("desired", "require_installed")
