# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import conf_file
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.conf_changes import changes
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_view import View


def between(old, new, version="4.3.5"):
    views = [View(conf_file.read(text).entries, version) for text in (old, new)]
    return [tuple(one) for one in changes(*views)]


@pytest.mark.parametrize(
    "old, new, found",
    [
        ("", "", []),
        ("health_check_period = 60\n", "health_check_period = 1min # the same\n", []),
        ("ssl = yes\n", "ssl = on\n", []),
        ("", "auto_failback = off\n", []),  # the default
        ("listen_addresses = 'a, b'\n", "listen_addresses = 'a,b'\n", []),
        ("", "health_check_period = 1\n", [("health_check_period", "0 (default)", "1", "reload")]),
        ("port = 9999\n", "port = 5432\n", [("port", "9999", "5432", "restart")]),
        ("client_idle_limit = 7\n", "", [("client_idle_limit", "7", "0 (default)", "restart")]),  # a reload leaves it
        ("", "backend_hostname1 = 'x'\n", [("backend_hostname1", "'' (default)", "'x'", "reload")]),
        ("backend_hostname0 = 'x'\n", "backend_hostname0 = 'y'\n", [("backend_hostname0", "'x'", "'y'", "restart")]),
        (
            "backend_data_directory0 = '/a'\n",
            "backend_data_directory0 = '/b'\n",
            [("backend_data_directory0", "'/a'", "'/b'", "restart")],
        ),
        (
            "failover_on_backend_shutdown = off\n",
            "",
            [("failover_on_backend_shutdown", "off", "on (default)", "restart")],
        ),
        ("no_such = 1\n", "", [("no_such", "written, and ignored", "left out", "nothing")]),
        ("wd_authkey = 'a'\n", "wd_authkey = 'b'\n", [("wd_authkey", "(hidden)", "(hidden)", "restart")]),
    ],
)
def test_what_would_change(old, new, found):
    assert between(old, new) == found


def test_old_and_new_names_are_one_setting():
    assert between("delegate_IP = 'x'\n", "delegate_ip = 'x'\n", "4.6.1") == []
    assert between("logdir = '/x'\n", "work_dir = '/y'\n", "4.7.2") == [("work_dir", "'/x'", "'/y'", "restart")]


def test_a_value_that_is_not_understood_is_shown_as_it_stands():
    (change,) = between("log_connections = nope\n", "log_connections = on\n")
    assert change[1:3] == ("nope", "on")
