# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""move_vip.yml with the manager that the lab has: there and back, refusals, killed half way, and the way back."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise

import psycopg2
import pytest
from pair_faults import KEEPALIVED, Pgpools
from proof import changed, eventually
from vip_by_hand import ByHand
from watched import Holders

pytestmark = pytest.mark.matrix

CLAIM = "/run/pgops-move-vip.json"
CONFIG, HALF_VOTES = "/etc/pgpool2/pgpool.conf", "enable_consensus_with_half_votes"
# Generous, a noisy machine fails no test; the figures belong to ``make bench``.
LIMIT = {KEEPALIVED: 10, "watchdog": 60}


class Moving(Pgpools):
    """Who has the address, and what the pgpool hosts do about it."""

    def __init__(self, lab):
        super().__init__(lab)
        self.holder = lab.vip_holders()[0]
        self.target = next(name for name in self.able if name != self.holder)

    def move(self, target, *arguments, **options):
        return self.lab.playbook("move_vip.yml", "-l", target, *arguments, check=False, **options)

    def refused(self, target, *arguments):
        """It refuses, and nothing has moved. Returns what it said."""
        before = self.lab.vip_holders()
        done = self.move(target, *arguments)
        assert done.returncode != 0 and changed(done.stdout) == 0
        assert "Nothing was changed" in done.stdout
        assert self.lab.vip_holders() == before
        return done.stdout

    def whole(self):
        """One has the address, and every pgpool could take it; nothing of a move is left."""
        return super().whole() and not any(self.stays_away(name) for name in self.able)

    def stays_away(self, name):
        """What a move that is not over leaves on a host."""
        if self.manager == KEEPALIVED:
            return self.lab.run(name, "cat /run/pgops-vip/moved_away").strip() == "1"
        return self.lab.ssh(name, "systemctl is-active --quiet pgops-move-vip.timer").returncode == 0

    def pgpool_runs(self, name):
        return self.lab.ssh(name, "systemctl is-active --quiet pgpool2").returncode == 0

    def half_votes(self):
        """Whether half of the votes are enough, as each pgpool has it: host to on or off."""
        return {
            name: self.lab.run(name, f"sed -n 's/^{HALF_VOTES} = //p' {CONFIG}").strip() for name in self.lab.pgpools
        }

    def set_half_votes(self, words):
        """Each pgpool gets its word and restarts, one after the other, the one that has the address last."""
        lab, held = self.lab, self.lab.vip_holders()
        for name, word in words.items():
            lab.run(name, f"sed -i 's/^{HALF_VOTES} = .*/{HALF_VOTES} = {word}/' {CONFIG}")
        for name in sorted(lab.pgpools, key=held.__contains__):
            lab.run(name, "systemctl restart pgpool2")
            eventually(lambda: all(self.watchdog(one) for one in lab.pgpools), timeout=90, interval=2)
        eventually(lambda: len(lab.vip_holders()) == 1 and self.whole(), timeout=90, interval=2)


@pytest.fixture
def cluster(lab):
    """The test begins with all well."""
    eventually(lambda: len(lab.vip_holders()) == 1, timeout=60)
    found = Moving(lab)
    eventually(found.whole, timeout=90, interval=2)
    return found


def test_the_plan_changes_nothing(cluster):
    done = cluster.move(cluster.target, "--check")
    assert done.returncode == 0, done.stdout
    words = "stop pgpool on" if cluster.manager == "watchdog" else "have keepalived on"
    for expected in (f"takes {cluster.lab.vip} over from {cluster.holder}", words, "hosts changed:", "end once"):
        assert expected in done.stdout
    assert cluster.lab.vip_holders() == [cluster.holder] and cluster.whole()


