# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets which statement, through each pgpool and through the virtual IP (docs/routing.md)."""

from __future__ import annotations

import contextlib
import json
import math

import psycopg2
import pytest
from guarded import Pair
from proof import eventually

SESSIONS = 120  # load balancing is by session
SIGMAS = 6  # a ratio that is right misses this bound once in 500 million runs
WHO = "SELECT host(inet_server_addr())"
LAG = 24  # MB, more than twice what a standby may be behind
NOTICE = 60  # seconds within which the replication check has to see it


@pytest.fixture
def cluster(lab):
    """Who is what now; the test begins with a healthy pair."""
    eventually(lambda: sorted(lab.in_recovery(name) for name in lab.databases)[:1] == [False])
    found = Pair(lab)
    eventually(found.healthy, timeout=60)
    eventually(lambda: found.lag() == 0, timeout=60)
    return found


@pytest.fixture(params=["first", "second", "vip"])
def door(lab, request):
    """An address that clients connect to."""
    doors = {"first": lab.address(lab.pgpools[0]), "second": lab.address(lab.pgpools[-1]), "vip": lab.vip}
    return doors[request.param]


@pytest.fixture(scope="module")
def objects(lab):
    """A table, a sequence and functions that write, made on the primary and there on every standby."""
    primary = next(name for name in lab.databases if not lab.in_recovery(name))
    for statement in (
        "DROP SCHEMA IF EXISTS routing CASCADE",
        "CREATE SCHEMA routing",
        "CREATE TABLE routing.notes (id serial PRIMARY KEY, said text)",
        "INSERT INTO routing.notes (said) VALUES ('first')",
        "CREATE SEQUENCE routing.numbers",
        "CREATE FUNCTION routing.note(text) RETURNS int LANGUAGE sql"
        " AS 'INSERT INTO routing.notes (said) VALUES ($1) RETURNING id'",
        "GRANT USAGE ON SCHEMA routing TO PUBLIC",
        "GRANT ALL ON ALL TABLES IN SCHEMA routing TO PUBLIC",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA routing TO PUBLIC",
    ):
        lab.sql(primary, statement, database="appdb")
    yield primary
    primary = next(name for name in lab.databases if not lab.in_recovery(name))
    lab.sql(primary, "DROP SCHEMA routing CASCADE", database="appdb")


class Session:
    """One client's session. Each statement is followed by the question which server it went to."""

    def __init__(self, lab, address):
        self.lab, self.connection = lab, lab.connect(address)
        self.hosts = {lab.address(name): name for name in lab.databases}

    def ask(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def server(self, statement=WHO):
        return self.hosts[self.ask(statement)[0][0]]

    def close(self):
        self.connection.close()


@contextlib.contextmanager
def session(lab, address):
    opened = Session(lab, address)
    try:
        yield opened
    finally:
        opened.close()


def servers(lab, address, sessions=SESSIONS):
    """How many of so many sessions SELECT from which server."""
    counts = dict.fromkeys(lab.databases, 0)
    for _ in range(sessions):
        with session(lab, address) as client:
            counts[client.server()] += 1
    return counts


def bound(share, sessions=SESSIONS):
    """The least and the most that a server with this share of so many sessions gets."""
    middle, width = sessions * share, SIGMAS * math.sqrt(sessions * share * (1 - share))
    return middle - width, middle + width


def is_share(count, share, sessions=SESSIONS):
    least, most = bound(share, sessions)
    return least <= count <= most


def on_standby(lab, address, standby):
    """A session whose SELECTs go to the standby: the one in which a wrong route shows."""
    for _ in range(SESSIONS):
        opened = Session(lab, address)
        if opened.server() == standby:
            return opened
        opened.close()
    raise AssertionError(f"{SESSIONS} sessions through {address}, and none reads from {standby}")


def select_counts(lab, proxy):
    """What SHOW POOL_NODES of one pgpool has counted, by host."""
    connection = lab.connect(lab.address(proxy))
    with connection.cursor() as cursor:
        cursor.execute("SHOW POOL_NODES")
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    connection.close()
    hosts = {lab.address(name): name for name in lab.databases}
    return {hosts[row["hostname"]]: int(row["select_cnt"]) for row in rows}


# ---- Shares ----------------------------------------------------------------------------------------------------------


def test_selects_are_shared_equally(lab, cluster, door):
    counts = servers(lab, door)
    assert sum(counts.values()) == SESSIONS
    for name in lab.databases:
        assert is_share(counts[name], 1 / len(lab.databases)), counts


def test_pgpool_counts_what_the_servers_say(lab, cluster):
    for proxy in lab.pgpools:
        before = select_counts(lab, proxy)
        seen = servers(lab, lab.address(proxy), 40)
        after = select_counts(lab, proxy)
        assert {name: after[name] - before[name] for name in seen} == seen


@contextlib.contextmanager
def weights(lab, **given):
    """Deploy with other weights, as a user does it; put them back afterwards."""
    path = lab.folder / "inventory.json"
    before = path.read_text(encoding="utf-8")
    inventory = json.loads(before)
    for name, weight in given.items():
        inventory["_meta"]["hostvars"][name.replace("_", "-")]["pgops_backend_weight"] = weight
    try:
        path.write_text(json.dumps(inventory), encoding="utf-8")
        yield lab.playbook("deploy_cluster.yml", "--tags", "always,pgpool", "--limit", "all")
    finally:
        path.write_text(before, encoding="utf-8")
        lab.playbook("deploy_cluster.yml")


def test_a_weight_is_a_share_and_0_is_none(lab, cluster):
    started = {proxy: parent(lab, proxy) for proxy in lab.pgpools}
    keep = {cluster.primary.replace("-", "_"): 1, cluster.standby.replace("-", "_"): 3}
    with weights(lab, **keep):
        for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
            eventually(lambda a=address: is_share(servers(lab, a)[cluster.standby], 0.75), timeout=60)
            counts = servers(lab, address)
            assert is_share(counts[cluster.standby], 0.75) and is_share(counts[cluster.primary], 0.25), counts
    with weights(lab, **dict(keep, **{cluster.standby.replace("-", "_"): 0})):
        for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
            eventually(lambda a=address: servers(lab, a, 20)[cluster.standby] == 0, timeout=60)
            assert servers(lab, address)[cluster.standby] == 0
    assert {proxy: parent(lab, proxy) for proxy in lab.pgpools} == started, "a weight takes a reload, no restart"


def parent(lab, proxy):
    return lab.run(proxy, "systemctl show --value --property=MainPID pgpool2").strip()
