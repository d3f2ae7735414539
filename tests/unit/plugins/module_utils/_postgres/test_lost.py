# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import lost

from tests.unit.rejoin_cases import SEGMENT, FakeRunner, work

LINES = """\
rmgr: Heap        len (rec/tot):     54/  7334, tx:        737, lsn: 0/03000148, prev 0/03000110, desc: INSERT off 2 flags 0x00, blkref #0: rel 1663/5/16384 blk 0 FPW
rmgr: Btree       len (rec/tot):     53/   133, tx:        737, lsn: 0/03001E00, prev 0/03000148, desc: INSERT_LEAF off 1, blkref #0: rel 1663/5/16390 blk 1 FPW
rmgr: Heap        len (rec/tot):     71/    71, tx:        737, lsn: 0/03001E88, prev 0/03001E00, desc: HOT_UPDATE off 2 xmax 737 flags 0x60 ; new off 3 xmax 0, blkref #0: rel 1663/5/16384 blk 0
rmgr: Heap        len (rec/tot):     65/   173, tx:        737, lsn: 0/03001ED0, prev 0/03001E88, desc: UPDATE+INIT off 1 xmax 737 flags 0x00 ; new off 1 xmax 0, blkref #0: rel 1663/5/16400 blk 1, blkref #1: rel 1663/5/16400 blk 0
rmgr: Heap        len (rec/tot):     54/    54, tx:        737, lsn: 0/03001F80, prev 0/03001ED0, desc: DELETE off 3 flags 0x00 KEYS_UPDATED , blkref #0: rel 1663/5/16400 blk 1
rmgr: Transaction len (rec/tot):     34/    34, tx:        737, lsn: 0/03001FB8, prev 0/03001F80, desc: COMMIT 2026-01-02 03:04:05.678901 UTC
rmgr: Heap2       len (rec/tot):     59/    59, tx:          0, lsn: 0/03002000, prev 0/03001FB8, desc: PRUNE latestRemovedXid 737 nredirected 0 ndead 1, blkref #0: rel 1663/5/16384 blk 0
rmgr: Heap2       len (rec/tot):   3100/  3100, tx:        738, lsn: 0/03002040, prev 0/03002000, desc: MULTI_INSERT+INIT 61 tuples flags 0x02, blkref #0: rel 16385/5/16401 blk 0
rmgr: Heap        len (rec/tot):    203/   203, tx:        738, lsn: 0/03002C60, prev 0/03002040, desc: INSERT off 5 flags 0x00, blkref #0: rel 1663/5/1259 blk 0
rmgr: Heap2       len (rec/tot):     64/  8256, tx:          0, lsn: 0/03002D30, prev 0/03002C60, desc: VISIBLE cutoff xid 700 flags 0x01, blkref #0: rel 1663/5/16384 fork vm blk 0 FPW, blkref #1: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):    101/   101, tx:        738, lsn: 0/03004D70, prev 0/03002D30, desc: COMMIT 2026-01-02 03:04:06.000001 UTC; inval msgs: catcache 50
rmgr: Transaction len (rec/tot):     34/    34, tx:        739, lsn: 0/03004DD8, prev 0/03004D70, desc: ABORT 2026-01-02 03:04:07.000001 UTC
"""  # noqa: E501


def counted(text=LINES):
    count = lost.Count()
    for line in text.splitlines():
        count.line(line)
    return count.result(complete=True)


def test_commits_and_when():
    report = counted()
    assert report["commits"] == 2
    assert report["first_commit"] == "2026-01-02 03:04:05.678901 UTC"
    assert report["last_commit"] == "2026-01-02 03:04:06.000001 UTC"


def test_tables_with_what_was_done_to_them():
    deeds = {row["filenode"]: (row["inserts"], row["updates"], row["deletes"]) for row in counted()["tables"]}
    assert deeds == {16384: (1, 1, 0), 16400: (0, 1, 1), 16401: (1, 0, 0)}
    assert counted()["tables"][-1]["tablespace_oid"] == 16385
    assert counted()["system_changes"] == 1, "a table was created; maintenance is no change"


def test_only_the_busiest_are_listed():
    line = "rmgr: Heap len: 1, desc: INSERT off 2, blkref #0: rel 1663/5/{} blk 0"
    text = "\n".join(line.format(20000 + number) for number in range(60) for again in range(number + 1))
    report = counted(text)
    assert len(report["tables"]) == lost.MOST
    assert report["tables"][0]["inserts"] == 60
    assert report["tables_not_listed"] == 10


class Dump(FakeRunner):
    """pg_waldump, whose lines are taken as they come."""

    def __init__(self, rc=1):
        super().__init__()
        self.rc = rc

    def run(self, argv, *, watch=None, **options):
        for line in LINES.splitlines():
            watch.line(line)
        return super().run(argv, **options)._replace(rc=self.rc)


@pytest.fixture
def node(tmp_path, monkeypatch):
    def made(runner):
        job = work(tmp_path, runner)
        (tmp_path / "main" / "pg_wal").mkdir()
        (tmp_path / "main" / "pg_wal" / "000000010000000000000003").write_text("")
        monkeypatch.setattr(os, "access", lambda *_a: True)
        return job

    return made


def test_the_wal_past_the_fork_is_read_to_its_end_and_not_further(node):
    runner = Dump()
    report = lost.read(node(runner), [(1, 3 * SEGMENT + 0x1000, None)], SEGMENT)
    assert (report["commits"], report["complete"]) == (2, True)
    words = runner.calls[0]
    assert words[words.index("-s") + 1] == "0/3001000"
    assert words[words.index("-e") + 1] == "0/4000000"


def test_what_takes_too_long_is_told_as_incomplete(node):
    assert lost.read(node(Dump(rc=None)), [(1, 3 * SEGMENT, None)], SEGMENT)["complete"] is False


def test_without_the_tool_there_is_no_report(tmp_path):
    assert lost.read(work(tmp_path), [(1, 0, None)], SEGMENT) is None


class Conn:
    def __init__(self, dbname):
        self.dbname = dbname

    def query(self, sql, args=(), *, timeout=None):
        if "pg_database" in sql:
            return [{"oid": 5, "name": "appdb"}]
        return [{"name": {16384: "orders", 16400: "public.items"}.get(args[1])}]


def test_tables_get_their_names_where_the_standby_knows_them(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def session(_layout, dbname="postgres"):
        yield Conn(dbname)

    monkeypatch.setattr(lost.connect, "connect_local", session)
    named = lost.name_tables(work(tmp_path), counted())
    assert {row["filenode"]: (row["database"], row["name"]) for row in named["tables"]} == {
        16384: ("appdb", "orders"),
        16400: ("appdb", "public.items"),
        16401: ("appdb", None),
    }


def test_names_are_a_courtesy(tmp_path, monkeypatch):
    def session(_layout, dbname="postgres"):
        raise Unreachable("ask", server="db1", seen="refused", next_step="wait")

    monkeypatch.setattr(lost.connect, "connect_local", session)
    assert lost.name_tables(work(tmp_path), counted())["tables"][0]["name"] is None
