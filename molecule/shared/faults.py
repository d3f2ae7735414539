# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break a database of a lab in one of the ways that servers break, under load, and say what a client saw.

    LAB_PROJECT=pgops faults.py list
    LAB_PROJECT=pgops faults.py NAME [NAME ...]      one after the other (or: all); the cluster is healed in between
    DRILL_SECONDS=200                                how long the service may be away (60)

Any lab that deploy_cluster.yml has built will do. Prints a report for each fault and leaves .lab/faults.json.
"""

from __future__ import annotations

import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import drills
from drills import LOAD_ROWS, STAYS
from proof import eventually
from watched import Primaries

POSTMASTER = "$(head -n1 /var/lib/postgresql/*/main/postmaster.pid)"
STOP = "systemctl stop 'postgresql@*-main.service'"
DATA = "$(echo /var/lib/postgresql/*/main)"
SMALL_DISK = f"""set -e; cd {DATA}; mkdir /var/tmp/data; mount --bind . /var/tmp/data
mount -t tmpfs -o size=1g,mode=0700,uid=postgres,gid=postgres small {DATA}; cp -a /var/tmp/data/. {DATA}/"""
LARGE_DISK = f"""set -e; rm -rf /var/tmp/data/*; cp -a {DATA}/. /var/tmp/data/
umount {DATA} /var/tmp/data; rmdir /var/tmp/data"""
WHOLE = 30.0  # seconds after the network is whole in which there has to be one writable primary; two do as a rule


class Fault(t.NamedTuple):
    """One way to break: all of it takes the drill.

    What ``before`` has made ready, ``after`` takes back when the cluster is healed.
    """

    what: str
    do: t.Callable
    undo: t.Callable | None = None
    fails_over: bool = True
    before: t.Callable | None = None
    after: t.Callable | None = None


def _on_primary(command):
    return lambda drill: drill.lab.run(drill.primary, command)


def _lab(word, *options, on="primary"):
    return lambda drill: drill.lab.fault(word, *options, getattr(drill, on))


def _routes(word):
    """Towards the pgpools only: the way back is a black hole."""

    def act(drill):
        for name in drill.lab.pgpools:
            drill.lab.run_inside(drill.primary, f"ip route {word} blackhole {drill.lab.address(name)}/32")

    return act


def _power_off(drill):
    """The cable first: the kernel of a host without power tells nobody that its server is gone."""
    drill.lab.fault("cut", drill.primary)
    drill.lab.fault("kill", drill.primary)


def _kill_backend(drill):
    """kill -9 of one client's backend: the postmaster ends all others and recovers from the crash."""
    # A session of its own, so that there is one to kill.
    session = drill.lab.connect(drill.lab.vip)
    with session.cursor() as cursor:
        cursor.execute("/*NO LOAD BALANCE*/ SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    drill.lab.run(drill.primary, f"kill -9 {int(pid)}")


def _kill_pgpool_child(drill):
    holder = drill.lab.vip_holders()[0]
    drill.lab.run(holder, "kill -9 $(pgrep -u postgres -f '^pgpool: wait for connection request' | head -n1)")


def restart_the_leader(drill):
    """The pgpool that leads the others restarts as soon as it has begun to fail over."""
    begun = "for _ in $(seq 1000); do [ -s /var/lib/pgpool/failover_begun ] && break; sleep 0.01; done"
    drill.lab.run(drill.lab.leader(), f"systemd-run --quiet bash -c '{begun}; systemctl restart pgpool2'")
    drill.lab.run(drill.primary, f"kill -9 {POSTMASTER}")


def _onto_a_small_disk(drill):
    """The standby's data directory moves onto a disk of its own; then that server becomes the primary."""
    drill.lab.run(drill.standby, f"{STOP}; {SMALL_DISK}")
    drill.lab.playbook("recover_standby.yml", "-l", drill.standby)
    drill.lab.playbook("switch_primary.yml", "-l", drill.standby)


