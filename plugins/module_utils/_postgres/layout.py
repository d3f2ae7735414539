# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import glob
import os
import re
import typing as t

from .._errors import PgopsError, Refused
from . import conffile
from .conffile import at_root
from .overrides import OVERRIDES, checked, here, invalid, port_number, short_version

_VERSION = re.compile(r"^(\d+)(?:\.(\d+))?")


class Layout(t.NamedTuple):
    """Where one PostgreSQL lives on this host. ``service`` is None for one that no unit runs."""

    data_directory: str
    config_directory: str
    bin_directory: str
    port: int
    socket_directory: str
    service: str | None
    version: str
    cluster_name: str
    postgres_user: str

    @property
    def config_file(self):
        return os.path.join(self.config_directory, "postgresql.conf")

    def tool(self, name):
        """Return the path of one of PostgreSQL's programs (it may not be there)."""
        return os.path.join(self.bin_directory, name)


class Installed(t.NamedTuple):
    """One installed server: ``family`` is debian, rpm or custom."""

    version: str
    bin_directory: str
    family: str


class _Cluster(t.NamedTuple):
    version: str
    name: str
    config_directory: str
    settings: dict


def major(version):
    """Return the major version as an int: 15 for ``15.18 (Debian ...)``, 9 for ``9.6``."""
    match = _VERSION.match(str(version))
    if match is None:
        raise invalid("version", version, "a PostgreSQL version such as 15")
    return int(match.group(1))


def discover(*, runner, overrides, root="/"):
    """Return the ``Layout`` of the one PostgreSQL meant by ``overrides``, or None when none is installed.

    What is not given is read from Debian's layout, then from the RPM one. Several and none named: ``Refused``.
    """
    wanted = checked(overrides)
    try:
        return _discover(runner, wanted, root)
    except PermissionError as exc:
        raise PgopsError(
            "read the configuration of PostgreSQL",
            server=here(),
            seen=str(exc),
            next_step="run the task as root (become: true)",
            code="permission_denied",
        ) from exc


def _discover(runner, wanted, root):
    servers = _installed(runner, wanted, root)
    if not servers:
        return None
    servers = _of_version(servers, wanted)
    cluster = _choose(_clusters(servers, wanted, root), servers, wanted, root)
    server = next(each for each in servers if each.version == cluster.version)
    return _build(server, cluster, wanted, root)


def _installed(runner, wanted, root):
    """Only a directory with ``postgres`` counts: client packages leave a bin directory too."""
    servers = []
    for family, pattern in (("debian", "/usr/lib/postgresql/*/bin/postgres"), ("rpm", "/usr/pgsql-*/bin/postgres")):
        for path in sorted(glob.glob(at_root(root, pattern))):
            folder = os.path.dirname(path)
            label = os.path.basename(os.path.dirname(folder)).replace("pgsql-", "")
            if _VERSION.match(label):
                servers.append(Installed(label, "/" + os.path.relpath(folder, root), family))
    if "bin_directory" not in wanted:
        return servers
    chosen = [each for each in servers if _same(each.bin_directory, wanted["bin_directory"], root)]
    if chosen:
        return chosen
    if os.path.isfile(at_root(root, os.path.join(wanted["bin_directory"], "postgres"))):
        return [Installed(_custom_version(runner, wanted, root), wanted["bin_directory"], "custom")]
    if servers:
        raise invalid("bin_directory", wanted["bin_directory"], "a directory that holds the program postgres")
    return []


def _custom_version(runner, wanted, root):
    if "version" in wanted:
        return wanted["version"]
    version = data_version(wanted.get("data_directory", ""), root=root)
    if version is None:
        answer = runner.run([os.path.join(wanted["bin_directory"], "postgres"), "--version"], timeout=10)
        found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
        if answer.rc != 0 or not found:
            raise invalid("bin_directory", wanted["bin_directory"], "a postgres that tells its --version")
        version = found.group(1)
    return short_version(version)


def _of_version(servers, wanted):
    chosen = [each for each in servers if wanted.get("version", each.version) == each.version]
    if not chosen:
        there = ", ".join(each.version for each in servers)
        raise PgopsError(
            f"find PostgreSQL {wanted['version']}",
            server=here(),
            seen=f"installed here: {there}",
            next_step="install that version, or name one that is installed with the option version",
            evidence={"installed": [each.version for each in servers]},
            code="no_such_version",
        )
    return chosen


