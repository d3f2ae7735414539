# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two database hosts and one more, from the same image, without anything of ours on them."""

from __future__ import annotations

import psycopg2

from . import host, watch
from .cluster import DATABASE, RATE, SPLIT_ROWS, UNIT, Lab, eventually, lab_command, one_per_cent, same_rows
from .failure import CannotMeasure
from .settings import Settings

BIN = "/usr/lib/postgresql/15/bin"
# What the deployed cluster sets too, as far as it matters here.
POSTGRES = {
    "listen_addresses": "*", "wal_level": "replica", "wal_log_hints": "on", "hot_standby": "on",
    "max_connections": "200", "max_wal_senders": "10", "max_replication_slots": "10", "wal_keep_size": "512MB",
    "wal_receiver_timeout": "10s", "wal_sender_timeout": "10s", "wal_retrieve_retry_interval": "1s",
}  # fmt: skip


class Pair:
    """What both tools are measured on."""

    def __init__(self, wanted: Settings, say):
        self.wanted, self.say = wanted, say
        self.project = f"{wanted.project}-peers"
        lab_command("down", LAB_PROJECT=self.project)
        lab_command("up", LAB_PROJECT=self.project, LAB_SUBNET=wanted.peers_subnet, LAB_PGPOOLS="1", LAB_STANDBYS="1")
        self.lab = Lab(self.project)
        self.first, self.second = self.lab.databases
        self.third = self.lab.pgpools[0]
        self.cycle = 0

    def down(self) -> None:
        lab_command("down", LAB_PROJECT=self.project)

    def address(self, name: str) -> str:
        return self.lab.address(name)

    def run(self, name: str, command: str, *, user: str | None = None, limit: int = 600) -> str:
        return host.run(self.lab, name, command, user=user, limit=limit)

    def install(self, names, packages: str) -> None:
        """From Debian, without letting a package start anything of its own."""
        quiet = "DEBIAN_FRONTEND=noninteractive"
        policy = "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d"
        apt = f"{quiet} apt-get update -qq && {quiet} apt-get install -qy --no-install-recommends {packages}"
        for name in names:
            self.run(name, f"{policy}; {apt}; rc=$?; rm -f /usr/sbin/policy-rc.d; exit $rc")

    def version(self, name: str, package: str) -> str:
        return self.run(name, f"dpkg-query -W -f '${{Version}}' {package}").strip()

    def file(self, name: str, path: str, text: str) -> None:
        self.run(name, f"cat >{path} <<'END'\n{text}\nEND\nchmod 644 {path}")

    def connect(self, name: str):
        options = {"host": self.address(name), "user": "postgres", "dbname": "postgres", "connect_timeout": 5}
        connection = psycopg2.connect(**options)
        connection.autocommit = True
        return connection

    def sql(self, name: str, statement: str):
        connection = self.connect(name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def in_recovery(self, name: str) -> bool:
        return self.sql(name, "SELECT pg_is_in_recovery()")[0][0]

    def streams(self, name: str, primary: str) -> bool:
        where = f"client_addr = '{self.address(name)}' AND state = 'streaming'"
        lag = "pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 65536"
        return self.sql(primary, f"SELECT count(*) FROM pg_stat_replication WHERE {where} AND {lag}") == [(1,)]

    def fill(self, name: str) -> None:
        """The same database as in the deployed cluster."""
        host.psql(self.lab, name, f"CREATE DATABASE {DATABASE}")
        self.run(name, f"pgbench -i -q -s {self.wanted.scale} {DATABASE}", user="postgres", limit=3600)
        host.psql(self.lab, name, "CREATE TABLE bench_split (n int, t text)", database=DATABASE)

    def write_alone(self, old: str, new: str) -> None:
        """Rows that only the old primary has. The way to the standby stays shut until ``open_way``."""
        eventually(lambda: self.streams(new, old), timeout=300)
        self.run(old, f"systemctl stop {UNIT} 2>/dev/null || true")
        host.psql(self.lab, old, "CHECKPOINT")
        self.run(old, f"ip route add blackhole {self.address(new)}/32")
        host.psql(self.lab, old, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        rows = f"INSERT INTO bench_split SELECT n, repeat('x', 80) FROM generate_series(1, {SPLIT_ROWS}) n"
        host.psql(self.lab, old, rows, database=DATABASE)

    def open_way(self, old: str) -> None:
        self.run(old, "ip route flush type blackhole")

    def write_after_fork(self, name: str) -> None:
        """As in the deployed cluster."""
        host.psql(self.lab, name, one_per_cent(self.wanted.scale, self.cycle), database=DATABASE)
        self.cycle += 1
        host.psql(self.lab, name, "CHECKPOINT")
        client = f"pgbench -n -b simple-update -c 1 -R {RATE} -T 86400 {DATABASE}"
        self.run(name, f"systemd-run -q --collect --unit={UNIT} --uid=postgres {client}")

    def rejoin(self, name: str, primary: str, command: str, rewound: str) -> tuple[float, int]:
        """Start the rejoin; seconds until the primary lists the node as streaming, bytes received until then.

        ``rewound`` is a command that succeeds when the tool has really run pg_rewind.
        """
        before = host.received(self.lab, name)
        question = (lambda: self.connect(primary), watch.streams(address=f"{self.address(name)}%"))
        with watch.Watch({"streams": question}) as look:
            began = float(self.run(name, f"date +%s.%N; {command} >/tmp/bench-rejoin 2>&1").split()[0])
            if not look.wait(120):
                said = self.run(name, "tail -c 600 /tmp/bench-rejoin")
                raise CannotMeasure(f"{name} did not stream within 120 s after: {host.brief(command)}: {said}")
        received = host.received(self.lab, name) - before
        if self.run(primary, f"systemctl is-active {UNIT} || true").strip() != "active":
            raise CannotMeasure(f"the writing client on {primary} has ended")
        self.run(name, rewound)
        eventually(lambda: same_rows(self.lab, name, primary), timeout=60)
        return look.at["streams"] - began, received