def _fill_the_disk(drill):
    """To the last byte. Then WAL is written until the server has to begin a file for it, and panics."""
    write = 'psql -XAtq -d postgres -c "SELECT txid_current()" -c "SELECT pg_switch_wal()"'
    drill.lab.run(drill.primary, f"cd {DATA}; dd if=/dev/zero of=filler bs=1M || df . | grep -q 100% || exit 1")
    until_it_panics = f"for _ in $(seq 200); do {write} || exit 0; done; exit 1"
    drill.lab.run(drill.primary, f"runuser -u postgres -- bash -c '{until_it_panics}'")


def _off_the_small_disk(drill):
    """What is a standby of the new primary by now goes back to the disk that it came from."""
    drill.lab.run(drill.primary, f"{STOP}; {LARGE_DISK}")
    drill.lab.playbook("recover_standby.yml", "-l", drill.primary)


def _restart_both(drill):
    for name in (drill.primary, drill.standby):
        drill.lab.run(name, "systemctl --no-block restart 'postgresql@*-main.service'")


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
        "the standby's host loses power", _lab("kill", on="standby"), _lab("start", on="standby"), False
    ),
    "standby_frozen": Fault(
        "the standby's host freezes", _lab("pause", on="standby"), _lab("unpause", on="standby"), False
    ),
    "backend_crashed": Fault("SIGKILL of one backend", _kill_backend, None, False),
    "pgpool_child_killed": Fault("SIGKILL of one child of pgpool", _kill_pgpool_child, None, False),
    "switched": Fault(
        "no fault: a planned switch (switch_primary.yml)",
        lambda drill: drill.lab.playbook("switch_primary.yml", "-l", drill.standby),
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


class Drill(drills.Drill):
    """One fault of a database on one lab."""

    faults = FAULTS
    watches = (Primaries,)
    file = "faults.json"

    def _look(self):
        super()._look()
        self.standby = next(host for host in self.lab.databases if host != self.primary)

    def _prepare(self):
        if self.fault.before is not None:
            self.fault.before(self)
            self._look()
        self.report["old_primary"] = self.primary
        self.before = {name: len(self._failovers(name)) for name in self.lab.pgpools}

    def _failovers(self, name):
        """What failover.sh of a pgpool made of each node that was taken out of the pool."""
        return [event["result"] for event in self.lab.failovers(name) if event["event"] == "failover"]

    def _wait_for_service(self, at):
        """Where a failover is due, by another server than before."""
        old = self.lab.address(self.primary)

        def served():
            if self.writer.acknowledged_after(at + 1) <= LOAD_ROWS:
                return False
            return not self.fault.fails_over or self.writer.served_by()[-1] != old or self._back_without_failover()

        eventually(served, timeout=self.limit, interval=0.1)

    def _back_without_failover(self):
        """Both servers were restarted: whichever serves."""
        return self.name == "both_restarted"

    def _watch_on(self, whole, primaries):
        """A server that comes back as a second primary needs some seconds for it, so look on until only one stays."""
        began, now = whole, []
        while time.time() < min(began + STAYS, whole + WHOLE):
            time.sleep(0.5)
            now = primaries.now()
            if len(now) != 1:
                began = time.time()
        self.report["primaries_at_last"] = now

    def _tell(self, whole, primaries):
        self.report.update(
            new_primary=self._serving(),
            served_by=self.writer.served_by(),
            failovers=[one for name in self.lab.pgpools for one in self._failovers(name)[self.before[name] :]],
            two_primaries_s=round(primaries.together(), 2),
            two_primaries_when_whole_s=round(primaries.together(since=whole), 2),
        )

    def _heal(self):
        """One command for each database host that is not the primary."""
        primary = self.report["new_primary"]
        for host in self.lab.databases:
            if host != primary:
                begun = time.monotonic()
                self.lab.playbook("recover_standby.yml", "-l", host)
                self.report["recover_s"] = round(time.monotonic() - begun, 1)
        if self.fault.after is not None:
            self.fault.after(self)


if __name__ == "__main__":
    sys.exit(drills.command_line(Drill, sys.argv[1:]))
