# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose database hosts are guarded: what their guards say and do, for the scenarios that put them to work."""

from __future__ import annotations

import json
import shlex
import time

from proof import changed, eventually

PSQL = "runuser -u postgres -- psql -XAtq -d postgres"
WRITES = f"""#!/bin/bash
# Writes on the host itself, as a client that the failover does not reach; notes when each COMMIT was acknowledged.
{PSQL} -c 'create table if not exists guard_rows (at timestamptz)'
while sleep 0.05; do
  timeout 2 {PSQL} -c 'insert into guard_rows values (now())' >/dev/null 2>&1 && date +%s.%N >>/run/guard-acknowledged
done
"""


ASKED = "grep -q stopping /var/lib/postgresql/*/main/postmaster.pid"  # as the server itself writes there


class Pair:
    """The primary and a standby, by name."""

    def __init__(self, lab):
        self.lab = lab
        self.primary = next(name for name in lab.databases if not lab.in_recovery(name))
        self.standby = next(name for name in lab.databases if name != self.primary)
        self.unit = lab.run(self.primary, "basename /etc/systemd/system/postgresql@*.service.d .d").strip()

    def id(self, name):
        return self.lab.hostvars[name]["pgops_backend_id"]

    def statuses(self, name):
        """What each pgpool that is up has this node for."""
        return [self.lab.pool_nodes(proxy)[self.id(name)][1:] for proxy in self.lab.pgpools]

    def up(self, name):
        return all(status in ("up", "waiting") for status, _role in self.statuses(name))

    def healthy(self):
        up = all(self.up(name) for name in self.lab.databases)
        return up and all(role == "primary" for _status, role in self.statuses(self.primary)) and self.streams()

    def streams(self):
        rows = self.lab.sql(self.primary, "SELECT state FROM pg_stat_replication WHERE state = 'streaming'")
        return len(rows) == len(self.lab.databases) - 1

    def lag(self):
        """Bytes that the standbys have not replayed yet."""
        lag = "coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)"
        return int(self.lab.sql(self.primary, f"SELECT {lag} FROM pg_stat_replication")[0][0])

    def state(self, name):
        return json.loads(self.lab.run(name, "cat /run/pgops/guard-state.json"))

    def events(self, name):
        lines = self.lab.run(name, "cat /var/log/pgops/guard.jsonl 2>/dev/null || true").splitlines()
        return [json.loads(line) for line in lines]

    def failovers(self, name):
        return self.lab.failovers(name)

    def server(self, name):
        """The server's first process and when it started: another after any restart."""
        return self.lab.run(name, "head -n1 /var/lib/postgresql/*/main/postmaster.pid; pgrep -ox postgres -a").strip()

    def runs(self, name):
        return self.lab.ssh(name, "pgrep -x postgres").returncode == 0

    def hold_up_its_shutdown(self):
        """By a session of the primary that is frozen until ten seconds after the server is asked to end."""
        session = self.lab.connect(self.lab.address(self.primary))
        with session.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = int(cursor.fetchone()[0])
        later = f"for _ in $(seq 1200); do {ASKED} && break; sleep 0.1; done; sleep 10; kill -CONT {pid}"
        self.lab.run(self.primary, f"kill -STOP {pid}; systemd-run --quiet bash -c {shlex.quote(later)}")

    def is_asked_to_end(self):
        """Has the primary been told to shut down?"""
        return self.lab.ssh(self.primary, ASKED).returncode == 0

    def wait_until_ended(self, name):
        """Its server is gone, seen on the host itself: the network has nothing to say about a host that is cut off."""
        gone = "pgrep -x postgres >/dev/null || echo gone"
        eventually(lambda: "gone" in self.lab.run_inside(name, gone), timeout=30, interval=0.1)

    def brought_back(self, name, *arguments):
        """One command makes it a standby, and there is nothing left of the fence. Returns what it said."""
        told = self.recover(name, *arguments).stdout
        now = Pair(self.lab)
        assert now.primary != name
        eventually(now.healthy, timeout=60)
        assert self.lab.ssh(name, "test -e /var/lib/pgops/fenced.json").returncode == 1
        assert changed(self.recover(name, *arguments).stdout) == 0
        return told

    def recover(self, name, *arguments):
        return self.lab.playbook("recover_standby.yml", "-l", name, *arguments)

    def attach(self, name):
        for proxy in self.lab.pgpools:
            if self.lab.pool_nodes(proxy)[self.id(name)][1] == "down":
                command = f"runuser -u postgres -- pcp_attach_node -h localhost -U pgpoolad -w -n {self.id(name)}"
                self.lab.run(proxy, command)

    def write(self, name):
        """Start a client on the host itself."""
        script = "/run/guard-writes"
        self.lab.ssh(name, "systemctl stop guard-writes; systemctl reset-failed guard-writes")  # of a test that failed
        self.lab.run(name, f"cat >{script} <<'END'\n{WRITES}END\nrm -f /run/guard-acknowledged")
        self.lab.run(name, f"systemd-run --quiet --unit=guard-writes bash {script}")
        eventually(lambda: int(self.lab.run(name, "cat /run/guard-acknowledged 2>/dev/null | wc -l")) > 5)

    def writes(self, name):
        """End that client; returns when its COMMITs were acknowledged, on this machine's clock."""
        self.lab.run(name, "systemctl stop guard-writes || true")
        return [float(line) for line in self.lab.run(name, "cat /run/guard-acknowledged").splitlines()]

    def last_write(self, name):
        return self.writes(name)[-1]


def moment(lab, *words):
    """Inject a fault; returns when it was complete at the latest."""
    lab.fault(*words)
    return time.time()
