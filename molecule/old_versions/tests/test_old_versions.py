# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rung on PostgreSQL 10 and 11. Each test leaves what the next one needs."""

from __future__ import annotations

import pytest
from binaries import VERSIONS
from proof import CHECKOUT, eventually
from servers import DB1, DB2, Hosts, Server


class Pair:
    """The servers of one version; who is primary changes."""

    def __init__(self, hosts, major):
        self.major = major
        self.one, self.two = Server(hosts, major, DB1), Server(hosts, major, DB2)


@pytest.fixture(scope="session")
def hosts(lab):
    hosts = Hosts(lab)
    hosts.trust()
    return hosts


@pytest.fixture(scope="module", params=sorted(VERSIONS))
def pair(hosts, request):
    pair = Pair(hosts, request.param)
    for server in (pair.one, pair.two):
        server.install(CHECKOUT / ".cache" / "old-postgres")
    pair.one.initdb()
    pair.one.sql("CREATE TABLE t AS SELECT generate_series(1, 100000) n")
    return pair


def taken(result):
    """The rung that really ran; each one before it has a reason."""
    assert [reason["method"] for reason in result["reasons"] if reason["taken"]] == [result["method"]]
    return result["method"], {reason["method"]: reason["reason"] for reason in result["reasons"]}


def recovery_conf(server):
    """recovery.conf as it lies there: name to value."""
    assert server.run(f"stat -c '%U %a' {server.data}/recovery.conf").strip() == "postgres 600"
    lines = server.run(f"cat {server.data}/recovery.conf").splitlines()
    return dict(line.replace("''", '"').split(" = ", 1) for line in lines)


def test_the_programs_are_those_of_the_version_and_nothing_else(pair):
    assert pair.one.sql("SHOW server_version").startswith(f"{pair.major}.")
    assert pair.one.run(f"ls {pair.one.home}/bin").split() == ["initdb", "pg_ctl", "postgres"]


def test_the_first_copy_is_made_by_a_newer_pg_basebackup(pair):
    planned = pair.two.rejoin(pair.one, check_mode=True)
    assert taken(planned)[0] == "basebackup"
    assert pair.two.run(f"ls {pair.two.folder}") == ""
    made = pair.two.rejoin(pair.one)
    assert taken(made)[0] == "basebackup"
    pair.two.caught_up_with(pair.one)
    found = recovery_conf(pair.two)
    assert list(found) == ["standby_mode", "primary_conninfo", "primary_slot_name", "recovery_target_timeline"]
    assert (found["standby_mode"], found["recovery_target_timeline"]) == ("'on'", "'latest'")
    assert found["primary_slot_name"] == f"'{pair.two.slot}'"
    words = dict(word.split("=", 1) for word in found["primary_conninfo"].strip("'").split())
    assert sorted(words) == ["application_name", "host", "passfile", "port", "sslmode", "user"]
    pair.two.mark()
    pair.two.pg("pg_ctl", f"-D {pair.two.data} reload")


def test_a_second_run_changes_nothing(pair):
    assert (pair.two.rejoin(pair.one)["changed"], pair.two.rejoin(pair.one)["method"]) == (False, "none")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stopped_standby_is_started(pair, mode):
    pair.two.stop(mode)
    pair.one.sql("INSERT INTO t SELECT generate_series(1, 5000)")
    result = pair.two.rejoin(pair.one)
    assert taken(result)[0] == "start"
    assert result["salvage"] is None
    pair.two.caught_up_with(pair.one)


def test_the_live_primary_is_refused(pair):
    before = pair.one.rows()
    refused = pair.one.rejoin(pair.two, fails=True)
    assert refused["error"]["code"] == "refused"
    assert "is in recovery" in refused["error"]["seen"]
    assert pair.one.rows() == before


def diverge(old, new):
    """The primary writes two commits that its standby never gets, and dies; the standby takes over and writes."""
    new.stop()
    old.sql("INSERT INTO t VALUES (-1)")
    old.sql("INSERT INTO t VALUES (-2)")
    old.stop("immediate")
    new.start()
    new.promote()
    new.sql("INSERT INTO t SELECT generate_series(1, 3000)")


