# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""failover_primary.yml: of a primary that is well, and of one whose failover promoted nobody. Each test heals."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from guarded import Pair
from proof import Lab, changed, eventually
from writer import Writer, missing_rows

PLAYBOOK = "failover_primary.yml"
PAUSED = "/var/lib/pgops/paused"
MAX_LAG = 64 * 1024 * 1024  # the default of pgops_failover_max_lag
ROWS = 40
UNFENCED = ("-e", "failover_primary_unfenced=true")


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


@pytest.fixture
def writer(cluster):
    """A client that writes through the virtual IP meanwhile."""
    password = cluster.lab.secrets["pgops_app_password"]
    options = {"host": cluster.lab.vip, "user": "someuser", "password": password, "dbname": "appdb"}
    writes = Writer(options, table="forced_rows", interval=0.02)
    cluster.lab.sql(cluster.primary, f"DROP TABLE IF EXISTS {writes.table}", database="appdb")
    writes.create_table()
    writes.start()
    eventually(lambda: len(writes.acknowledged) > ROWS, timeout=60)
    yield writes
    writes.stop()


@pytest.fixture
def mailboxes(lab):
    """A mail server that delivers to the mailboxes of each pgpool host, and how to read root's."""
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends dma"
    for name in lab.pgpools:
        lab.run(name, f"test -x /usr/sbin/sendmail || {{ apt-get -qq update && {install}; }}; rm -f /var/mail/root")
    return lambda: {name: lab.ssh(name, "cat /var/mail/root").stdout for name in lab.pgpools}


def state(cluster):
    """What a run that only looks must leave alone."""
    servers = {name: cluster.server(name) for name in cluster.lab.databases}
    return servers, {proxy: cluster.lab.pool_nodes(proxy) for proxy in cluster.lab.pgpools}


def said(done):
    """What a run printed; the lines of long messages are broken anywhere."""
    return " ".join(done.stdout.split())


def last_failover(lab):
    """The newest event about a failover, on whichever pgpool it is; before the first one, none."""
    lines = []
    for name in lab.pgpools:
        lines += lab.ssh(name, "cat /var/log/pgops/failover.jsonl").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    failovers = (one for one in events if one["event"] == "failover")
    return max(failovers, key=lambda one: one["time"], default={"time": "", "result": ""})


def lost(cluster, writer):
    """The acknowledged rows that the new primary does not have."""
    connection = cluster.lab.connect(cluster.lab.address(cluster.standby))
    with connection.cursor() as cursor:
        missing = missing_rows(cursor, writer)
    connection.close()
    return missing


def assert_deposed(cluster, output):
    """The other one is the primary, for itself and for every pgpool; the old one is out, and the way on is named."""
    old, new = cluster.primary, cluster.standby
    assert cluster.lab.in_recovery(new) is False
    for proxy in cluster.lab.pgpools:
        nodes = cluster.lab.pool_nodes(proxy)
        assert nodes[cluster.id(new)][1:] in (("up", "primary"), ("waiting", "primary"))
        assert nodes[cluster.id(old)][1] == "down"
    assert f"{new} is the primary in place of {old}" in output
    assert f"Next: ansible-playbook recover_standby.yml -l {old}" in output


def test_check_mode_shows_the_plan_and_changes_nothing(cluster):
    before = state(cluster)
    done = cluster.lab.playbook(PLAYBOOK, "-l", cluster.primary, "--check")
    assert changed(done.stdout) == 0
    assert f"{cluster.primary} will be deposed: it is the primary" in said(done)
    assert f"end PostgreSQL on {cluster.primary} (systemctl stop {cluster.unit.removesuffix('.service')}" in said(done)
    assert f"Check mode: {cluster.primary} would be deposed" in said(done)
    assert state(cluster) == before


def test_a_standby_is_refused_and_the_primary_is_named(cluster):
    before = state(cluster)
    done = cluster.lab.playbook(PLAYBOOK, "-l", cluster.standby, check=False)
    assert done.returncode != 0
    assert f"Refused to depose {cluster.standby}: {cluster.primary} is the primary" in said(done)
    assert state(cluster) == before


