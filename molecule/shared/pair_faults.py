# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the pgpool side of a lab in one of the ways that servers break, under load, and say what a client saw.

    LAB_PROJECT=pgops pair_faults.py list
    LAB_PROJECT=pgops pair_faults.py NAME [NAME ...]      one after the other (or: all); the pair settles in between

The holder is the host that has the virtual IP: with the watchdog it is the leader, with keepalived it need not be.
Any lab that deploy_cluster.yml has built will do. Prints a report for each fault and leaves
.lab/pair_faults.json.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import drills
import psycopg2
from drills import LOAD_ROWS, STAYS
from faults import POSTMASTER, restart_the_leader
from proof import eventually
from watched import Holders, Primaries

PARENT = "$(head -n1 /var/run/postgresql/pgpool.pid)"
SETTLE = 150.0  # seconds: a pgpool that has to join the watchdog again, and nodes that it has to see up
LASTS = 10.0  # seconds that a fault lasts at least, unless the address has to move: all have noticed it by then
MANY = 1000  # sessions: more children than a lab has
KEEPALIVED = "keepalived"
ELECTS = 10.0  # seconds more, with the watchdog: until the next leader has the address


class Fault(t.NamedTuple):
    """One way to break.

    ``moves``: has another host to have the address then? ``splits``: do the pgpools not hear each other meanwhile?
    ``away``: is nobody served as long as it lasts? ``blinds``: does the holder reach no database meanwhile? A single
    pgpool then takes them all out, and the standby comes back by recover_standby.yml. ``witness``: does it need one?
    """

    what: str
    do: t.Callable
    undo: t.Callable | None = None
    moves: bool | None = True
    managers: tuple = ("watchdog", KEEPALIVED, "systemd")
    fails_over: bool = False
    pgpools: int = 1  # at least so many
    splits: bool = False
    away: bool = False
    blinds: bool = False
    witness: bool = False


def _on_holder(command):
    return lambda drill: drill.lab.run(drill.holder, command)


def _lab(*steps, on="holder"):
    def act(drill):
        for words in steps:
            drill.lab.fault(*words, getattr(drill, on))

    return act


def _both_ways(between, command, *, check=True):
    """A command on each host of either side about each host of the other one; ``between`` gives the two sides."""

    def act(drill):
        here, there = between(drill)
        for mine, theirs in ((here, there), (there, here)):
            words = "; ".join(command.format(drill.lab.address(other)) for other in theirs)
            for name in mine:
                drill.lab.run_inside(name, words, check=check)

    return act


def _no_route(between):
    """Both directions of a path are black holes, and other paths stay."""
    route = "ip route {} blackhole {{}}/32"
    return _both_ways(between, route.format("add")), _both_ways(between, route.format("del"), check=False)


def _no_arrival(between):
    """Packets go to nobody. (A black hole among the routes does not stop what is bound to an interface, as VRRP is.)"""
    nobody = "ip neigh replace {} lladdr 02:00:00:00:00:01 nud permanent dev eth0"
    return _both_ways(between, nobody), _both_ways(between, "ip neigh del {} dev eth0", check=False)


def _apart(drill):
    """Every pgpool from every other one."""
    return [drill.holder], [name for name in drill.lab.pgpools if name != drill.holder]


def _holder_and_databases(drill):
    return [drill.holder], drill.lab.databases


def _other_and_databases(drill):
    return [drill.other], drill.lab.databases


def _others(*words):
    """Each pgpool host but the holder's."""

    def act(drill):
        for word in words:
            for name in _apart(drill)[1]:
                drill.lab.fault(word, name)

    return act


def _kill_the_primary_without_a_majority(drill):
    _others("cut", "kill")(drill)
    eventually(lambda: "QUORUM ABSENT" in drill.lab.watchdog(drill.holder), timeout=SETTLE)
    drill.lab.run(drill.primary, f"kill -9 {POSTMASTER}")


def _restart_all(drill):
    for name in drill.lab.pgpools:
        drill.lab.run(name, "systemctl --no-block restart pgpool2")


