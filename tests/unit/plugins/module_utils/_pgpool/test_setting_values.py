# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import setting_values, settings


def of(name, value, version="4.3.5"):
    units = settings.at_least(version, setting_values.UNITS_SINCE)
    return setting_values.understand(settings.lookup(name, version), value, units=units)


@pytest.mark.parametrize(
    "name, value, meaning",
    [
        ("ssl", "on", True),
        ("ssl", "OFF", False),
        ("ssl", "of", False),
        ("ssl", "t", True),
        ("ssl", "no", False),
        ("ssl", "1", True),
        ("port", "5432", 5432),
        ("log_file_mode", "0600", 0o600),
        ("port", "0x1538", 5432),
        ("health_check_period", "1min", 60),
        ("health_check_period", "1500ms", 2),
        ("connect_timeout", "10s", 10000),
        ("delay_threshold", "16MB", 16 * 1024**2),
        ("delay_threshold", "3000000000", 3000000000),
        ("backend_weight0", "0.5", 0.5),
        ("client_idle_limit_in_recovery", "-1", -1),
        ("log_min_messages", "WARNING", "warning"),
        ("check_temp_table", "on", "on"),
        ("backend_flag0", "DISALLOW_TO_FAILOVER|ALWAYS_PRIMARY", "DISALLOW_TO_FAILOVER|ALWAYS_PRIMARY"),
        ("log_destination", "stderr, syslog", "stderr, syslog"),
        ("failover_command", "", ""),
    ],
)
def test_what_a_value_means(name, value, meaning):
    assert of(name, value) == meaning


@pytest.mark.parametrize(
    "name, value, why",
    [
        ("ssl", "nope", "for on"),
        ("ssl", "o", "for on"),
        ("ssl", "", "for on"),
        ("port", "80", "outside of 1024 to 65535"),
        ("port", "ten", "not a number"),
        ("port", "", "not a number"),
        ("port", "5432s", "takes none"),
        ("num_init_children", "0", "outside of 1"),
        ("num_init_children", "3000000000", "outside of"),
        ("health_check_period", "5 minutes", "none of us, ms, s, min, h, d"),
        ("health_check_period", "1MB", "none of us"),
        ("disable_load_balance_on_write", "on", "none of off, transaction"),
        ("backend_clustering_mode", "stream", "none of streaming_replication"),
        ("backend_flag0", "ALLOW_FAILOVER", "none of ALLOW_TO_FAILOVER"),
        ("log_destination", "stdout", "none of stderr, syslog"),
    ],
)
def test_what_is_not_taken(name, value, why):
    with pytest.raises(setting_values.WrongValue, match=why):
        of(name, value)


def test_units_are_known_from_4_2_on():
    assert of("health_check_period", "10s", "4.2.5") == 10
    with pytest.raises(setting_values.WrongValue, match="from 4.2 on"):
        of("health_check_period", "10s", "4.1.4")


@pytest.mark.parametrize("name", sorted(settings.SETTINGS))
def test_every_default_of_the_table_is_understood(name):
    for setting in settings.SETTINGS[name]:
        setting_values.default_of(setting)
