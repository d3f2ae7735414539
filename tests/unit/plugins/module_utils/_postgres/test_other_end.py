# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell on the other host runs for real here; ssh and the programs of PostgreSQL are scripts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, NotVerified, Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import other_end

from tests.unit.rejoin_cases import FakeRunner

FAKES = {
    "ssh": 'echo "${*:1:$#-1}" >"$FAKE/ssh.log"; exec bash -c "${*: -1}"',
    "psql": r"""case $* in
  *data_directory*) echo "$FAKE/data";;
  *json_build_object*)
    waiting=$(grep -oP "'not_archived', \K[0-9]+" <<<"$*")
    printf '{"in_recovery": false,\n "not_archived": %s}\n' "$waiting";;
  *checkpoint*) [ ! -e "$FAKE/full" ] || { echo "no space left"; exit 1; };;
esac""",
    "pg_controldata": 'cat "$FAKE/control"',
    "pg_ctl": r"""echo "$*" >>"$FAKE/pg_ctl.log"
[ ! -e "$FAKE/refuses" ] || { echo "no permission"; exit 1; }
[ ! -e "$FAKE/dies" ] || { kill -9 "$(head -n 1 "$FAKE/data/postmaster.pid")"; exit 0; }
[ -e "$FAKE/hangs" ] || (sleep 0.2; cp "$FAKE/clean" "$FAKE/control") >/dev/null 2>&1 &""",
}
RUNNING = "Database cluster state:               in production\nLatest checkpoint location:           0/3000028\n"
CLEAN = "Database cluster state:               shut down\nLatest checkpoint location:           0/3000060\n"


class Host(FakeRunner):
    """The host of the primary."""

    def __init__(self, folder):
        super().__init__()
        self.folder, programs = folder, folder / "bin"
        (folder / "data" / "pg_wal" / "archive_status").mkdir(parents=True)
        programs.mkdir()
        for name, text in FAKES.items():
            (programs / name).write_text(f"#!/bin/bash\n{text}\n")
            (programs / name).chmod(0o755)
        (folder / "control").write_text(RUNNING)
        (folder / "clean").write_text(CLEAN)
        shutil.copy("/bin/sleep", programs / "postgres")
        self.server = subprocess.Popen([str(programs / "postgres"), "60"])
        (folder / "data" / "postmaster.pid").write_text(f"{self.server.pid}\n/data\n")

    def converse(self, argv, *, user):
        assert user == "pg"
        paths = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": paths, "FAKE": str(self.folder)},
            start_new_session=True,
        )

    def text(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def end(self):
        self.server.kill()
        self.server.wait()


@pytest.fixture
def host(tmp_path):
    found = Host(tmp_path)
    yield found
    found.end()


@pytest.fixture
def line(host):
    with contextlib.closing(other_end.open_line(host, "10.1.7.106", 5432, "/s", user="pg", stop_limit=2)) as found:
        yield found


def test_it_looks_and_counts_what_waits_for_the_archive(host, line):
    for name in ("a.ready", "b.ready", "c.done"):
        (host.folder / "data" / "pg_wal" / "archive_status" / name).write_text("")
    assert line.look(10) == {"in_recovery": False, "not_archived": 2}
    words = host.text("ssh.log")
    assert "BatchMode=yes" in words and "StrictHostKeyChecking=yes" in words and "pg@10.1.7.106" in words


def test_a_clean_shutdown_tells_its_last_record(host, line):
    line.checkpoint(10)
    assert line.stop(10) == "0/3000060"
    assert host.text("pg_ctl.log") == f"-D {host.folder}/data -m fast -W stop\n"


def test_hanging_up_stops_nothing(host, line):
    line.look(10)
    line.close()
    assert host.text("pg_ctl.log") == ""


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        ("refuses", CommandFailed, "no permission"),
        ("hangs", NotVerified, "did not end within 10 s"),
        ("dies", NotVerified, "without a clean shutdown"),
    ],
)
def test_a_shutdown_that_is_not_clean_is_an_error(host, line, trouble, error, words):
    (host.folder / trouble).write_text("")
    threading.Thread(target=host.server.wait, daemon=True).start()  # as init takes notice of its end
    with pytest.raises(error, match=words) as caught:
        line.stop(10)
    assert caught.value.evidence["asked"] == "stop"


def test_no_room_for_a_checkpoint(host, line):
    (host.folder / "full").write_text("")
    with pytest.raises(CommandFailed, match="make a checkpoint on 10.1.7.106: no space left"):
        line.checkpoint(10)


@contextlib.contextmanager
def raising(host, error, words):
    """A line that does not come about."""
    line = other_end.open_line(host, "10.1.7.106", 5432, "/s", user="pg", stop_limit=2)
    with contextlib.closing(line), pytest.raises(error, match=words):
        yield line


def test_a_line_that_does_not_come_about(host):
    (host.folder / "bin" / "ssh").write_text("#!/bin/bash\necho 'Host key verification failed.'\nexit 255\n")
    with raising(host, Unreachable, "the connection ended: Host key verification failed") as line:
        line.look(10)


def test_a_frozen_host(host):
    (host.folder / "bin" / "ssh").write_text("#!/bin/bash\nsleep 60\n")
    with raising(host, NotVerified, "no answer within 0.2 s") as line:
        line.look(0.2)


def test_no_server_there(host):
    (host.folder / "data" / "postmaster.pid").write_text("4194305\n")
    with raising(host, CommandFailed, "no process in") as line:
        line.look(10)
