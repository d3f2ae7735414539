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

NAMES = ("false_failovers", "false_failovers_crashes", "false_failovers_cancelled", "false_failovers_busy")
CLIENTS, TURN, VANISH_AFTER, ROUND = 24, 10, 3, 12  # TURN, ROUND: seconds
VANISHING = {"bench-vanishing": "-n -S -c 10", "bench-vanishing-writers": "-n -N -c 5"}
SCALE = 20
EVENTS = 'cat /var/log/pgops/failover.jsonl 2>/dev/null | grep -c \'"event": "failover"\' || true'
CRASH_EVERY = 3  # rounds: all sessions end with a crash, and pgbench begins its next turn
CANCEL = """select count(pg_cancel_backend(pid)) from (select pid from pg_stat_activity
where usename = 'someuser' and state = 'active' order by random() limit 4) picked"""
CRASH = """pid=$(pgrep -u postgres -f 'someuser appdb .* (UPDATE|COMMIT|idle in transaction)' | head -n 1)
[ -z "$pid" ] || { kill -9 "$pid" && echo crashed; }"""
BUSY = "select count(*) from pg_stat_activity where usename = 'someuser' and state <> 'idle'"


def measure(cluster: Cluster) -> list[Figure]:
    """Count the failovers, and what was done to provoke one; without that it proves nothing."""
    primary, _standby = cluster.roles()
    minutes = cluster.settings.false_minutes
    before, crashes, cancelled, rounds, busy = failovers(cluster), 0, 0, 0, 0
    pgbench(cluster, f"-i -q -s {SCALE}", limit=600)
    start(cluster, "bench-busy", f"-n -c {CLIENTS} -j 2 -T {TURN}", again_for=60 * minutes + 600)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        began = time.monotonic()
        for unit, words in VANISHING.items():
            start(cluster, unit, f"{words} -T {ROUND}")
        time.sleep(VANISH_AFTER)
        cancelled += int(ask(cluster, primary, CANCEL))
        for unit in VANISHING:
            host.run(cluster.lab, client_host(cluster), f"systemctl kill -s SIGKILL {unit} 2>/dev/null || true")
        busy += int(ask(cluster, primary, BUSY)) > 0
        if rounds % CRASH_EVERY == 0:
            crashes += "crashed" in host.run(cluster.lab, primary, CRASH)
        rounds += 1
        time.sleep(max(0.0, began + ROUND - time.monotonic()))
    host.run(cluster.lab, client_host(cluster), "systemctl stop bench-busy")
    share = round(100 * busy / rounds)
    if crashes < minutes / 3 or not cancelled or share < 75:
        raise CannotMeasure(
            f"{crashes} crashes, {cancelled} cancelled statements, clients busy in {share} % of the looks"
        )
    note = f"in {minutes} minutes of pgbench with {CLIENTS} clients on {primary}, {crashes} crashes of a backend, "
    note += f"{cancelled} cancelled statements, clients that vanish {rounds} times"
    count = failovers(cluster) - before
    return [
        Figure("false_failovers", float(count), "", runs=[float(count)], note=note),
        Figure("false_failovers_crashes", float(crashes), "", runs=[float(crashes)], note="backends killed meanwhile"),
        Figure("false_failovers_cancelled", float(cancelled), "", runs=[float(cancelled)], note="statements cancelled"),
        Figure("false_failovers_busy", float(share), "%", runs=[float(share)], note="looks that met clients at work"),
    ]


def ask(cluster: Cluster, name: str, statement: str) -> str:
    """One value, asked on the host itself."""
    return host.run(cluster.lab, name, f'runuser -u postgres -- psql -XAtqc "{statement}"')


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


def start(cluster: Cluster, unit: str, words: str, *, again_for: int = 0) -> None:
    """Run it beside us, with ``again_for`` turn after turn for so many seconds; what is left of an earlier one ends."""
    limit = f"--property=RuntimeMaxSec={again_for or 60}"
    run = f"systemctl stop {unit} 2>/dev/null; systemd-run -q --collect {limit} --unit={unit} bash -c "
    wanted = command(cluster, words)
    if again_for:
        wanted = f"while :; do {wanted}; sleep 0.2; done"
    host.run(cluster.lab, client_host(cluster), run + shlex.quote(wanted))


def command(cluster: Cluster, words: str) -> str:
    """pgbench as the application's user, with the password of this lab, which was made for it alone."""
    login = f"*:*:*:someuser:{cluster.lab.secrets['pgops_app_password']}"
    keep = f"umask 077; printf '%s\\n' {shlex.quote(login)} >/root/.bench-pgpass"
    tool = "PGPASSFILE=/root/.bench-pgpass /usr/lib/postgresql/15/bin/pgbench"
    return f"{keep}; {tool} {words} -h {cluster.lab.vip} -U someuser appdb"
