# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May this PostgreSQL be started? Asked by systemd before each start; the answer is the exit status.

A standby may always start: it cannot write. A data directory that would start as a primary may start only when somebody
else confirms that nobody was promoted in the meantime. It never stops, changes or removes anything of PostgreSQL.

    guard.py             decide; exit 0: start, 1: refused, 75: cannot tell yet, pgops-guard.service goes on asking
    guard.py --watch     what pgops-guard.service does: ask until PostgreSQL may start, and start it then
    guard.py --explain   print what is seen now and what would be decided, as JSON; changes nothing
    guard.py --permit    allow the next start, whatever is seen (valid for some minutes, for one start)

(Installed by the role pgops.pgpool.guard, which puts the first line with the interpreter in front.)
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import pwd
import re
import stat
import subprocess
import sys
import time
import typing as t

SCHEMA = 1
CONFIG = "/etc/pgops/guard.json"
ALLOW, REFUSE, WAIT = "allow", "refuse", "wait"
PRIMARY, STANDBY, UNCLEAR, SILENT, NO_DATA = "primary", "standby", "unclear", "silent", "none"
SPEAK_EVERY = 60.0
SPEAK_AGAIN = 5.0  # a changed situation is told at once, but not more often than this


# ---- What was seen ---------------------------------------------------------------------------------------------------


class Peer(t.NamedTuple):
    """What another database host said."""

    name: str
    answer: str  # primary, standby, unclear (alive, but it did not tell) or silent
    timeline: int | None = None
    system_identifier: str | None = None
    detail: str = ""


class Node(t.NamedTuple):
    """One line of SHOW POOL_NODES: ``role`` is pgpool's belief, ``pg_role`` what the server said (4.3 and newer)."""

    id: int
    hostname: str
    status: str
    role: str
    pg_role: str | None = None


class Pgpool(t.NamedTuple):
    """What a pgpool said; no nodes: it did not."""

    name: str
    nodes: tuple = ()
    detail: str = ""


class Observed(t.NamedTuple):
    """Everything the decision depends on."""

    name: str
    backend_id: int
    data: str  # none, standby or primary: as what the data directory would start
    timeline: int | None = None
    system_identifier: str | None = None
    permitted: bool = False
    paused: bool = False
    peers: tuple = ()
    pgpools: tuple = ()
    waited: float = 0.0
    confirmed_for: float = 0.0
    settle: float = 0.0
    promote_after: float | None = None
    unit: str = "postgresql.service"


class Decision(t.NamedTuple):
    """The answer. ``confirming``: somebody confirms that we may start; it has to stay so for a moment."""

    verdict: str
    reason: str
    next_step: str = ""
    confirming: bool = False


# ---- The decision: pure functions of what was seen -------------------------------------------------------------------


def decide(seen):
    """Allow, refuse or wait."""
    if seen.data == NO_DATA:
        return Decision(ALLOW, "there is no data directory yet")
    if seen.data == STANDBY:
        return Decision(ALLOW, "it starts as a standby, which cannot write")
    if seen.permitted:
        return Decision(ALLOW, "this start was permitted beforehand")
    refusal = _find_other_primary(seen)
    if refusal is not None:
        return refusal
    if seen.paused:
        return Decision(ALLOW, "automatic failover is paused on this host, and nobody else is seen to be the primary")
    if not seen.peers:
        return Decision(ALLOW, "the cluster has no other database, and no pgpool says otherwise")
    confirmation = _find_confirmation(seen)
    if confirmation is None:
        return _alone(seen)
    if seen.confirmed_for < seen.settle:
        return Decision(WAIT, f"{confirmation}; watching for {seen.settle:g} s whether it stays so", confirming=True)
    return Decision(ALLOW, confirmation, confirming=True)


def _find_other_primary(seen):
    for peer in seen.peers:
        if peer.answer == PRIMARY:
            return _refuse_beside(seen, peer)
    for peer in seen.peers:
        if peer.answer == STANDBY and _same_system(seen, peer) and _newer(peer.timeline, seen.timeline):
            seen_there = (
                f"{peer.name} is a standby on timeline {peer.timeline}, newer than {seen.timeline} of this host"
            )
            return Decision(REFUSE, f"{seen_there}: another server was promoted", _recover(seen))
    for pgpool in seen.pgpools:
        for node in pgpool.nodes:
            if _contradicts(node, pgpool.nodes, seen.backend_id):
                what = (
                    f"{pgpool.name} (pgpool) says that node {node.id} ({node.hostname}, {node.status}) is the primary"
                )
                return Decision(REFUSE, what, _recover(seen))
    return None


