# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived asks, run for real beside a stand-in of pgpool: the promises of docs/vip.md, one by one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from .rendering import ROLES, cluster, render

# The process that a pid file names, and children with the titles that Pgpool-II gives its own.
FAKE_PGPOOL = """#!/bin/bash
while IFS= read -r title; do (exec -a "$title" sleep 120) & done <"$0.titles"
wait
"""
IDLE, BUSY = "pgpool: wait for connection request", "pgpool: someuser appdb 10.1.7.106(40000) idle"
# Not for clients, always there; the second one waits for requests of its own.
OTHERS = ("pgpool: watchdog", "pgpool: PCP: wait for connection request", "pgpool: worker process")
# What the pgpool on host H says to SELECT 1 is in the file H; without one it does not answer.
FAKE_PSQL = r"""#!/bin/bash
while getopts XAtqwh:p:U:d:c: option; do case $option in h) host=$OPTARG;; esac; done
echo "$host" >>"$FAKES/psql.log"
[ ! -e "$FAKES/$host.hangs" ] || exec sleep 20
cat "$FAKES/$host" 2>/dev/null
"""


class Pgpool:
    """A process called pgpool with children, and a port that answers, refuses or keeps silent."""

    def __init__(self, folder, children=(IDLE, IDLE)):
        self.folder = folder
        self.pid_file, self.mark = folder / "pgpool.pid", folder / "failover_begun"
        program = folder / "pgpool"
        program.write_text(FAKE_PGPOOL, encoding="utf-8")
        program.chmod(0o755)
        titles = (*children, *OTHERS)
        (folder / "pgpool.titles").write_text("".join(f"{title}\n" for title in titles), encoding="utf-8")
        self.process = subprocess.Popen([str(program)], start_new_session=True)
        self.pid_file.write_text(f"{self.process.pid}\0", encoding="utf-8")  # as pgpool writes it
        deadline = time.monotonic() + 10
        while sorted(self.titles()) != sorted(titles) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert sorted(self.titles()) == sorted(titles)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=5)
        self.port = self.listener.getsockname()[1]

    def titles(self):
        argv = ["ps", "-o", "args=", "--ppid", str(self.process.pid)]
        seen = subprocess.run(argv, capture_output=True, text=True, check=False)
        return [line.removesuffix(" 120").strip() for line in seen.stdout.splitlines()]

    def answers(self):
        """A child is there for whoever comes."""
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self.listener.accept()
                asked = client.recv(8)
                client.sendall(b"N" if asked == bytes.fromhex("0000000804d2162f") else b"E")
                client.close()

    def refuses(self):
        self.listener.close()
        return self

    def signal(self, number):
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait(5)
        return self

    def end(self):
        self.listener.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def check(self, name):
        argv = ["bash", str(ROLES / "vip" / "files" / f"{name}.sh"), str(self.pid_file), str(self.port), str(self.mark)]
        return subprocess.run(argv, check=False, timeout=20).returncode


@pytest.fixture
def pgpool(tmp_path):
    running = []

    def start(*children):
        running.append(Pgpool(tmp_path, children or (IDLE, IDLE)))
        return running[-1]

    yield start
    for one in running:
        one.end()


FINE, FAULT = 0, 1


class TestWhetherItRuns:
    """Each second: is its parent there, and does the kernel take connections for it?"""

    def test_it_does(self, pgpool):
        assert pgpool().answers().check("pgpool_runs") == FINE

    def test_its_parent_is_gone_and_children_still_answer(self, pgpool):
        assert pgpool().answers().signal(signal.SIGKILL).check("pgpool_runs") == FAULT

    def test_another_program_has_its_process_id(self, pgpool):
        found = pgpool().answers()
        found.pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
        assert found.check("pgpool_runs") == FAULT

    @pytest.mark.parametrize("written", [None, "", "nonsense\n"])
    def test_it_has_not_said_who_it_is(self, pgpool, written):
        found = pgpool().answers()
        found.pid_file.unlink() if written is None else found.pid_file.write_text(written, encoding="utf-8")
        assert (found.check("pgpool_runs"), found.check("pgpool_answers")) == (FAULT, FAULT)

    def test_it_refuses(self, pgpool):
        assert pgpool().refuses().check("pgpool_runs") == FAULT

    def test_a_full_queue_is_no_fault(self, pgpool):
        found = pgpool(BUSY, BUSY)
        with contextlib.ExitStack() as waiting:
            for _number in range(20):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", found.port))
            assert found.check("pgpool_runs") == FINE


