# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that writes numbered rows and tells the truth about them.

Each attempt is a fresh connection in a thread of its own: one that hangs is cut loose after its limit and the next
number is tried, so that a stuck socket never stops the clock. A row counts as acknowledged when its COMMIT returned,
also when that was late; nothing else counts.
"""

from __future__ import annotations

import threading
import time

import psycopg2


class Writer:
    """Writes rows (n) into a table through one address until it is stopped."""

    def __init__(self, connect_options, table="pgops_rows", interval=0.05, limit=2.0):
        self.options = dict(connect_options, connect_timeout=2)
        self.table = table
        self.interval = interval
        self.limit = limit
        self.acknowledged = {}  # n -> seconds of the monotonic clock at which COMMIT returned
        self.servers = {}  # n -> the address of the server that took it
        self.errors = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def create_table(self):
        connection = psycopg2.connect(**self.options)
        connection.autocommit = True
        with connection.cursor() as cursor:
            columns = "n bigint PRIMARY KEY, at timestamptz DEFAULT now(), server inet DEFAULT inet_server_addr()"
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {self.table} ({columns})")
        connection.close()

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(self.limit + 5)

    def _write_on(self):
        number = 0
        while not self._stop.is_set():
            number += 1
            attempt = threading.Thread(target=self._attempt, args=(number,), daemon=True)
            attempt.start()
            attempt.join(self.limit)
            self._stop.wait(self.interval)

    def _attempt(self, number):
        connection = None
        try:
            connection = psycopg2.connect(**self.options)
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO {self.table} (n) VALUES (%s) RETURNING host(server)", (number,))
                server = cursor.fetchone()[0]
            connection.commit()
            self.acknowledged[number] = time.monotonic()
            self.servers[number] = server
        except psycopg2.Error:
            self.errors += 1
        finally:
            if connection is not None:
                connection.close()

    def gap(self, since):
        """Seconds between the last acknowledgement before ``since`` and the first one after it that ended an outage.

        The longest silence that reaches past ``since``; None when nothing has been acknowledged after it.
        """
        times = sorted(self.acknowledged.values())
        gaps = [(after - before) for before, after in zip(times, times[1:]) if after > since]
        return max(gaps) if gaps else None

    def served_by(self):
        """The servers that took the rows, in the order of their acknowledgement, each turn once."""
        order = sorted(dict(self.acknowledged).items(), key=lambda item: item[1])
        turns = []
        for number, _at in order:
            server = self.servers.get(number)
            if server and (not turns or turns[-1] != server):
                turns.append(server)
        return turns

    def outage_begins(self):
        """When the row before the longest silence was acknowledged."""
        times = sorted(self.acknowledged.values())
        return max(zip(times, times[1:]), key=lambda pair: pair[1] - pair[0])[0]

    def acknowledged_after(self, moment):
        return sum(at > moment for at in list(self.acknowledged.values()))


def missing_rows(cursor, writer):
    """Acknowledged numbers that the server asked through this cursor does not have."""
    cursor.execute(f"SELECT n FROM {writer.table}")
    present = {row[0] for row in cursor.fetchall()}
    return sorted(set(writer.acknowledged) - present)