def _refuse_beside(seen, peer):
    there = f"{peer.name} is a primary on timeline {peer.timeline or 'unknown'}"
    by_hand = (
        "compare them (ansible-playbook check_cluster.yml) and decide which one keeps its data; to start this one all "
        f"the same, stop the other, then: /usr/local/lib/pgops/guard.py --permit && systemctl start {seen.unit}"
    )
    if not _same_system(seen, peer):
        return Decision(
            REFUSE, f"{there}, of another cluster (its system identifier is not that of this host)", by_hand
        )
    if _newer(seen.timeline, peer.timeline):
        reason = f"{there}, older than {seen.timeline} of this host: there would be two primaries"
        return Decision(REFUSE, reason, by_hand)
    return Decision(REFUSE, there, _recover(seen))


def _contradicts(node, nodes, backend_id):
    if node.id == backend_id:
        return False
    if node.pg_role == PRIMARY:
        return True
    we_are_down = any(own.id == backend_id and not _is_up(own) for own in nodes)
    return node.role == PRIMARY and (_is_up(node) or we_are_down)


def _find_confirmation(seen):
    """Who confirms that nobody was promoted: all peers, or some of them together with a pgpool, or a pgpool alone."""
    standbys = [peer for peer in seen.peers if peer.answer == STANDBY and _same_system(seen, peer)]
    words = [f"{peer.name} is a standby" for peer in standbys]
    speaking = [pgpool for pgpool in seen.pgpools if pgpool.nodes]
    naming_us = [
        pgpool
        for pgpool in speaking
        if any(node.id == seen.backend_id and node.role == PRIMARY and _is_up(node) for node in pgpool.nodes)
    ]
    words += [f"{pgpool.name} (pgpool) says that this host is the primary" for pgpool in naming_us]
    enough = naming_us or (standbys and (len(standbys) == len(seen.peers) or speaking))
    return ", ".join(words) if enough else None


def _alone(seen):
    reason = "cannot tell whether another server was promoted: " + "; ".join(
        [f"{peer.name}: {peer.detail or peer.answer}" for peer in seen.peers]
        + [f"{pgpool.name} (pgpool): {pgpool.detail or 'does not name us'}" for pgpool in seen.pgpools]
    )
    someone_is_alive = any(peer.answer in (UNCLEAR, PRIMARY) for peer in seen.peers)
    if seen.promote_after is not None and not someone_is_alive and seen.waited >= seen.promote_after:
        return Decision(ALLOW, f"{reason}; starting all the same after {seen.promote_after:g} s (guard_lone_start)")
    return Decision(
        WAIT,
        reason,
        "goes on by itself when they answer; if you know that no other server was promoted: "
        "/usr/local/lib/pgops/guard.py --permit",
    )


def _same_system(seen, peer):
    return None in (seen.system_identifier, peer.system_identifier) or seen.system_identifier == peer.system_identifier


def _newer(one, other):
    return None not in (one, other) and one > other


def _is_up(node):
    return node.status in ("up", "waiting")


def _recover(seen):
    return f"ansible-playbook recover_standby.yml -l {seen.name}"


# ---- Reading this host -----------------------------------------------------------------------------------------------


def start_role(data_directory):
    """As what PostgreSQL would start here: none, standby or primary."""
    root = pathlib.Path(data_directory)
    if not (root / "PG_VERSION").exists():
        return NO_DATA
    major = int((root / "PG_VERSION").read_text().split(".")[0])
    if major >= 12:
        return STANDBY if (root / "standby.signal").exists() else PRIMARY
    recovery = root / "recovery.conf"
    lines = recovery.read_text(errors="replace").splitlines() if recovery.exists() else []
    wanted = re.compile(r"^\s*standby_mode\s*=?\s*'?(on|true|yes|1)\b", re.IGNORECASE)
    return STANDBY if any(wanted.match(line) for line in lines) else PRIMARY


