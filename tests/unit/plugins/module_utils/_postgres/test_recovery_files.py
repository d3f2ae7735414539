# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import recovery
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import Layout

CONNINFO = "primary_conninfo = 'host=db1'\nprimary_slot_name = 'pgops_2'\n"


@pytest.fixture
def read(tmp_path):
    def read_after(version, **files):
        (tmp_path / "data").mkdir()
        (tmp_path / "etc").mkdir()
        for name, text in files.items():
            folder = "etc" if name == "postgresql_conf" else "data"
            (tmp_path / folder / name.replace("_", ".")).write_text(text)
        layout = Layout(str(tmp_path / "data"), str(tmp_path / "etc"), "/b", 1, "/s", None, version, "main", "postgres")
        return recovery.read(layout)

    return read_after


def test_a_standby_from_12_on(read):
    assert read("15", standby_signal="", postgresql_auto_conf=CONNINFO) == {
        "standby_signal": True,
        "primary_conninfo": "host=db1",
        "primary_slot_name": "pgops_2",
    }


def test_alter_system_wins_over_the_configuration(read):
    found = read("15", postgresql_conf="primary_conninfo = 'host=old'\n", postgresql_auto_conf=CONNINFO)
    assert (found["primary_conninfo"], found["standby_signal"]) == ("host=db1", False)


def test_recovery_conf_means_nothing_from_12_on(read):
    assert read("12", recovery_conf="standby_mode = on\n" + CONNINFO) == {
        "standby_signal": False,
        "primary_conninfo": None,
        "primary_slot_name": None,
    }


@pytest.mark.parametrize(("mode", "expected"), [("on", True), ("'true'", True), ("off", False)])
def test_before_12_recovery_conf_tells(read, mode, expected):
    found = read("11", recovery_conf=f"standby_mode = {mode}\n" + CONNINFO, standby_signal="")
    assert (found["standby_signal"], found["primary_slot_name"]) == (expected, "pgops_2")


def test_a_primary_before_12(read):
    assert read("10", standby_signal="")["standby_signal"] is False
