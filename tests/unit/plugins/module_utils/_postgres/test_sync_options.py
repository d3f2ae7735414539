# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import PgopsError, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import sync_options

from tests.unit.rejoin_cases import work

GIVEN = {
    "primary_host": "10.1.7.107",
    "primary_port": 5432,
    "replication_user": "replication",
    "pass_file": None,
    "sslmode": "prefer",
    "slot_name": "pgops_0",
    "application_name": None,
    "method": "auto",
    "salvage_directory": None,
    "salvage_skip": False,
    "salvage_keep": 0,
    "max_rate": None,
    "lock_timeout": 30,
    "start_timeout": 120,
    "allow_initial": True,
    "allow_older_primary": False,
}


@pytest.fixture
def check(tmp_path):
    return lambda **options: sync_options.desired(dict(GIVEN, **options), work(tmp_path).layout)


def test_defaults(check):
    found = check()
    home = pwd.getpwuid(os.geteuid()).pw_dir
    assert (found.application_name, found.pass_file) == ("pgops_0", os.path.join(home, ".pgpass"))
    assert found.primary == "10.1.7.107:5432"


def test_what_is_given_stays(check, tmp_path):
    found = check(pass_file="/p", application_name="a b", max_rate="10M", salvage_directory=str(tmp_path / "kept"))
    assert (found.pass_file, found.application_name, found.max_rate) == ("/p", "a b", "10M")
    assert found.salvage_directory == str(tmp_path / "kept")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("primary_host", ""),
        ("primary_host", "a b"),
        ("primary_host", "a,b"),
        ("primary_port", 0),
        ("slot_name", "Pgops-0"),
        ("slot_name", "x" * 64),
        ("max_rate", "fast"),
        ("max_rate", "10M\n"),
        ("lock_timeout", -1),
        ("salvage_keep", -1),
        ("start_timeout", -1),
        ("salvage_directory", "relative"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(check, option, value):
    with pytest.raises(PgopsError, match=option) as refused:
        check(**{option: value})
    assert refused.value.code == "invalid_option"


def test_nothing_is_kept_inside_what_is_replaced(check, tmp_path):
    with pytest.raises(PgopsError, match="outside the data directory"):
        check(salvage_directory=str(tmp_path / "main" / "kept"))


def test_a_host_without_postgresql(tmp_path):
    layout = work(tmp_path).layout
    assert sync_options.require_installed(layout) is layout
    with pytest.raises(Refused, match="no PostgreSQL"):
        sync_options.require_installed(None)