def kept_rows(server, place):
    """What a full salvage has, when it is started by itself."""
    words = f"-D {place}/data -w -t 30 -l /tmp/kept.log"
    server.pg("pg_ctl", f"{words} -o '-c port=5499 -c listen_addresses=' start")
    try:
        psql = "runuser -u postgres -- psql -XAtq -h /srv/old -p 5499 postgres"
        return server.run(f'cd / && {psql} -c "SELECT pg_is_in_recovery(), min(n) FROM t"').strip()
    finally:
        server.pg("pg_ctl", f"-D {place}/data -w -m fast stop")


def test_an_old_primary_comes_back_by_delta(pair):
    old, new = pair.one, pair.two
    if pair.major == 10:
        old.sql("ALTER ROLE replication SUPERUSER")  # before 11 only a superuser reads files by SQL
        eventually(lambda: new.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'replication'") == "t")
    diverge(old, new)
    method, reasons = taken(result := old.rejoin(new))
    assert method == "delta"
    assert reasons["rewind"] == "pg_rewind is not installed with this PostgreSQL"
    assert result["diverged"]["relation"] == "diverged"
    assert (result["salvage"]["kind"], result["salvage"]["commits_past_fork"]) == ("full", 2)
    old.caught_up_with(new)
    old.owns_its_files()
    new.owns_its_files()
    assert recovery_conf(old)["standby_mode"] == "'on'"
    assert kept_rows(old, result["salvage"]["path"]) == "f|-2"
    assert old.rejoin(new)["changed"] is False


def test_where_delta_cannot_be_used_everything_is_copied(pair):
    old, new = pair.two, pair.one
    diverge(old, new)
    new.run("mv ~postgres/.ssh/authorized_keys ~postgres/.ssh/away")
    try:
        method, reasons = taken(result := old.rejoin(new))
    finally:
        new.run("mv ~postgres/.ssh/away ~postgres/.ssh/authorized_keys")
    assert method == "basebackup"
    assert "can't log in" in reasons["delta"]
    assert result["salvage"]["commits_past_fork"] == 2
    old.caught_up_with(new)
    old.owns_its_files()
    assert kept_rows(old, result["salvage"]["path"]) == "f|-2"


def test_a_standby_of_a_dead_primary_is_repointed_not_copied(pair, hosts):
    dead, standby = pair.one, pair.two
    heir = Server(hosts, pair.major, DB1, name="heir", port=dead.port + 20)
    heir.etc = f"{heir.folder}/etc"
    heir.run(f"install -d -o postgres -g postgres {heir.folder} {heir.etc}")
    heir.run(f"cp -a {dead.data}/*.conf {dead.data}/conf.d {heir.etc}/")
    more = f"port = {heir.port}\ndata_directory = '{heir.data}'\n"
    hosts.pipe(DB1, f"cat >> {heir.etc}/postgresql.conf", more.encode())
    assert taken(heir.rejoin(dead, config_directory=heir.etc))[0] == "basebackup"
    heir.caught_up_with(dead)
    end = dead.sql("SELECT pg_current_wal_flush_lsn()")
    for each in (heir, standby):
        eventually(lambda each=each: each.sql(f"SELECT pg_last_wal_receive_lsn() >= '{end}'") == "t")
    dead.stop("immediate")
    heir.promote()
    heir.sql("INSERT INTO t SELECT generate_series(1, 100)")
    result = standby.rejoin(heir)
    assert taken(result)[0] == "start"
    assert any(" stop " in command for command in result["executed_commands"]), "a reload does it from 13 on only"
    standby.caught_up_with(heir)
    assert f"port={heir.port}" in recovery_conf(standby)["primary_conninfo"]


def test_nothing_of_ours_is_left_behind(pair):
    found = pair.two.run("find /srv/old /var/lib/pgops -name '*pgops-new*' -o -name '*pgops-old*' -o -name 'files-*'")
    assert found == ""
