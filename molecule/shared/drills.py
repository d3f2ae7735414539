# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill: a client writes, something breaks, and what the client saw is told when the lab is healed again.

What breaks, what is watched meanwhile and how it is healed is in faults.py (databases) and pair_faults.py (pgpools).
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from proof import CHECKOUT, Lab, eventually
from writer import Writer, missing_rows

LOAD_ROWS = 40  # acknowledged before the fault, and after it before the outage counts as over
SERVICE_LIMIT = float(os.environ.get("DRILL_SECONDS") or 60)
STAYS = 6.0  # seconds for which what came about has to last


class Drill:
    """One fault on one lab. A fault's ``do`` and ``undo`` take the drill; ``primary`` is who was it before."""

    faults: dict
    watches: tuple  # kinds of ``Watched``
    file: str  # in .lab, with all reports of a run of the program
    attempt = 2.0  # seconds after which the client cuts an attempt loose

    def __init__(self, lab, name, say=print, limit=SERVICE_LIMIT):
        self.lab, self.name, self.fault, self.say, self.limit = lab, name, self.faults[name], say, limit
        options = {"host": lab.vip, "dbname": "appdb", "user": "someuser"}
        options["password"] = lab.secrets["pgops_app_password"]
        self.writer = Writer(options, table="drill_rows", interval=0.02, limit=self.attempt)
        self.report = {"schema": 1, "fault": name, "what": self.fault.what}
        self._look()

    @classmethod
    def possible(cls, _lab):
        """The faults that this lab can have."""
        return list(cls.faults)

    def run(self):
        """Break it, see what happens, make the network whole, heal; returns the report."""
        self._prepare()
        # An empty table, whatever an earlier drill left.
        self.lab.sql(self.primary, f"DROP TABLE IF EXISTS {self.writer.table}", database="appdb")
        self.writer.create_table()
        with contextlib.ExitStack() as stack:
            watched = [stack.enter_context(kind(self.lab)) for kind in self.watches]
            self.writer.start()
            eventually(lambda: len(self.writer.acknowledged) > LOAD_ROWS, timeout=self.limit)
            at = time.monotonic()
            self.fault.do(self)
            self.say(f"{self.name}: {self.fault.what} ({self._roles()})")
            try:
                self._wait_for_service(at)
            finally:
                if self.fault.undo is not None:
                    self.fault.undo(self)
            whole = time.time()
            for one in watched:
                one.resume()
            self._watch_on(whole, *watched)
            self.writer.stop()
            gap = self.writer.gap(at)
            self.report["outage_s"] = None if gap is None else round(gap, 2)
            self.report["acknowledged"] = len(self.writer.acknowledged)
            self._tell(whole, *watched)
        self._heal()
        self.report["check_cluster"] = self.lab.playbook("check_cluster.yml", check=False).returncode
        self.report.update(self._count_lost())
        return self.report

    def _look(self):
        """Who is what."""
        self.primary = next(host for host in self.lab.databases if not self.lab.in_recovery(host))

    def _roles(self):
        """The same in words."""
        return f"{self.primary} is the primary"

    def _prepare(self):
        """What the fault needs before anybody writes."""

    def _wait_for_service(self, at):
        """Rows are acknowledged again by what is to take over."""
        raise NotImplementedError

    def _watch_on(self, whole, *watched):
        """The network is whole: until all has settled."""
        raise NotImplementedError

    def _tell(self, whole, *watched):
        """Into the report: ``new_primary``, and what was watched."""
        raise NotImplementedError

    def _serving(self):
        """The database that took the last row: a second primary that nobody reaches is none."""
        last = self.writer.served_by()[-1]
        return next(host for host in self.lab.databases if self.lab.address(host) == last)

    def _heal(self):
        """Whatever the fault left."""
        raise NotImplementedError

    def _count_lost(self):
        """Asked of the primary directly: through Pgpool a SELECT may come from a standby that lags."""
        connection = self.lab.connect(self.lab.address(self.report["new_primary"]))
        with connection.cursor() as cursor:
            lost = missing_rows(cursor, self.writer)
            cursor.execute(f"DROP TABLE {self.writer.table}")
        connection.close()
        return {"lost": len(lost), "lost_rows": lost[:20]}


def command_line(drill, wanted):
    """``list``, ``all`` or names of faults of this kind of drill, one after the other."""
    if not wanted or wanted == ["list"] or not set(wanted) <= {*drill.faults, "all"}:
        for name, fault in drill.faults.items():
            print(f"{name:34} {fault.what}")
        return 0 if wanted == ["list"] else 2
    lab, reports = Lab(), []
    for name in drill.possible(lab) if wanted == ["all"] else wanted:
        reports.append(drill(lab, name).run())
        for key, value in reports[-1].items():
            print(f"  {key:28} {value}", flush=True)
        (CHECKOUT / ".lab" / drill.file).write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")
    return 0
