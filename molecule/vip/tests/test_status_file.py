# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pgpool_status that is stale, damaged or gone: every write reaches the true primary (docs/routing.md)."""

from __future__ import annotations

import pytest
from guarded import Pair
from proof import eventually

STATUS = "/var/lib/pgpool/pgpool_status"
START = 90  # seconds: the watchdogs elect, and a node that is dead has to be noticed
SESSIONS = 12
GONE = None


@pytest.fixture
def cluster(lab):
    """Who is what now; the test begins, and ends, with a healthy pair."""
    eventually(lambda: sorted(lab.in_recovery(name) for name in lab.databases)[:1] == [False])
    found = Pair(lab)
    eventually(found.healthy, timeout=60)
    yield found
    start(lab)


def stop(lab):
    for proxy in reversed(lab.pgpools):
        lab.run(proxy, "systemctl stop pgpool2")


def start(lab):
    for proxy in lab.pgpools:
        lab.run(proxy, "systemctl reset-failed pgpool2 2>/dev/null; systemctl start pgpool2")


def put(lab, text, *proxies):
    """Have the file say this on these pgpools, or on all; ``GONE`` removes it."""
    for proxy in proxies or lab.pgpools:
        if text is GONE:
            lab.run(proxy, f"rm -f {STATUS}")
        else:
            lab.run(proxy, f"printf '{text}' >{STATUS} && chown postgres: {STATUS}")


def stale(cluster, primary, standby):
    """What the file says with these words for today's primary and for the other one."""
    words = {cluster.id(cluster.primary): primary, cluster.id(cluster.standby): standby}
    return "".join(words[number] + r"\n" for number in sorted(words))


def writes_reach(lab, name):
    """Every session through every door writes there, also those that read from the standby."""
    for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
        for _turn in range(SESSIONS):
            statement = "INSERT INTO status_rows VALUES (1) RETURNING host(inet_server_addr())"
            if lab.sql(address, statement, user="someuser", database="appdb") != [(lab.address(name),)]:
                return False
    return True


@pytest.fixture(scope="module", autouse=True)
def table(lab):
    primary = next(name for name in lab.databases if not lab.in_recovery(name))
    lab.sql(primary, "CREATE TABLE IF NOT EXISTS status_rows (n int)", database="appdb")
    lab.sql(primary, "GRANT ALL ON status_rows TO PUBLIC", database="appdb")


def holds(lab, words):
    """Every pgpool has each node like this: up or down."""
    said = [lab.pool_nodes(proxy) for proxy in lab.pgpools]
    return all(("down" if nodes[n][1] == "down" else "up") == word for nodes in said for n, word in words.items())


def serves(lab, primary, words):
    """Within the time of a start: this primary for every pgpool, these states, and every write there."""
    eventually(lambda: holds(lab, words) and writes_reach(lab, primary), timeout=START)
    roles = {proxy: [role for _host, _state, role in lab.pool_nodes(proxy).values()] for proxy in lab.pgpools}
    assert all(said.count("primary") == 1 for said in roles.values()), roles


HEALTHY = {
    # what the file says of the primary and of the standby; how the standby is afterwards
    "the primary is down in it": (lambda c: stale(c, "down", "up"), "up"),
    "gone": (lambda c: GONE, "up"),
    "both are down in it": (lambda c: stale(c, "down", "down"), "down"),
    "the standby is down in it, on purpose": (lambda c: stale(c, "up", "down"), "down"),
    "a line is missing": (lambda c: r"up\n", "up"),
    "a line too many": (lambda c: stale(c, "up", "up") + r"down\n", "up"),
    "damaged": (lambda c: r"\001\377\000rubbish\nrubbish and much more of it\n", "up"),
    "empty": (lambda c: "", "up"),
}
FAST = ("the primary is down in it", "gone")
CASES = [name if name in FAST else pytest.param(name, marks=pytest.mark.matrix) for name in HEALTHY]


@pytest.mark.parametrize("case", CASES)
def test_both_pgpools_restart_with_a_file_that_is_wrong(lab, cluster, case):
    text, becomes = HEALTHY[case]
    stop(lab)
    put(lab, text(cluster))
    start(lab)
    serves(lab, cluster.primary, {cluster.id(cluster.primary): "up", cluster.id(cluster.standby): becomes})
    cluster.attach(cluster.standby)
    eventually(cluster.healthy, timeout=60)


@pytest.mark.matrix
def test_one_pgpool_restarts_with_a_file_that_is_wrong(lab, cluster):
    """It takes over what the leader has, a node that was detached on purpose included."""
    follower = next(proxy for proxy in lab.pgpools if proxy not in lab.vip_holders())
    node = cluster.id(cluster.standby)
    lab.run(lab.vip_holders()[0], f"runuser -u postgres -- pcp_detach_node -h localhost -U pgpoolad -w -n {node}")
    try:
        eventually(lambda: holds(lab, {node: "down"}))
        lab.run(follower, "systemctl stop pgpool2")
        put(lab, stale(cluster, "down", "up"), follower)
        lab.run(follower, "systemctl start pgpool2")
        serves(lab, cluster.primary, {cluster.id(cluster.primary): "up", node: "down"})
    finally:
        eventually(lambda: all(lab.pool_nodes(proxy) for proxy in lab.pgpools), timeout=START)
        cluster.attach(cluster.standby)
    eventually(cluster.healthy, timeout=60)


# ---- After a failover ------------------------------------------------------------------------------------------------


