# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break a lab in one of the ways that servers break, under load, and say what a client saw.

    LAB_PROJECT=pgops faults.py list
    LAB_PROJECT=pgops faults.py NAME [NAME ...]      one after the other; the cluster is healed in between
    DRILL_SECONDS=200                                how long the service may be away (60)

Any lab that deploy_cluster.yml has built will do. Prints a report for each fault and leaves .lab/faults.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from proof import CHECKOUT, Lab, eventually
from watched import Primaries
from writer import Writer, missing_rows

POSTMASTER = "$(head -n1 /var/lib/postgresql/*/main/postmaster.pid)"
STOP = "systemctl stop 'postgresql@*-main.service'"
DATA = "$(echo /var/lib/postgresql/*/main)"
SMALL_DISK = f"""set -e; cd {DATA}; mkdir /var/tmp/data; mount --bind . /var/tmp/data
mount -t tmpfs -o size=1g,mode=0700,uid=postgres,gid=postgres small {DATA}; cp -a /var/tmp/data/. {DATA}/"""
LARGE_DISK = f"""set -e; rm -rf /var/tmp/data/*; cp -a {DATA}/. /var/tmp/data/
umount {DATA} /var/tmp/data; rmdir /var/tmp/data"""
LOAD_ROWS = 40  # acknowledged before the fault, and after it before the outage counts as over
SERVICE_LIMIT = float(os.environ.get("DRILL_SECONDS") or 60)
WHOLE = 30.0  # seconds after the network is whole in which there has to be one writable primary; two do as a rule
STAYS = 6.0  # and for so long it has to be the only one then


class Fault(t.NamedTuple):
    """One way to break: ``do``, ``undo`` and ``before`` take (lab, primary, standby).

    What ``before`` has made ready, ``after`` (lab, old primary) takes back when the cluster is healed.
    """

    what: str
    do: t.Callable
    undo: t.Callable | None = None
    fails_over: bool = True
    before: t.Callable | None = None
    after: t.Callable | None = None


def _on_primary(command, **more):
    return lambda lab, primary, _standby: lab.run(primary, command, **more)


def _lab(word, *options, on_standby=False):
    return lambda lab, primary, standby: lab.fault(word, *options, standby if on_standby else primary)


def _routes(word):
    """Towards the pgpools only: the way back is a black hole."""

    def act(lab, primary, _standby):
        for name in lab.pgpools:
            lab.run_inside(primary, f"ip route {word} blackhole {lab.address(name)}/32")

    return act


def _power_off(lab, primary, _standby):
    """The cable first: the kernel of a host without power tells nobody that its server is gone."""
    lab.fault("cut", primary)
    lab.fault("kill", primary)


