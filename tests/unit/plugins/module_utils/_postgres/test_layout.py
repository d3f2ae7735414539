# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import PgopsError, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import layout as layouts


class Host:
    """A file system below a scratch directory, and what ``postgres --version`` says."""

    def __init__(self, root, version_text=""):
        self.root, self.version_text = root, version_text

    def file(self, path, text=""):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return self

    def debian(self, version, *clusters, text=None):
        self.file(f"/usr/lib/postgresql/{version}/bin/postgres")
        for name in clusters:
            conf = f"data_directory = '/var/lib/postgresql/{version}/{name}'\nport = 5432\n" if text is None else text
            self.file(f"/etc/postgresql/{version}/{name}/postgresql.conf", conf)
        return self

    def run(self, argv, **_options):
        return CommandResult(tuple(argv), 0 if self.version_text else 127, self.version_text, "")

    def discover(self, **overrides):
        return layouts.discover(runner=self, overrides=overrides, root=str(self.root))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_nothing_installed_is_none(host):
    assert host.discover() is None
    assert host.discover(version="15", cluster_name="main", bin_directory="/usr/lib/postgresql/15/bin") is None


def test_client_packages_are_no_server(host):
    host.file("/usr/lib/postgresql/15/bin/psql").file("/etc/postgresql/15/main/postgresql.conf")
    assert host.discover() is None


def test_debian(host):
    found = host.debian("15", "main").discover()
    assert found == layouts.Layout(
        data_directory="/var/lib/postgresql/15/main",
        config_directory="/etc/postgresql/15/main",
        bin_directory="/usr/lib/postgresql/15/bin",
        port=5432,
        socket_directory="/var/run/postgresql",
        service="postgresql@15-main",
        version="15",
        cluster_name="main",
        postgres_user="postgres",
    )
    assert found.config_file == "/etc/postgresql/15/main/postgresql.conf"
    assert found.tool("pg_rewind") == "/usr/lib/postgresql/15/bin/pg_rewind"


def test_debian_settings_of_includes_and_alter_system(host):
    text = "data_directory = '/srv/pg'\nport = 1\nunix_socket_directories = '/a, /b'\ninclude_dir 'conf.d'\n"
    host.debian("15", "main", text=text).file("/etc/postgresql/15/main/conf.d/pgops.conf", "port = 2\n")
    found = host.discover()
    assert (found.data_directory, found.port, found.socket_directory) == ("/srv/pg", 2, "/a")
    host.file("/srv/pg/postgresql.auto.conf", "port = '3'\n")
    assert host.discover().port == 3


def test_programs_without_a_configuration_give_the_defaults(host):
    found = host.debian("13").discover()
    assert found.data_directory == "/var/lib/postgresql/13/main"
    assert (found.config_directory, found.port, found.version) == ("/etc/postgresql/13/main", 5432, "13")


def test_a_cluster_that_is_not_there_yet(host):
    found = host.debian("15", "main").discover(cluster_name="second")
    assert found.data_directory == "/var/lib/postgresql/15/second"
    assert found.service == "postgresql@15-second"


def test_the_only_cluster_needs_no_name(host):
    assert host.debian("15", "orders").discover().cluster_name == "orders"
    assert host.debian("17").discover().version == "15"


def test_several_clusters_are_listed(host):
    host.debian("15", "main", "orders").debian("17", "main")
    with pytest.raises(Refused) as caught:
        host.discover()
    assert caught.value.evidence == {"clusters": ["15/main", "15/orders", "17/main"]}
    assert "15/main, 15/orders, 17/main" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"version": "17"}, ("17", "main")),
        ({"cluster_name": "orders"}, ("15", "orders")),
        ({"version": "15", "cluster_name": "main"}, ("15", "main")),
        ({"version": 15.18, "cluster_name": "main"}, ("15", "main")),
        ({"data_directory": "/var/lib/postgresql/15/orders"}, ("15", "orders")),
        ({"bin_directory": "/usr/lib/postgresql/17/bin"}, ("17", "main")),
    ],
)
def test_what_names_one_of_several(host, overrides, expected):
    found = host.debian("15", "main", "orders").debian("17", "main").discover(**overrides)
    assert (found.version, found.cluster_name) == expected


def test_several_versions_without_clusters_are_listed(host):
    with pytest.raises(Refused, match="13, 15"):
        host.debian("13").debian("15").discover()


def test_a_version_that_is_not_there(host):
    with pytest.raises(PgopsError, match="installed here: 13, 15") as caught:
        host.debian("13").debian("15").discover(version="17")
    assert caught.value.code == "no_such_version"


