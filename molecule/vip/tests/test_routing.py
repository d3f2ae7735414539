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


@pytest.fixture(params=[pytest.param(one, marks=pytest.mark.matrix) for one in ("first", "second")] + ["vip"])
def door(lab, request):
    """An address that clients connect to."""
    doors = {"first": lab.address(lab.pgpools[0]), "second": lab.address(lab.pgpools[-1]), "vip": lab.vip}
    return doors[request.param]


def primary_of(lab):
    (primary,) = [name for name in lab.databases if not lab.in_recovery(name)]
    return primary


@pytest.fixture(scope="module")
def objects(lab):
    """A table, a sequence and functions that write, made on the primary and there on every standby."""
    primary = primary_of(lab)
    for statement in (
        "DROP SCHEMA IF EXISTS routing CASCADE",
        "CREATE SCHEMA routing",
        "CREATE TABLE routing.notes (id serial PRIMARY KEY, said text)",
        "INSERT INTO routing.notes (said) VALUES ('first')",
        "CREATE TABLE routing.leftovers AS SELECT generate_series(1, 100) AS id",
        "CREATE SEQUENCE routing.numbers",
        "CREATE FUNCTION routing.note(text) RETURNS int LANGUAGE sql"
        " AS 'INSERT INTO routing.notes (said) VALUES ($1) RETURNING id'",
        "GRANT ALL ON SCHEMA routing TO PUBLIC",
        "GRANT ALL ON ALL TABLES IN SCHEMA routing TO PUBLIC",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA routing TO PUBLIC",
    ):
        lab.sql(primary, statement, database="appdb")
    yield primary
    primary = primary_of(lab)
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
    for _turn in range(sessions):
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
    for _turn in range(SESSIONS):
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


@pytest.mark.matrix
def test_pgpool_counts_what_the_servers_say(lab, cluster):
    for proxy in lab.pgpools:
        before = select_counts(lab, proxy)
        seen = servers(lab, lab.address(proxy), 40)
        after = select_counts(lab, proxy)
        for name, count in seen.items():  # others may ask, too
            assert after[name] - before[name] >= count, (before, seen, after)


@contextlib.contextmanager
def weights(lab, given):
    """Deploy with other weights, as a user does it; put them back afterwards."""
    path = lab.folder / "inventory.json"
    before = path.read_text(encoding="utf-8")
    inventory = json.loads(before)
    for name, weight in given.items():
        inventory["_meta"]["hostvars"][name]["pgops_backend_weight"] = weight
    try:
        path.write_text(json.dumps(inventory), encoding="utf-8")
        lab.playbook("deploy_cluster.yml")
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        lab.playbook("deploy_cluster.yml")


@pytest.mark.matrix
@pytest.mark.parametrize(("weight", "share"), [(3, 0.75), (0, 0)])
def test_a_weight_is_a_share_and_0_is_none(lab, cluster, weight, share):
    started = {proxy: parent(lab, proxy) for proxy in lab.pgpools}
    with weights(lab, {cluster.primary: 1, cluster.standby: weight}):
        for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
            # A reload is taken up by one process after the other.
            eventually(lambda a=address: is_share(servers(lab, a)[cluster.standby], share), timeout=60)
            counts = servers(lab, address)
            assert is_share(counts[cluster.standby], share), counts
    assert {proxy: parent(lab, proxy) for proxy in lab.pgpools} == started, "a weight takes a reload, no restart"


def parent(lab, proxy):
    return lab.run(proxy, "systemctl show --value --property=MainPID pgpool2").strip()


# ---- What must reach the primary -------------------------------------------------------------------------------------

WRITES = {
    "insert": f"INSERT INTO routing.notes (said) VALUES ('x') RETURNING {WHO[7:]}",
    "update": f"UPDATE routing.notes SET said = 'y' WHERE id = 1 RETURNING {WHO[7:]}",
    "delete": f"DELETE FROM routing.leftovers WHERE id = (SELECT min(id) FROM routing.leftovers) RETURNING {WHO[7:]}",
    "select for update": f"SELECT {WHO[7:]} FROM routing.notes WHERE id = 1 FOR UPDATE",
    "select for share": f"SELECT {WHO[7:]} FROM routing.notes WHERE id = 1 FOR SHARE",
    "a CTE that writes": "WITH new AS (INSERT INTO routing.notes (said) VALUES ('z') RETURNING id) "
    f"SELECT {WHO[7:]} FROM new",
    "nextval": f"SELECT {WHO[7:]}, nextval('routing.numbers')",
    "setval": f"SELECT {WHO[7:]}, setval('routing.numbers', 7)",
    "nextval with its schema": f"SELECT {WHO[7:]}, pg_catalog.nextval('routing.numbers')",
    "NEXTVAL in capitals": f"SELECT {WHO[7:]}, NEXTVAL('routing.numbers')",
    "nextval in a subquery": f"SELECT {WHO[7:]} FROM (SELECT nextval('routing.numbers')) AS one",
    "nextval in a condition": f"SELECT {WHO[7:]} WHERE nextval('routing.numbers') > 0",
}


@pytest.mark.parametrize("kind", WRITES)
def test_what_writes_reaches_the_primary(lab, cluster, objects, door, kind):
    with contextlib.closing(on_standby(lab, door, cluster.standby)) as client:
        assert client.server(WRITES[kind]) == cluster.primary
        assert client.server() == cluster.standby, "one such statement does not change where the session reads"


