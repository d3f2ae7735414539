# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No failover is wanted: pgbench at saturation through the virtual IP; backends crash, clients vanish, some cancel."""

from __future__ import annotations

import shlex
import time

from . import host
from .cluster import Cluster
from .failure import CannotMeasure
from .figures import Figure

NAMES = ("false_failovers", "false_failovers_crashes", "false_failovers_cancelled")
CLIENTS, SECONDS, VANISH_AFTER = 24, 12, 3
VANISHING = {"bench-vanishing": "-n -S -c 10", "bench-vanishing-writers": "-n -N -c 5"}
SCALE = 20
EVENTS = 'cat /var/log/pgops/failover.jsonl 2>/dev/null | grep -c \'"event": "failover"\' || true'
CRASH_EVERY = 3  # rounds: all clients end with a crash, and the others are to be busy to their end
CANCEL = """select count(pg_cancel_backend(pid)) from (select pid from pg_stat_activity
where usename = 'someuser' and state = 'active' order by random() limit 4) picked"""
CRASH = """pid=$(pgrep -u postgres -f 'someuser appdb .* (UPDATE|COMMIT|idle in transaction)' | head -n 1)
[ -z "$pid" ] || { kill -9 "$pid" && echo crashed; }"""


def measure(cluster: Cluster) -> list[Figure]:
    """Count the failovers, the crashes and the cancelled statements; a run without these proves nothing."""
    primary, _standby = cluster.roles()
    minutes = cluster.settings.false_minutes
    before, crashes, cancelled, rounds = failovers(cluster), 0, 0, 0
    pgbench(cluster, f"-i -q -s {SCALE}", limit=600)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        start(cluster, "bench-busy", f"-n -c {CLIENTS} -j 2 -T {SECONDS}")
        for unit, words in VANISHING.items():
            start(cluster, unit, f"{words} -T {SECONDS}")
        time.sleep(VANISH_AFTER)
        cancelled += int(host.run(cluster.lab, primary, f'runuser -u postgres -- psql -XAtqc "{CANCEL}"'))
        for unit in VANISHING:
            host.run(cluster.lab, client_host(cluster), f"systemctl kill -s SIGKILL {unit} 2>/dev/null || true")
        if rounds % CRASH_EVERY == 0:
            crashes += "crashed" in host.run(cluster.lab, primary, CRASH)
        rounds += 1
        time.sleep(SECONDS - VANISH_AFTER)
    if not crashes or not cancelled:
        raise CannotMeasure(f"{crashes} backends were killed and {cancelled} statements cancelled")
    note = f"in {minutes} minutes of pgbench with {CLIENTS} clients on {primary}, {crashes} crashes of a backend, "
    note += f"{cancelled} cancelled statements"
    count = failovers(cluster) - before
    return [
        Figure("false_failovers", float(count), "", runs=[float(count)], note=note),
        Figure("false_failovers_crashes", float(crashes), "", runs=[float(crashes)], note="backends killed meanwhile"),
        Figure("false_failovers_cancelled", float(cancelled), "", runs=[float(cancelled)], note="statements cancelled"),
    ]


def failovers(cluster: Cluster) -> int:
    """How many the pgpools have recorded."""
    return sum(int(host.run(cluster.lab, name, EVENTS) or 0) for name in cluster.lab.pgpools)


def client_host(cluster: Cluster) -> str:
    """A pgpool host is the client, the one without the address."""
    holders = cluster.lab.vip_holders()
    return next(name for name in cluster.lab.pgpools if name not in holders)


def pgbench(cluster: Cluster, words: str, limit: int) -> None:
    """Run it to its end."""
    host.run(cluster.lab, client_host(cluster), command(cluster, words), limit=limit)


def start(cluster: Cluster, unit: str, words: str) -> None:
    """Run it beside us; what is left of an earlier one ends."""
    run = f"systemctl stop {unit} 2>/dev/null; systemd-run -q --collect --unit={unit} bash -c "
    host.run(cluster.lab, client_host(cluster), run + shlex.quote(command(cluster, words)))


def command(cluster: Cluster, words: str) -> str:
    """pgbench as the application's user, with the password of this lab, which was made for it alone."""
    login = f"*:*:*:someuser:{cluster.lab.secrets['pgops_app_password']}"
    keep = f"umask 077; printf '%s\\n' {shlex.quote(login)} >/root/.bench-pgpass"
    tool = "PGPASSFILE=/root/.bench-pgpass /usr/lib/postgresql/15/bin/pgbench"
    return f"{keep}; {tool} {words} -h {cluster.lab.vip} -U someuser appdb"
