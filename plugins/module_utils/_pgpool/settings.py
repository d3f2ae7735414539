# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What is known about pgpool.conf parameters: which Pgpool-II knows which name, its default, and what applies a change.

Pgpool-II only logs an INFO line for a name that it does not know and carries on with the default, so a renamed
parameter is never noticed on the host. Here it is an error, before the file is written. The facts are in
settings_table.py.
"""

from __future__ import annotations

import re
import typing as t

from . import conf_file
from .settings_table import EARLIER as EARLIER_TABLE
from .settings_table import FIRST, LAST, TABLE, WORDS

# today's name -> (the version that brought it, its name before)
RENAMED = {
    "cache_safe_memqcache_table_list": ("4.2", "white_memqcache_table_list"),
    "cache_unsafe_memqcache_table_list": ("4.2", "black_memqcache_table_list"),
    "delegate_ip": ("4.4", "delegate_IP"),
    "follow_primary_command": ("4.2", "follow_master_command"),
    "primary_routing_query_pattern_list": ("4.2", "black_query_pattern_list"),
    "read_only_function_list": ("4.2", "white_function_list"),
    "unix_socket_directories": ("4.4", "socket_dir"),
    "work_dir": ("4.7", "logdir"),
    "write_function_list": ("4.2", "black_function_list"),
}

# Names that a newer version still takes, with a line in its log, for today's name: (since, today's name)
STILL_TAKEN = {
    "delegate_IP": ("4.4", "delegate_ip"),
    "fail_over_on_backend_error": ("4.1", "failover_on_backend_error"),
    "logdir": ("4.7", "work_dir"),
}

# The watchdog and the life check look at these only when they start, whatever their context says.
READ_AT_START = (
    "heartbeat_destination",
    "heartbeat_destination_port",
    "heartbeat_device",
    "heartbeat_hostname",
    "heartbeat_port",
    "hostname",
    "other_pgpool_hostname",
    "other_pgpool_port",
    "other_wd_port",
    "pgpool_port",
    "trusted_server_command",
    "wd_authkey",
    "wd_lifecheck_dbname",
    "wd_lifecheck_password",
    "wd_lifecheck_user",
    "wd_port",
)

# Debian builds its packages with these defaults, by today's names (seen on 4.3.5).
DEBIAN_DEFAULTS = {
    "pcp_socket_dir": "/var/run/postgresql",
    "unix_socket_directories": "/var/run/postgresql",
    "wd_ipc_socket_dir": "/var/run/postgresql",
    "work_dir": "/var/log/postgresql",
}

SECRET = re.compile(r"password|passwd|passphrase|authkey|secret", re.I)

_NODE_NUMBER = re.compile(r"\d+$")
_KIND = re.compile(r"(?P<kind>\w+)(/(?P<unit>\w+))?(:(?P<domain>.*))?$")


class Setting(t.NamedTuple):
    """What a range of versions makes of a name. ``numbered`` is "always", "may be" or "never"; default: as written."""

    name: str
    numbered: str
    kind: str
    unit: str | None
    domain: str
    apply: str
    first: str
    last: str
    default: str

    @property
    def words(self):
        """The words of an enum or of flags."""
        return tuple(self.domain.split(","))


def _read(table):
    found = {}
    for line in table.strip().splitlines():
        label, kind, apply, versions, default = line.split(None, 4)
        name = label.partition("[")[0]
        numbered = {"": "never", "n]": "always", "n?]": "may be"}[label.partition("[")[2]]
        parts = _KIND.match(kind).groupdict()
        domain = parts["domain"] or ""
        domain = WORDS[domain[1:]] if domain.startswith("@") else domain
        first, last = versions.split("-")
        apply = "restart" if name in READ_AT_START else apply
        setting = Setting(name, numbered, parts["kind"], parts["unit"], domain, apply, first, last, default)
        found.setdefault(name, []).append(setting)
    return {name: tuple(ranges) for name, ranges in found.items()}


SETTINGS = _read(TABLE)
EARLIER = _read(EARLIER_TABLE)


class UnknownSetting(ValueError):
    """Neither this version nor any other knows the name (or only another one does)."""


def major(version):
    """Return "4.3" for "4.3.5-1+deb12u1"; raise ValueError outside the table."""
    found = re.match(r"(\d+)\.(\d+)", str(version))
    if not found:
        raise ValueError(f"'{version}' is not a Pgpool-II version")
    short = found.group(0)
    if not _key(FIRST) <= _key(short) <= _key(LAST):
        raise ValueError(f"Pgpool-II {version} is outside of what this collection knows ({FIRST} to {LAST})")
    return short


def release(version):
    """Return "4.3.5" for "4.3.5-1+deb12u1"; "4.3" where no more is known."""
    exact = re.match(r"\d+\.\d+\.\d+", str(version))
    return exact.group(0) if exact else major(version)


def at_least(version, other):
    """Whether a version is the other one or newer, by the numbers that the other one has."""
    numbers = tuple(int(part) for part in re.match(r"[\d.]*\d", str(version)).group(0).split("."))
    return numbers[: len(_key(other))] >= _key(other)


def bare(name):
    """The name without the number of a node, as the table has it."""
    return name if name in SETTINGS else _NODE_NUMBER.sub("", name)


def node_of(name):
    """The number of a node behind a name; None where there is none."""
    number = name[len(bare(name)) :]
    return int(number) if number else None


def lookup(name, version):
    """Return the ``Setting`` of a name as it stands in a file of that version, or None."""
    setting = _setting(bare(name), version)
    if not _is_there(setting):
        return None
    fits = {"always": node_of(name) is not None, "never": node_of(name) is None}
    return setting if fits.get(setting.numbered, True) else None


def _setting(name, version):
    """The line for a name. Where the release is not known, the last one of its major is taken."""
    for setting in EARLIER.get(name, ()):
        if _key(setting.first) <= _key(release(version)) <= _key(setting.last):
            return setting
    for setting in SETTINGS.get(name, ()):
        if _key(setting.first) <= _key(major(version)) <= _key(setting.last):
            return setting
    return None


def _is_there(setting):
    return setting is not None and setting.kind != "none"


def since(name, version):
    """The first release that knows a name which this version does not know yet; None when there is no such one."""
    setting = _setting(bare(name), version)
    if setting is not None and setting.kind == "none":
        numbers = _key(setting.last)
        return ".".join(str(number) for number in (*numbers[:-1], numbers[-1] + 1))
    ranges = SETTINGS.get(bare(name))
    return ranges[0].first if ranges and _key(major(version)) < _key(ranges[0].first) else None


def name_in(name, version):
    """Return how that version calls the parameter; None when it has nothing like it yet.

    Only names of the newest version are asked for here; anything else is UnknownSetting.
    """
    ranges = SETTINGS.get(bare(name))
    if ranges is None:
        raise UnknownSetting(f"no Pgpool-II between {FIRST} and {LAST} knows the parameter '{name}'")
    if lookup(name, version):
        return name
    if bare(name) in RENAMED and _key(major(version)) < _key(RENAMED[bare(name)][0]):
        return RENAMED[bare(name)][1]
    if since(name, version):
        return None
    if _key(major(version)) > _key(ranges[-1].last):
        raise UnknownSetting(f"Pgpool-II {version} no longer knows '{name}' (it ended with {ranges[-1].last})")
    raise UnknownSetting(f"'{name}': Pgpool-II {version} wants it {_numbers(ranges[-1])}")


def _numbers(setting):
    return "with the number of a node behind it" if setting.numbered == "always" else "without a number behind it"


def known_names(version):
    """The names that a version knows, without node numbers."""
    return [name for name in {**SETTINGS, **EARLIER} if _is_there(_setting(name, version))]


def render(name, value, version):
    """Return the line of pgpool.conf; a comment when the version does not have the parameter yet."""
    known = name_in(name, version)
    if known is None:
        return f"# {name}: only from Pgpool-II {since(name, version)} on"
    return f"{known} = {quote(value, name)}"


def quote(value, name):
    """Return a value as pgpool.conf wants it. The file has no escapes: some characters can't be written at all."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        value = ",".join(str(part) for part in value)
    text = str(value)
    if "'" in text or "\n" in text or "\r" in text or text.endswith("\\"):
        raise ValueError(
            f"the value of '{name}' has a quote, a line break or a backslash at its end: pgpool.conf cannot hold that"
        )
    return f"'{text}'"


def parse(text):
    """Return {name: value as written} of a pgpool.conf; the last one wins, as it does for Pgpool-II."""
    return {entry.name: entry.written for entry in conf_file.read(text).entries}


def _key(version):
    return tuple(int(part) for part in str(version).split("."))


__all__ = (
    "DEBIAN_DEFAULTS",
    "EARLIER",
    "FIRST",
    "LAST",
    "RENAMED",
    "SECRET",
    "SETTINGS",
    "STILL_TAKEN",
    "Setting",
    "UnknownSetting",
    "at_least",
    "bare",
    "known_names",
    "lookup",
    "major",
    "name_in",
    "node_of",
    "parse",
    "quote",
    "release",
    "render",
    "since",
)
