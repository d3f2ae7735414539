# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One primary and two standbys, in the order in which it happens. Which standby is promoted is failover.sh's choice."""

from __future__ import annotations

import threading
import time

import psycopg2
import pytest
from proof import changed, dump_digest, eventually
from writer import Writer, missing_rows

FIRST = "postgres-db1"
DATA = "/var/lib/postgresql/*/main"


class Story:
    """Who is what, as it is seen: ``dead`` was the primary, ``primary`` is, ``other`` followed the dead one."""

    def __init__(self, lab, client):
        self.lab, self.writer = lab, client
        self.dead = self.primary = self.other = None

    def fail_over(self, dead):
        """Kill the primary's postmaster under load and wait until every pgpool follows."""
        killed = time.monotonic()
        self.lab.run(dead, f"kill -9 $(head -n1 {DATA}/postmaster.pid)")
        rest = [name for name in self.lab.databases if name != dead]
        self.dead = dead
        self.primary = eventually(lambda: next((n for n in rest if not self.lab.in_recovery(n)), None), timeout=60)
        self.other = next(name for name in rest if name != self.primary)
        for proxy in self.lab.pgpools:
            eventually(lambda p=proxy: self.seen(p, dead)[0] == "down" and self.seen(p, self.primary)[1] == "primary")
        eventually(lambda: self.writer.acknowledged_after(killed + 1) > 20, timeout=60)

    def seen(self, proxy, node):
        """Status and role of a node on one pgpool."""
        return self.lab.pool_nodes(proxy)[self.backend_id(node)][1:]

    def backend_id(self, node):
        return self.lab.hostvars[node]["pgops_backend_id"]

    def recover(self, node, *arguments):
        return self.lab.playbook("recover_standby.yml", "-l", node, *arguments)

    def receives(self, node):
        """The receiver's process there and the session of its sender here: another connection would change both."""
        receiver = self.lab.sql(node, "SELECT pid, status FROM pg_stat_wal_receiver")
        slot = f"application_name = 'pgops_{self.backend_id(node)}'"
        return receiver + self.lab.sql(
            self.primary, f"SELECT pid, backend_start, state FROM pg_stat_replication WHERE {slot}"
        )

    def assert_healthy(self, *nodes):
        for node in nodes:
            assert self.lab.in_recovery(node) is True
            assert [row[-1] for row in self.receives(node)] == ["streaming", "streaming"]
            for proxy in self.lab.pgpools:
                status, role = self.seen(proxy, node)
                assert (status in ("up", "waiting"), role) == (True, "standby")

    def files(self, node):
        """What a copy or a rewind would replace, and the running server itself."""
        listing = f"stat -Lc '%n %i' {DATA} {DATA}/base {DATA}/base/* {DATA}/global/pg_filenode.map {DATA}/PG_VERSION"
        return self.lab.run(node, listing) + self.lab.run(node, f"head -n1 {DATA}/postmaster.pid")

    def settings(self, node):
        return self.lab.run(node, f"cat {DATA}/postgresql.auto.conf; ls {DATA}/*.signal")


class SlotWatch(threading.Thread):
    """Asks again and again whether a slot is in use; an answer that does not come is told as such."""

    def __init__(self, lab, primary, slot):
        super().__init__(daemon=True)
        self.lab, self.primary, self.slot = lab, primary, slot
        self.answers, self.done = [], threading.Event()

    def run(self):
        connection = self.lab.connect(self.lab.address(self.primary), user="dbadmin", database="postgres")
        statement = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
        while not self.done.wait(0.1):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement, (self.slot,))
                    self.answers += cursor.fetchall()
            except psycopg2.Error as exc:
                self.answers.append(str(exc))
                break
        connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc):
        self.done.set()
        self.join(20)