def _power_cycle_all(drill):
    for word in ("kill", "start"):
        for name in drill.lab.pgpools:
            drill.lab.fault(word, name)


def _take_every_child(drill):
    """Sessions that do nothing, until the next one is not let in."""
    drill.sessions = []
    with contextlib.suppress(psycopg2.OperationalError):
        while len(drill.sessions) < MANY:
            drill.sessions.append(drill.lab.connect(drill.lab.vip))


def _give_them_back(drill):
    for session in drill.sessions:
        session.close()


def _kill_keepalived(which):
    """Its process that announces and holds the address, or the parent of that one."""
    first = "pid=$(systemctl show --property=MainPID --value keepalived)"
    return _on_holder(f"{first}; kill -9 " + ("$pid" if which == "parent" else "$(pgrep -P $pid)"))


FAULTS = {
    "moved": Fault(
        "no fault: the address is moved (move_vip.yml)",
        lambda drill: drill.lab.playbook("move_vip.yml", "-l", drill.other),
        pgpools=2,
    ),
    "service_stopped": Fault(
        "systemctl stop of pgpool on the holder",
        _on_holder("systemctl stop pgpool2"),
        _on_holder("systemctl start pgpool2"),
    ),
    "parent_killed": Fault("SIGKILL of the holder's pgpool", _on_holder(f"kill -9 {PARENT}")),
    "child_killed": Fault(
        "SIGKILL of one child of pgpool",
        _on_holder("kill -9 $(pgrep -u postgres -f '^pgpool: wait for connection request' | head -n1)"),
        moves=False,
    ),
    "children_busy": Fault(
        "clients that do nothing have all children of the holder's pgpool",
        _take_every_child,
        _give_them_back,
        False,
        away=True,
    ),
    "parent_stopped": Fault(
        "the holder's pgpool hangs (SIGSTOP), its children do not",
        _on_holder(f"kill -STOP {PARENT}"),
        _on_holder(f"kill -CONT {PARENT}"),
        managers=(KEEPALIVED,),
    ),
    "host_killed": Fault("the holder's host loses power", _lab(("cut",), ("kill",)), _lab(("start",)), splits=True),
    # Who thaws had the address and may go on with it: one of the two has it then.
    "host_frozen": Fault(
        "the holder's host freezes, and thaws later", _lab(("pause",)), _lab(("unpause",)), None, splits=True
    ),
    "host_frozen_and_cut": Fault(
        "the holder's host freezes and its link goes down; later it thaws, the link is up first",
        _lab(("pause",), ("cut",)),
        _lab(("heal",), ("unpause",)),
        None,
        splits=True,
    ),
    "holder_cut_off": Fault(
        "the holder's network cable is pulled", _lab(("cut",)), _lab(("heal",)), splits=True, blinds=True
    ),
    "other_killed": Fault(
        "the host of another pgpool loses power",
        _lab(("cut",), ("kill",), on="other"),
        _lab(("start",), on="other"),
        False,
        pgpools=2,
        splits=True,
    ),
    "witness_killed": Fault(
        "the witness's host loses power",
        _lab(("cut",), ("kill",), on="witness"),
        _lab(("start",), on="witness"),
        False,
        splits=True,
        witness=True,
    ),
    "others_killed": Fault(
        "every pgpool host but the holder's loses power",
        _others("cut", "kill"),
        _others("start"),
        False,
        pgpools=3,
        splits=True,
    ),
    "primary_killed_without_a_majority": Fault(
        "every pgpool host but the holder's loses power, then the primary dies",
        _kill_the_primary_without_a_majority,
        _others("start"),
        False,
        fails_over=True,
        pgpools=3,
        splits=True,
        away=True,
    ),
    "cut_apart": Fault(
        "the holder and the other pgpools cannot reach each other, all else can",
        *_no_arrival(_apart),
        None,
        pgpools=2,
        splits=True,
    ),
    "holder_cut_from_databases": Fault(
        "the holder cannot reach the databases",
        *_no_route(_holder_and_databases),
        blinds=True,
    ),
    "other_cut_from_databases": Fault(
        "another pgpool cannot reach the databases",
        *_no_route(_other_and_databases),
        False,
        pgpools=2,
    ),
    "all_restarted": Fault("every pgpool restarts at once", _restart_all, moves=None),
    "all_hosts_killed": Fault("every pgpool host loses power at once, and boots", _power_cycle_all, moves=None),
    "leader_restarted_during_failover": Fault(
        "the leading pgpool restarts while it fails a database over",
        restart_the_leader,
        moves=None,
        fails_over=True,
    ),
    "keepalived_killed": Fault(
        "SIGKILL of keepalived on the holder", _kill_keepalived("parent"), managers=(KEEPALIVED,)
    ),
    "keepalived_child_killed": Fault(
        "SIGKILL of keepalived's VRRP process on the holder",
        _kill_keepalived("child"),
        managers=(KEEPALIVED,),
    ),
}


