# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import conf_file, setting_values, settings

VERSIONS = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7")
SAMPLES = pathlib.Path(__file__).parents[3] / "fixtures/pgpool_conf"

# Samples that show another value than the one that holds when the line stays a comment. From 4.3 on they are comments.
SHOWN_OTHERWISE = {
    "insert_lock": ("4.3", "4.4"),
    "failover_on_backend_shutdown": ("4.3", "4.4"),  # compiled in as on; seen on a real 4.3.5
    "recovery_user": ("4.3", "4.4"),
    "health_check_database": ("4.3", "4.4", "4.5", "4.6", "4.7"),
    "ssl_key": ("4.3", "4.4", "4.5", "4.6", "4.7"),
    "ssl_cert": ("4.3", "4.4", "4.5", "4.6", "4.7"),
}


@pytest.mark.parametrize(
    "name, version, known",
    [
        ("delegate_ip", "4.3.5", "delegate_IP"),
        ("delegate_ip", "4.4.0", "delegate_ip"),
        ("unix_socket_directories", "4.3", "socket_dir"),
        ("unix_socket_directories", "4.6.1", "unix_socket_directories"),
        ("work_dir", "4.6.1", "logdir"),
        ("work_dir", "4.7.2", "work_dir"),
        ("write_function_list", "4.1.4", "black_function_list"),
        ("write_function_list", "4.2", "write_function_list"),
        ("follow_primary_command", "4.1", "follow_master_command"),
        ("backend_hostname12", "4.1", "backend_hostname12"),
        ("recovery_1st_stage_command", "4.5", "recovery_1st_stage_command"),
        ("failover_on_backend_shutdown", "4.2.5", None),
        ("hostname0", "4.1", None),
    ],
)
def test_name_in(name, version, known):
    assert settings.name_in(name, version) == known


