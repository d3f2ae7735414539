# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgops_synchronous on a running cluster: no acknowledged row is lost; who waits for whom. One test after the other."""

from __future__ import annotations

import json
import time

import pytest
from faults import FAULTS, Drill
from guarded import Pair
from proof import changed, eventually
from writer import Writer, missing_rows

pytestmark = pytest.mark.matrix  # three deployments

STARTED = "SELECT pg_postmaster_start_time()::text"
NAMES = "SELECT current_setting('synchronous_standby_names')"
STATE = "SELECT coalesce(current_setting('pgops.synchronous', true), '')"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def deploy(lab, mode):
    return lab.playbook("deploy_cluster.yml", "-e", f"pgops_synchronous={mode}")


@pytest.fixture
def cluster(lab):
    """Who is what now; the test begins with a healthy pair."""
    eventually(lambda: sorted(lab.in_recovery(name) for name in lab.databases)[:1] == [False])
    found = Pair(lab)
    eventually(found.healthy, timeout=60)
    return found


@pytest.fixture
def writer(lab):
    """A client through the virtual IP."""
    password = lab.secrets["pgops_app_password"]
    options = {"host": lab.vip, "user": "someuser", "password": password, "dbname": "appdb"}
    one = Writer(options, table="synchronous_rows", interval=0.02)
    one.create_table()
    lab.sql(Pair(lab).primary, f"TRUNCATE {one.table}", database="appdb")
    one.start()
    eventually(lambda: len(one.acknowledged) > 40)
    yield one
    one.stop()


def one(lab, name, query):
    return lab.sql(name, query)[0][0]