@pytest.fixture(scope="module")
def story(lab):
    options = {"host": lab.vip, "user": "someuser", "password": lab.secrets["pgops_app_password"], "dbname": "appdb"}
    client = Writer(options)
    client.create_table()
    client.start()
    # With the guards paused: else the other standby follows by itself, and nothing is left to do for the recovery.
    for name in lab.databases:
        lab.run(name, "touch /var/lib/pgops/paused")
    yield Story(lab, client)
    for name in lab.databases:
        lab.run(name, "rm -f /var/lib/pgops/paused")
    client.stop()


# --- the first failover: the other standby first, then the old primary


def test_a_killed_primary_is_replaced_by_one_of_two_standbys(lab, story):
    assert len(lab.databases) == 3
    eventually(lambda: len(story.writer.acknowledged) > 40)
    story.fail_over(FIRST)


def test_check_cluster_names_the_standby_that_follows_a_dead_primary(lab, story):
    done = lab.playbook("check_cluster.yml", check=False)
    assert done.returncode == 2
    assert f"[warning] {story.other}: is a standby, but does not stream" in done.stdout
    assert f"recover_standby.yml -l {story.other}" in done.stdout


def test_the_plan_for_it_is_a_change_of_direction_and_no_copy(lab, story):
    before = story.files(story.other) + story.settings(story.other)
    done = story.recover(story.other, "--check")
    for words in ("method: start", f"{story.other} will follow {story.primary}", "replaced             no path"):
        assert words in done.stdout
    assert story.files(story.other) + story.settings(story.other) == before


def test_the_other_standby_is_pointed_at_the_new_primary_and_not_cloned(lab, story):
    before = story.files(story.other)
    done = story.recover(story.other)
    assert "method: start" in done.stdout
    assert story.files(story.other) == before, "the files or the server are not the same any more"
    story.assert_healthy(story.other)


def test_the_old_primary_comes_back_while_the_other_standby_streams_on(lab, story):
    before = story.receives(story.other)
    with SlotWatch(lab, story.primary, f"pgops_{story.backend_id(story.other)}") as watch:
        story.recover(story.dead)
    assert len(watch.answers) > 10
    assert set(watch.answers) == {(True,)}
    assert story.receives(story.other) == before, "the stream was interrupted"
    story.assert_healthy(story.dead, story.other)


def test_again_changes_nothing(lab, story):
    done = story.recover(story.dead)
    assert changed(done.stdout) == 0
    assert f"already is a healthy standby of {story.primary}" in done.stdout


# --- the second failover: the old primary first; the other standby is out of the pool and follows the dead one


@pytest.mark.matrix
def test_the_old_primary_can_come_first_and_the_other_standby_is_left_alone(lab, story):
    story.fail_over(story.primary)
    detach = f"runuser -u postgres -- pcp_detach_node -h localhost -U pgpoolad -w -n {story.backend_id(story.other)}"
    lab.run("app-server1", detach)
    for proxy in lab.pgpools:
        eventually(lambda p=proxy: story.seen(p, story.other)[0] == "down")
    before = story.files(story.other) + story.settings(story.other)
    story.recover(story.dead)
    story.assert_healthy(story.dead)
    assert story.files(story.other) + story.settings(story.other) == before
    assert [story.seen(proxy, story.other)[0] for proxy in lab.pgpools] == ["down", "down"]


@pytest.mark.matrix
def test_then_the_other_one(lab, story):
    before = story.files(story.other)
    done = story.recover(story.other)
    assert "method: start" in done.stdout
    assert story.files(story.other) == before
    story.assert_healthy(story.dead, story.other)


def test_every_acknowledged_row_is_on_all_three_and_the_dumps_are_equal(lab, story):
    story.writer.stop()
    assert len(story.writer.acknowledged) > 100
    for name in lab.databases:
        connection = lab.connect(lab.address(name))
        with connection.cursor() as cursor:
            eventually(lambda c=cursor: missing_rows(c, story.writer) == [], timeout=20)
        connection.close()
    eventually(lambda: len({dump_digest(lab, name) for name in lab.databases}) == 1, timeout=20)
    assert lab.playbook("check_cluster.yml").returncode == 0