DDL = {  # and what the primary then says to COLUMNS
    "DROP TABLE IF EXISTS routing.made": "",
    "CREATE TABLE routing.made (id int)": "id",
    "ALTER TABLE routing.made ADD said text": "id,said",
    "CREATE INDEX ON routing.made (said)": "id,said",
    "TRUNCATE routing.made": "id,said",
    "DROP TABLE routing.made": "",
}
COLUMNS = """SELECT coalesce(string_agg(attname, ',' ORDER BY attnum), '') FROM pg_attribute
             WHERE attrelid = to_regclass('routing.made') AND attnum > 0"""


@pytest.mark.matrix
def test_ddl_reaches_the_primary(lab, cluster, objects, door):
    """No row says where it went, but a standby refuses it, and the primary has it at once."""
    with contextlib.closing(on_standby(lab, door, cluster.standby)) as client:
        for statement, columns in DDL.items():
            client.ask(statement)
            assert lab.sql(cluster.primary, COLUMNS, database="appdb") == [(columns,)], statement
            assert client.server() == cluster.standby, "it does not change where the session reads"


@pytest.mark.matrix
def test_currval_and_lastval_are_those_of_the_session(lab, cluster, objects, door):
    with contextlib.closing(on_standby(lab, door, cluster.standby)) as client:
        (number,) = client.ask("SELECT nextval('routing.numbers')")[0]
        assert client.ask("SELECT currval('routing.numbers'), lastval()") == [(number, number)]
        assert client.server(f"SELECT {WHO[7:]}, lastval()") == cluster.primary


def test_a_select_after_a_write_in_a_transaction_sees_it(lab, cluster, objects, door):
    with contextlib.closing(on_standby(lab, door, cluster.standby)) as client:
        client.ask("BEGIN")
        assert client.server() == cluster.standby, "until it writes, a transaction reads where its session does"
        (number,) = client.ask("INSERT INTO routing.notes (said) VALUES ('mine') RETURNING id")[0]
        seen = client.ask(f"SELECT {WHO[7:]}, count(*) FROM routing.notes WHERE id = {number}")
        assert seen == [(lab.address(cluster.primary), 1)]
        client.ask("COMMIT")
        assert client.server() == cluster.standby


@contextlib.contextmanager
def write_functions(lab, *names):
    """More of them behind those that the role wrote, each as it wrote its last one, without a deployment."""
    path = "/etc/pgpool2/pgpool.conf"
    more = "".join(rf",\2{name}" for name in names)
    change = rf"s/^([a-z]+_function_list = '.*,([^,]*)setval)'$/\1{more}'/"
    for proxy in lab.pgpools:
        lab.run(proxy, f"sed -E -i.routing {json.dumps(change)} {path} && systemctl reload pgpool2")
    try:
        yield
    finally:
        for proxy in lab.pgpools:
            lab.run(proxy, f"mv {path}.routing {path} && systemctl reload pgpool2")


@pytest.mark.matrix
def test_a_function_that_writes_needs_to_be_named(lab, cluster, objects):
    """Without its name in the list it fails on a standby; with it, it reaches the primary from every session."""
    client = on_standby(lab, lab.vip, cluster.standby)
    with contextlib.closing(client), pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        client.ask("SELECT routing.note('lost')")
    with write_functions(lab, "note"):
        for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
            eventually(lambda a=address: noted(lab, a, cluster), timeout=30)
            for call in ("routing.note('one')", "routing.NOTE('two')"):
                assert noted(lab, address, cluster, call)


def noted(lab, address, cluster, call="routing.note('tried')"):
    with contextlib.closing(on_standby(lab, address, cluster.standby)) as client:
        try:
            return client.server(f"SELECT {WHO[7:]}, {call}") == cluster.primary
        except psycopg2.errors.ReadOnlySqlTransaction:
            return False


# ---- Who must get nothing --------------------------------------------------------------------------------------------


def pcp(lab, proxy, verb, node):
    lab.run(proxy, f"timeout 20 runuser -u postgres -- {verb} -h localhost -U pgpoolad -w -n {node}")


def test_a_detached_standby_gets_nothing(lab, cluster):
    """Only standbys are detached: without its primary a pgpool fails over."""
    node = cluster.id(cluster.standby)
    pcp(lab, lab.pgpools[0], "pcp_detach_node", node)
    try:
        eventually(lambda: not any(state != "down" for state, _role in cluster.statuses(cluster.standby)))
        for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
            assert servers(lab, address)[cluster.standby] == 0
    finally:
        pcp(lab, lab.pgpools[0], "pcp_attach_node", node)
    eventually(cluster.healthy, timeout=60)
    for address in (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip):
        eventually(lambda a=address: servers(lab, a, 20)[cluster.standby] > 0)


def test_a_lagging_standby_is_passed_over_until_it_has_caught_up(lab, cluster, objects):
    """It is still attached, and a session that read from it reads from the primary from then on."""
    addresses = (*(lab.address(proxy) for proxy in lab.pgpools), lab.vip)
    reader = on_standby(lab, lab.vip, cluster.standby)
    lab.sql(cluster.standby, "SELECT pg_wal_replay_pause()")
    try:
        filler = "pg_logical_emit_message(false, 'routing', repeat('x', 1048576))"
        lab.sql(cluster.primary, f"SELECT count({filler}) FROM generate_series(1, {LAG})")
        assert cluster.lag() > 10_000_000
        for address in addresses:
            eventually(lambda a=address: servers(lab, a, 10)[cluster.standby] == 0, timeout=NOTICE)
            assert servers(lab, address)[cluster.standby] == 0
        assert reader.server() == cluster.primary
        assert cluster.up(cluster.standby), "it is passed over, not taken out"
    finally:
        reader.close()
        lab.sql(cluster.standby, "SELECT pg_wal_replay_resume()")
    eventually(lambda: cluster.lag() == 0, timeout=60)
    for address in addresses:
        eventually(lambda a=address: servers(lab, a, 20)[cluster.standby] > 0, timeout=NOTICE)
