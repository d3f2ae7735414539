# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import (
    build_view,
    last_failover,
    nobody_promoted,
    with_primary,
)

from tests.unit import cluster_answers as c


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def test_a_healthy_cluster_names_its_primary_and_says_why():
    seen = view(*c.healthy())
    assert seen["primary"] == "postgres-db1"
    assert "only server that runs as a primary" in seen["primary_because"]
    assert "app-server1, app-server2 name it" in seen["primary_because"]
    assert seen["vip_holders"] == ["app-server1"]


def test_the_primary_never_comes_from_the_order_of_the_inventory():
    assert view(*c.after_failover())["primary"] == "postgres-db2"


DISPUTES = {
    "nobody runs as a primary": (c.down(), c.standby(), c.pgpool(), "no server says"),
    "the only other host is silent": (c.DEAD, c.standby(), c.pgpool(), "could not reach them: postgres-db1"),
    "a pgpool names a silent host": (c.primary(), c.DEAD, c.pgpool(primary_id=1), "names postgres-db2"),
    "two primaries on one timeline": (c.primary(), c.primary(), c.pgpool(), "2 servers run as a primary"),
    "pgpool names the older of two": (c.primary(), c.primary(timeline=2), c.pgpool(), "timeline 2"),
}


@pytest.mark.parametrize("case", DISPUTES, ids=list(DISPUTES))
def test_disputed_evidence_names_nobody(case):
    db1, db2, proxy, words = DISPUTES[case]
    seen = view({"postgres-db1": db1, "postgres-db2": db2}, {"app-server1": proxy, "app-server2": c.no_pgpool()})
    assert seen["primary"] is None
    assert words in seen["dispute"]


def test_two_primaries_and_pgpools_that_differ_name_nobody():
    postgres = {"postgres-db1": c.primary(), "postgres-db2": c.primary(timeline=2)}
    assert view(postgres, {"app-server1": c.pgpool(0), "app-server2": c.pgpool(1)})["primary"] is None


def test_a_false_primary_does_not_hide_the_real_one():
    postgres = {"postgres-db1": c.primary(timeline=1), "postgres-db2": c.primary(timeline=2)}
    proxies = {"app-server1": c.pgpool(1, ("down", "up")), "app-server2": c.DEAD}
    assert view(postgres, proxies)["primary"] == "postgres-db2"


def test_a_stale_pgpool_is_overruled_by_the_host_it_names():
    seen = view(
        {"postgres-db1": c.down(), "postgres-db2": c.primary(timeline=2)},
        {"app-server1": c.pgpool(1, ("down", "up")), "app-server2": c.pgpool(0)},
    )
    assert seen["primary"] == "postgres-db2"


def test_a_pgpool_that_has_the_primary_down_has_no_opinion():
    proxies = {"app-server1": c.pgpool(0, ("down", "up")), "app-server2": c.no_pgpool()}
    assert view({"postgres-db1": c.primary(), "postgres-db2": c.DEAD}, proxies)["primary"] == "postgres-db1"


def test_silence_keeps_its_first_line_as_the_reason():
    seen = view({"postgres-db1": c.DEAD}, {})
    assert seen["nodes"][0]["error"] == "Failed to connect to the host via ssh: No route to host"
    assert seen["nodes"][1]["error"] == "no answer"
    assert seen["nodes"][0]["role"] == "unknown"


def test_a_person_may_name_the_primary():
    seen = with_primary(view({"postgres-db1": c.primary(), "postgres-db2": c.primary()}, {}), "postgres-db2")
    assert (seen["primary"], seen["dispute"]) == ("postgres-db2", None)


def test_the_newest_failover_that_any_pgpool_remembers_counts_while_nobody_is_the_primary():
    postgres, pgpools = {"postgres-db1": c.down(), "postgres-db2": c.standby()}, c.after_failover()[1]
    for host, time, result in (
        ("app-server1", "2026-11-23T10", "promoted"),
        ("app-server2", "2026-11-23T11", "paused"),
    ):
        pgpools[host]["pgpool"]["last_failover"] = {"time": time, "result": result}
    found = build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools)
    assert last_failover(found)["result"] == nobody_promoted(found)["result"] == "paused"
    assert nobody_promoted(build_view(c.DATABASES, c.PGPOOLS, c.healthy()[0], pgpools)) is None
    pgpools["app-server2"]["pgpool"]["last_failover"]["result"] = "promoted"
    assert nobody_promoted(build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools)) is None
    assert last_failover(build_view(c.DATABASES, c.PGPOOLS, *c.healthy())) is None