def _clusters(servers, wanted, root):
    """Return the clusters that have a configuration and match the version, name and directory asked for."""
    if "config_directory" in wanted:
        return []
    found = []
    for server in servers:
        if server.family == "rpm":
            folders = [f"/var/lib/pgsql/{server.version}/data"]
        else:
            base = at_root(root, f"/etc/postgresql/{server.version}")
            folders = ["/" + os.path.relpath(path, root) for path in sorted(glob.glob(os.path.join(base, "*")))]
        for folder in folders:
            if os.path.isfile(at_root(root, os.path.join(folder, "postgresql.conf"))):
                name = "main" if server.family == "rpm" else os.path.basename(folder)
                found.append(_cluster(server.version, name, folder, root))
    return [each for each in found if wanted.get("cluster_name", each.name) == each.name]


def _cluster(version, name, config_directory, root):
    settings = conffile.load(os.path.join(config_directory, "postgresql.conf"), root=root)
    return _Cluster(version, name, config_directory, settings)


def _choose(clusters, servers, wanted, root):
    data = wanted.get("data_directory")
    if data:
        mine = [each for each in clusters if _same(each.settings.get("data_directory", ""), data, root)]
        if not mine and "config_directory" not in wanted and os.path.isfile(at_root(root, f"{data}/postgresql.conf")):
            mine = [_cluster(_only(servers).version, wanted.get("cluster_name", "main"), data, root)]
        clusters = mine or clusters
    if len(clusters) > 1:
        names = [f"{each.version}/{each.name}" for each in clusters]
        raise _ambiguous("clusters", names, "version and cluster_name")
    if clusters:
        return clusters[0]
    server, name = _only(servers), wanted.get("cluster_name", "main")
    rpm = server.family == "rpm"
    default = f"/var/lib/pgsql/{server.version}/data" if rpm else f"/etc/postgresql/{server.version}/{name}"
    if server.family == "custom" and data:
        default = data
    return _cluster(server.version, name, wanted.get("config_directory", default), root)


def _only(servers):
    if len(servers) > 1:
        raise _ambiguous("versions", [each.version for each in servers], "version")
    return servers[0]


def _build(server, cluster, wanted, root):
    version, name, settings = cluster.version, cluster.name, dict(cluster.settings)
    rpm, custom = server.family == "rpm", server.family == "custom"
    home = f"/var/lib/pgsql/{version}/data" if rpm else f"/var/lib/postgresql/{version}/{name}"
    data = wanted.get("data_directory") or settings.get("data_directory") or home
    settings.update(conffile.load(os.path.join(data, "postgresql.auto.conf"), root=root))
    sockets = settings.get("unix_socket_directories", "").split(",")[0].strip()
    service = None if custom else (f"postgresql-{version}" if rpm else f"postgresql@{version}-{name}")
    return Layout(
        data_directory=data,
        config_directory=cluster.config_directory,
        bin_directory=server.bin_directory,
        port=wanted.get("port") or port_number(settings.get("port", 5432)),
        socket_directory=wanted.get("socket_directory") or sockets or ("/tmp" if custom else "/var/run/postgresql"),
        service=wanted.get("service") or service,
        version=version,
        cluster_name=name,
        postgres_user=wanted.get("postgres_user", "postgres"),
    )


def data_version(data_directory, *, root="/"):
    """Return what PG_VERSION in a data directory says, or None when there is no database in it."""
    path = at_root(root, os.path.join(data_directory, "PG_VERSION"))
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _same(a, b, root):
    return bool(a) and bool(b) and os.path.realpath(at_root(root, a)) == os.path.realpath(at_root(root, b))


def _ambiguous(what, names, options):
    return Refused(
        "guess which PostgreSQL is meant",
        server=here(),
        seen=f"several {what} are there: {', '.join(names)}",
        next_step=f"name one with {options}",
        evidence={what: names},
        code="ambiguous_cluster",
    )


__all__ = ("OVERRIDES", "Layout", "data_version", "discover", "here", "major")
