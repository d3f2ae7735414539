# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When does the node stream, and when has every pgpool it attached? Asked from outside, while a recovery runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg2

INTERVAL = 0.1
UP = ("up", "waiting")


class Watch:
    """Asks until all answers are yes; ``at`` holds the time of day at which each was yes for the first time."""

    def __init__(self, questions: dict[str, tuple[Callable, Callable]]):
        self.questions = questions  # name -> (connect, ask(cursor))
        self.at: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_problem):
        self._stop.set()
        self._thread.join(10)

    def wait(self, seconds: float) -> bool:
        """Wait until all is answered with yes."""
        self._thread.join(seconds)
        return len(self.at) == len(self.questions)

    def _look(self):
        connections = {}
        while not self._stop.is_set() and len(self.at) < len(self.questions):
            for name, (connect, ask) in self.questions.items():
                if name not in self.at and self._yes(connections, name, connect, ask):
                    self.at[name] = time.time()
            self._stop.wait(INTERVAL)
        for connection in connections.values():
            connection.close()

    @staticmethod
    def _yes(connections, name, connect, ask):
        try:
            if name not in connections:
                connections[name] = connect()
            with connections[name].cursor() as cursor:
                return ask(cursor)
        except psycopg2.Error:
            if name in connections:
                connections.pop(name).close()
            return False


def streams(application_name: str | None = None, address: str | None = None) -> Callable:
    """A question to the primary: does this standby stream?"""
    column, value = ("application_name", application_name) if application_name else ("client_addr::text", address)

    def ask(cursor):
        cursor.execute(f"SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND {column} LIKE %s", (value,))
        return cursor.fetchone() is not None

    return ask


def attached(address: str) -> Callable:
    """A question to a pgpool: is this node up, as a standby?"""

    def ask(cursor):
        cursor.execute("SHOW POOL_NODES")
        names = [column[0] for column in cursor.description]
        nodes = [dict(zip(names, row)) for row in cursor.fetchall()]
        return any(node["hostname"] == address and node["status"] in UP and node["role"] == "standby" for node in nodes)

    return ask