def test_there_and_back(cluster):
    """One holder at any time, the gap in the story, and a second run that has nothing to do."""
    first = cluster.holder
    for target in (cluster.target, first):
        with Holders(cluster.lab) as holders:
            done = cluster.move(target)
            assert done.returncode == 0, done.stdout
            assert cluster.lab.vip_holders() == [target]
            seen = sorted((*span, name) for name in holders.names for span in holders.spans(name))
        assert [name for _began, _ended, name in seen][-1] == target and len(seen) == 2, seen
        assert all(before[1] < after[0] for before, after in pairwise(seen)), f"two holders: {seen}"
        gap = re.search(r"through \S+ for ([0-9.]+) s", done.stdout)
        assert gap and 0 < float(gap[1]) < LIMIT[cluster.manager], done.stdout
        again = cluster.move(target)
        assert again.returncode == 0 and changed(again.stdout) == 0
        assert f"{target} has {cluster.lab.vip} already" in again.stdout
        eventually(cluster.whole, timeout=60, interval=2)


def test_a_transaction_is_waited_for_and_then_ended(cluster):
    """Its client is told at once: it would wait for an answer that cannot come."""
    session = cluster.lab.connect(cluster.lab.vip)
    session.autocommit = False
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")
        done = cluster.move(cluster.target, "-e", "move_vip_drain=1")
        assert done.returncode == 0, done.stdout
        assert "1 of them in the middle of a query or transaction (waited 1" in done.stdout
        began = time.monotonic()
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 2")
    assert time.monotonic() - began < 5
    eventually(cluster.whole, timeout=60, interval=2)
    left = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND usename = 'someuser'"
    primary = next(name for name in cluster.lab.databases if not cluster.lab.in_recovery(name))
    eventually(lambda: cluster.lab.sql(primary, left) == [(0,)], timeout=15)


def test_a_pgpool_that_is_down_is_refused(cluster):
    cluster.lab.run(cluster.target, "systemctl stop pgpool2")
    try:
        assert "its pgpool does not answer" in cluster.refused(cluster.target)
    finally:
        cluster.lab.run(cluster.target, "systemctl start pgpool2")


def test_a_target_that_cannot_reach_the_databases_is_refused(cluster):
    """Its pgpool does not know it yet, as nobody looks; a client of it does."""
    lab, target = cluster.lab, cluster.target
    asleep = "^pgpool: (health check process|lifecheck)"
    lab.run(target, f"systemctl stop pgops-backend-monitor; pkill -STOP -f '{asleep}'")
    routes = "; ".join(f"ip route {{}} blackhole {lab.address(name)}/32" for name in lab.databases)
    lab.run_inside(target, routes.format(*["add"] * len(lab.databases)))
    try:
        told = cluster.refused(target)
        assert "a client gets no session with the primary" in told or "takes nobody for the primary" in told
    finally:
        lab.run_inside(target, routes.format(*["del"] * len(lab.databases)))
        lab.run(target, f"pkill -CONT -f '{asleep}'; systemctl restart pgpool2; systemctl start pgops-backend-monitor")


def test_without_a_quorum_afterwards_it_is_refused(cluster):
    """Where a majority is wanted, two pgpools have none when one of them stops. With keepalived none has to."""
    deployed = cluster.half_votes()
    try:
        cluster.set_half_votes(dict.fromkeys(deployed, "off"))
        now = Moving(cluster.lab)
        if cluster.manager == "watchdog":
            assert "needs 2" in now.refused(now.target)
        else:
            done = now.move(now.target)
            assert done.returncode == 0, done.stdout
    finally:
        cluster.set_half_votes(deployed)


def test_who_else_is_refused(cluster):
    lab = cluster.lab
    assert "is not a pgpool host" in cluster.refused("postgres-db1")
    assert "has to be told which" in cluster.refused(":".join(lab.pgpools))
    nobody = cluster.move("app-server99")
    assert nobody.returncode != 0


@pytest.mark.parametrize("target", ["the other", "the holder"])
def test_a_database_host_that_has_it_too_is_in_the_way(cluster, target):
    """Also where nothing would move: it would say that nobody else has it."""
    lab, by_hand = cluster.lab, ByHand(cluster.lab)
    database = lab.databases[-1]
    target = cluster.target if target == "the other" else cluster.holder
    by_hand.add(database)
    try:
        said = " ".join(cluster.refused(target).split())
    finally:
        by_hand.remove(database)
        by_hand.announce(cluster.holder)
    assert f"{database} has the virtual IP {lab.vip} ({by_hand.mac(database)}), as does {cluster.holder}" in said
    assert f"ansible {database} -b -m pgops.pgpool.vip_bind" in said
    assert cluster.move(cluster.target, "--check").returncode == 0


