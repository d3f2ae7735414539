# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster under measurement: made once, then driven from divergence to recovery and back, as often as needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

from . import host, playbook, watch
from .failure import CannotMeasure
from .playbook import ROOT
from .settings import Settings

sys.path.insert(0, str(ROOT / "molecule" / "shared"))
from proof import Lab, eventually  # noqa: E402  (the path has to be set first)

DATA = "/var/lib/postgresql/15/main"
DATABASE = "bench"
UNIT = "bench-load"
RATE = 20
SPLIT_ROWS = 2000
LAB_PY = ROOT / "molecule" / "shared" / "lab.py"


def lab_command(command: str, **environment: str) -> None:
    """lab.py with its parameters."""
    words = {**os.environ, "LAB_IMAGE": "packages", **environment}
    subprocess.run([sys.executable, str(LAB_PY), command], env=words, check=True, timeout=900)


class Cluster:
    """One primary, one standby, some pgpools, a pgbench database, and a client that writes on."""

    def __init__(self, settings: Settings, shared: dict, say):
        self.settings, self.say = settings, say
        self.shared = shared  # what one measurement leaves for another, such as the seconds of pg_rewind alone
        self.broken = ""
        self._cycle = 0
        self._lab: Lab | None = None

    @property
    def lab(self) -> Lab:
        if self._lab is None:
            raise CannotMeasure("the lab is not up")
        return self._lab

    def up(self) -> None:
        """Make the lab, deploy, fill the database; with LAB_KEEP a lab that was kept goes on."""
        if self.settings.keep and self._kept():
            self.say("the lab is still there")
            return
        lab_command("down", LAB_PROJECT=self.settings.project)
        size = {"LAB_PGPOOLS": str(self.settings.pgpools)}
        lab_command("up", LAB_PROJECT=self.settings.project, LAB_SUBNET=self.settings.subnet, **size)
        self._vary(pgops_timing_profile=self.settings.profile)
        self._lab = Lab(self.settings.project)
        self.say("deploying the cluster")
        self.playbook("deploy", "deploy_cluster.yml")
        self.say(f"filling the database, scale {self.settings.scale}")
        primary, standby = self.roles()
        host.psql(self.lab, primary, f"CREATE DATABASE {DATABASE}")
        init = f"pgbench -i -q -s {self.settings.scale} {DATABASE}"
        host.run(self.lab, primary, init, user="postgres", limit=3600)
        host.psql(self.lab, primary, "CREATE TABLE bench_split (n int, t text)", database=DATABASE)
        self.wait_healthy()
        for name in (primary, standby):  # what filling left in pg_wal goes, as far as the settings let it
            host.psql(self.lab, name, "CHECKPOINT")

    def choose(self, **variables: str) -> None:
        """Other values of the lab's inventory, for every playbook from now on."""
        self._vary(**variables)
        self._lab = Lab(self.settings.project)

    def _vary(self, **variables: str) -> None:
        path = ROOT / ".lab" / self.settings.project / "inventory.json"
        inventory = json.loads(path.read_text(encoding="utf-8"))
        inventory["all"]["vars"].update(variables)
        path.write_text(json.dumps(inventory, indent=2) + "\n", encoding="utf-8")

    def _kept(self):
        """A lab of an earlier run that is healthy, has this profile and size, and holds the database of this scale."""
        try:
            self._lab = Lab(self.settings.project)
            if self._lab.vars.get("pgops_timing_profile") != self.settings.profile:
                return False
            if len(self._lab.pgpools) != self.settings.pgpools:
                return False
            size = host.psql(self.lab, self.roles()[0], "SELECT count(*) FROM pgbench_branches", database=DATABASE)
            self.wait_healthy(limit=20)
            return int(size) == self.settings.scale
        except Exception:  # whatever is wrong with it, a new one is made
            return False

    def down(self) -> None:
        """Remove the lab."""
        lab_command("down", LAB_PROJECT=self.settings.project)
        self._lab = None

    def playbook(self, label: str, *words: str, program: str = "ansible-playbook") -> playbook.Run:
        """Run a playbook against this lab; the label names what is kept of it."""
        return playbook.run(self.settings.project, label, *words, program=program)

    def recover(self, label: str, name: str, **variables: object) -> playbook.Run:
        """The command under measurement."""
        words = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
        return self.playbook(label, "recover_standby.yml", "-l", name, *words)

    # --- who is who

    def address(self, name: str) -> str:
        return self.lab.address(name)

    def slot(self, name: str) -> str:
        return f"pgops_{self.lab.hostvars[name]['pgops_backend_id']}"

    def roles(self) -> tuple[str, str]:
        """(primary, standby), as the servers say."""
        primary = [name for name in self.lab.databases if not self.lab.in_recovery(name)]
        standby = [name for name in self.lab.databases if name not in primary]
        if len(primary) != 1 or len(standby) != 1:
            raise CannotMeasure(f"expected one primary and one standby, found primaries {primary}")
        return primary[0], standby[0]

    def questions(self, name: str, primary: str) -> dict:
        """What a Watch asks: does the node stream, and has every pgpool it attached?"""
        lab = self.lab

        def of(where):
            return lambda: lab.connect(lab.address(where), user="dbadmin", database="postgres")

        asked = {"streams": (of(primary), watch.streams(application_name=self.slot(name)))}
        asked.update({f"attached on {p}": (of(p), watch.attached(self.address(name))) for p in self.lab.pgpools})
        return asked

    def wait_healthy(self, limit: float = 300) -> None:
        """The standby streams without lag, and every pgpool has it up."""
        primary, standby = self.roles()
        lag = (
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' "
            f"AND application_name = '{self.slot(standby)}' "
            "AND pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 65536"
        )
        eventually(lambda: self.lab.sql(primary, lag) == [(1,)], timeout=limit)
        with watch.Watch(self.questions(standby, primary)) as look:
            if not look.wait(60):
                raise CannotMeasure(f"{standby} is not up everywhere: only {sorted(look.at)}")

    # --- writes that go on

    def load(self, name: str) -> None:
        """Start a client that writes at a low fixed rate."""
        self.stop_load(name)
        command = f"pgbench -n -b simple-update -c 1 -R {RATE} -T 86400 {DATABASE}"
        host.run(self.lab, name, f"systemd-run -q --collect --unit={UNIT} --uid=postgres {command}")

    def stop_load(self, name: str) -> None:
        """Stop it, where it runs."""
        host.run(self.lab, name, f"systemctl stop {UNIT} 2>/dev/null || true")

    def require_load(self, name: str) -> None:
        """A figure that claims writes going on is one only while they do."""
        if host.run(self.lab, name, f"systemctl is-active {UNIT} || true").strip() != "active":
            raise CannotMeasure(f"the writing client on {name} has ended")

    # --- divergence

    def diverge(self) -> tuple[str, str]:
        """The primary writes alone, stops cleanly, the standby is promoted and writes on; returns (old, new)."""
        old, new = self.roles()
        self.wait_healthy()
        self.stop_load(old)
        host.psql(self.lab, old, "CHECKPOINT")
        blackhole = f"blackhole {self.address(new)}/32"
        host.run(self.lab, old, f"ip route add {blackhole}")
        try:
            host.psql(self.lab, old, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
            rows = f"INSERT INTO bench_split SELECT n, repeat('x', 80) FROM generate_series(1, {SPLIT_ROWS}) n"
            host.psql(self.lab, old, rows, database=DATABASE)
            host.run(self.lab, old, "systemctl stop 'postgresql@*'", limit=120)
            eventually(lambda: self.lab.in_recovery(new) is False, timeout=90)
            for proxy in self.lab.pgpools:
                eventually(lambda p=proxy: self._is_down(p, old), timeout=60)
        finally:
            host.run(self.lab, old, f"ip route del {blackhole}")
        self.write_after_fork(new)
        return old, new

    def _is_down(self, proxy, name):
        return self.lab.pool_nodes(proxy)[self.lab.hostvars[name]["pgops_backend_id"]][1] == "down"

    def write_after_fork(self, name: str) -> None:
        """One per cent of the rows, a contiguous range, another one each time; then the slow writes begin."""
        host.psql(self.lab, name, one_per_cent(self.settings.scale, self._cycle), database=DATABASE)
        self._cycle += 1
        host.psql(self.lab, name, "CHECKPOINT")
        self.load(name)

    def restore(self, name: str, label: str = "restore") -> None:
        """Make the node a healthy standby again, whatever it is now; nothing of this is measured."""
        try:
            self.recover(label, name, recover_standby_salvage_skip="true")
        except CannotMeasure as exc:
            self.say(f"{name} could not be brought back the cheap way ({exc}); copying it")
            self.recover(label, name, recover_standby_salvage_skip="true", recover_standby_method="basebackup")
        self.clean(name)
        self.wait_healthy()

    def mend(self) -> None:
        """After a failed measurement: a healthy cluster for the next one, or none of them is tried."""
        try:
            for name in self.lab.databases:
                host.run(self.lab, name, "ip route flush type blackhole")
            up = [name for name in self.lab.databases if self._writable(name)]
            for name in self.lab.databases:
                if len(up) == 1 and name not in up:
                    self.restore(name, "mend")
            self.wait_healthy()
        except Exception as exc:
            self.broken = f"the cluster was not healthy after an earlier measurement: {exc}"

    def _writable(self, name):
        try:
            return self.lab.in_recovery(name) is False
        except Exception:  # any answer but yes is no
            return False

    def clean(self, name: str) -> None:
        """Remove what was kept of the old node, and what the measurements made beside it."""
        host.run(self.lab, name, f"rm -rf {DATA}.pgops-salvage-* {DATA}.bench-*")

    # --- words for the report

    def setting(self) -> str:
        """Versions, size and topology, as the lab itself tells them."""
        primary = self.roles()[0]
        size = int(host.psql(self.lab, primary, f"SELECT pg_database_size('{DATABASE}')"))
        postgres = host.psql(self.lab, primary, "SHOW server_version").split()[0]
        pgpool = re.search(r"[\d.]+", host.run(self.lab, self.lab.pgpools[0], "pgpool --version 2>&1")).group()
        return (
            f"PostgreSQL {postgres}, Pgpool-II {pgpool}, ansible-core {version('ansible-core')}; "
            f"pgbench scale {self.settings.scale} ({size / 2**30:.2f} GiB), 1 % of the rows updated after the fork, "
            f"{SPLIT_ROWS} rows on the old node, clean stop, {RATE} transactions/s going on; "
            f"1 primary, 1 standby, {len(self.lab.pgpools)} pgpools, profile {self.settings.profile}; "
            "containers on one bridge of one machine with "
            f"{os.cpu_count()} cores, warm page cache"
        )


def one_per_cent(scale: int, cycle: int) -> str:
    """The statement that updates a contiguous hundredth of the accounts, another one in each cycle."""
    rows = scale * 1000
    first = rows * (cycle % 100) + 1
    return f"UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid BETWEEN {first} AND {first + rows - 1}"


def same_rows(lab, name: str, primary: str) -> bool:
    """Whether the rows that only the old node had are gone from it, and both agree."""
    counts = [host.psql(lab, each, "SELECT count(*) FROM bench_split", database=DATABASE) for each in (name, primary)]
    return counts[0] == counts[1]


__all__ = ("DATA", "DATABASE", "CannotMeasure", "Cluster", "eventually", "lab_command", "one_per_cent", "same_rows")
