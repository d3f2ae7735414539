# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.filter.passwords import FilterModule


def test_the_filter_names_the_variables_that_cannot_be_used():
    password_problems = FilterModule().filters()["password_problems"]
    problems = password_problems({"pgops_app_password": "fine", "pgops_dbadmin_password": ""})
    assert problems == ["pgops_dbadmin_password: it is not set, and there are no default passwords"]