def test_every_override_wins(host):
    wanted = {
        "version": "15",
        "cluster_name": "main",
        "data_directory": "/d",
        "config_directory": "/c",
        "bin_directory": "/usr/lib/postgresql/15/bin",
        "port": 6000,
        "socket_directory": "/s",
        "service": "mine",
        "postgres_user": "pgsql",
    }
    assert host.debian("15", "main").discover(**wanted)._asdict() == wanted


def test_a_symbolic_link_names_the_same_data_directory(host):
    host.debian("15", "main", "orders").file("/var/lib/postgresql/15/orders/PG_VERSION", "15\n")
    (host.root / "srv").symlink_to(host.root / "var/lib/postgresql/15/orders")
    found = host.discover(data_directory="/srv")
    assert (found.cluster_name, found.data_directory) == ("orders", "/srv")


def test_rpm(host):
    host.file("/usr/pgsql-16/bin/postgres").file("/var/lib/pgsql/16/data/postgresql.conf", "port = 5433\n")
    found = host.discover()
    assert (found.data_directory, found.config_directory) == ("/var/lib/pgsql/16/data", "/var/lib/pgsql/16/data")
    assert (found.bin_directory, found.service) == ("/usr/pgsql-16/bin", "postgresql-16")
    assert (found.port, found.version, found.cluster_name) == (5433, "16", "main")


def test_rpm_before_initdb(host):
    found = host.file("/usr/pgsql-16/bin/postgres").discover()
    assert found.data_directory == found.config_directory == "/var/lib/pgsql/16/data"


def test_programs_of_ones_own_with_a_data_directory(host):
    host.debian("15", "main").file("/opt/pg/bin/postgres").file("/opt/pg/data/PG_VERSION", "11\n")
    host.file("/opt/pg/data/postgresql.conf", "port = 6011\nunix_socket_directories = '/tmp'\n")
    found = host.discover(bin_directory="/opt/pg/bin", data_directory="/opt/pg/data")
    assert (found.version, found.service, found.port) == ("11", None, 6011)
    assert found.config_directory == "/opt/pg/data"


def test_programs_of_ones_own_tell_their_version(tmp_path):
    host = Host(tmp_path, "postgres (PostgreSQL) 12.22\n").file("/opt/pg/bin/postgres")
    assert host.discover(bin_directory="/opt/pg/bin", data_directory="/opt/pg/data").version == "12"
    assert host.discover(bin_directory="/opt/pg/bin", version="11").version == "11"


def test_programs_of_ones_own_that_do_not_run(host):
    with pytest.raises(PgopsError, match="tells its --version"):
        host.file("/opt/pg/bin/postgres").discover(bin_directory="/opt/pg/bin")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", "x"),
        ("port", "-1"),
        ("version", "fifteen"),
        ("version", "15/../.."),
        ("cluster_name", "../main"),
        ("cluster_name", "-x"),
        ("data_directory", "relative/path"),
        ("socket_directory", "@abstract"),
        ("bin_directory", "/usr/bin"),
    ],
)
def test_bad_options_are_named(host, option, value):
    with pytest.raises(PgopsError) as caught:
        host.debian("15", "main").discover(**{option: value})
    assert caught.value.code == "invalid_option"
    assert f"{option} is {value!r}" in caught.value.seen


def test_an_override_that_we_misspell_is_a_bug(host):
    with pytest.raises(TypeError, match="datadir"):
        host.discover(datadir="/x")


def test_a_configuration_that_we_may_not_read(host, monkeypatch):
    def load(path, **_options):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(layouts.conffile, "load", load)
    with pytest.raises(PgopsError, match="become: true") as caught:
        host.debian("15", "main").discover()
    assert caught.value.code == "permission_denied"


@pytest.mark.parametrize(("text", "number"), [("15", 15), ("9.6", 9), ("15.18 (Debian 15.18-1)", 15), ("18beta1", 18)])
def test_major(text, number):
    assert layouts.major(text) == number


def test_major_of_nonsense():
    with pytest.raises(PgopsError, match="version is 'x'"):
        layouts.major("x")


@pytest.mark.parametrize(("text", "version"), [("15\n", "15"), ("", None), (None, None)])
def test_data_version(tmp_path, text, version):
    if text is not None:
        (tmp_path / "PG_VERSION").write_text(text)
    assert layouts.data_version(str(tmp_path)) == version
    assert layouts.data_version(str(tmp_path / "PG_VERSION")) is None
