# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""switch_primary.yml: the plan, what it refuses, and the way back (the switch itself under load: test_faults.py)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest
from guarded import Pair
from lab.access import USER as LOGIN
from proof import changed, eventually


@pytest.fixture
def cluster(lab):
    """Who is what now; the test begins with a healthy pair."""
    eventually(lambda: sorted(lab.in_recovery(name) for name in lab.databases)[:1] == [False])
    found = Pair(lab)
    eventually(found.healthy, timeout=60)
    return found


def switch(cluster, name, *arguments):
    return cluster.lab.playbook("switch_primary.yml", "-l", name, *arguments, check=False)


def test_the_plan_changes_nothing(cluster):
    before = {name: cluster.server(name) for name in cluster.lab.databases}
    done = switch(cluster, cluster.standby, "--check")
    assert done.returncode == 0
    for words in (f"{cluster.standby} takes over from {cluster.primary}", "shut ", "promote ", "hosts changed:"):
        assert words in done.stdout
    assert {name: cluster.server(name) for name in cluster.lab.databases} == before
    assert cluster.healthy()


def test_the_primary_has_nothing_to_do(cluster):
    done = switch(cluster, cluster.primary)
    assert done.returncode == 0 and changed(done.stdout) == 0
    assert f"{cluster.primary} is the primary already" in done.stdout


def test_a_standby_that_does_not_replay_is_refused(cluster):
    cluster.lab.sql(cluster.standby, "SELECT pg_wal_replay_pause()")
    try:
        done = switch(cluster, cluster.standby)
    finally:
        cluster.lab.sql(cluster.standby, "SELECT pg_wal_replay_resume()")
    assert done.returncode != 0 and changed(done.stdout) == 0
    assert "replay is paused" in done.stdout and "pg_wal_replay_resume" in done.stdout
    assert cluster.healthy()


@pytest.mark.matrix
def test_a_pgpool_that_cannot_be_told_is_a_reason_not_to_begin(cluster):
    """A directory stands where the note is to be written; the pgpool that could be told forgets it."""
    lab, (first, second) = cluster.lab, cluster.lab.pgpools[:2]
    lab.run(second, "mkdir /var/lib/pgops/switch")
    try:
        done = switch(cluster, cluster.standby)
    finally:
        lab.run(second, "rm -rf /var/lib/pgops/switch")
    assert done.returncode != 0 and f"could not be told on {second} (" in done.stdout, done.stdout
    assert f"Nothing was changed: {cluster.primary} still is the primary" in done.stdout
    assert lab.ssh(first, "test -e /var/lib/pgops/switch").returncode == 1
    assert cluster.healthy()


def test_a_shutdown_that_hangs_is_given_up_and_the_primary_is_back(cluster):
    """A session that can't be ended holds it up. Nobody is promoted, not by failover.sh either."""
    primary, events = cluster.primary, {name: len(cluster.failovers(name)) for name in cluster.lab.pgpools}
    cluster.hold_up_its_shutdown()
    done = switch(cluster, cluster.standby, "-e", "switch_primary_stop_timeout=3")
    assert done.returncode != 0
    assert f"{primary} was started again and is the primary as before" in done.stdout
    eventually(cluster.healthy, timeout=60)
    assert Pair(cluster.lab).primary == primary
    for name in cluster.lab.pgpools:
        assert {event["result"] for event in cluster.failovers(name)[events[name] :]} <= {"given_up", "nothing_to_do"}
        assert cluster.lab.ssh(name, "test -e /var/lib/pgops/switch").returncode == 1


@pytest.mark.matrix
def test_pgpools_that_do_not_notice_are_told(cluster):
    """As with long health check periods: nobody looks at the databases, so the playbook has to tell."""
    lab, name = cluster.lab, cluster.standby
    for proxy in lab.pgpools:
        lab.run(proxy, "systemctl stop pgops-backend-monitor; pkill -STOP -f '^pgpool: health check process'")
    try:
        done = switch(cluster, name)
    finally:
        for proxy in lab.pgpools:
            lab.run(proxy, "pkill -CONT -f '^pgpool: health check process'; systemctl start pgops-backend-monitor")
    assert done.returncode == 0, done.stdout
    assert re.search(r"Tell \| Have pgpool take the old primary out[^\n]*\nchanged: ", done.stdout)
    now = Pair(lab)
    assert now.primary == name
    eventually(now.healthy, timeout=30)