def test_a_primary_is_deposed_and_no_row_is_lost(cluster, writer):
    at = time.monotonic()
    done = cluster.lab.playbook(PLAYBOOK, "-l", cluster.primary)
    eventually(lambda: writer.acknowledged_after(at) > ROWS and len(writer.served_by()) == 2, timeout=60)
    writer.stop()
    print(f"clients were without a primary for {writer.gap(at):.2f} s")
    assert_deposed(cluster, said(done))
    assert not cluster.runs(cluster.primary)
    assert "PostgreSQL there was stopped" in said(done)
    assert lost(cluster, writer) == []

    again = cluster.lab.playbook(PLAYBOOK, "-l", cluster.primary)
    assert changed(again.stdout) == 0
    assert f"already: {cluster.standby} is the primary" in said(again)
    assert f"Next: ansible-playbook recover_standby.yml -l {cluster.primary}" in said(again)
    cluster.brought_back(cluster.primary)


@pytest.mark.matrix
def test_a_running_primary_that_ansible_cannot_reach_is_ended_by_its_guard(cluster, writer):
    """Its SSH server is gone: Pgpool takes out a primary that runs, and its guard sees the new one."""
    lab, old = cluster.lab, cluster.primary
    before = len(cluster.events(old))
    lab.run_inside(old, "systemctl stop ssh.socket ssh.service; pkill -x sshd; true")
    try:
        done = lab.playbook(PLAYBOOK, "-l", old, check=False)
        assert done.returncode != 0 and "it cannot be fenced" in said(done) and UNFENCED[1] in said(done)
        assert lab.in_recovery(old) is False
        at = time.monotonic()
        done = lab.playbook(PLAYBOOK, "-l", old, *UNFENCED)
        eventually(lambda: writer.acknowledged_after(at) > ROWS and len(writer.served_by()) == 2, timeout=60)
    finally:
        lab.run_inside(old, "systemctl start ssh.service")
    writer.stop()
    print(f"clients were without a primary for {writer.gap(at):.2f} s, and lost {len(lost(cluster, writer))} rows")
    assert_deposed(cluster, said(done))
    assert [one["result"] for one in cluster.events(old)[before:] if one["event"] == "fence"] == ["fenced"]
    assert not cluster.runs(old)
    cluster.brought_back(old)


def ended_while_paused(cluster):
    """The primary ends while the failover is paused, and the pause is over: nobody else will promote anybody."""
    lab, old = cluster.lab, cluster.primary
    try:
        for proxy in lab.pgpools:
            lab.run(proxy, f"touch {PAUSED}")
        done = lab.playbook(PLAYBOOK, "-l", old, check=False)
        assert done.returncode != 0 and "paused on app-server1 and app-server2" in said(done)
        before = last_failover(lab)
        lab.run(old, f"systemctl stop {cluster.unit}")
        eventually(lambda: last_failover(lab) != before, timeout=60)
        assert last_failover(lab)["result"] == "paused"
        eventually(lambda: {status for status, _role in cluster.statuses(old)} == {"down"}, timeout=60)
    finally:
        for proxy in lab.pgpools:
            lab.run(proxy, f"rm -f {PAUSED}")


@pytest.mark.matrix
def test_after_a_pause_it_finishes_what_was_not_done(cluster):
    ended_while_paused(cluster)
    done = cluster.lab.playbook(PLAYBOOK, "-l", cluster.primary)
    assert_deposed(cluster, said(done))
    assert "PostgreSQL there was down already" in said(done)
    cluster.brought_back(cluster.primary)


