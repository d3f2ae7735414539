# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.pgops.pgpool.plugins.filter.cluster import FilterModule

from tests.unit import cluster_answers as c

FILTERS = FilterModule().filters()


def test_loop_results_and_mappings_give_the_same_view():
    postgres, pgpools = c.healthy()
    loops = [[dict(answer, item={"name": name}) for name, answer in group.items()] for group in (postgres, pgpools)]
    by_loop = FILTERS["cluster_view"](*loops, c.DATABASES, c.PGPOOLS, "10.1.7.100")
    assert by_loop == FILTERS["cluster_view"](postgres, pgpools, c.DATABASES, c.PGPOOLS, "10.1.7.100")


def test_a_primary_named_by_hand_has_to_be_a_member():
    with pytest.raises(AnsibleFilterError, match="postgres-db9"):
        FILTERS["cluster_view"](*c.healthy(), c.DATABASES, c.PGPOOLS, None, "postgres-db9")


def test_the_report_has_verdict_findings_and_screen():
    report = FILTERS["cluster_report"](FILTERS["cluster_view"](*c.after_failover(), c.DATABASES, c.PGPOOLS))
    assert report["verdict"] == "degraded"
    assert report["screen"]
    assert report["findings"][0]["host"] == "postgres-db1"


def test_registered_leaves_out_hosts_that_were_not_in_the_play():
    assert FILTERS["registered"]({"a": {"x": 1}, "b": {}}, "x", ["a", "b"]) == {"a": 1}


def test_a_forced_failover_from_the_gate_to_the_story():
    before = FILTERS["cluster_view"](*c.healthy(), c.DATABASES, c.PGPOOLS)
    gate = FILTERS["failover_gate"](before, "postgres-db1")
    plan = FILTERS["failover_plan"](gate, before, "postgres-db1", 60, 10)
    assert gate["needed"] and not FILTERS["failover_deposed"](before, "postgres-db1")["done"]
    assert FILTERS["failover_progress"](c.pgpool(1, ("down", "up")), "0", gate["before"]) == "promoted"
    after = FILTERS["cluster_view"](*c.after_failover(), c.DATABASES, c.PGPOOLS)
    assert FILTERS["failover_deposed"](after, "postgres-db1")["done"]
    fence = FILTERS["failover_fence"](gate, True, True)
    found = FILTERS["failover_result"](gate, plan, after, "postgres-db1", fence, 2.0, False)
    assert found["changed"] and found["plan"] == plan and found["fence"] == "stopped"
    assert "postgres-db1" in FILTERS["failover_failure"](gate, before, "postgres-db1", fence)
    assert "postgres-db1" in FILTERS["failover_refused"](gate, "postgres-db1", "no_candidate", False)


def test_who_has_the_virtual_ip_is_put_beside_the_answers():
    view = FILTERS["cluster_view"](*c.healthy(), c.DATABASES, c.PGPOOLS, "10.1.7.100")
    assert FILTERS["vip_holders"](view) == ["app-server1"]
    hostvars = {
        "app-server1": {"pgops_vip_prefix": 24, "pgops_vip_interface": "eth0"},
        "app-server2": {"pgops_vip_prefix": 24, "pgops_vip_interface": "ens5"},
    }
    facts = {"held": True, "bindings": [], "asked": True, "others": [{"mac": "02:42:0a:01:07:ee", "member": None}]}
    seen = FILTERS["vip_seen"](view, {"vip": facts}, hostvars, "app-server1", "keepalived")
    assert FILTERS["vip_holders"](seen) == ["app-server1", None]
    assert seen["vip_seen"]["interfaces"] == {"app-server1": "eth0", "app-server2": "ens5"}
    assert (seen["vip_seen"]["prefix"], seen["vip_seen"]["manager"]) == (24, "keepalived")
    assert "could be reached" in FILTERS["vip_seen"](view, {"skipped": True}, hostvars, "", "x")["vip_seen"]["unasked"]