class TestWhetherItAnswers:
    """Every other second: does it hang? No answer is no fault while all children are busy or a database fails over."""

    def test_it_does(self, pgpool):
        assert pgpool().answers().check("pgpool_answers") == FINE

    def test_its_parent_is_stopped(self, pgpool):
        found = pgpool().answers().signal(signal.SIGSTOP)
        assert (found.check("pgpool_runs"), found.check("pgpool_answers")) == (FINE, FAULT)
        assert found.signal(signal.SIGCONT).check("pgpool_answers") == FINE

    def test_it_is_gone_which_is_the_other_checks_word(self, pgpool):
        found = pgpool().refuses().signal(signal.SIGKILL)
        assert (found.check("pgpool_runs"), found.check("pgpool_answers")) == (FAULT, FINE)

    @pytest.mark.parametrize("children", [(IDLE, IDLE), (BUSY, IDLE)])
    def test_silent_while_a_child_is_free(self, pgpool, children):
        assert pgpool(*children).check("pgpool_answers") == FAULT

    def test_silent_while_all_children_are_busy(self, pgpool):
        """The process for PCP is none of them, whatever it waits for."""
        assert pgpool(BUSY, BUSY).check("pgpool_answers") == FINE

    def test_silent_while_all_children_are_busy_and_nobody_could_start_another(self, pgpool):
        assert pgpool(BUSY, BUSY).signal(signal.SIGSTOP).check("pgpool_answers") == FAULT

    def test_silent_while_a_database_fails_over(self, pgpool):
        found = pgpool()
        found.mark.write_text("0\n10.1.7.106\n", encoding="utf-8")
        assert found.check("pgpool_answers") == FINE

    @pytest.mark.parametrize(("written", "age"), [("", 0), ("0\n10.1.7.106\n", 601)])
    def test_a_failover_that_is_over_excuses_nothing(self, pgpool, written, age):
        """Whoever was killed leaves its mark behind: failover.sh --resume believes it for ten minutes, too."""
        found = pgpool()
        found.mark.write_text(written, encoding="utf-8")
        os.utime(found.mark, (time.time() - age,) * 2)
        assert found.check("pgpool_answers") == FAULT


