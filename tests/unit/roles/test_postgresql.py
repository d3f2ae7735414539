# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from .rendering import cluster, render, value_of


def rendered(template, **variables):
    return render(
        "postgresql",
        template,
        {
            "ansible_facts": {"distribution_release": "bookworm"},
            "pgops_cluster_network": "10.1.7.0/24",
            "inventory_hostname": "postgres-db1",
            **{name: cluster(3)[name] for name in ("groups", "hostvars")},
            **variables,
        },
    )


def settings(**variables):
    lines = rendered("pgops.conf.j2", **variables).splitlines()
    return dict(line.split(" = ", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(
    ("version", "expected", "absent"),
    [
        ("12", {"wal_keep_segments": "'32'"}, {"wal_keep_size", "max_slot_wal_keep_size"}),
        ("13", {"wal_keep_size": "'512MB'", "max_slot_wal_keep_size": "'4GB'"}, {"wal_keep_segments"}),
        ("18", {"wal_keep_size": "'512MB'", "wal_log_hints": "'on'"}, {"wal_keep_segments"}),
    ],
)
def test_names_follow_the_version(version, expected, absent):
    found = settings(pgops_postgresql_version=version)
    assert expected.items() <= found.items()
    assert not absent & found.keys()


def test_the_users_settings_win_and_are_quoted():
    found = settings(postgresql_settings={"hot_standby": False, "archive_command": "cp '%p' \\x", "work_mem": "8MB"})
    assert found["hot_standby"] == "'off'"
    assert found["archive_command"] == "'cp ''%p'' \\\\x'"
    assert found["work_mem"] == "'8MB'"


@pytest.mark.parametrize(("given", "on"), [(True, True), (False, False), ("false", False), ("yes", True)])
def test_tls_is_demanded_in_the_network_when_it_is_on(given, on):
    found = settings(pgops_ssl=given)
    assert found["ssl"] == ("'on'" if on else "'off'")
    assert ("ssl_cert_file" in found) == on
    kinds = {
        line.split()[0] for line in rendered("pg_hba.conf.j2", pgops_ssl=given).splitlines() if "10.1.7.0/24" in line
    }
    assert kinds == {"hostssl" if on else "host"}


def test_only_the_owner_enters_without_scram_and_only_the_networks_from_outside():
    rules = [
        line.split()
        for line in rendered("pg_hba.conf.j2", pgops_cluster_network=["10.1.7.0/24", "fd00::/64"]).splitlines()
        if line and not line.startswith("#")
    ]
    assert [rule for rule in rules if rule[-1] != "scram-sha-256"] == [["local", "all", "postgres", "peer"]]
    assert {rule[3] for rule in rules if rule[0] != "local"} == {"127.0.0.1/32", "::1/128", "10.1.7.0/24", "fd00::/64"}
    assert ["replication", "replication", "10.1.7.0/24"] in [rule[1:4] for rule in rules]


def test_pass_file_entries_are_escaped():
    text = rendered(
        "pgpass.j2",
        pgops_replication_password="a:b\\c 'd\" #%$ä",
        pgops_healthcheck_password=12345,
    )
    assert text.splitlines() == [
        "*:*:*:replication:a\\:b\\\\c 'd\" #%$ä",
        "*:*:*:healthcheck:12345",
    ]


@pytest.mark.parametrize("given", ["block", True, "fallback"])
def test_each_commit_waits_for_one_of_the_other_databases(given):
    found = settings(pgops_synchronous=given)
    assert found["synchronous_standby_names"] == "'ANY 1 (pgops_1, pgops_2)'"
    assert found["synchronous_commit"] == "'on'"
    other = settings(pgops_synchronous=given, inventory_hostname="postgres-db2")
    assert other["synchronous_standby_names"] == "'ANY 1 (pgops_0, pgops_2)'"


@pytest.mark.parametrize("given", ["off", False])
def test_without_synchronous_mode_nothing_is_said_about_it(given):
    assert not {"synchronous_standby_names", "synchronous_commit"} & settings(pgops_synchronous=given).keys()


def test_a_lone_database_waits_for_nobody():
    found = settings(pgops_synchronous="block", groups={"postgres": ["postgres-db1"]})
    assert found["synchronous_standby_names"] == "''"


@pytest.mark.parametrize(
    ("given", "own", "problem"),
    [
        ("sometimes", {}, 'off, block or fallback, found "sometimes"'),
        ("block", {"synchronous_standby_names": "x"}, "does not belong into postgresql_settings while"),
        ("off", {"synchronous_standby_names": "x"}, ""),
        (True, {}, ""),
    ],
)
def test_what_is_refused(given, own, problem):
    variables = {"pgops_synchronous": given, "postgresql_settings": own}
    found = value_of("postgresql", "{{ __postgresql_synchronous_problem }}", variables)
    assert (problem in found[0]) if problem else found == []
