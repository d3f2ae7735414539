# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration inside the data directory, as RPMs have it, with pg_rewind at hand: it stays the node's own."""

from __future__ import annotations

import pytest
from servers import DB1, DB2, Hosts, Server

FILES = "pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text)"
FILES += ", pg_read_binary_file(text, bigint, bigint, boolean)"
KILLS = """#!/bin/sh
# pg_rewind, and then its caller dies: rehearsals go through
"$0.real" "$@" || exit 1
case "$*" in *--dry-run*) exit 0;; esac
kill -KILL $PPID
"""


class Pair:
    """Two servers of the version that Debian has here, run by nobody's unit."""

    def __init__(self, lab):
        hosts = Hosts(lab)
        hosts.trust()
        version = lab.run(DB2, "ls /usr/lib/postgresql | sort -n | tail -n1").strip()
        self.home = f"/usr/lib/postgresql/{version}"
        self.one, self.two = (Server(hosts, int(version), host, home=self.home) for host in (DB1, DB2))

    def diverge(self, row):
        """The standby is promoted by hand and writes a row that the primary will never have; then it stops."""
        self.two.promote()
        self.two.sql(f"INSERT INTO t VALUES ({row})")
        self.two.sql("CHECKPOINT")
        self.two.stop()
        self.one.sql("INSERT INTO t SELECT generate_series(1, 1000)")

    def rejoin(self, **options):
        return self.two.rejoin(self.one, config_directory=self.two.data, allow_older_primary=True, **options)


@pytest.fixture(scope="module")
def pair(lab):
    pair = Pair(lab)
    for server in (pair.one, pair.two):
        server.make_folder()
    pair.one.initdb()
    pair.one.sql("CREATE TABLE t AS SELECT generate_series(1, 100000) n")
    pair.one.sql(f"GRANT EXECUTE ON FUNCTION {FILES} TO replication")
    assert pair.rejoin()["method"] == "basebackup"
    pair.two.mark()
    pair.two.pg("pg_ctl", f"-D {pair.two.data} -m fast stop")
    assert pair.rejoin()["method"] == "start"
    return pair


def test_a_rewound_node_keeps_its_own_configuration(pair):
    pair.diverge(-1)
    assert pair.rejoin(method="rewind")["method"] == "rewind"
    pair.two.caught_up_with(pair.one)
    pair.two.owns_its_files()


def test_also_when_the_run_is_killed_behind_pg_rewind(pair):
    pair.diverge(-2)
    tool = f"{pair.home}/bin/pg_rewind"
    pair.two.run(f"mv {tool} {tool}.real")
    pair.two.hosts.pipe(DB2, f"cat > {tool}; chmod 755 {tool}", KILLS.encode())
    try:
        pair.rejoin(method="rewind", fails=True)
    finally:
        pair.two.run(f"mv {tool}.real {tool}")
    left = pair.two.run(f"tail -n1 {pair.two.data}/postgresql.conf; ls /var/lib/pgops")
    assert f"# files of {DB1}" in left, "pg_rewind brought the primary's"
    assert "files-" in left
    result = pair.rejoin()
    assert result["method"] == "start"
    pair.two.caught_up_with(pair.one)
    pair.two.owns_its_files()
    assert "files-" not in pair.two.run("ls /var/lib/pgops")


@pytest.mark.parametrize("method", ["delta", "basebackup"])
def test_a_copied_node_keeps_it_too(pair, method):
    if method == "delta":
        backup = "pg_backup_start(text, boolean), pg_backup_stop(boolean)"
        if pair.one.major < 15:
            backup = "pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)"
        pair.one.sql(f"GRANT EXECUTE ON FUNCTION {backup} TO replication")
    assert pair.rejoin(method=method)["method"] == method
    pair.two.caught_up_with(pair.one)
    pair.two.owns_its_files()