@pytest.mark.matrix
def test_when_the_primarys_host_dies_meanwhile_it_is_a_failover_like_any_other(cluster):
    primary = cluster.primary
    cluster.hold_up_its_shutdown()
    run = cluster.lab.playbook("switch_primary.yml", "-l", cluster.standby, background=True)
    eventually(cluster.is_asked_to_end, timeout=90, interval=0.1)
    for word in ("cut", "kill"):
        cluster.lab.fault(word, primary)
    said = run.communicate(timeout=300)[0]
    assert run.returncode != 0 and "failover.sh decides whether" in said, said
    eventually(lambda: not cluster.lab.in_recovery(cluster.standby), timeout=60)
    cluster.lab.fault("start", primary)
    cluster.brought_back(primary)


@pytest.mark.matrix
def test_when_the_line_to_the_target_breaks_what_was_begun_goes_on(cluster):
    """Nobody starts the old primary beside it; whoever promotes the target, it is the primary then."""
    primary, target = cluster.primary, cluster.standby
    cluster.hold_up_its_shutdown()
    run = cluster.lab.playbook("switch_primary.yml", "-l", target, background=True)
    eventually(cluster.is_asked_to_end, timeout=90, interval=0.1)
    cluster.lab.run_inside(target, f"pkill -KILL -f '^sshd: {LOGIN}'")
    said = run.communicate(timeout=300)[0]
    assert run.returncode != 0 and f"What was begun on {target} may go on there" in said, said
    eventually(lambda: not cluster.lab.in_recovery(target), timeout=90)
    cluster.brought_back(primary)


def has_a_task(lab, name):
    """Does a task of a playbook run there? Ansible marks what it has sudo run."""
    return lab.ssh(name, "pgrep -f '[B]ECOME-SUCCESS'").returncode == 0


@pytest.mark.matrix
def test_the_note_of_a_killed_run_delays_a_failover_and_does_not_prevent_it(cluster):
    primary = cluster.primary
    run = cluster.lab.playbook("switch_primary.yml", "-l", cluster.standby, background=True, output=subprocess.DEVNULL)
    noted = "test -e /var/lib/pgops/switch"
    for name in cluster.lab.pgpools:
        eventually(lambda n=name: cluster.lab.ssh(n, noted).returncode == 0, timeout=90, interval=0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(10)
    # Whatever it had asked for goes on, and nothing else begins: the module may have been started, or not.
    looks = cluster.lab.databases * 3
    eventually(lambda: not any(has_a_task(cluster.lab, name) for name in looks), timeout=90)
    if cluster.lab.in_recovery(cluster.standby):
        began = time.time()
        cluster.lab.run(primary, "kill -9 $(head -n1 /var/lib/postgresql/*/main/postmaster.pid)")
        eventually(lambda: not cluster.lab.in_recovery(cluster.standby), timeout=90)
        print(f"promoted after {time.time() - began:.1f} s")
    eventually(lambda: cluster.lab.sql(cluster.lab.vip, "SELECT 1", user="someuser", database="appdb"), timeout=60)
    found = cluster.lab.playbook("check_cluster.yml", check=False).stdout
    assert f"recover_standby.yml -l {primary}" in found
    cluster.brought_back(primary)


def test_there_and_back(cluster):
    """The old primary follows by itself, so the way back is open at once."""
    first, second = cluster.primary, cluster.standby
    for name in (second, first):
        done = switch(cluster, name)
        assert done.returncode == 0, done.stdout
        now = Pair(cluster.lab)
        assert now.primary == name
        eventually(now.healthy, timeout=30)
