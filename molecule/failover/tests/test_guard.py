# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of the database hosts under real faults, one after the other. Each test ends with all well again."""

from __future__ import annotations

import time

import pytest
from guarded import Pair, moment
from proof import Lab, eventually

PAUSED = "/var/lib/pgops/paused"
# Generous, a noisy machine fails no test; the figure is writes_after_cut_off of ``make bench``, 5 s at most.
SECONDS = 15


@pytest.fixture(scope="module")
def lab():
    return Lab()


@pytest.fixture
def cluster(lab):
    """Who is what now; the test begins with a healthy pair."""
    eventually(lambda: sorted(lab.in_recovery(name) for name in lab.databases)[:1] == [False])
    found = Pair(lab)
    eventually(found.healthy, timeout=60)
    return found


def test_calm(cluster):
    """Both guards look each second; the standby's knows how far the primary is."""
    cluster.lab.sql(cluster.primary, "CREATE TABLE IF NOT EXISTS guard_calm (n int)")
    position = int(cluster.lab.sql(cluster.primary, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")[0][0])
    eventually(lambda: cluster.state(cluster.standby)["primary"]["lsn"] >= position)
    assert cluster.state(cluster.standby)["primary"]["host"] == cluster.primary
    for name, role in ((cluster.primary, "primary"), (cluster.standby, "standby")):
        found = cluster.state(name)
        assert (found["role"], found["decision"], found["code"]) == (role, "go_on", role)
        assert cluster.lab.run(name, "systemctl is-enabled pgops-guard").strip() == "enabled"


def test_a_restart_of_the_service_changes_nothing(cluster):
    before = {name: cluster.server(name) for name in cluster.lab.databases}
    for name in cluster.lab.databases:
        cluster.lab.run(name, "systemctl restart pgops-guard")
    began = time.time()
    for name in cluster.lab.databases:
        eventually(
            lambda n=name: float(cluster.lab.run(n, "stat -c %Y /run/pgops/guard-state.json")) > began, timeout=30
        )
    assert {name: cluster.server(name) for name in cluster.lab.databases} == before
    assert cluster.healthy()


def test_what_an_admin_stops_stays_stopped(cluster):
    """With the failover paused everywhere."""
    primary, everybody = cluster.primary, [*cluster.lab.databases, *cluster.lab.pgpools]
    for name in everybody:
        cluster.lab.run(name, f"install -D -m 0644 /dev/null {PAUSED}")
    try:
        cluster.lab.run(primary, f"systemctl stop {cluster.unit}")
        eventually(lambda: cluster.state(primary)["code"] == "stopped", timeout=30)
        with pytest.raises(AssertionError, match="not within"):
            eventually(lambda: cluster.runs(primary), timeout=8)
        cluster.lab.run(primary, f"systemctl start {cluster.unit}")
        eventually(lambda: cluster.lab.in_recovery(primary) is False)
        cluster.attach(primary)
        eventually(cluster.healthy, timeout=60)
    finally:
        for name in everybody:
            cluster.lab.run(name, f"rm -f {PAUSED}")


def assert_fenced(cluster, name, codes, before, next_step="recover_standby.yml -l {name}"):
    """It was fenced once since then, for one of these reasons, and stays down with the way out."""
    fence = [one for one in cluster.events(name)[before:] if one["event"] == "fence"]
    assert [one["result"] for one in fence] == ["fenced"] and fence[0]["code"] in codes, fence
    eventually(lambda: next_step.format(name=name) in cluster.state(name)["next_step"], timeout=30)
    assert not cluster.runs(name)
    done = cluster.lab.playbook("check_cluster.yml", check=False)
    assert f"{name}: PostgreSQL was ended by the guard" in done.stdout
    return fence[0]


def promoted(cluster):
    eventually(lambda: cluster.lab.in_recovery(cluster.standby) is False, timeout=60)
    for proxy in cluster.lab.pgpools:
        eventually(lambda p=proxy: cluster.lab.pool_nodes(p)[cluster.id(cluster.standby)][2] == "primary", timeout=60)


@pytest.mark.parametrize(
    "link",
    [pytest.param((), id="link-down"), pytest.param(("--link-up",), id="link-up", marks=pytest.mark.matrix)],
)
def test_a_primary_that_is_cut_off_stops_taking_writes_within_seconds(cluster, link):
    """It has its client on the host itself. The standby is promoted meanwhile, so it stays down when it is back."""
    old, before = cluster.primary, len(cluster.events(cluster.primary))
    cluster.write(old)
    cut = moment(cluster.lab, "cut", *link, old)
    promoted(cluster)
    cluster.wait_until_ended(old)  # before it can ask anybody
    cluster.lab.fault("heal", old)
    eventually(lambda: cluster.lab.ssh(old, "true").returncode == 0)
    late = cluster.last_write(old) - cut
    print(f"the last write was acknowledged {late:.2f} s after the cut")
    assert late < SECONDS
    print(assert_fenced(cluster, old, {"isolated"}, before))
    cluster.brought_back(old)


@pytest.mark.matrix
def test_after_a_cut_without_a_promotion_it_starts_again_by_itself(cluster):
    """The failover is paused on the pgpools, so the others can confirm that nobody was promoted."""
    old, before = cluster.primary, len(cluster.events(cluster.primary))
    for proxy in cluster.lab.pgpools:
        cluster.lab.run(proxy, f"install -D -m 0644 /dev/null {PAUSED}")
    try:
        cluster.write(old)
        cut = moment(cluster.lab, "cut", old)
        cluster.wait_until_ended(old)  # nobody can be asked meanwhile
        fenced = time.time()
        assert fenced - cut < SECONDS
        cluster.lab.fault("heal", old)
        healed = time.time()
        eventually(lambda: cluster.lab.in_recovery(old) is False, timeout=60)
        took = [one["event"] for one in cluster.events(old)[before:]]
        eventually(lambda: cluster.events(old)[before:][-1]["event"] == "unfenced", timeout=30)
        acknowledged = cluster.writes(old)
        gap = max(later - earlier for earlier, later in zip(acknowledged, acknowledged[1:]))
        print(f"no write was acknowledged for {gap:.1f} s; events: {took}")
        assert [one for one in acknowledged if fenced < one < healed] == [], "it wrote while it was cut off"
        assert acknowledged[0] < cut and acknowledged[-1] > healed
        eventually(lambda: cluster.attach(old) or cluster.up(old), timeout=90)
        eventually(cluster.healthy, timeout=60)
    finally:
        for proxy in cluster.lab.pgpools:
            cluster.lab.run(proxy, f"rm -f {PAUSED}")


@pytest.mark.matrix
def test_a_frozen_primary_ends_itself_when_it_thaws(cluster):
    old, before = cluster.primary, len(cluster.events(cluster.primary))
    cluster.write(old)
    cluster.lab.fault("pause", old)
    promoted(cluster)
    thawed = moment(cluster.lab, "unpause", old)
    eventually(lambda: not cluster.runs(old), timeout=20)
    late = cluster.last_write(old) - thawed
    print(f"the last write was acknowledged {late:.2f} s after the thaw")
    assert late < SECONDS
    print(assert_fenced(cluster, old, {"newer_primary", "pgpool"}, before))  # whoever answers first
    cluster.brought_back(old)


@pytest.mark.matrix
def test_a_standby_that_is_promoted_by_mistake_is_ended_and_not_the_primary(cluster):
    """It has the newer timeline, but every pgpool has the other one: that is where the clients are."""
    standby, before = cluster.standby, len(cluster.events(cluster.standby))
    server, events = cluster.server(cluster.primary), cluster.events(cluster.primary)
    cluster.lab.run(standby, "runuser -u postgres -- psql -c 'SELECT pg_promote()' postgres")
    promoted_at = time.time()
    eventually(lambda: not cluster.runs(standby), timeout=30, interval=0.1)
    print(f"it was ended {time.time() - promoted_at:.1f} s after its promotion")
    print(assert_fenced(cluster, standby, {"pgpool"}, before, "compare them (ansible-playbook check_cluster.yml)"))
    assert cluster.server(cluster.primary) == server and cluster.events(cluster.primary) == events
    cluster.brought_back(standby, "-e", f"recover_standby_primary={cluster.primary}")


def test_of_two_that_were_primaries_the_one_that_was_promoted_last_starts_by_itself(cluster):
    """Neither runs, each would start as a primary, and a pgpool without backends tells nothing. They ask each other."""
    old, new = cluster.primary, cluster.standby
    cluster.lab.run(old, f"systemctl stop {cluster.unit}")
    promoted(cluster)
    cluster.lab.run(new, f"systemctl stop {cluster.unit}")
    eventually(lambda: {status for status, _role in cluster.statuses(new)} == {"down"}, timeout=60)
    cluster.lab.run(old, f"systemctl start --no-block {cluster.unit}")
    first = f"{new} was promoted after this host: start PostgreSQL there first"
    eventually(lambda: first in cluster.lab.run(old, "cat /var/lib/pgops/guard.json"), timeout=60)
    assert not cluster.runs(old)
    cluster.lab.run(new, f"systemctl start --no-block {cluster.unit}")
    eventually(lambda: cluster.lab.in_recovery(new) is False, timeout=60)
    assert f"{old} does not run" in cluster.lab.run(new, "cat /var/lib/pgops/guard.json")
    eventually(lambda: "refuse" in cluster.lab.run(old, "cat /var/lib/pgops/guard.json"), timeout=60)
    assert not cluster.runs(old)
    eventually(lambda: cluster.up(new), timeout=90)  # take_back.sh has attached it
    cluster.brought_back(old)


@pytest.mark.matrix
def test_a_lone_primary_goes_on_without_a_network(cluster):
    """Its standby is gone and out of the pool: nobody can be promoted, so nobody is fenced."""
    primary, before = cluster.primary, len(cluster.events(cluster.primary))
    server = cluster.server(primary)
    for name in cluster.lab.databases:
        if name != primary:
            cluster.lab.fault("kill", name)
            eventually(lambda n=name: {status for status, _role in cluster.statuses(n)} == {"down"}, timeout=60)
    eventually(lambda: cluster.state(primary)["attached"] == "", timeout=30)
    cluster.lab.fault("cut", primary)
    time.sleep(8)  # twice what it takes a primary with a standby
    cluster.lab.fault("heal", primary)
    eventually(lambda: cluster.lab.ssh(primary, "true").returncode == 0)
    assert cluster.server(primary) == server and cluster.events(primary)[before:] == []
    assert "this primary goes on" in cluster.lab.run(primary, "journalctl -u pgops-guard --no-pager -n 30")
    for name in cluster.lab.databases:
        if name != primary:
            cluster.lab.fault("start", name)
    # The pgpools reached no database at all: they have put the primary out as well, or have given up and begun anew.
    eventually(lambda: cluster.attach(primary) or cluster.up(primary), timeout=90)
    for name in cluster.lab.databases:
        if name != primary:
            eventually(lambda n=name: cluster.lab.in_recovery(n), timeout=60)
            cluster.recover(name)


def test_after_a_power_loss_of_the_whole_site_it_comes_up_by_itself(cluster):
    for name in [*cluster.lab.pgpools, *cluster.lab.databases]:  # pgpools that die last fail over before
        cluster.lab.fault("kill", name)
    for name in [*cluster.lab.databases, *cluster.lab.pgpools]:
        cluster.lab.fault("start", name)
    began = time.time()
    write = "CREATE TABLE IF NOT EXISTS guard_power (n int); INSERT INTO guard_power VALUES (1)"
    eventually(lambda: not cluster.lab.in_recovery(cluster.primary), timeout=120)
    cluster.lab.sql(cluster.primary, write)
    print(f"writable {time.time() - began:.1f} s after the last host was switched on")
    eventually(lambda: cluster.lab.sql(cluster.lab.vip, write, user="dbadmin") == [], timeout=180)
    print(f"through the virtual IP {time.time() - began:.1f} s after it")
    # A pgpool that came before the standby's server has that one out of the pool.
    if not cluster.up(cluster.standby):
        cluster.recover(cluster.standby)
    eventually(cluster.healthy, timeout=60)
