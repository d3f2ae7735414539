# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What the old node wrote that the primary does not have: how many commits, when, and into which tables.

Read from its own WAL past the fork by pg_waldump, before anything is overwritten. Tables are numbers in the WAL; their
names are asked for when the node is a standby again.
"""

from __future__ import annotations

import contextlib
import os
import re

from .._errors import PgopsError
from .._ports import Watch
from . import connect, wal_tail

LIMIT = 60.0
MOST = 50  # tables that are listed
FIRST_OF_USERS = 16384  # below are the system's own tables
_RECORD = re.compile(r"^rmgr: (\w+) .*? desc: (\w+)(.*)$")
_RELATION = re.compile(r"rel (\d+)/(\d+)/(\d+) blk")
_MOMENT = re.compile(r"^\s*(?:\d+:\s*)?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [^\s;]+)")
# pg_waldump's words, the longest beginning first
_DEEDS = (("HOT_UPDATE", "updates"), ("UPDATE", "updates"), ("INSERT", "inserts"), ("MULTI_INSERT", "inserts"),
          ("DELETE", "deletes"), ("TRUNCATE", "truncates"))  # fmt: skip


class Count(Watch):
    """Counts records as pg_waldump prints them; takes no more memory than the tables need."""

    def __init__(self):
        self.commits, self.first, self.last, self.tables, self.system = 0, None, None, {}, 0

    def line(self, text):
        """Take one line of pg_waldump's output."""
        found = _RECORD.match(text)
        if not found:
            return
        manager, word, rest = found.groups()
        if manager == "Transaction" and word.startswith("COMMIT"):
            self._commit(rest)
        elif manager in ("Heap", "Heap2"):
            self._change(word, rest)

    def tick(self, _pid):
        """Nothing happens by time alone."""

    def _commit(self, rest):
        self.commits += 1
        moment = _MOMENT.match(rest)
        if moment:
            self.first = self.first or moment.group(1)
            self.last = moment.group(1)

    def _change(self, word, rest):
        deed = next((deed for name, deed in _DEEDS if word.startswith(name)), None)
        relation = _RELATION.search(rest)
        if deed is None or relation is None:
            return
        key = tuple(int(number) for number in relation.groups())
        if key[2] < FIRST_OF_USERS:
            self.system += 1
            return
        table = self.tables.setdefault(key, {"inserts": 0, "updates": 0, "deletes": 0, "truncates": 0})
        table[deed] += 1

    def result(self, complete):
        """Return the report; the busiest tables first."""
        rows = [
            {
                "tablespace_oid": key[0],
                "database_oid": key[1],
                "filenode": key[2],
                "database": None,
                "name": None,
                **table,
            }
            for key, table in self.tables.items()
        ]
        rows.sort(key=lambda row: (-row["inserts"] - row["updates"] - row["deletes"], row["filenode"]))
        return {
            "commits": self.commits,
            "first_commit": self.first,
            "last_commit": self.last,
            "tables": rows[:MOST],
            "tables_not_listed": max(0, len(rows) - MOST),
            "system_changes": self.system,
            "complete": complete,
        }


def read(work, spans, segment_size):
    """Return the report over ``spans`` of the old node's WAL (see observe.spans), None without pg_waldump."""
    tool = work.layout.tool("pg_waldump")
    if not os.access(tool, os.X_OK):
        return None
    count, complete = Count(), True
    for span in wal_tail.bounded(work.layout, spans, segment_size):
        argv = wal_tail.command(work.layout, span, segment_size)
        answer = work.runner.run(argv, user=work.user, timeout=LIMIT, watch=count)
        complete = complete and answer.rc is not None
    return count.result(complete)


def name_tables(work, report):
    """Put names to the tables, as far as the standby that the node is now knows them."""
    wanted = {}
    for row in report["tables"]:
        wanted.setdefault(row["database_oid"], []).append(row)
    with contextlib.suppress(PgopsError):
        with connect.connect_local(work.layout) as conn:
            names = {row["oid"]: row["name"] for row in connect.query(conn, _DATABASES)}
        for oid, rows in wanted.items():
            _name_in(work, names.get(oid), rows)
    return report


_DATABASES = "SELECT oid::bigint AS oid, datname::text AS name FROM pg_database WHERE datallowconn"


def _name_in(work, database, rows):
    if database is None:
        return
    with contextlib.suppress(PgopsError), connect.connect_local(work.layout, dbname=database) as conn:
        for row in rows:
            row["database"] = database
            found = connect.query_one(
                conn,
                "SELECT pg_filenode_relation(%s, %s)::regclass::text AS name",
                (row["tablespace_oid"], row["filenode"]),
            )
            row["name"] = found["name"]


__all__ = ("Count", "name_tables", "read")