def permit_problem(path, *, now, max_age):
    """Why the permit is not valid; None if it is. Only root can give it, and it grows old."""
    try:
        found, folder = os.lstat(path), os.stat(os.path.dirname(path))
    except OSError:
        return "there is none"
    if not stat.S_ISREG(found.st_mode) or any(one.st_uid or one.st_mode & 0o022 for one in (found, folder)):
        return "others than root could have written it"
    age = now - found.st_mtime
    return None if -5 <= age <= max_age else f"it is {age:.0f} s old (at most {max_age:g})"


def parse_controldata(text):
    """Return (timeline, system identifier) of pg_controldata's output."""
    timeline = re.search(r"Latest checkpoint's TimeLineID:\s+(\d+)", text)
    identifier = re.search(r"Database system identifier:\s+(\d+)", text)
    return (int(timeline.group(1)) if timeline else None, identifier.group(1) if identifier else None)


def own_timeline(controlled, data_directory):
    """pg_control is stale until the first checkpoint after a promotion; the history file is there before it."""
    histories = pathlib.Path(data_directory, "pg_wal").glob("*.history")
    numbers = [int(file.stem, 16) for file in histories if re.fullmatch(r"[0-9A-F]{8}", file.stem)]
    known = [*numbers, controlled] if controlled is not None else numbers
    return max(known, default=None)


# ---- Asking others ---------------------------------------------------------------------------------------------------

# What any role may read. The timeline of a standby is the newest that its control file or its receiver knows.
PEER_QUERY = """
select pg_is_in_recovery(), (select system_identifier from pg_control_system()),
  case when pg_is_in_recovery()
    then greatest((select timeline_id from pg_control_checkpoint()),
                  (select min_recovery_end_timeline from pg_control_recovery()),
                  (select received_tli from pg_stat_wal_receiver))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end
"""
NO_ANSWER = re.compile(
    r"Connection refused|timeout expired|No route to host|Network is unreachable|could not translate host name"
    r"|Connection timed out|server closed the connection|Connection reset|Host is down",
    re.IGNORECASE,
)


class Answer(t.NamedTuple):
    """What a command said; ``rc`` None: it did not end in time."""

    rc: int | None
    stdout: str
    stderr: str


def read_peer(name, answer):
    """Turn psql's answer to PEER_QUERY into a ``Peer``."""
    if answer.rc is None:
        return Peer(name, SILENT, detail="no answer in time")
    fields = answer.stdout.strip().split("|")
    if answer.rc == 0 and len(fields) == 3 and fields[0] in ("t", "f"):
        timeline = int(fields[2]) if fields[2] else None
        return Peer(name, STANDBY if fields[0] == "t" else PRIMARY, timeline, fields[1] or None)
    detail = _one_line(answer.stderr or answer.stdout)
    return Peer(name, SILENT if NO_ANSWER.search(detail) else UNCLEAR, detail=detail)


def read_pgpool(name, answer):
    """Turn psql's answer to SHOW POOL_NODES into a ``Pgpool``. Columns differ between versions: go by their names."""
    if answer.rc != 0:
        return Pgpool(name, detail="no answer in time" if answer.rc is None else _one_line(answer.stderr))
    lines = [line.split("|") for line in answer.stdout.splitlines() if line]
    rows = [dict(zip(lines[0], line)) for line in lines[1:]] if lines else []
    try:
        nodes = tuple(
            Node(int(row["node_id"]), row["hostname"], row["status"], row["role"], row.get("pg_role")) for row in rows
        )
    except (KeyError, ValueError) as exc:
        return Pgpool(name, detail=f"its answer is not understood ({exc!r})")
    return Pgpool(name, nodes, "" if nodes else "lists no nodes")


def _one_line(text):
    """The gist of what psql said on stderr."""
    words = re.sub(r"^psql: error: |\s*Is the server running .*", "", " ".join(text.split()))
    return words[:300] or "no answer"