class Surroundings:
    """Two databases that refuse, two other pgpools that say nothing, and a witness."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "psql").write_text(FAKE_PSQL, encoding="utf-8")
        (folder / "psql").chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def check(self):
        variables = cluster(2, 4, pgops_postgresql_port=self.port)
        variables["hostvars"]["app-server4"].update(pgops_pgpool_witness=True)
        for number in (1, 2):
            variables["hostvars"][f"postgres-db{number}"]["pgops_address"] = f"127.0.0.{number}"
        text = render("vip", "pgpool_reaches.sh.j2", variables)
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "FAKES": str(self.folder)}
        return subprocess.run(["bash", "-c", text], check=False, timeout=20, env=environment).returncode

    def asked(self):
        path = self.folder / "psql.log"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def says(self, host, text):
        (self.folder / host).write_text(text, encoding="utf-8")


class TestWhetherItReaches:
    """Every other second: a database. To reach none is a fault only when another pgpool serves a session."""

    @pytest.fixture
    def stage(self, tmp_path):
        return Surroundings(tmp_path)

    def test_nobody_serves(self, stage):
        assert stage.check() == FINE
        assert stage.asked() == ["10.1.7.105", "10.1.7.102"], "every other one but the witness, which has no clients"

    @pytest.mark.parametrize("host", ["10.1.7.105", "10.1.7.102"])
    def test_another_one_serves(self, stage, host):
        stage.says(host, "1\n")
        assert stage.check() == FAULT

    def test_another_one_lets_in_and_gives_no_row(self, stage):
        stage.says("10.1.7.105", "")
        stage.says("10.1.7.102", "psql: error: server closed the connection\n")
        assert stage.check() == FINE

    @pytest.mark.parametrize("number", [1, 2])
    def test_one_database_is_enough_and_then_nobody_is_asked(self, stage, number):
        stage.says("10.1.7.105", "1\n")
        with socket.create_server((f"127.0.0.{number}", stage.port)):
            assert (stage.check(), stage.asked()) == (FINE, [])

    def test_others_that_hang_are_not_waited_for(self, stage):
        """Who is ended by keepalived for its slowness counts as a fault."""
        for host in ("10.1.7.105", "10.1.7.102"):
            stage.says(f"{host}.hangs", "")
        began = time.monotonic()
        assert stage.check() == FINE
        assert time.monotonic() - began < scripts(pgpools=3)["pgpool_reaches"]["timeout"]


def scripts(**more):
    """The checks of keepalived.conf: the command, and its numbers."""
    text = render("vip", "keepalived.conf.j2", cluster(**more))
    found = {}
    for name, block in re.findall(r"^vrrp_script (\w+) \{\n(.*?)^\}", text, re.M | re.S):
        numbers = {word: int(value) for word, value in re.findall(r"^    (\w+) (\d+)$", block, re.M)}
        found[name] = {"command": re.search(r'script "(.*)"', block)[1].split(), **numbers}
    return found


def bounds(script):
    """The seconds after which its steps are given up."""
    return [float(seconds) for seconds in re.findall(r"\btimeout ([\d.]+) ", script)]


class TestWhatKeepalivedMakesOfIt:
    """Its own words: ``fall`` looks in a row that fail are a fault, ``rise`` that succeed end it."""

    def down_after(self, name, statuses):
        one, failed = scripts()[name], 0
        for status in statuses:
            failed = failed + 1 if status else 0
            if failed == one["fall"]:
                return True
        return False

    def test_two_looks_at_the_databases_have_to_agree(self):
        assert not self.down_after("pgpool_reaches", [FAULT, FINE, FAULT, FINE])
        assert self.down_after("pgpool_reaches", [FAULT, FAULT])
        assert scripts()["pgpool_reaches"]["interval"] == 2

    def test_one_missing_answer_is_nothing_and_a_pgpool_that_is_gone_is_a_fault_at_once(self):
        assert not self.down_after("pgpool_answers", [FAULT, FAULT, FINE])
        assert self.down_after("pgpool_answers", [FAULT, FAULT, FAULT])
        assert self.down_after("pgpool_runs", [FAULT])

    def test_each_check_is_over_before_it_is_ended(self):
        """The databases are asked all at once, the other pgpools one after the other."""
        for pgpools in (2, 3, 5):
            reaches = render("vip", "pgpool_reaches.sh.j2", cluster(3, pgpools))
            databases, sessions = bounds(reaches.partition("serves()")[0]), bounds(reaches.partition("serves()")[2])
            needs = {"pgpool_reaches": max(databases) + sum(sessions) * (pgpools - 1)}
            for name in ("pgpool_runs", "pgpool_answers"):
                needs[name] = sum(bounds((ROLES / "vip" / "files" / f"{name}.sh").read_text(encoding="utf-8")))
            assert {name: needs[name] + 0.5 < one["timeout"] for name, one in scripts(pgpools=pgpools).items()} == {
                "pgpool_runs": True, "pgpool_answers": True, "pgpool_reaches": True,
            }  # fmt: skip

    def test_they_get_what_they_ask_for(self):
        """The mark is the very file that failover.sh writes."""
        mark = re.search(r"^begun_file=(.*)$", render("pgpool", "failover.sh.j2", cluster()), re.M)[1]
        pid_file = "/var/run/postgresql/pgpool.pid"
        assert scripts()["pgpool_runs"]["command"] == ["/usr/local/lib/pgops/pgpool_runs.sh", pid_file, "5432"]
        answers = ["/usr/local/lib/pgops/pgpool_answers.sh", pid_file, "5432", mark]
        assert scripts()["pgpool_answers"]["command"] == answers
        assert all(one["rise"] == 1 for one in scripts().values())

    def test_every_check_counts(self):
        text = render("vip", "keepalived.conf.j2", cluster())
        tracked = re.search(r"^    track_script \{\n(.*?)^    \}", text, re.M | re.S)[1].split()
        assert tracked == list(scripts()) == ["pgpool_runs", "pgpool_answers", "pgpool_reaches"]


class TestWhatKeepalivedTells:
    """vip_notify.sh INSTANCE NAME STATE PRIORITY."""

    @pytest.fixture
    def told(self, tmp_path):
        down = tmp_path / "vip_down.sh"
        down.write_text(f'#!/bin/bash\necho "$*" >>{tmp_path}/down.log\n', encoding="utf-8")
        down.chmod(0o755)
        text = render("vip", "vip_notify.sh.j2", {**cluster(), "__vip_run": str(tmp_path), "__vip_down": str(down)})

        def tell(state):
            argv = ["bash", "-c", text, "vip_notify.sh", "INSTANCE", "pgops_vip", state, "240"]
            status = subprocess.run(argv, check=False, timeout=20).returncode
            log = tmp_path / "down.log"
            ended = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
            assert not (tmp_path / "state.new").exists()
            return status, (tmp_path / "state").read_text(encoding="utf-8"), ended

        return tell

    def test_who_gets_the_address_only_notes_it(self, told):
        assert told("MASTER") == (0, "MASTER\n", [])

    @pytest.mark.parametrize("state", ["BACKUP", "FAULT"])
    def test_who_does_not_have_it_ends_its_sessions(self, told, state):
        told("MASTER")
        assert told(state) == (0, f"{state}\n", ["--sessions"])


class WayBack:
    """pgops-vip-back.service on a host that was told to stay away, or was told so and may hold it again."""

    def __init__(self, folder):
        unit = render("vip", "pgops-vip-back.service.j2", {**cluster(), "__vip_run": str(folder)})
        self.file = folder / "moved_away"
        self.command = re.search(r"^ExecStart=/bin/bash -c '([^']*)'$", unit, re.M)[1].replace("%%", "%")

    def run(self, said, age, seconds):
        """What has become of it in so many seconds, what the file says then, and whether it was written."""
        self.file.write_text(f"{said}\n", encoding="utf-8")
        os.utime(self.file, (time.time() - age,) * 2)
        before = self.file.stat().st_mtime_ns
        process = subprocess.Popen(["bash", "-c", self.command], start_new_session=True)
        try:
            how = "done" if process.wait(seconds) == 0 else "failed"
        except subprocess.TimeoutExpired:
            how = "waits"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        return how, self.file.read_text(encoding="utf-8"), self.file.stat().st_mtime_ns != before


class TestTheWayBack:
    """move_vip.yml tells a host to stay away and takes that back; when it was killed in between, a unit does."""

    @pytest.fixture
    def away(self, tmp_path):
        return WayBack(tmp_path)

    @pytest.mark.parametrize("age", [0, 50])
    def test_it_leaves_a_move_its_time(self, away, age):
        assert away.run(1, age=age, seconds=1.5) == ("waits", "1\n", False)

    def test_after_a_minute_the_host_may_hold_it_again(self, away):
        assert away.run(1, age=58, seconds=20) == ("done", "0\n", True)

    def test_what_was_taken_back_is_not_written_again(self, away):
        """To write the file is what starts the unit: it would never end."""
        assert away.run(0, age=70, seconds=20) == ("done", "0\n", False)

    def test_it_watches_the_file_that_keepalived_watches(self):
        path = re.search(r"^PathModified=(.*)$", render("vip", "pgops-vip-back.path.j2", cluster()), re.M)[1]
        assert f'file "{path}"' in render("vip", "keepalived.conf.j2", cluster())
