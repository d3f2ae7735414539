# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.applies import applies_by

ALWAYS = "'ALLOW_TO_FAILOVER|ALWAYS_PRIMARY'"


@pytest.mark.parametrize(
    "name, old, new, version, applies",
    [
        ("port", "5432", "5433", "4.3.5", "restart"),
        ("health_check_period", "1", "2", "4.3.5", "reload"),
        ("no_such_parameter", "1", "2", "4.3.5", None),
        # A node can be added by a reload; what a node is at can only be changed by a restart.
        ("backend_hostname1", None, "'10.1.7.107'", "4.3.5", "reload"),
        ("backend_hostname1", "'10.1.7.107'", "'10.1.7.108'", "4.3.5", "restart"),
        ("backend_port1", "5432", "5433", "4.7.2", "restart"),
        ("backend_data_directory1", None, "'/a'", "4.3.5", "reload"),
        ("backend_data_directory1", "'/a'", "'/b'", "4.3.5", "restart"),
        ("backend_weight1", "1", "2", "4.3.5", "reload"),
        # Some versions keep its application name, too.
        ("backend_application_name1", "'a'", "'b'", "4.1.4", "restart"),
        ("backend_application_name1", None, "'b'", "4.1.4", "reload"),
        ("backend_application_name1", "'a'", "'b'", "4.1.8", "reload"),
        ("backend_application_name1", "'a'", "'b'", "4.2.3", "restart"),
        ("backend_application_name1", "'a'", "'b'", "4.2.5", "reload"),
        ("backend_application_name1", "'a'", "'b'", "4.3.5", "reload"),
        # From 4.2 on the flags of a node are added to those that it has.
        ("backend_flag0", "'ALLOW_TO_FAILOVER'", ALWAYS, "4.3.5", "reload"),
        ("backend_flag0", ALWAYS, "'ALLOW_TO_FAILOVER'", "4.3.5", "restart"),
        ("backend_flag0", "'ALLOW_TO_FAILOVER'", "'DISALLOW_TO_FAILOVER'", "4.3.5", "reload"),
        ("backend_flag0", "'DISALLOW_TO_FAILOVER'", "'ALLOW_TO_FAILOVER'", "4.3.5", "reload"),
        ("backend_flag0", "'DISALLOW_TO_FAILOVER'", "'ALWAYS_PRIMARY'", "4.3.5", "restart"),
        ("backend_flag0", "'ALWAYS_MASTER'", "'ALLOW_TO_FAILOVER'", "4.1.4", "reload"),
        # The life check reads nothing again, the watchdog only since some versions.
        ("wd_lifecheck_user", "'a'", "'b'", "4.7.2", "restart"),
        ("trusted_server_command", "'a'", "'b'", "4.7.2", "restart"),
        ("wd_escalation_command", "'a'", "'b'", "4.3.5", "restart"),
        ("wd_escalation_command", "'a'", "'b'", "4.3", "restart"),
        ("wd_escalation_command", "'a'", "'b'", "4.3.13", "reload"),
        ("wd_remove_shutdown_nodes", "on", "off", "4.4.5", "restart"),
        ("wd_remove_shutdown_nodes", "on", "off", "4.6", "reload"),
        ("clear_memqcache_on_escalation", "on", "off", "4.1.4", "restart"),
        ("clear_memqcache_on_escalation", "on", "off", "4.7.2", "reload"),
    ],
)
def test_what_applies_a_change(name, old, new, version, applies):
    assert applies_by(name, old, new, version) == applies