@pytest.fixture
def failed_over(lab, cluster):
    """The primary was killed and the standby promoted; whatever the test did, the old one is brought back."""
    old, new = cluster.primary, cluster.standby
    before = lab.run(lab.pgpools[0], f"cat {STATUS}").replace("\n", r"\n")
    lab.run(old, "systemctl kill -s SIGKILL 'postgresql@*-main.service'")
    eventually(lambda: not lab.in_recovery(new) and writes_reach(lab, new), timeout=60)
    yield old, new, before
    start(lab)
    lab.ssh(old, "pg_ctlcluster $(ls /var/lib/postgresql) main stop -m immediate --skip-systemctl-redirect")
    lab.run(old, "systemctl start pgops-guard")
    eventually(lambda: all(lab.pool_nodes(proxy) for proxy in lab.pgpools), timeout=START)
    cluster.recover(old)
    eventually(Pair(lab).healthy, timeout=60)


def revive(lab, name):
    """The old primary runs again, writable: as on a host that has no guard."""
    lab.run(name, "systemctl stop pgops-guard")
    lab.run(name, "systemctl reset-failed 'postgresql@*-main.service' || true")
    lab.run(name, "pg_ctlcluster $(ls /var/lib/postgresql) main start --skip-systemctl-redirect")
    eventually(lambda: not lab.in_recovery(name))


@pytest.mark.parametrize("file", ["of before", pytest.param("gone", marks=pytest.mark.matrix)])
def test_a_false_primary_stays_out(lab, cluster, failed_over, file):
    """The worst of them: without the file, or with the one of before, pgpool takes the older server for the primary."""
    old, new, before = failed_over
    stop(lab)
    revive(lab, old)
    put(lab, before if file == "of before" else GONE)
    start(lab)
    serves(lab, new, {cluster.id(old): "down", cluster.id(new): "up"})


@pytest.mark.matrix
@pytest.mark.parametrize("file", ["of now", "of before", "gone"])
def test_the_degenerate_node_is_still_dead(lab, cluster, failed_over, file):
    old, new, before = failed_over
    stop(lab)
    if file != "of now":
        put(lab, before if file == "of before" else GONE)
    start(lab)
    serves(lab, new, {cluster.id(old): "down", cluster.id(new): "up"})


@pytest.mark.matrix
def test_the_primary_changed_while_a_pgpool_was_away(lab, cluster):
    """Its file is of before the failover, and it starts first when all have stopped."""
    old, new = cluster.primary, cluster.standby
    follower = next(proxy for proxy in lab.pgpools if proxy not in lab.vip_holders())
    leader = lab.vip_holders()[0]
    lab.run(follower, "systemctl stop pgpool2")
    lab.run(old, "systemctl kill -s SIGKILL 'postgresql@*-main.service'")
    eventually(lambda: not lab.in_recovery(new), timeout=60)
    lab.run(leader, "systemctl stop pgpool2")
    lab.run(follower, "systemctl start pgpool2")
    lab.run(leader, "systemctl start pgpool2")
    serves(lab, new, {cluster.id(old): "down", cluster.id(new): "up"})
    cluster.recover(old)
    eventually(Pair(lab).healthy, timeout=60)


@pytest.mark.matrix
def test_pgpool_starts_before_the_databases(lab, cluster):
    """As after the loss of all power, with a file in which the primary is down: it is taken in when it is there."""
    stop(lab)
    for name in lab.databases:
        lab.run(name, "systemctl stop 'postgresql@*-main.service'")
    put(lab, stale(cluster, "down", "up"))
    start(lab)
    eventually(
        lambda: all(lab.ssh(proxy, "pgrep -f '^pgpool: PCP'").returncode == 0 for proxy in lab.pgpools), timeout=START
    )
    for name in (cluster.primary, cluster.standby):
        lab.run(name, "systemctl start --no-block 'postgresql@*-main.service' || true; systemctl start postgresql")
    eventually(lambda: writes_reach(lab, cluster.primary), timeout=START)
    cluster.attach(cluster.standby)
    eventually(cluster.healthy, timeout=60)


@pytest.mark.matrix
def test_pgpool_starts_while_the_primary_is_down(lab, cluster):
    """The standby is promoted, and the writes go there."""
    old, new = cluster.primary, cluster.standby
    stop(lab)
    lab.run(old, "systemctl kill -s SIGKILL 'postgresql@*-main.service'")
    start(lab)
    serves(lab, new, {cluster.id(old): "down", cluster.id(new): "up"})
    cluster.recover(old)
    eventually(Pair(lab).healthy, timeout=60)


@pytest.mark.matrix
def test_beside_two_primaries_that_nobody_can_tell_apart_pgpool_does_not_start(lab, cluster, failed_over):
    """Both were promoted once: one timeline, two histories. It starts as soon as the file names one of them."""
    old, new, _before = failed_over
    stop(lab)
    revive(lab, old)
    data = "/var/lib/postgresql/*/main"
    lab.run(old, f"touch $(echo {data})/standby.signal && chown postgres: {data}/standby.signal")
    lab.run(old, "pg_ctlcluster $(ls /var/lib/postgresql) main restart -m fast --skip-systemctl-redirect")
    lab.sql(old, "SELECT pg_promote()")
    put(lab, stale(cluster, "up", "up"))
    proxy = lab.pgpools[0]
    assert lab.ssh(proxy, "systemctl start pgpool2").returncode != 0
    assert "two primaries on timeline" in lab.run(proxy, "journalctl -u pgpool2 -n 50 --no-pager")
    put(lab, "".join(("up" if number == cluster.id(new) else "down") + r"\n" for number in (0, 1)))
    start(lab)
    serves(lab, new, {cluster.id(old): "down", cluster.id(new): "up"})
