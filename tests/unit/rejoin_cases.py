# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A healthy pair of servers as pg_basebackup_sync sees it; tests change what their case is about."""

from __future__ import annotations

import os
import pwd

from ansible_collections.pgops.pgpool.plugins.module_utils._ports import Clock, CommandResult, Runner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import forks
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import (
    Desired,
    Disk,
    Observed,
    Primary,
    Tail,
    Target,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import Layout
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.marks import Marks
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import Work

MIB = 1024 * 1024
SEGMENT = 16 * MIB
FORK = 3 * SEGMENT + 0x1000


def switch(timeline, position):
    """One entry of a history: the timeline was left at the position."""
    return {"timeline": timeline, "switch_lsn": f"{position >> 32:X}/{position & 0xFFFFFFFF:X}", "reason": ""}


def desired(**changes):
    options = {
        "primary_host": "10.1.7.107",
        "primary_port": 5432,
        "replication_user": "replication",
        "pass_file": "/var/lib/postgresql/.pgpass",
        "sslmode": "prefer",
        "slot_name": "pgops_0",
        "application_name": "pgops_0",
    }
    return Desired(**dict(options, **changes))


def target(**changes):
    """A standby that streams, on timeline 2."""
    facts = {
        "host": "postgres-db1",
        "data_directory": "/data/main",
        "major": 15,
        "state": "standby",
        "system_identifier": "77",
        "timeline": 2,
        "lsn": FORK + 0x5000,
        "history": (switch(1, FORK),),
        "page_safe": True,
        "clean": True,
        "standby_signal": True,
        "receiver": {"status": "streaming", "timeline": 2},
        "conninfo": {
            "host": "10.1.7.107",
            "port": "5432",
            "user": "replication",
            "application_name": "pgops_0",
            "sslmode": "prefer",
            "passfile": "/var/lib/postgresql/.pgpass",
        },
        "slot_name": "pgops_0",
        "oldest_wal": 0,
    }
    return Target(**dict(facts, **changes))


def stopped(**changes):
    return target(**dict({"state": "stopped", "receiver": None}, **changes))


def old_primary(**changes):
    """Stopped cleanly on timeline 1, having written past the point where the primary was promoted."""
    facts = {
        "timeline": 1,
        "history": (),
        "lsn": FORK + 0x2000,
        "wrote_itself": True,
        "standby_signal": False,
        "slot_name": None,
        "conninfo": None,
    }
    return stopped(**dict(facts, **changes))


def primary(**changes):
    facts = {
        "server": "10.1.7.107:5432",
        "is_this_server": False,
        "in_recovery": False,
        "major": 15,
        "system_identifier": "77",
        "timeline": 2,
        "lsn": FORK + 0x6000,
        "history": (switch(1, FORK),),
        "settings": {
            "wal_level": "replica",
            "full_page_writes": "on",
            "max_wal_senders": 10,
            "max_replication_slots": 10,
            "segment_size": SEGMENT,
        },
        "slot": {"name": "pgops_0", "slot_type": "physical", "active": True},
        "slots_used": 1,
        "sender": {"application_name": "pgops_0", "state": "streaming", "client_addr": "10.1.7.106"},
        "our_address": "10.1.7.106",
        "oldest_wal": 0,
        "data_bytes": 100 * MIB,
        "control_timeline": 2,
    }
    return Primary(**dict(facts, **changes))


def disk(**changes):
    facts = {
        "real_path": "/data/main",
        "data_bytes": 200 * MIB,
        "wal_bytes": 32 * MIB,
        "free_bytes": 10000 * MIB,
        "salvage_parent": "/data",
        "salvage_free_bytes": 10000 * MIB,
    }
    return Disk(**dict(facts, **changes))


def observed(node, server=None, tail=None, where=None, end_known=True):
    """Put both sides together as observe.py does."""
    server = server or primary()
    tail = tail or Tail(node.lsn, 0)
    fork = forks.compare(node, server, end_lsn=tail.end_lsn, end_known=end_known)
    return Observed(node, server, fork, tail, where or disk())


class FakeClock(Clock):
    """Time that passes only by sleeping."""

    time = 1000.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class FakeRunner(Runner):
    """Answers by the program's name (and writes down what was asked); a program not named succeeds silently."""

    def __init__(self, **programs):
        self.programs, self.calls = programs, []

    def run(self, argv, *, user=None, env=None, stdin=None, timeout=60.0, cwd="/", watch=None):
        words = [str(word) for word in argv]
        self.calls.append(words)
        answer = self.programs.get(words[0].rsplit("/", 1)[-1], (0, "", ""))
        answer = answer(words) if callable(answer) else answer
        if watch is not None:
            for line in "\n".join(answer[1:]).splitlines():
                watch.line(line)
        return CommandResult(tuple(words), *answer)

    def begin(self, argv):
        self.calls.append(list(argv))
        return lambda: True

    def which(self, name, *, paths=()):
        return f"/bin/{name}"

    def called(self, program):
        return [words for words in self.calls if words[0].rsplit("/", 1)[-1] == program]


def work(folder, runner=None, major="15", **options):
    """A run on a data directory below ``folder``, with nothing real around it."""
    folder.joinpath("main").mkdir(exist_ok=True)
    layout = Layout(
        data_directory=str(folder / "main"),
        config_directory="/etc/pg",
        bin_directory="/pgbin",
        port=5432,
        socket_directory="/run/pg",
        service=None,
        version=major,
        cluster_name="main",
        postgres_user=pwd.getpwuid(os.geteuid()).pw_name,
    )
    runner = runner or FakeRunner()
    return Work(
        runner=runner,
        jobs=runner,
        clock=FakeClock(),
        layout=layout,
        desired=desired(**options),
        marks=Marks(layout, state_directory=str(folder / "state")),
        commands=[],
        timings={},
    )