@pytest.fixture
def witness(cluster):
    """The inventory says that the target is one."""
    path = cluster.lab.folder / "inventory.json"
    kept = path.read_text(encoding="utf-8")
    inventory = json.loads(kept)
    inventory["_meta"]["hostvars"][cluster.target]["pgops_pgpool_witness"] = True
    path.write_text(json.dumps(inventory, indent=2) + "\n", encoding="utf-8")
    yield cluster.target
    path.write_text(kept, encoding="utf-8")


def test_a_witness_is_refused(cluster, witness):
    """With the watchdog there is none beside two others that may have the address: who it elects has it."""
    others = [name for name in cluster.able if name != witness]
    fits = cluster.manager == KEEPALIVED or len(others) == 1
    why = "it is a witness" if fits else "a witness needs pgops_vip_manager: keepalived"
    assert why in " ".join(cluster.refused(witness).split())


def test_another_run_is_left_alone(cluster):
    """One that moves it elsewhere; a note that is old does not count."""
    lab, note = cluster.lab, json.dumps({"schema": 1, "target": "somewhere", "epoch": 0})
    lab.run(cluster.holder, f"echo '{note}' | sed \"s/: 0/: $(date +%s)/\" >{CLAIM}")
    assert "another run moves it to somewhere" in cluster.refused(cluster.target)
    lab.run(cluster.holder, f"echo '{note}' >{CLAIM}")
    done = cluster.move(cluster.target)
    assert done.returncode == 0, done.stdout
    assert all(lab.ssh(name, f"test -e {CLAIM}").returncode == 1 for name in lab.pgpools)


def kill_half_way(cluster):
    """Begin a move and kill it as soon as the holder was told to give the address up."""
    process = cluster.move(cluster.target, background=True)
    try:
        eventually(lambda: cluster.stays_away(cluster.holder), timeout=120, interval=0.1)
    finally:
        process.kill()
        process.wait(timeout=30)


def test_killed_half_way_and_run_again(cluster):
    kill_half_way(cluster)
    done = cluster.move(cluster.target)
    assert done.returncode == 0, done.stdout
    assert cluster.lab.vip_holders() == [cluster.target]
    eventually(cluster.whole, timeout=60, interval=2)
    assert changed(cluster.move(cluster.target).stdout) == 0


def test_killed_half_way_and_left_alone(cluster):
    """The hosts themselves end what nobody else does."""
    kill_half_way(cluster)
    eventually(cluster.whole, timeout=180, interval=2)
    assert all(cluster.pgpool_runs(name) for name in cluster.lab.pgpools)
    for name in cluster.lab.pgpools:  # its note keeps others away for three minutes
        cluster.lab.run(name, f"rm -f {CLAIM}")


def test_a_target_that_does_not_take_it_leads_back(cluster):
    """With keepalived a manager that hangs; with the watchdog an address that cannot be bound."""
    lab, target = cluster.lab, cluster.target
    if cluster.manager == KEEPALIVED:
        breaks, mends = "systemctl kill -s STOP keepalived", "systemctl kill -s CONT keepalived"
    else:
        rules = "/etc/sudoers.d/*pgops*"
        breaks, mends = f"mkdir -p /root/kept; mv {rules} /root/kept/", "mv /root/kept/* /etc/sudoers.d/"
    lab.run(target, breaks)
    try:
        done = cluster.move(target)
        held = lab.vip_holders()
    finally:
        lab.run(target, mends)
    assert done.returncode != 0
    assert f"was not moved to {target}" in done.stdout
    assert f"It is back on {cluster.holder}, as before" in done.stdout
    assert held == [cluster.holder]  # a keepalived that goes on after a halt may take it, as after a thaw
    eventually(cluster.whole, timeout=90, interval=2)