def test_called_on_both_pgpools_and_twice_on_each_it_promotes_once(cluster):
    """At the same moment, with the same words, as after a watchdog that was of two minds."""
    lab, old, new = cluster.lab, cluster.primary, cluster.standby
    timeline = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
    before = lab.sql(old, timeline)[0][0]
    ended_while_paused(cluster)
    known = {proxy: len(cluster.failovers(proxy)) for proxy in lab.pgpools}
    data = "/var/lib/postgresql/15/main"
    words = [cluster.id(old), lab.address(old), 5432, data, cluster.id(new), lab.address(new), 0, cluster.id(old)]
    words += [5432, data, lab.address(old), 5432]
    call = f"PGOPS_BY_HAND=yes /etc/pgpool2/failover.sh {' '.join(map(str, words))}"
    twice = f"runuser -u postgres -- bash -c '{call} & first=$!; {call}; second=$?; wait $first && exit $second'"
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda proxy: lab.ssh(proxy, twice), lab.pgpools))
    assert [one.returncode for one in ended] == [0] * len(lab.pgpools), ended
    events = [one for proxy in lab.pgpools for one in cluster.failovers(proxy)[known[proxy] :]]
    results = [one["result"] for one in events if one["event"] == "failover"]  # the old primary is fenced meanwhile
    assert len(results) == 2 * len(lab.pgpools) and set(results) <= {"promoted", "already_promoted"}, results
    assert lab.in_recovery(new) is False
    assert lab.sql(new, timeline)[0][0] == before + 1
    eventually(lambda: {role for _status, role in cluster.statuses(new)} == {"primary"}, timeout=60)
    assert not cluster.runs(old)
    cluster.brought_back(old)


class TestTooFarBehind:
    """The standby missed more than the limit when the primary's host loses power. One story, told in order."""

    def hold_back(self, cluster):
        """The standby's receiver stops, and the primary writes; the guard still hears how far that one is."""
        lab, pids = cluster.lab, "pgrep -u postgres -f '[w]alreceiver'"
        lab.run(cluster.standby, f"kill -STOP $({pids})")
        fill = "SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 120)"
        lab.sql(cluster.primary, fill)
        position = int(lab.sql(cluster.primary, "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn")[0][0])
        eventually(lambda: cluster.state(cluster.standby)["primary"]["lsn"] >= position, timeout=20)
        return f"kill -CONT $({pids})"

    @pytest.mark.matrix
    def test_nobody_is_promoted_until_a_person_says_so(self, cluster, mailboxes):
        lab, old = cluster.lab, cluster.primary
        before = last_failover(lab)["time"]
        go_on = self.hold_back(cluster)
        lab.fault("cut", old)
        lab.fault("kill", old)
        try:
            eventually(lambda: last_failover(lab)["time"] > before, timeout=60)
            lab.run(cluster.standby, go_on)
            self.refused(cluster, mailboxes)
            self.told(cluster)
            self.given_up(cluster)
        finally:
            lab.ssh(cluster.standby, go_on)
            lab.fault("start", old)
        eventually(lambda: lab.ssh(old, "true").returncode == 0, timeout=60)
        assert "method: rewind" in cluster.brought_back(old)

    def refused(self, cluster, mailboxes):
        event = last_failover(cluster.lab)
        assert event["result"] == "too_far_behind", event
        assert event["lag"] > MAX_LAG and event["new_primary_id"] is None
        assert cluster.lab.in_recovery(cluster.standby) is True
        mail = eventually(lambda: mailboxes()[event["host"]])
        assert re.search(r"^To: root$", mail, re.M) and re.search(r"^Subject: .*too_far_behind$", mail, re.M)
        assert f"lacks {event['lag']} bytes" in mail and "PGOPS_ACCEPT_LOSS=yes" in mail

    def told(self, cluster):
        old = cluster.primary
        done = cluster.lab.playbook("check_cluster.yml", check=False)
        assert done.returncode != 0
        assert f"[critical] there is no primary: {old} failed" in said(done)
        assert "MiB of the WAL" in said(done)
        assert f"{PLAYBOOK} -l {old} -e failover_primary_accept_loss=true" in said(done)

    def given_up(self, cluster):
        lab, old = cluster.lab, cluster.primary
        done = lab.playbook(PLAYBOOK, "-l", old, *UNFENCED, check=False)
        assert done.returncode != 0 and "-e failover_primary_accept_loss=true" in said(done)
        assert lab.in_recovery(cluster.standby) is True
        done = lab.playbook(PLAYBOOK, "-l", old, *UNFENCED, "-e", "failover_primary_accept_loss=true")
        assert_deposed(cluster, said(done))
        assert last_failover(lab)["result"] == "promoted" and last_failover(lab)["lag"] > MAX_LAG
        assert lab.sql(lab.vip, "SELECT 1", user="someuser", database="appdb") == [(1,)]
