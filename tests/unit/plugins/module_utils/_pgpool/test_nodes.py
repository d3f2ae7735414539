# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.nodes import parse_health, parse_node

from tests.unit.fake_pcp import node, wire_fields


def parsed(family, **differences):
    return parse_node(1, wire_fields(node(**differences), family), server="here")


def test_what_a_version_does_not_tell_is_none():
    old, new = parsed(9), parsed(13)
    assert (old.pg_status, old.pg_role) == (None, None)
    assert (new.pg_status, new.pg_role) == ("up", "standby")
    assert old._replace(pg_status="up", pg_role="standby") == new == parsed(12)


@pytest.mark.parametrize(
    ("status", "quarantine", "name", "attached", "detached"),
    [
        ("0", "0", "unused", False, False),
        ("1", "0", "waiting", True, False),
        ("2", "0", "up", True, False),
        ("3", "0", "down", False, True),
        ("3", "1", "quarantine", False, False),
        ("8", "0", "unknown", False, False),
    ],
)
def test_status(status, quarantine, name, attached, detached):
    seen = parsed(13, status=status, quarantine=quarantine)
    assert (seen.status_name, seen.attached, seen.detached) == (name, attached, detached)


@pytest.mark.parametrize(("role", "name"), [("2", "primary"), ("3", "standby"), ("0", "unknown"), ("1", "unknown")])
def test_role(role, name):
    assert parsed(9, role=role).role == name


@pytest.mark.parametrize(("told", "name"), [("primary", "primary"), ("standby", "standby"), ("main", "unknown")])
def test_pg_role(told, name):
    assert parsed(12, pg_role=told).pg_role == name


@pytest.mark.parametrize(
    ("raw", "weight"),
    [("1073741823.500000", 0.5), ("0.000000", 0.0), ("2147483647.000000", 1.0), ("715827882.3", 0.333333)],
)
def test_weight_is_a_share(raw, weight):
    assert parsed(13, weight=raw).weight == weight


def test_delay_has_a_unit():
    in_bytes, in_time = parsed(13, delay="2500000"), parsed(13, delay="2500000", by_time="1")
    assert (in_bytes.replication_delay, in_bytes.replication_delay_unit) == (2500000, "bytes")
    assert (in_time.replication_delay, in_time.replication_delay_unit) == (2.5, "seconds")


def test_a_status_that_never_changed_has_no_time():
    assert parsed(13, changed="0").last_status_change is None
    assert parsed(13).last_status_change == "2026-11-23T01:52:57Z"


@pytest.mark.parametrize("fields", [[], ["a"] * 10, wire_fields(node(port="x"), 13), wire_fields(node(weight=""), 9)])
def test_unknown_shapes_are_quoted(fields):
    with pytest.raises(ParseError) as caught:
        parse_node(3, fields, server="pgpool of app-server1")
    assert f"{len(fields)} fields" in caught.value.seen and "node 3" in str(caught.value)


@pytest.mark.parametrize("name", ["waiting", "quarantine"])
def test_health_statistics_tell_less(name):
    seen = parse_health(1, ["1", "db2", "5432", name, "standby", "2026-01-01", "9"], server="here", note="why")
    assert (seen.hostname, seen.status_name, seen.role, seen.note) == ("db2", name, "standby", "why")
    assert (seen.pg_role, seen.weight) == ("unknown", None)
    assert seen.attached == (name == "waiting") and not seen.detached


@pytest.mark.parametrize(
    "fields", [["1"], ["1", "db2", "5432", "strange", "standby"], ["1", "db2", "", "up", "standby"]]
)
def test_health_statistics_of_another_shape(fields):
    with pytest.raises(ParseError):
        parse_health(1, fields, server="here", note="")
