# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.gates import deploy_gate, recovery_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view, with_primary

from tests.unit import cluster_answers as c


def view(postgres, pgpools):
    return build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")


def test_a_degenerate_node_may_be_recovered():
    gate = recovery_gate(view(*c.after_failover()), "postgres-db1")
    assert gate["allowed"]
    assert not gate["attached"]
    assert "will follow postgres-db2" in gate["message"]


def test_the_live_primary_is_refused_and_the_right_node_is_named():
    gate = recovery_gate(view(*c.after_failover()), "postgres-db2")
    assert not gate["allowed"]
    assert "live primary" in gate["message"]
    assert "recover_standby.yml -l postgres-db1" in gate["message"]


def test_a_healthy_standby_is_allowed_and_known_to_be_attached():
    gate = recovery_gate(view(*c.healthy()), "postgres-db2")
    assert gate["allowed"]
    assert gate["attached"]


def test_a_host_that_is_no_database_is_refused():
    assert "not a database host" in recovery_gate(view(*c.healthy()), "app-server1")["message"]


def test_disputed_evidence_is_refused_with_the_override():
    postgres = {"postgres-db1": c.primary(), "postgres-db2": c.primary()}
    gate = recovery_gate(view(postgres, c.healthy()[1]), "postgres-db2")
    assert not gate["allowed"]
    assert "-e recover_standby_primary=HOST" in gate["message"]


def test_a_named_primary_has_to_run_as_one():
    seen = with_primary(view({"postgres-db1": c.down(), "postgres-db2": c.standby()}, c.healthy()[1]), "postgres-db2")
    gate = recovery_gate(seen, "postgres-db1")
    assert not gate["allowed"]
    assert "not a running primary" in gate["message"]


def test_no_pgpool_at_all_is_refused_before_anything_is_rebuilt():
    postgres, _pools = c.after_failover()
    gate = recovery_gate(view(postgres, {"app-server1": c.no_pgpool(), "app-server2": c.DEAD}), "postgres-db1")
    assert not gate["allowed"]
    assert "app-server1 (connection refused)" in gate["message"]


def test_one_pgpool_down_does_not_stop_a_recovery():
    postgres, pools = c.after_failover()
    assert recovery_gate(view(postgres, dict(pools, **{"app-server2": c.DEAD})), "postgres-db1")["allowed"]


def test_an_unreachable_target_is_refused():
    postgres, pools = c.after_failover()
    gate = recovery_gate(view(dict(postgres, **{"postgres-db1": c.DEAD}), pools), "postgres-db1")
    assert not gate["allowed"]
    assert "No route to host" in gate["message"]


def test_empty_hosts_bootstrap_the_lowest_id_and_clone_the_rest():
    gate = deploy_gate(view({"postgres-db1": c.empty(), "postgres-db2": c.empty()}, {}))
    assert gate["allowed"]
    assert (gate["bootstrap"], gate["primary"], gate["clone"]) == ("postgres-db1", "postgres-db1", ["postgres-db2"])


def test_a_running_cluster_is_only_kept():
    gate = deploy_gate(view(*c.healthy()))
    assert (gate["bootstrap"], gate["primary"], gate["clone"], gate["leave"]) == (None, "postgres-db1", [], {})


def test_after_a_failover_the_degenerate_node_is_left_and_named():
    gate = deploy_gate(view(*c.after_failover()))
    assert (gate["bootstrap"], gate["primary"], gate["clone"]) == (None, "postgres-db2", [])
    assert "recover_standby.yml -l postgres-db1" in gate["leave"]["postgres-db1"]


def test_a_killed_deploy_goes_on_with_the_host_that_has_no_data_yet():
    gate = deploy_gate(view({"postgres-db1": c.primary(streams_to=None), "postgres-db2": c.empty()}, {}))
    assert (gate["bootstrap"], gate["clone"]) == (None, ["postgres-db2"])


def test_data_without_a_running_primary_is_refused():
    gate = deploy_gate(view({"postgres-db1": c.down(), "postgres-db2": c.empty()}, {}))
    assert not gate["allowed"]
    assert "there is data on postgres-db1 (down)" in gate["message"]


def test_a_silent_database_host_stops_a_first_deployment():
    gate = deploy_gate(view({"postgres-db1": c.empty(), "postgres-db2": c.DEAD}, {}))
    assert not gate["allowed"]
    assert "postgres-db2" in gate["message"]
