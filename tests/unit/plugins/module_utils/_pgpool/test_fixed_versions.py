# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import conf_file, fixed_versions
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_view import View

BYPASS, CACHE, LIFE_CHECK = (hole.cve for hole in fixed_versions.HOLES)
OURS = "enable_pool_hba = on\n"


def look(version, text=OURS, **more):
    view = View(conf_file.read(text).entries, version)
    return {one.cve: one for one in fixed_versions.look(view, **more)}


@pytest.mark.parametrize(
    "version, cve, state",
    [
        ("4.6.0", BYPASS, "open"),
        ("4.6.1", BYPASS, "fixed"),
        ("4.5.6", BYPASS, "open"),
        ("4.5.7", BYPASS, "fixed"),
        ("4.4.12", BYPASS, "fixed"),
        ("4.3.14", BYPASS, "open"),
        ("4.3.15", BYPASS, "fixed"),
        ("4.2.22", BYPASS, "fixed"),
        ("4.1.23", BYPASS, "open"),
        ("4.7.2", BYPASS, "fixed"),
        ("4.3", BYPASS, "open"),
        ("4.1.21", CACHE, "open"),
        ("4.1.22", CACHE, "fixed"),
        ("4.3.4", LIFE_CHECK, "open"),
        ("4.3.5", LIFE_CHECK, "fixed"),
    ],
)
def test_versions(version, cve, state):
    assert look(version)[cve].state == state


@pytest.mark.parametrize(
    "more, state",
    [
        ({}, "open"),
        ({"package": "4.3.5-1"}, "open"),
        ({"package": "4.3.5-1+deb12u1"}, "fixed in the package"),
        ({"changelog": "  * CVE-2025-46801: authentication bypass\n"}, "fixed in the package"),
        ({"changelog": "  * CVE-2024-45624: query cache\n"}, "open"),
    ],
)
def test_a_distribution_mends_without_a_new_number(more, state):
    assert look("4.3.5", **more)[BYPASS].state == state


@pytest.mark.parametrize(
    "text, methods, fits",
    [
        (OURS, ("scram-sha-256",), False),
        (OURS, ("password",), True),
        (OURS + "allow_clear_text_frontend_auth = on\n", ("password",), False),
        ("enable_pool_hba = off\n", (), True),
        (OURS + "backend_clustering_mode = raw\n", ("md5",), True),
        (OURS, ("md5",), False),
    ],
)
def test_whether_the_file_opens_the_bypass(text, methods, fits):
    assert look("4.3.5", text, methods=methods)[BYPASS].fits is fits


@pytest.mark.parametrize(
    "version, text, required, said",
    [
        ("4.3.5", OURS, False, [("warning", BYPASS)]),
        ("4.3.5", OURS + "memory_cache_enabled = on\n", False, [("warning", BYPASS), ("warning", CACHE)]),
        ("4.3.5", OURS, True, [("error", BYPASS), ("error", CACHE)]),
        ("4.3.4", OURS + "use_watchdog = on\nwd_lifecheck_method = 'query'\nwd_lifecheck_password = 'x'\n", False,
         [("warning", BYPASS), ("warning", LIFE_CHECK)]),
        ("4.6.1", "", True, []),
    ],
)  # fmt: skip
def test_what_is_said(version, text, required, said):
    found = fixed_versions.problems(look(version, text).values(), version, require_fixed=required)
    assert [(one.level, one.name) for one in found] == said


def test_the_warning_names_the_kind_and_where_to_look():
    (found,) = fixed_versions.problems(look("4.3.5").values(), "4.3.5")
    assert "authentication bypass" in found.what
    assert "fixed in 4.3.15" in found.what
    assert "changelog names the CVE" in found.next
    (never,) = fixed_versions.problems(look("4.1.4").values(), "4.1.4")
    assert "no 4.1 will ever have the fix" in never.what
    assert "to a newer line" in never.next


def test_methods_of_a_pool_hba():
    text = "# password\nlocal all all trust\nhost all all 10.0.0.0/8 scram-sha-256 # md5\n"
    assert fixed_versions.methods_of(text) == ("trust", "scram-sha-256")