class Pgpools:
    """The pgpools of a lab: who moves the address, and whether they are one again."""

    def __init__(self, lab):
        self.lab = lab
        kept = lab.ssh(lab.pgpools[0], "systemctl is-enabled --quiet keepalived").returncode == 0
        self.manager = KEEPALIVED if kept else "systemd" if len(lab.pgpools) == 1 else "watchdog"
        # All but a witness, which only votes and has nothing of keepalived.
        self.witnesses = [name for name in lab.pgpools if lab.hostvars[name].get("pgops_pgpool_witness")]
        self.able = [name for name in lab.pgpools if name not in self.witnesses]

    def whole(self):
        """One has the address, all have the same view, each could take over, and no session leads nowhere."""
        lab = self.lab
        holders = lab.vip_holders()
        return (
            len(holders) == 1
            and self.one_view()
            and all(self.watchdog(name) for name in lab.pgpools)
            and all(self.may_hold(name) for name in self.able)
            and not any(self.lost_sessions(name) for name in lab.pgpools if name not in holders)
            and not any(self.forgotten_sessions(name) for name in lab.pgpools)
        )

    def one_view(self):
        """Every pgpool has every node up, and the same one for the primary."""
        views = [self.lab.pool_nodes(name) for name in self.lab.pgpools]
        up = all(status in ("up", "waiting") for view in views for _host, status, _role in view.values())
        primaries = {node for view in views for node, (_host, _status, role) in view.items() if role == "primary"}
        return up and len(primaries) == 1 and all("primary" in {n[2] for n in view.values()} for view in views)

    def watchdog(self, name):
        """This one's word on all: a leader, others that follow it, a quorum. A single one has no watchdog."""
        if len(self.lab.pgpools) == 1:
            return True
        told = self.lab.watchdog(name)
        states = sorted(re.findall(r"^Status Name\s*: (.+)$", told, re.M))
        quorum = re.search(r"^Quorum state\s*: (.+)$", told, re.M)
        whole = states[1:] == ["STANDBY"] * (len(self.lab.pgpools) - 1) and states[:1] in (["LEADER"], ["MASTER"])
        return whole and quorum is not None and quorum[1] in ("QUORUM EXIST", "QUORUM IS ON THE EDGE")

    def may_hold(self, name):
        """Nothing tells this host's keepalived to stay away. (Of the watchdog its state says it all.)"""
        if self.manager != KEEPALIVED:
            return True
        told = self.lab.run(name, "cd /run/pgops-vip; cat state; grep -v 0 pgpool_down moved_away || true")
        return told.strip() in ("MASTER", "BACKUP")

    def lost_sessions(self, name):
        """Sessions of the address on a host that does not have it."""
        return self.lab.run(name, f"ss -Htn state connected src {self.lab.vip}").splitlines()

    def forgotten_sessions(self, name):
        """What the database hosts still have of this pgpool host, which knows nothing of it: pairs of both ends."""
        before = self._sessions_of(name)
        lines = self.lab.run(name, "ss -Htn state all exclude time-wait dport = 5432").splitlines()
        known = {tuple(line.split()[-2:]) for line in lines}
        return (before & self._sessions_of(name)) - known

    def _sessions_of(self, name):
        """(the pgpool's end, the database's end) of each session, as the database hosts have it."""
        ask = f"ss -Htn state established sport = 5432 dst {self.lab.address(name)}"
        lines = [line for host in self.lab.databases for line in self.lab.run(host, ask).splitlines()]
        return {tuple(reversed(line.split()[-2:])) for line in lines}