class Asker:
    """Runs programs as the owner of the cluster, several at a time."""

    def __init__(self, config):
        self.config = config
        self.owner = pwd.getpwnam(config["os_user"])

    def run_all(self, commands):
        """Run all commands at once, each with the configured time; return their answers in order."""
        running = [self._start(argv) for argv in commands]
        deadline = time.monotonic() + self.config["timeout"]
        return [self._finish(process, deadline) for process in running]

    def psql(self, target, *, query, options):
        program = os.path.join(self.config["bin_directory"], "psql")
        where = ("-h", target["address"], "-p", str(target["port"]), "-U", self.config["user"])
        return (program, "-X", "-A", "-q", "-w", *options, *where, "-d", self.config["database"], "-c", query)

    def _start(self, argv):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": self.owner.pw_dir,
            "LC_ALL": "C",
            "PGCONNECT_TIMEOUT": "2",
            "PGSSLMODE": self.config["ssl_mode"],
            "PGAPPNAME": "pgops_guard",
        }
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            return subprocess.Popen(argv, cwd="/", env=environment, preexec_fn=self._demote, **pipes)
        except OSError as exc:
            return Answer(127, "", f"{argv[0]}: {exc.strerror}")

    def _demote(self):
        if os.geteuid() == 0:
            os.initgroups(self.owner.pw_name, self.owner.pw_gid)
            os.setgid(self.owner.pw_gid)
            os.setuid(self.owner.pw_uid)

    @staticmethod
    def _finish(process, deadline):
        if isinstance(process, Answer):
            return process
        try:
            out, err = process.communicate(timeout=max(0.05, deadline - time.monotonic()))
            return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Answer(None, "", "")


def observe_here(config):
    """What this host alone can tell."""
    lone_start = config["lone_start"]
    problem = permit_problem(config["permit_file"], now=time.time(), max_age=config["permit_max_age"])
    return Observed(
        name=config["name"],
        backend_id=config["backend_id"],
        data=start_role(config["data_directory"]),
        permitted=problem is None,
        paused=os.path.exists(config["paused_file"]),
        settle=float(config["settle"]),
        promote_after=None if lone_start == "hold" else float(lone_start),
        unit=config["unit"],
    )


def observe_others(seen, config):
    """Add what the control file, the peers and the pgpools say."""
    asker = Asker(config)
    peers, pgpools = config["peers"], config["pgpools"]
    commands = [(os.path.join(config["bin_directory"], "pg_controldata"), config["data_directory"])]
    commands += [asker.psql(peer, query=PEER_QUERY, options=("-t",)) for peer in peers]
    commands += [asker.psql(one, query="SHOW POOL_NODES", options=("-P", "footer=off")) for one in pgpools]
    control, *answers = asker.run_all(commands)
    timeline, identifier = parse_controldata(control.stdout)
    return seen._replace(
        timeline=own_timeline(timeline, config["data_directory"]),
        system_identifier=identifier,
        peers=tuple(read_peer(peer["name"], answer) for peer, answer in zip(peers, answers)),
        pgpools=tuple(read_pgpool(one["name"], answer) for one, answer in zip(pgpools, answers[len(peers) :])),
    )


def observe(config):
    """Ask others only when it matters."""
    seen = observe_here(config)
    return observe_others(seen, config) if seen.data == PRIMARY and not seen.permitted else seen


# ---- Telling ---------------------------------------------------------------------------------------------------------


def report(seen, decision):
    """The decision and its evidence, for machines."""
    evidence = seen._asdict()
    evidence["peers"] = [peer._asdict() for peer in seen.peers]
    evidence["pgpools"] = [dict(one._asdict(), nodes=[node._asdict() for node in one.nodes]) for one in seen.pgpools]
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "schema": SCHEMA,
        "time": now.isoformat(timespec="seconds"),
        "host": seen.name,
        "decision": decision.verdict,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "evidence": evidence,
    }


def save(path, document):
    """Replace the state file in one step; a full disk is no reason to keep a database down."""
    temporary = f"{path}.new"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        os.replace(temporary, path)
    except OSError as exc:
        say(f"cannot write {path}: {exc.strerror}", level=4)


def say(text, *, level=6):
    """One line for the journal (with its priority) or the terminal."""
    prefix = f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""
    print(f"{prefix}pgops-guard: {text}", flush=True)


def tell(decision):
    words = {ALLOW: "PostgreSQL may start", REFUSE: "REFUSED to start PostgreSQL as a primary", WAIT: "WAITING"}
    ending = f". Next: {decision.next_step}" if decision.next_step else ""
    level = {ALLOW: 6, REFUSE: 3, WAIT: 4}[decision.verdict]
    say(f"{words[decision.verdict]}: {decision.reason}{ending}", level=level)


# ---- Running ---------------------------------------------------------------------------------------------------------


class NotNeeded(Exception):
    """There is nothing to wait for any more."""