def _kill_backend(lab, primary, _standby):
    """kill -9 of one client's backend: the postmaster ends all others and recovers from the crash."""
    # A session of its own, so that there is one to kill.
    session = lab.connect(lab.vip)
    with session.cursor() as cursor:
        cursor.execute("/*NO LOAD BALANCE*/ SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    lab.run(primary, f"kill -9 {int(pid)}")


def _kill_pgpool_child(lab, _primary, _standby):
    holder = lab.vip_holders()[0]
    lab.run(holder, "kill -9 $(pgrep -u postgres -f '^pgpool: wait for connection request' | head -n1)")


def restart_the_leader(lab, primary, _standby=None):
    """The pgpool that leads the others restarts as soon as it has begun to fail over."""
    begun = "for _ in $(seq 1000); do [ -s /var/lib/pgpool/failover_begun ] && break; sleep 0.01; done"
    lab.run(lab.leader(), f"systemd-run --quiet bash -c '{begun}; systemctl restart pgpool2'")
    lab.run(primary, f"kill -9 {POSTMASTER}")


def _onto_a_small_disk(lab, _primary, standby):
    """The standby's data directory moves onto a disk of its own; then that server becomes the primary."""
    lab.run(standby, f"{STOP}; {SMALL_DISK}")
    lab.playbook("recover_standby.yml", "-l", standby)
    lab.playbook("switch_primary.yml", "-l", standby)


def _fill_the_disk(lab, primary, _standby):
    """To the last byte. Then WAL is written until the server has to begin a file for it, and panics."""
    write = 'psql -XAtq -d postgres -c "SELECT txid_current()" -c "SELECT pg_switch_wal()"'
    lab.run(primary, f"cd {DATA}; dd if=/dev/zero of=filler bs=1M || df . | grep -q 100% || exit 1")
    lab.run(primary, f"runuser -u postgres -- bash -c 'for _ in $(seq 200); do {write} || exit 0; done; exit 1'")


def _off_the_small_disk(lab, host):
    """What is a standby of the new primary by now goes back to the disk that it came from."""
    lab.run(host, f"{STOP}; {LARGE_DISK}")
    lab.playbook("recover_standby.yml", "-l", host)


def _restart_both(lab, primary, standby):
    for name in (primary, standby):
        lab.run(name, "systemctl --no-block restart 'postgresql@*-main.service'")


FAULTS = {
    "postmaster_killed": Fault("SIGKILL of the primary's postmaster", _on_primary(f"kill -9 {POSTMASTER}")),
    "service_stopped": Fault("systemctl stop of PostgreSQL on the primary", _on_primary(STOP)),
    "host_killed": Fault("the primary's host loses power", _power_off, _lab("start")),
    "host_frozen": Fault("the primary's host freezes, and thaws later", _lab("pause"), _lab("unpause")),
    "primary_cut_off": Fault("the primary's network cable is pulled", _lab("cut"), _lab("heal")),
    "primary_cut_off_link_up": Fault(
        "no packet passes to the primary, its link stays up", _lab("cut", "--link-up"), _lab("heal")
    ),
    "primary_cut_from_pgpools": Fault("the pgpools cannot reach the primary", _routes("add"), _routes("del")),
    "standby_killed": Fault(
        "the standby's host loses power", _lab("kill", on_standby=True), _lab("start", on_standby=True), False
    ),
    "standby_frozen": Fault(
        "the standby's host freezes", _lab("pause", on_standby=True), _lab("unpause", on_standby=True), False
    ),
    "backend_crashed": Fault("SIGKILL of one backend", _kill_backend, None, False),
    "pgpool_child_killed": Fault("SIGKILL of one child of pgpool", _kill_pgpool_child, None, False),
    "switched": Fault(
        "no fault: a planned switch (switch_primary.yml)",
        lambda lab, _primary, standby: lab.playbook("switch_primary.yml", "-l", standby),
    ),
    "leader_restarted_during_failover": Fault(
        "SIGKILL of the primary's postmaster; the leading pgpool restarts while it fails over", restart_the_leader
    ),
    "disk_full": Fault(
        "the primary's disk is full",
        _fill_the_disk,
        _on_primary(f"rm {DATA}/filler"),
        before=_onto_a_small_disk,
        after=_off_the_small_disk,
    ),
    "both_restarted": Fault("PostgreSQL restarts on both hosts at once", _restart_both),
}


def client(lab, limit=2.0):
    """A client that writes through the virtual IP; an attempt is cut loose after ``limit`` seconds."""
    options = {"host": lab.vip, "user": "someuser", "password": lab.secrets["pgops_app_password"], "dbname": "appdb"}
    return Writer(options, table="drill_rows", interval=0.02, limit=limit)


def new_table(lab, primary, writer):
    """An empty one, whatever an earlier drill left."""
    lab.sql(primary, f"DROP TABLE IF EXISTS {writer.table}", database="appdb")
    writer.create_table()


def count_lost(lab, primary, writer):
    """Asked of the primary directly: through Pgpool a SELECT may come from a standby that lags."""
    connection = lab.connect(lab.address(primary))
    with connection.cursor() as cursor:
        lost = missing_rows(cursor, writer)
        cursor.execute(f"DROP TABLE {writer.table}")
    connection.close()
    return {"lost": len(lost), "lost_rows": lost[:20]}


class Drill:
    """One fault on one lab."""

    def __init__(self, lab, name, say=print, limit=SERVICE_LIMIT):
        self.lab, self.name, self.fault, self.say, self.limit = lab, name, FAULTS[name], say, limit
        self.writer = client(lab)
        self._look()
        self.report = {"schema": 1, "fault": name, "what": self.fault.what}

    def _look(self):
        self.primary = next(host for host in self.lab.databases if not self.lab.in_recovery(host))
        self.standby = next(host for host in self.lab.databases if host != self.primary)

    def run(self):
        """Break it, see what happens, make the network whole, heal; returns the report."""
        if self.fault.before is not None:
            self.fault.before(self.lab, self.primary, self.standby)
            self._look()
        self.report["old_primary"] = self.primary
        new_table(self.lab, self.primary, self.writer)
        with Primaries(self.lab) as primaries:
            self.writer.start()
            eventually(lambda: len(self.writer.acknowledged) > LOAD_ROWS, timeout=self.limit)
            at = self._break()
            try:
                self._wait_for_service(at)
            finally:
                if self.fault.undo is not None:
                    self.fault.undo(self.lab, self.primary, self.standby)
            whole = time.time()
            primaries.resume()
            self._watch_on(primaries, whole)
            self.writer.stop()
        self._tell(primaries, at, whole)
        self._heal()
        if self.fault.after is not None:
            self.fault.after(self.lab, self.primary)
        self.report.update(count_lost(self.lab, self.report["new_primary"], self.writer))
        return self.report

    def _break(self):
        at = time.monotonic()
        self.fault.do(self.lab, self.primary, self.standby)
        self.say(f"{self.name}: {self.fault.what} ({self.primary} is the primary)")
        return at

    def _wait_for_service(self, at):
        """Rows are acknowledged again; where a failover is due, by another server than before."""
        old = self.lab.address(self.primary)

        def served():
            if self.writer.acknowledged_after(at + 1) <= LOAD_ROWS:
                return False
            return not self.fault.fails_over or self.writer.served_by()[-1] != old or self._back_without_failover()

        eventually(served, timeout=self.limit, interval=0.1)

    def _back_without_failover(self):
        """Both servers were restarted: whichever serves."""
        return self.name == "both_restarted"

    def _watch_on(self, primaries, whole):
        """A server that comes back as a second primary needs some seconds for it, so look on until only one stays."""
        began, now = whole, []
        while time.time() < min(began + STAYS, whole + WHOLE):
            time.sleep(0.5)
            now = primaries.now()
            if len(now) != 1:
                began = time.time()
        self.report["primaries_at_last"] = now

    def _tell(self, primaries, at, whole):
        gap = self.writer.gap(at)
        turns = self.writer.served_by()
        self.report.update(
            new_primary=self._serving(turns),
            outage_s=None if gap is None else round(gap, 2),
            acknowledged=len(self.writer.acknowledged),
            served_by=turns,
            two_primaries_s=round(primaries.together(), 2),
            two_primaries_when_whole_s=round(primaries.together(since=whole), 2),
        )

    def _serving(self, turns):
        """The server that took the last row: a second primary that nobody reaches is none."""
        return next(host for host in self.lab.databases if self.lab.address(host) == turns[-1])

    def _heal(self):
        """Whatever the fault left: one command for each database host that is not the primary."""
        primary = self.report["new_primary"]
        for host in self.lab.databases:
            if host != primary:
                begun = time.monotonic()
                self.lab.playbook("recover_standby.yml", "-l", host)
                self.report["recover_s"] = round(time.monotonic() - begun, 1)
        self.report["check_cluster"] = self.lab.playbook("check_cluster.yml", check=False).returncode


def main(names):
    """The command line."""
    if not names or names == ["list"] or not set(names) <= set(FAULTS):
        for name, fault in FAULTS.items():
            print(f"{name:26} {fault.what}")
        return 0 if names == ["list"] else 2
    lab, reports = Lab(), []
    for name in names:
        reports.append(Drill(lab, name).run())
        for key, value in reports[-1].items():
            print(f"  {key:28} {value}")
    (CHECKOUT / ".lab" / "faults.json").write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