class Drill(drills.Drill):
    """One fault of the pgpool side on one lab."""

    faults = FAULTS
    watches = (Holders, Primaries)
    file = "pair_faults.json"
    attempt = 1.0

    @classmethod
    def possible(cls, lab):
        pgpools, count = Pgpools(lab), len(lab.pgpools)
        return [
            name
            for name, fault in FAULTS.items()
            if pgpools.manager in fault.managers and count >= fault.pgpools and (pgpools.witnesses or not fault.witness)
        ]

    def _look(self):
        super()._look()
        self.pgpools = Pgpools(self.lab)
        eventually(self.pgpools.whole, timeout=SETTLE, interval=1)
        (self.holder,) = self.lab.vip_holders()
        self.other = next((host for host in self.pgpools.able if host != self.holder), None)
        self.witness = next(iter(self.pgpools.witnesses), None)
        self.report.update(manager=self.pgpools.manager, old_holder=self.holder, old_primary=self.primary)

    def _roles(self):
        return f"{self.holder} has the address, by {self.pgpools.manager}"

    def _wait_for_service(self, at):
        begun, alone = time.monotonic(), len(self.lab.pgpools) == 1 and self.fault.undo is not None
        if not alone and not self.fault.away:
            eventually(lambda: self._served(at), timeout=self.limit, interval=0.1)
        if self.fault.undo and not (self.fault.moves and self.other):
            lasts = LASTS + (ELECTS if self.pgpools.manager == "watchdog" else 0)
            time.sleep(max(0.0, begun + lasts - time.monotonic()))
        if self.fault.moves and self.other:  # of a pgpool that hangs the clients may notice nothing
            others = [name for name in self.pgpools.able if name != self.holder]
            eventually(lambda: self.lab.vip_holders(others), timeout=self.limit)

    def _served(self, at):
        """Not by what the fault had not reached yet."""
        return self.writer.acknowledged_after(at + 1.5) > LOAD_ROWS

    def _blind(self):
        return self.fault.blinds and len(self.lab.pgpools) == 1

    def _out(self):
        """The databases that a pgpool has down."""
        views = [self.lab.pool_nodes(name) for name in self.lab.pgpools]
        down = {host for view in views for host, status, _role in view.values() if status == "down"}
        return [name for name in self.lab.databases if self.lab.address(name) in down]

    def _watch_on(self, whole, holders, primaries):
        """The pair is one and stays it for some seconds, and rows are acknowledged."""
        eventually(self._whole, timeout=SETTLE, interval=0.5)
        self.report["settled_s"] = round(time.time() - whole, 1)
        self._wait_for_rows()  # a pgpool that was blind sees its databases later than it is seen to be whole
        time.sleep(STAYS)
        self._wait_for_rows()

    def _wait_for_rows(self):
        eventually(lambda: self.writer.acknowledged_after(time.monotonic() - 1) > 5, timeout=self.limit)

    def _whole(self):
        if self.fault.fails_over or self._blind():  # a database is out until it is healed
            return len(self.lab.vip_holders()) == 1 and all(self.pgpools.watchdog(name) for name in self.lab.pgpools)
        return self.pgpools.whole()

    def _tell(self, whole, holders, primaries):
        (holder,) = self.lab.vip_holders()
        self.report.update(
            new_holder=holder,
            two_holders_s=round(holders.together(), 2),
            two_holders_when_whole_s=round(holders.together(since=whole), 2),
            holders_at_last=holders.now(),
            two_primaries_s=round(primaries.together(), 2),
            new_primary=self._serving(),
            taken_out=self._out(),
        )

    def _heal(self):
        for host in self.report["taken_out"]:
            self.lab.playbook("recover_standby.yml", "-l", host)
        eventually(self.pgpools.whole, timeout=SETTLE, interval=1)


if __name__ == "__main__":
    sys.exit(drills.command_line(Drill, sys.argv[1:]))
