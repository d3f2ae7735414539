# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""repmgr: `node rejoin --force-rewind`."""

from __future__ import annotations

from .cluster import eventually
from .pair import BIN, POSTGRES

DATA = "/var/lib/postgresql/15/repmgr"
CONF = "/etc/repmgr.conf"
COMMAND = "repmgr node rejoin --force-rewind"


def install(pair) -> None:
    """Debian's packages."""
    pair.install((pair.first, pair.second), "repmgr postgresql-15-repmgr")


def describe(pair) -> str:
    """Name and version."""
    return f"repmgr {pair.version(pair.first, 'repmgr')} (Debian), no slots, repmgrd not running"


def create(pair) -> None:
    """A primary with the database, registered; a standby cloned from it."""
    first, second = pair.first, pair.second
    for number, name in enumerate((first, second), 1):
        pair.file(name, CONF, conf(number, name, pair.address(name)))
    pair.run(first, f"{BIN}/initdb -D {DATA} -A trust --no-sync -E UTF8 --locale=C.UTF-8", user="postgres")
    lines = [f"{name} = '{value}'" for name, value in POSTGRES.items()]
    pair.run(first, f"cat >>{DATA}/postgresql.conf <<'END'\n{chr(10).join(lines)}\nEND")
    trust = f"host all all {pair.wanted.peers_subnet} trust\nhost replication all {pair.wanted.peers_subnet} trust"
    pair.run(first, f"cat >>{DATA}/pg_hba.conf <<'END'\n{trust}\nEND")
    start(pair, first)
    pair.run(first, "createuser -s repmgr && createdb -O repmgr repmgr", user="postgres")
    pair.fill(first)
    pair.run(first, f"repmgr -f {CONF} primary register", user="postgres")
    clone = f"repmgr -h {pair.address(first)} -U repmgr -d repmgr -f {CONF} standby clone --fast-checkpoint"
    pair.run(second, clone, user="postgres", limit=1200)
    start(pair, second)
    eventually(lambda: pair.streams(second, first), timeout=300)
    pair.run(second, f"repmgr -f {CONF} standby register", user="postgres")


def conf(number: int, name: str, address: str) -> str:
    """repmgr.conf of one node."""
    return (
        f"node_id={number}\nnode_name='{name}'\n"
        f"conninfo='host={address} user=repmgr dbname=repmgr connect_timeout=2'\n"
        f"data_directory='{DATA}'\npg_bindir='{BIN}'\nlog_level=INFO\n"
    )


def start(pair, name: str) -> None:
    pair.run(name, f"{BIN}/pg_ctl -D {DATA} -l /tmp/repmgr-postgres.log -w -t 300 start >/dev/null", user="postgres")


def cycle(pair, old: str, new: str) -> tuple[float, int]:
    """Diverge, promote, rejoin."""
    pair.write_alone(old, new)
    pair.run(old, f"{BIN}/pg_ctl -D {DATA} -m fast -w stop", user="postgres")
    pair.run(new, f"repmgr -f {CONF} standby promote", user="postgres")
    pair.open_way(old)
    pair.write_after_fork(new)
    target = f"host={pair.address(new)} user=repmgr dbname=repmgr connect_timeout=2"
    command = f"cd / && runuser -u postgres -- repmgr -f {CONF} node rejoin -d '{target}' --force-rewind"
    return pair.rejoin(old, new, command, "grep -q pg_rewind /tmp/bench-rejoin")


def remove(pair) -> None:
    """Stop and forget both servers."""
    for name in (pair.first, pair.second):
        stop = f"cd / && runuser -u postgres -- {BIN}/pg_ctl -D {DATA} -m immediate -w stop"
        pair.run(name, f"{stop} >/dev/null 2>&1; rm -rf {DATA}")
