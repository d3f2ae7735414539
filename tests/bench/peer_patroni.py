# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patroni with etcd: its own pg_rewind when the service of a former leader starts."""

from __future__ import annotations

import json

from .cluster import eventually
from .pair import BIN, POSTGRES

DATA = "/var/lib/postgresql/15/patroni"
CONF = "/etc/bench-patroni.yml"
UNIT = "bench-patroni"
COMMAND = "start of the Patroni service"
FAILOVER = 120


def install(pair) -> None:
    """Debian's packages; etcd on the third host."""
    pair.install((pair.first, pair.second), "patroni")
    pair.install((pair.third,), "etcd-server")


def describe(pair) -> str:
    """Name and version."""
    etcd = pair.version(pair.third, "etcd-server")
    return f"Patroni {pair.version(pair.first, 'patroni')} with etcd {etcd} (Debian), its default ttl 30, loop_wait 10"


def create(pair) -> None:
    """etcd, a leader with the database, a replica."""
    client = f"http://{pair.address(pair.third)}:2379"
    etcd = f"etcd --data-dir /var/lib/bench-etcd --listen-client-urls {client} --advertise-client-urls {client}"
    pair.run(pair.third, f"systemd-run -q --collect --unit=bench-etcd {etcd}")
    ask = f"import urllib.request as u; u.urlopen('{client}/health', timeout=2)"
    eventually(lambda: pair.lab.ssh(pair.third, f'python3 -c "{ask}"').returncode == 0, timeout=30)
    for name in (pair.first, pair.second):
        pair.file(name, CONF, conf(pair, name))
    start(pair, pair.first)
    eventually(lambda: pair.in_recovery(pair.first) is False, timeout=120)
    pair.fill(pair.first)
    start(pair, pair.second)
    eventually(lambda: pair.streams(pair.second, pair.first), timeout=900)


def conf(pair, name: str) -> str:
    """The configuration of one member (JSON is YAML)."""
    address, subnet = pair.address(name), pair.wanted.peers_subnet
    parameters = {key: value for key, value in POSTGRES.items() if key != "listen_addresses"}
    users = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
    return json.dumps({
        "scope": "bench",
        "name": name,
        "restapi": {"listen": f"{address}:8008", "connect_address": f"{address}:8008"},
        "etcd3": {"host": f"{pair.address(pair.third)}:2379"},
        "bootstrap": {
            "dcs": {
                "ttl": 30, "loop_wait": 10, "retry_timeout": 10, "maximum_lag_on_failover": 1 << 30,
                "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": f"{address}:5432", "connect_address": f"{address}:5432", "data_dir": DATA, "bin_dir": BIN,
            "pgpass": "/tmp/bench-pgpass", "basebackup": {"checkpoint": "fast"},
            "authentication": {kind: {"username": user, "password": "bench"} for kind, user in users.items()},
            "pg_hba": ["local all all trust", f"host all all {subnet} trust", f"host replication all {subnet} trust"],
        },
    }, indent=1)  # fmt: skip


def start(pair, name: str) -> None:
    pair.run(name, start_command())


def start_command() -> str:
    """The service of a member. Killed, it leaves PostgreSQL alone."""
    return f"systemd-run -q --collect --unit={UNIT} --uid=postgres -p KillMode=process patroni {CONF}"


def cycle(pair, old: str, new: str) -> tuple[float, int]:
    """Diverge, let Patroni promote, start the old leader's Patroni."""
    pair.write_alone(old, new)
    pair.run(old, f"systemctl kill -s SIGKILL --kill-who=main {UNIT}")
    pair.run(old, f"{BIN}/pg_ctl -D {DATA} -m fast -w stop", user="postgres")
    eventually(lambda: pair.in_recovery(new) is False, timeout=FAILOVER)
    pair.open_way(old)
    pair.write_after_fork(new)
    began = pair.run(old, "date '+%F %T'").strip()
    rewound = f"journalctl -u {UNIT} --since '{began}' | grep 'pg_rewind exit code=0' >/dev/null"
    return pair.rejoin(old, new, start_command(), rewound)


def remove(pair) -> None:
    """Stop and forget both servers."""
    for name in (pair.first, pair.second):
        stop = f"cd / && runuser -u postgres -- {BIN}/pg_ctl -D {DATA} -m immediate -w stop"
        pair.run(name, f"systemctl stop {UNIT} 2>/dev/null; {stop} >/dev/null 2>&1; rm -rf {DATA}")
    pair.run(pair.third, "systemctl stop bench-etcd 2>/dev/null; rm -rf /var/lib/bench-etcd")