def deliberate(config, *, patience, look=observe, clock=time.monotonic, sleep=time.sleep):
    """Look and decide until the decision is not to wait, or patience (None: endless) is over; return the decision."""
    started = clock()
    confirmed_since = spoke_at = spoke_of = None
    while True:
        round_started = clock()
        seen = look(config)
        confirmed_for = 0.0 if confirmed_since is None else round_started - confirmed_since
        seen = seen._replace(waited=round_started - started, confirmed_for=confirmed_for)
        decision = decide(seen)
        if not decision.confirming:
            confirmed_since = None
        elif confirmed_since is None:
            confirmed_since = round_started
        tired = patience is not None and not decision.confirming and clock() - started >= patience
        is_last = decision.verdict != WAIT or tired
        quiet_for = float("inf") if spoke_at is None else clock() - spoke_at
        if is_last or quiet_for >= (SPEAK_EVERY if situation(seen, decision) == spoke_of else SPEAK_AGAIN):
            tell(decision)
            save(config["state_file"], report(seen, decision))
            spoke_at, spoke_of = clock(), situation(seen, decision)
        if is_last:
            return decision
        sleep(max(0.0, 1.0 - (clock() - round_started)))


def situation(seen, decision):
    """What is worth a new line: not that "no route" has become "time-out" again."""
    answers = tuple(peer.answer for peer in seen.peers)
    return decision.confirming, answers, tuple(bool(pgpool.nodes) for pgpool in seen.pgpools)


def systemctl(*words):
    """Run systemctl; return what it printed."""
    done = subprocess.run(("systemctl", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode(errors="replace").strip()


def before_start(config):
    """May PostgreSQL be started now? Where only time can tell, another unit goes on waiting: a boot must not."""
    decision = deliberate(config, patience=config["patience"])
    use_up_permit(config)
    if decision.verdict == WAIT:
        say(f"{config['watch_unit']} goes on asking and starts PostgreSQL when it may", level=4)
        systemctl("start", "--no-block", config["watch_unit"])
    return {ALLOW: 0, REFUSE: 1, WAIT: 75}[decision.verdict]


def watch(config):
    """Wait until PostgreSQL may start, and start it; or until somebody else has taken care of it."""
    try:
        decision = deliberate(config, patience=None, look=look_while_stopped)
    except NotNeeded as exc:
        say(f"no need to wait any more: {exc}")
        return 0
    if decision.verdict == REFUSE:
        return 1
    give_permit(config)
    systemctl("start", "--no-block", config["unit"])
    return 0


def look_while_stopped(config):
    """As ``observe``, as long as PostgreSQL is stopped and would start as a primary."""
    state = systemctl("show", "--property=ActiveState", config["unit"]).partition("=")[2]
    while state in ("activating", "deactivating"):
        time.sleep(1)
        state = systemctl("show", "--property=ActiveState", config["unit"]).partition("=")[2]
    if state == "active":
        raise NotNeeded("PostgreSQL runs")
    seen = observe(config)
    if seen.data != PRIMARY:
        raise NotNeeded("the data directory would not start as a primary now; whoever changed that starts it")
    return seen


def use_up_permit(config):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(config["permit_file"])


def give_permit(config):
    path = config["permit_file"]
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    use_up_permit(config)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"given by {os.environ.get('SUDO_USER') or 'root'}\n")
    say(f"the next start of {config['unit']} is permitted, within {config['permit_max_age']} s")


def explain(config):
    seen = observe(config)
    print(json.dumps(report(seen, decide(seen._replace(confirmed_for=seen.settle))), indent=2))


def load(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    if config.get("schema") != SCHEMA:
        raise ValueError(f"schema {config.get('schema')!r} is not {SCHEMA}")
    return config


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=CONFIG)
    what = parser.add_mutually_exclusive_group()
    for name in ("watch", "explain", "permit"):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name)
    options = parser.parse_args(words)
    try:
        config = load(options.config)
    except (OSError, ValueError) as exc:
        say(f"cannot read {options.config}: {exc}. Next: ansible-playbook deploy_cluster.yml writes it anew", level=3)
        return 1
    jobs = {None: before_start, "watch": watch, "explain": explain, "permit": give_permit}
    return jobs[options.what](config) or 0


if __name__ == "__main__":
    sys.exit(main())
