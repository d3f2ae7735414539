# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking servers, with psql as the owner of the cluster (the passwords are in its .pgpass): questions and answers."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
import time
import typing as t

from . import conninfo
from .seen import PRIMARY, SILENT, STANDBY, UNCLEAR, Node, Own, Peer, Pgpool, Sender

# What any role may read. The timeline of a standby is the newest that its control file or its receiver knows.
_FACTS = """
  pg_is_in_recovery(), (select system_identifier from pg_control_system()),
  case when pg_is_in_recovery()
    then greatest((select timeline_id from pg_control_checkpoint()),
                  (select min_recovery_end_timeline from pg_control_recovery()),
                  (select received_tli from pg_stat_wal_receiver))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    else pg_current_wal_lsn() end - '0/0'::pg_lsn
"""
# What the guard of a primary has done about the standby that commits wait for; empty: nothing.
_REQUIREMENT = "coalesce(current_setting('pgops.synchronous', true), '')"
PEER_QUERY = f"select {_FACTS}, current_setting('synchronous_standby_names') <> '' and {_REQUIREMENT} = ''"
OWN_QUERY = f"""select {_FACTS}, coalesce((select status from pg_stat_wal_receiver), ''),
  (select coalesce(string_agg(concat_ws(':', regexp_replace(application_name, '[^A-Za-z0-9_.-]', '?', 'g'),
                                        coalesce((flush_lsn - '0/0'::pg_lsn)::text, ''), sync_state), ','), '')
     from pg_stat_replication where state = 'streaming' and application_name not in ('pg_receivewal', 'pg_basebackup')),
  {_REQUIREMENT}, translate(current_setting('synchronous_standby_names'), E'|\\n', ''),
  coalesce(current_setting('primary_conninfo', true), '')"""
# The server is not there, or does not get so far as to say anything.
NO_ANSWER = re.compile(
    r"Connection refused|timeout expired|No route to host|Network is unreachable|could not translate host name"
    r"|Connection timed out|server closed the connection|Connection reset|Host is down",
    re.IGNORECASE,
)
# A server, or at least its host, was there: what says nothing of that kind proves nothing.
CONTACT = re.compile(r"FATAL|ERROR:|Connection refused|server closed the connection|Connection reset")


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
    if answer.rc == 0 and len(fields) == 5 and fields[0] in ("t", "f"):
        answered, waits = STANDBY if fields[0] == "t" else PRIMARY, fields[4] == "t"
        return Peer(name, answered, _number(fields[2]), fields[1] or None, lsn=_number(fields[3]), waits=waits)
    detail = one_line(answer.stderr or answer.stdout)
    return Peer(name, SILENT if NO_ANSWER.search(detail) else UNCLEAR, detail=detail)


def read_own(answer, recovery_conf=""):
    """Turn psql's answer to OWN_QUERY into an ``Own``; None when there is no answer."""
    fields = answer.stdout.rstrip("\n").split("|", 8)
    if answer.rc != 0 or len(fields) != 9 or fields[0] not in ("t", "f"):
        return None
    standby = fields[0] == "t"
    senders = tuple(_sender(one) for one in fields[5].split(",") if one)
    # Before PostgreSQL 12 the connection string is no setting.
    host, port = conninfo.upstream(fields[8] or conninfo.setting(recovery_conf, "primary_conninfo"))
    return Own(
        STANDBY if standby else PRIMARY,
        answers=True,
        timeline=_number(fields[2]),
        system_identifier=fields[1] or None,
        lsn=_number(fields[3]),
        streaming=standby and fields[4] == "streaming",
        upstream_host=host if standby else "",
        upstream_port=port,
        standbys=tuple(one.name for one in senders),
        senders=senders,
        requirement=fields[6],
        names=fields[7],
    )


def _sender(text):
    name, flushed, state = (*text.split(":"), "", "")[:3]
    return Sender(name, _number(flushed), state)


def _number(text):
    return int(text) if text.isdigit() else None


def read_pgpool(name, answer):
    """Turn psql's answer to SHOW POOL_NODES into a ``Pgpool``. Columns differ between versions: go by their names."""
    if answer.rc != 0:
        return Pgpool(name, detail="no answer in time" if answer.rc is None else one_line(answer.stderr))
    lines = [line.split("|") for line in answer.stdout.splitlines() if line]
    rows = [dict(zip(lines[0], line)) for line in lines[1:]] if lines else []
    try:
        nodes = tuple(
            Node(int(row["node_id"]), row["hostname"], row["status"], row["role"], row.get("pg_role")) for row in rows
        )
    except (KeyError, ValueError) as exc:
        return Pgpool(name, detail=f"its answer is not understood ({exc!r})")
    return Pgpool(name, nodes, "" if nodes else "lists no nodes")


def was_there(answer):
    """Did another host react at all? A refused connection is a reaction, an error of psql itself is none."""
    return answer.rc == 0 or (answer.rc is not None and bool(CONTACT.search(answer.stderr)))


def one_line(text):
    """The gist of what psql said on stderr."""
    words = re.sub(r"^psql: error: |\s*Is the server running .*", "", " ".join(text.split()))
    return words[:300] or "no answer"


class Asker:
    """Runs programs as the owner of the cluster, several at a time."""

    def __init__(self, config):
        self.config = config
        self.owner = pwd.getpwnam(config["os_user"])

    def run_all(self, commands, *, limit=None):
        """Run all commands at once, within the configured time or ``limit``; return their answers in order."""
        running = [self.start(argv) for argv in commands]
        return self.collect(running, time.monotonic() + (self.config["timeout"] if limit is None else limit))

    def run(self, argv, *, limit, text="", more=None):
        """Run one command with a text as its input: what is secret does not belong into its words."""
        return self.finish(self.start(argv, more), time.monotonic() + limit, text)

    def psql(self, target, *, query, options):
        """A question to another server, as the health check's user."""
        where = ("-h", target["address"], "-p", str(target["port"]), "-U", self.config["user"])
        return self.words(*options, *where, "-d", self.config["database"], "-c", query)

    def local_psql(self, *options):
        """A command for our own server, as its owner through the socket."""
        where = ("-h", self.config["socket_directory"], "-p", str(self.config["port"]), "-U", self.config["os_user"])
        return self.words(*where, "-d", "postgres", *options)

    def words(self, *words):
        return (os.path.join(self.config["bin_directory"], "psql"), "-X", "-A", "-q", "-w", *words)

    def start(self, argv, more=None):
        """Start a command; an ``Answer`` when it cannot be."""
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": self.owner.pw_dir,
            "LC_ALL": "C",
            "PGCONNECT_TIMEOUT": "2",
            "PGSSLMODE": self.config["ssl_mode"],
            "PGAPPNAME": "pgops_guard",
            **(more or {}),
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            return subprocess.Popen(argv, cwd="/", env=environment, preexec_fn=self._demote, **pipes)
        except OSError as exc:
            return Answer(127, "", f"{argv[0]}: {exc.strerror}")

    def _demote(self):
        if os.geteuid() == 0:
            os.initgroups(self.owner.pw_name, self.owner.pw_gid)
            os.setgid(self.owner.pw_gid)
            os.setuid(self.owner.pw_uid)

    def collect(self, running, deadline):
        return [self.finish(process, deadline) for process in running]

    @staticmethod
    def finish(process, deadline, text=""):
        if isinstance(process, Answer):
            return process
        try:
            out, err = process.communicate(text.encode(), timeout=max(0.05, deadline - time.monotonic()))
            return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(ValueError, BrokenPipeError):
                process.communicate()
            return Answer(None, "", "")