def kept(cluster):
    """A standby has each commit before it is acknowledged, and the guard says so."""
    senders = cluster.lab.sql(cluster.primary, "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
    told = cluster.state(cluster.primary)["synchronous"]
    return senders == [("quorum",)] and told.get("state") == "kept" and one(cluster.lab, cluster.primary, STATE) == ""


def is_down(cluster, name):
    """On every pgpool. (Not by PCP: a question that is under way during a failover holds up that pgpool.)"""
    status = [cluster.lab.run(proxy, "cat /var/lib/pgpool/pgpool_status").split() for proxy in cluster.lab.pgpools]
    return {words[cluster.id(name)] for words in status} == {"down"}


def check(lab, folder):
    """The codes of check_cluster's findings, with host and command."""
    path = folder / "report.json"
    lab.playbook("check_cluster.yml", "-e", f"check_cluster_json={path}", check=False)
    return {item["code"]: item for item in json.loads(path.read_text(encoding="utf-8"))["findings"]}


def lost(lab, writer):
    """Asked of the primary directly."""
    connection = lab.connect(lab.address(Pair(lab).primary))
    with connection.cursor() as cursor:
        missing = missing_rows(cursor, writer)
    connection.close()
    return missing


def served_again(writer, after):
    eventually(lambda: writer.acknowledged_after(after) > 20, timeout=60)


def test_block_is_a_reload(lab, cluster):
    before = {name: one(lab, name, STARTED) for name in lab.databases}
    deploy(lab, "block")
    assert {name: one(lab, name, STARTED) for name in lab.databases} == before
    for name in lab.databases:
        other = next(cluster.id(host) for host in lab.databases if host != name)
        assert one(lab, name, NAMES) == f"ANY 1 (pgops_{other})"
    eventually(lambda: kept(cluster))


def test_block_a_primary_that_is_cut_off_takes_no_acknowledged_row_with_it(lab, cluster, writer):
    """Nobody is there for the new primary's commits, so they wait until the old one is its standby."""
    old, new = cluster.primary, cluster.standby
    lab.fault("cut", old)
    at = time.monotonic()
    eventually(lambda: lab.in_recovery(new) is False, timeout=60)
    eventually(lambda: one(lab, new, WAITING) > 0, timeout=60)
    promoted = time.monotonic()
    lab.fault("heal", old)
    eventually(lambda: lab.ssh(old, "true").returncode == 0)
    assert writer.acknowledged_after(promoted) == 0
    cluster.recover(old)
    served_again(writer, promoted)
    writer.stop()
    print(
        f"{len(writer.acknowledged)} rows acknowledged; none for {writer.gap(at):.1f} s, most of it recover_standby.yml"
    )
    assert len(writer.served_by()) == 2 and lost(lab, writer) == []
    eventually(lambda: kept(Pair(lab)))


def test_block_without_a_standby_writes_wait(lab, cluster, writer, tmp_path):
    lab.fault("kill", cluster.standby)
    try:
        eventually(lambda: one(lab, cluster.primary, WAITING) > 0)
        waits = time.monotonic()
        eventually(lambda: is_down(cluster, cluster.standby), timeout=60)
        eventually(lambda: cluster.state(cluster.primary)["synchronous"]["state"] == "blocked", timeout=30)
        eventually(lambda: lab.sql(cluster.primary, "SELECT FROM pg_stat_replication") == [], timeout=30)
        found = check(lab, tmp_path)["synchronous_blocked"]
        assert found["severity"] == "critical" and "sessions wait for a standby" in found["message"]
        assert found["command"] == f"ansible-playbook recover_standby.yml -l {cluster.standby}"
        assert writer.acknowledged_after(waits) == 0, "a row was acknowledged without a standby"
        print(f"no row was acknowledged for {time.monotonic() - waits:.1f} s")
    finally:
        lab.fault("start", cluster.standby)
    eventually(lambda: lab.in_recovery(cluster.standby), timeout=60)
    served_again(writer, time.monotonic())  # it streams by itself; the pool comes with recover_standby
    writer.stop()
    cluster.recover(cluster.standby)
    assert lost(lab, writer) == []


class Blocked(Drill):
    """Nobody acknowledges a row while there is no standby: the cluster is healed first, then the service is back."""

    def _wait_for_service(self, at):
        if self.fault.fails_over and not self._back_without_failover():
            eventually(lambda: self.lab.in_recovery(self.standby) is False, timeout=self.limit, interval=0.2)
        elif self.name.startswith("standby_"):
            eventually(lambda: one(self.lab, self.primary, WAITING) > 0, timeout=self.limit, interval=0.2)
        else:
            super()._wait_for_service(at)

    def _watch_on(self, whole, primaries):
        """As before; then the one that is not the primary becomes its standby, and rows are acknowledged again."""
        super()._watch_on(whole, primaries)
        (primary,) = self.report["primaries_at_last"]
        for host in self.lab.databases:
            if host != primary:
                self.lab.playbook("recover_standby.yml", "-l", host)
        served_again(self.writer, time.monotonic())


@pytest.mark.parametrize("fault", FAULTS)
def test_block_no_fault_takes_an_acknowledged_row_with_it(lab, cluster, fault):
    report = Blocked(lab, fault).run()
    print(json.dumps(report, indent=2))
    assert report["acknowledged"] > 80
    assert (report["lost"], report["check_cluster"]) == (0, 0)
    eventually(lambda: kept(Pair(lab)))


def test_fallback_goes_on_without_a_standby_and_comes_back(lab, cluster, writer, tmp_path):
    deploy(lab, "fallback")
    eventually(lambda: kept(cluster))
    before = len(cluster.events(cluster.primary))
    lab.fault("kill", cluster.standby)
    try:
        eventually(lambda: is_down(cluster, cluster.standby), timeout=60, interval=0.1)
        down = time.monotonic()
        served_again(writer, down)
        first = min(at for at in writer.acknowledged.values() if at > down)
        print(f"writes go on {first - down:.1f} s after the last pgpool had the standby down")
        assert [event["result"] for event in cluster.events(cluster.primary)[before:]] == ["suspended"]
        assert cluster.state(cluster.primary)["synchronous"]["state"] == "suspended"
        found = check(lab, tmp_path)["synchronous_suspended"]
        assert found["command"] == f"ansible-playbook recover_standby.yml -l {cluster.standby}"
    finally:
        lab.fault("start", cluster.standby)
    eventually(lambda: lab.in_recovery(cluster.standby), timeout=60)
    cluster.recover(cluster.standby)
    eventually(lambda: kept(cluster))
    results = [event["result"] for event in cluster.events(cluster.primary)[before:] if event["event"] == "synchronous"]
    assert results == ["suspended", "restoring", "restored"]
    writer.stop()
    assert lost(lab, writer) == []
    assert check(lab, tmp_path) == {}


def test_fallback_a_failover_loses_nothing_and_the_new_primary_goes_on_by_itself(lab, cluster):
    report = Drill(lab, "primary_cut_off").run()
    assert (report["lost"], report["check_cluster"]) == (0, 0)
    assert report["new_primary"] == cluster.standby
    eventually(lambda: kept(Pair(lab)))
    results = [event["result"] for event in cluster.events(cluster.standby) if event["event"] == "synchronous"]
    assert results[-3:] == ["suspended", "restoring", "restored"]


def test_again_it_changes_nothing(lab, cluster):
    assert changed(deploy(lab, "fallback").stdout) == 0


def test_off_again(lab, cluster):
    deploy(lab, "off")
    for name in lab.databases:
        assert one(lab, name, NAMES) == ""
    eventually(cluster.healthy, timeout=60)
