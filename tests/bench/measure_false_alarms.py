# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No failover is wanted: pgbench at saturation through the virtual IP, backends that crash, clients that vanish."""

from __future__ import annotations

import shlex
import time

from . import host
from .cluster import Cluster
from .failure import CannotMeasure
from .figures import Figure

NAMES = ("false_failovers", "false_failovers_crashes")
CLIENTS, SECONDS, VANISH_AFTER = 24, 12, 3
SCALE = 20
EVENTS = 'cat /var/log/pgops/failover.jsonl 2>/dev/null | grep -c \'"event": "failover"\' || true'
CRASH = """pid=$(pgrep -u postgres -f 'someuser appdb .* (UPDATE|COMMIT|idle in transaction)' | head -n 1)
[ -z "$pid" ] || { kill -9 "$pid" && echo crashed; }"""


def measure(cluster: Cluster) -> list[Figure]:
    """Count the failovers, and the crashes that there were; a run without a crash proves nothing."""
    primary, _standby = cluster.roles()
    minutes = cluster.settings.false_minutes
    before, crashes = failovers(cluster), 0
    pgbench(cluster, f"-i -q -s {SCALE}", limit=600)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        start(cluster, "bench-busy", f"-n -c {CLIENTS} -j 2 -T {SECONDS}")
        start(cluster, "bench-vanishing", f"-n -S -c 10 -T {SECONDS}")
        time.sleep(VANISH_AFTER)
        host.run(cluster.lab, client_host(cluster), "systemctl kill -s SIGKILL bench-vanishing 2>/dev/null || true")
        crashes += "crashed" in host.run(cluster.lab, primary, CRASH)
        time.sleep(SECONDS - VANISH_AFTER)
    if not crashes:
        raise CannotMeasure("no backend was killed")
    note = f"in {minutes} minutes of pgbench with {CLIENTS} clients on {primary}, {crashes} crashes of a backend"
    count = failovers(cluster) - before
    return [
        Figure("false_failovers", float(count), "", runs=[float(count)], note=note),
        Figure("false_failovers_crashes", float(crashes), "", runs=[float(crashes)], note="backends killed meanwhile"),
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