@pytest.mark.parametrize("name, version", [("delegate_io", "4.3"), ("socket_dir", "4.4"), ("master_slave_mode", "4.2")])
def test_a_name_that_nothing_knows_any_more_is_an_error(name, version):
    with pytest.raises(settings.UnknownSetting, match=name):
        settings.name_in(name, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_has_each_renamed_parameter_under_one_name(version):
    for new, (_since, old) in settings.RENAMED.items():
        assert settings.lookup(settings.name_in(new, version), version), (new, old)


@pytest.mark.parametrize(
    "name, version, apply",
    [
        ("num_init_children", "4.3", "restart"),
        ("health_check_period", "4.3", "reload"),
        ("health_check_period0", "4.3", "reload"),
        ("hostname1", "4.3", "restart"),
        ("wd_authkey", "4.3", "restart"),
        ("failover_command", "4.1", "reload"),
    ],
)
def test_what_applies_a_change(name, version, apply):
    assert settings.lookup(name, version).apply == apply


@pytest.mark.parametrize(
    "value, text",
    [
        (True, "on"),
        (False, "off"),
        (5432, "5432"),
        ("", "''"),
        ("a b %d #c", "'a b %d #c'"),
        (["x", "y"], "'x,y'"),
        ("C:\\x", "'C:\\x'"),
    ],
)
def test_quote(value, text):
    assert settings.quote(value, "name") == text


@pytest.mark.parametrize("value", ["it's", "a\nb", "end\\"])
def test_what_the_file_cannot_hold_is_refused_without_showing_it(value):
    with pytest.raises(ValueError, match="wd_authkey") as caught:
        settings.quote(value, "wd_authkey")
    assert value not in str(caught.value)


def test_render():
    assert settings.render("delegate_ip", "10.1.7.100", "4.3.5") == "delegate_IP = '10.1.7.100'"
    later = settings.render("log_backend_messages", "none", "4.3.5")
    assert later == "# log_backend_messages: only from Pgpool-II 4.6 on"


@pytest.mark.parametrize(
    "version, short", [("4.3.5-1+deb12u1", "4.3"), ("4.7", "4.7"), ("4.10.1", None), ("3.7.5", None), ("none", None)]
)
def test_major(version, short):
    if short:
        assert settings.major(version) == short
    else:
        with pytest.raises(ValueError):
            settings.major(version)


def test_parse_reads_what_render_writes_and_the_last_one_wins():
    text = "# port = 1\nport = 5432\nif_up_cmd = 'a b # c' # why\nlisten_addresses '*'\nport=9999\nssl = on\n\n"
    assert settings.parse(text) == {
        "port": "9999",
        "if_up_cmd": "'a b # c'",
        "listen_addresses": "'*'",
        "ssl": "on",
    }


def offered():
    """Every setting of every sample file: (version, name, value)."""
    for path in sorted(SAMPLES.glob("*.conf")):
        for entry in conf_file.read(path.read_text(encoding="utf-8")).entries:
            yield path.stem, entry.name, entry.value


def test_there_is_a_sample_of_every_version():
    assert [settings.major(path.stem) for path in sorted(SAMPLES.glob("*.conf"))] == list(VERSIONS)


def test_every_name_that_a_version_offers_is_known_and_its_value_understood():
    for version, name, value in offered():
        setting = settings.lookup(name, version)
        assert setting, f"{version} offers {name}"
        if (name, value) != ("wd_listen_port", "0"):  # shown for "none", and refused when it is written
            setting_values.understand(setting, value, units=version[:3] != "4.1")


def test_defaults_are_what_the_samples_show_as_comments():
    """Up to 4.2 the samples set what they show; from 4.3 on they show what is compiled in, with these exceptions."""
    differ = {}
    for version, name, value in offered():
        setting = settings.lookup(name, version)
        known = (
            settings.at_least(version, "4.3") and setting.numbered != "always" and value != setting.default.strip("'")
        )
        if known and settings.node_of(name) is None and setting.kind not in ("list", "flags", "enum"):
            shown = value if name == "wd_listen_port" else setting_values.understand(setting, value)
            if str(shown) != str(setting_values.default_of(setting)):
                differ.setdefault(name, []).append(settings.major(version))
    assert {name: tuple(versions) for name, versions in differ.items()} == SHOWN_OTHERWISE


@pytest.mark.parametrize("name", sorted(settings.SETTINGS))
def test_the_ranges_of_a_name_follow_each_other(name):
    ranges = settings.SETTINGS[name]
    for one, following in zip(ranges, ranges[1:]):
        assert VERSIONS.index(one.last) + 1 == VERSIONS.index(following.first)


@pytest.mark.parametrize(
    "name, version, default, apply",
    [
        ("load_balance_mode", "4.2", "off", "restart"),
        ("log_directory", "4.5", "'/tmp/pgpool_logs'", "restart"),
        ("log_directory", "4.6", "'/tmp/pgpool_logs'", "reload"),
    ],
)
def test_what_changed_between_versions(name, version, default, apply):
    setting = settings.lookup(name, version)
    assert (setting.default, setting.apply) == (default, apply)


@pytest.mark.parametrize(
    "name, earlier, later, releases",
    [
        ("failover_on_backend_shutdown", "on", "off", "4.3.8/4.3.9 4.4.5/4.4.6 4.5.0/4.5.1"),
        ("log_line_prefix", "'%t: pid %p: '", "'%m: %a pid %p: '", "4.3.0/4.3.1"),
        ("log_rotation_size", "0", "10240", "4.2.1/4.2.2"),
        ("pcp_listen_addresses", "'*'", "'localhost'", "4.1.11/4.1.12 4.2.8/4.2.9 4.3.1/4.3.2"),
        ("recovery_user", "''", "'nobody'", "4.1.18/4.1.19 4.2.15/4.2.16 4.3.8/4.3.9 4.4.5/4.4.6 4.5.0/4.5.1"),
        ("wd_lifecheck_password", "'postgres'", "''", "4.1.14/4.1.15 4.2.11/4.2.12 4.3.4/4.3.5 4.4.1/4.4.2"),
    ],
)
def test_a_default_that_changed_within_a_major(name, earlier, later, releases):
    for one in releases.split():
        before, since = one.split("/")
        assert settings.lookup(name, f"{settings.major(before)}.0").default == earlier
        assert settings.lookup(name, before).default == earlier
        assert settings.lookup(name, f"{since}-1+deb12u1").default == later
        # Where only the major is known, the newest release of it is taken: nothing is found that may not be there.
        assert settings.lookup(name, settings.major(since)).default == later


@pytest.mark.parametrize(
    "name, releases",
    [
        ("health_check_test", "4.1.10/4.1.11 4.2.7/4.2.8 4.3.0/4.3.1"),
        ("notice_per_node_statement", "4.1.21/4.1.22 4.2.18/4.2.19 4.3.11/4.3.12 4.4.8/4.4.9"),
        ("wd_heartbeat_listen_addresses", "4.7.0/4.7.1"),
        ("wd_heartbeat_listen_port", "4.7.0/4.7.1"),
        ("wd_listen_address", "4.7.0/4.7.1"),
        ("wd_listen_port", "4.7.0/4.7.1"),
        ("wd_no_show_node_removal_timeout", "4.3.0/4.3.1"),
    ],
)
def test_a_name_that_came_within_a_major(name, releases):
    for one in releases.split():
        before, since = one.split("/")
        assert settings.lookup(name, before) is None and name not in settings.known_names(before)
        assert settings.name_in(name, before) is None
        assert settings.render(name, "1", before) == f"# {name}: only from Pgpool-II {since} on"
        for later in (since, settings.major(since)):
            assert settings.lookup(name, later) and name in settings.known_names(later)


def test_a_name_and_a_range_that_went_within_a_major():
    assert settings.lookup("wd_initial_node_showup_time", "4.3.0")
    for version in ("4.2.24", "4.3.1", "4.3"):
        assert settings.lookup("wd_initial_node_showup_time", version) is None
    for name, before, since in (("log_rotation_age", "4.2.4", "4.2.5"), ("log_rotation_size", "4.2.1", "4.2.2")):
        with pytest.raises(setting_values.WrongValue):
            setting_values.understand(settings.lookup(name, before), "0")
        assert setting_values.understand(settings.lookup(name, since), "0") == 0


@pytest.mark.parametrize("name", sorted(settings.EARLIER))
def test_what_was_earlier_is_of_one_major_and_differs_from_what_came(name):
    for one in settings.EARLIER[name]:
        assert settings.major(one.first) == settings.major(one.last) and one.first.endswith(".0")
        now = settings.lookup(name, settings.major(one.first))
        assert now is None or now[2:6] + now[8:] != one[2:6] + one[8:]


@pytest.mark.parametrize(
    "name, known", [("port0", False), ("backend_port", False), ("connect_timeout", True), ("connect_timeout1", True)]
)
def test_which_names_take_the_number_of_a_node(name, known):
    assert bool(settings.lookup(name, "4.3")) is known
    if not known:
        with pytest.raises(settings.UnknownSetting, match="number"):
            settings.name_in(name, "4.3")


@pytest.mark.parametrize(
    "version, other, newer",
    [("4.3.5-1+deb12u1", "4.3.5", True), ("4.3.15", "4.3.5", True), ("4.3", "4.3.13", False), ("4.10.0", "4.7", True)],
)
def test_at_least(version, other, newer):
    assert settings.at_least(version, other) is newer
