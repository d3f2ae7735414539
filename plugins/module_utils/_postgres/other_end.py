# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The primary of a planned switch, on a line that is open before anything happens: a shell there that waits for words.

When the line breaks before the word ``stop``, the shell ends and the primary goes on as if nothing had been.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import time

from .._errors import CommandFailed, NotVerified, Unreachable

SHELL = r"""
port=$1 socket=$2 limit=$3
export LC_ALL=C PGAPPNAME=pgops_switch
sql() { psql -XAtqw -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -d postgres -c "$1" 2>&1; }
data=$(sql "show data_directory") || { echo "failed $data"; exit 1; }
pid=$(head -n 1 "$data/postmaster.pid") && server=$(readlink "/proc/$pid/exe") ||
  { echo "failed no process in $data"; exit 1; }
bin=${server%/*}
state() { "$bin/pg_controldata" -D "$data" | sed -n "s/^$1: *//p"; }
while read -r word; do
  case $word in
    look)
      shopt -s nullglob
      waiting=("$data"/pg_wal/archive_status/*.ready)
      answer=$(sql "select json_build_object('in_recovery', pg_is_in_recovery(),
        'system_identifier', (select system_identifier::text from pg_control_system()),
        'lsn', case when pg_is_in_recovery() then null else pg_current_wal_lsn()::text end,
        'backups', (select count(*) from pg_stat_replication where state = 'backup'),
        'archiving', current_setting('archive_mode') <> 'off', 'not_archived', ${#waiting[@]},
        'sessions', (select count(*) from pg_stat_activity where backend_type = 'client backend' and state <> 'idle'
          and pid <> pg_backend_pid()),
        'prepared', (select count(*) from pg_prepared_xacts))") || { echo "failed $answer"; exit 1; }
      echo "facts" $answer;;
    checkpoint) answer=$(sql checkpoint) && echo "done checkpoint" || { echo "failed $answer"; exit 1; };;
    stop)
      answer=$("$bin/pg_ctl" -D "$data" -m fast -W stop 2>&1) || { echo "failed $answer"; exit 1; }
      until=$((SECONDS + limit))
      while [ $SECONDS -lt $until ]; do
        if [ "$(state 'Database cluster state')" = "shut down" ]; then
          echo "down $(state 'Latest checkpoint location')"; exit 0
        fi
        if ! kill -0 "$pid" 2>/dev/null && [ "$(state 'Database cluster state')" != "shut down" ]; then
          echo "died"; exit 1
        fi
        sleep 0.01
      done
      echo "late"; exit 1;;
  esac
done
"""


class OtherEnd:
    """A line to the primary's host. Every question has a limit in seconds."""

    def __init__(self, process, host):
        self._process, self._host, self._unread = process, host, b""

    def look(self, timeout):
        """What the primary says of itself (a dict)."""
        return json.loads(self._ask("look", "facts", timeout))

    def checkpoint(self, timeout):
        """Have it write its dirty pages, so that the shutdown has little left to write."""
        self._ask("checkpoint", "done", timeout)

    def stop(self, timeout):
        """Shut it down, sessions and all; returns the LSN of its last record, the shutdown checkpoint.

        Raises NotVerified when it did not end cleanly in time: nobody may be promoted then.
        """
        return self._ask("stop", "down", timeout)

    def close(self):
        """Hang up."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _ask(self, word, wanted, timeout):
        try:
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; why is in what it said
        deadline, noise = time.monotonic() + timeout, []
        while True:
            line = self._line(deadline)
            kind, _blank, rest = line.partition(" ")
            if kind == wanted:
                return rest
            if kind in _ENDS:
                raise _wrong(word, kind, " ".join([*noise, rest]).strip(), self._host, timeout)
            noise.append(line.strip())  # what ssh or a login script say

    def _line(self, deadline):
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                return "silent"
            read = os.read(self._process.stdout.fileno(), 65536)
            if not read:
                return "gone " + self._unread.decode("utf-8", "replace").strip()
            self._unread += read
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode("utf-8", "replace")


_ENDS = ("failed", "silent", "late", "died", "gone")


def _wrong(word, kind, rest, host, timeout):
    attempted = {"look": "ask the primary", "checkpoint": "make a checkpoint", "stop": "shut the primary down"}[word]
    seen = {
        "failed": rest,
        "silent": f"no answer within {timeout:g} s",
        "late": f"its shutdown did not end within {timeout:g} s",
        "died": "its process ended without a clean shutdown",
        "gone": f"the connection ended: {rest}" if rest else "the connection ended",
    }[kind]
    error = {"failed": CommandFailed, "gone": Unreachable}.get(kind, NotVerified)
    return error(
        attempted,
        server=host,
        seen=seen,
        next_step="nobody was promoted; ansible-playbook check_cluster.yml shows how things are",
        evidence={"asked": word, "answer": kind},
    )


def open_line(runner, host, port, socket_directory, *, user, stop_limit, connect_timeout=5):
    """Open the line as ``user``, whose SSH key and known hosts are used; returns an ``OtherEnd``."""
    words = [str(port), socket_directory, str(int(stop_limit))]
    command = " ".join(["bash", "-c", shlex.quote(SHELL), "pgops-switch", *map(shlex.quote, words)])
    argv = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={connect_timeout}"]
    argv += ["-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=2"]
    argv += ["-o", "ServerAliveCountMax=3", f"{user}@{host}", command]
    return OtherEnd(runner.converse(argv, user=user), host)


__all__ = ("OtherEnd", "open_line")
