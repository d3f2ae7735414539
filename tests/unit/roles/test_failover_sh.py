# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""failover.sh runs for real here; only ssh, sudo and sendmail are replaced, by scripts that note what they get."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

import pytest

from .rendering import cluster, render

# Answers for host H come from the files H.wal (position, or nothing for "does not answer") and H.promote.
FAKE_SSH = r"""#!/bin/bash
command=${*: -1}
for word; do case $word in postgres@*) host=${word#postgres@};; esac; done
printf '%s|%s\n' "$host" "$*" >>"$FAKES/ssh.log"
case $command in
  *pg_promote*|*pg_ctl*) [ -e "$FAKES/$host.promote" ] || exit 255; cat "$FAKES/$host.promote";;
  *pg_last_wal*) [ -e "$FAKES/$host.wal" ] || { echo "no route to $host" >&2; exit 255; }; cat "$FAKES/$host.wal";;
  *systemctl*) [ -e "$FAKES/$host.slow" ] && sleep 3; [ -e "$FAKES/$host.fence" ];;
esac
"""
FAKE_SUDO = '#!/bin/bash\nprintf "%s\\n" "$*" >>"$FAKES/sudo.log"\n'
FAKE_SENDMAIL = '#!/bin/bash\ncat >"$FAKES/mail.tmp"; mv "$FAKES/mail.tmp" "$FAKES/mail"\n'


class Stage:
    """A pgpool host with a cluster of three around it."""

    def __init__(self, folder, **more):
        self.folder = folder
        for name, text in (("ssh", FAKE_SSH), ("sudo", FAKE_SUDO), ("sendmail", FAKE_SENDMAIL)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        places = {
            "pgpool_state_directory": str(folder),
            "__pgpool_state_of_ours": str(folder),
            "__pgpool_events": str(folder),
        }
        self.script = folder / "failover.sh"
        self.script.write_text(render("pgpool", "failover.sh.j2", cluster(3, 2, **places, **more)))

    def file(self, name, text=""):
        (self.folder / name).write_text(text)

    def text(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def run(self, failed=0, new_main=1, old_primary=0):
        words = [failed, f"10.1.7.{106 + failed}", 5432, "/d", new_main, "x", 0, old_primary, 5432, "/d", "y", 5432]
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "FAKES": str(self.folder)}
        argv = ["bash", str(self.script), *map(str, words)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=30)

    def events(self):
        return [json.loads(line) for line in self.text("failover.jsonl").splitlines()]

    def eventually(self, name, text, seconds=5):
        deadline = time.monotonic() + seconds
        while text not in self.text(name) and time.monotonic() < deadline:
            time.sleep(0.02)
        return text in self.text(name)


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


PROMOTED = "300\nt\nf\n"


def test_the_standby_with_the_most_wal_is_promoted(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.108.wal", "300\n")
    stage.file("10.1.7.108.promote", PROMOTED)
    done = stage.run()
    (event,) = [event for event in stage.events() if event["event"] == "failover"]
    assert (done.returncode, event["result"]) == (0, "promoted")
    assert (event["new_primary_id"], event["new_primary_host"]) == (2, "10.1.7.108")
    assert event["candidates"] == {"1": 200, "2": 300}
    assert event["schema"] == 1
    assert 0 <= event["seconds"] < 20
    assert not any("10.1.7.107" in line and "pg_promote" in line for line in stage.text("ssh.log").splitlines())


def test_a_standby_that_pgpool_holds_for_down_is_not_asked(stage):
    stage.file("pgpool_status", "down\nup\ndown\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.file("10.1.7.108.wal", "900\n")
    assert stage.run().returncode == 0
    assert stage.events()[0]["new_primary_id"] == 1
    assert stage.events()[0]["candidates"] == {"1": 300}
    assert "pg_last_wal_receive_lsn" in stage.text("ssh.log")
    assert "postgres@10.1.7.108" not in stage.text("ssh.log")


def test_a_standby_that_does_not_answer_is_passed_over(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", "200\nt\nf\n")
    stage.run()
    assert stage.events()[0]["candidates"] == {"1": 200, "2": None}
    assert stage.events()[0]["new_primary_id"] == 1


def test_nobody_answers(stage):
    done = stage.run()
    assert done.returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"
    assert "no route to 10.1.7.108" in stage.events()[0]["message"]
    assert "systemctl" not in stage.text("ssh.log")


def test_the_failure_of_a_standby_promotes_nobody(stage):
    done = stage.run(failed=1, new_main=0, old_primary=0)
    assert done.returncode == 0
    assert stage.events()[0]["result"] == "nothing_to_do"
    assert "psql" not in stage.text("ssh.log")
    assert not stage.text("mail")


def test_no_backend_left(stage):
    assert stage.run(new_main=-1).returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"
    assert "psql" not in stage.text("ssh.log")


def test_all_others_are_down_in_the_status_file(stage):
    stage.file("pgpool_status", "down\ndown\nunused\n")
    assert stage.run().returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"


def test_paused(stage):
    stage.file("paused")
    stage.file("10.1.7.107.wal", "200\n")
    assert stage.run().returncode == 3
    assert stage.events()[0]["result"] == "paused"
    assert "psql" not in stage.text("ssh.log")


def test_an_unknown_primary_counts_as_lost(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run(failed=2, old_primary=-1)
    assert stage.events()[0]["result"] == "promoted"


@pytest.mark.parametrize("status", ["", "down\nup\ndown\n"])
def test_somebody_else_has_promoted(stage, status):
    stage.file("pgpool_status", status)
    stage.file("10.1.7.107.wal", "-1\n")
    stage.file("10.1.7.107.promote", "-1\nf\n")
    assert stage.run().returncode == 0
    assert [event["result"] for event in stage.events()] == ["already_promoted"]
    assert "systemctl" not in stage.text("ssh.log")


@pytest.mark.parametrize("answer", ["300\nf\nt\n", "300\n", "", None])
def test_a_promotion_that_is_not_confirmed_is_a_failure_and_nobody_is_fenced(stage, answer):
    stage.file("10.1.7.107.wal", "300\n")
    if answer is not None:
        stage.file("10.1.7.107.promote", answer)
    assert stage.run().returncode == 2
    assert stage.events()[0]["result"] == "promotion_failed"
    assert "systemctl" not in stage.text("ssh.log")


def test_the_old_primary_is_fenced_without_anybody_waiting(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.file("10.1.7.106.fence")
    stage.file("10.1.7.106.slow")
    began = time.monotonic()
    stage.run()
    assert time.monotonic() - began < 3
    assert stage.eventually("failover.jsonl", '"fenced"')
    assert "sudo -n /bin/systemctl kill -s SIGKILL postgresql@15-main.service" in stage.text("ssh.log")


def test_an_old_primary_that_cannot_be_reached_is_said(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run()
    assert stage.eventually("failover.jsonl", '"not_reached"')
    assert [event["event"] for event in stage.events()] == ["failover", "fence"]


@pytest.mark.parametrize("failed, old_primary", [(0, 0), (1, 0)])
def test_connections_to_the_failed_node_are_cut_here_and_on_the_other_pgpools(stage, failed, old_primary):
    cut = f"-n /bin/ss -K -t state established dst 10.1.7.{106 + failed} dport = 5432"
    stage.run(failed=failed, old_primary=old_primary)
    assert stage.eventually("sudo.log", cut)
    assert stage.eventually("ssh.log", f"postgres@10.1.7.105 sudo {cut}")


def test_root_gets_a_mail(stage):
    stage.run()
    assert stage.eventually("mail", "Events:")
    assert stage.text("mail").startswith("To: root\nSubject: pgpool failover on ")
    assert "no_candidate" in stage.text("mail")


def test_host_keys_are_verified_and_every_remote_step_is_bounded(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run()
    for line in stage.text("ssh.log").splitlines():
        assert "-o StrictHostKeyChecking=yes" in line
        assert "-o ConnectTimeout=2" in line
        assert "-o BatchMode=yes" in line
    body = stage.script.read_text()
    assert body.count('  timeout -k 1 "$1" ssh ') == body.count("ssh -n")


def test_before_postgresql_12_pg_ctl_promotes(tmp_path):
    stage = Stage(tmp_path, pgops_postgresql_version="11")
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", "200\nf\n")
    assert stage.run().returncode == 0
    promote = "/usr/lib/postgresql/11/bin/pg_ctl -D /var/lib/postgresql/11/main -s -w -t 10 promote"
    assert promote in stage.text("ssh.log")
    assert "pg_promote" not in stage.text("ssh.log")


def test_a_backend_that_was_added_later_is_an_event_too(stage):
    assert stage.run(failed=7).returncode == 1
    assert stage.events()[0]["result"] == "unknown_backend"


def test_words_from_servers_do_not_break_the_event(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", 'a "quoted" \\ text\twith\na second line\n')
    stage.run()
    assert '"quoted" \\ text with a second line' in stage.events()[0]["message"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("template", ["failover.sh.j2", "record.sh.j2", "take_wal_tail.sh.j2"])
def test_shellcheck_has_nothing_to_say(template):
    text = render("pgpool", template, cluster(3))
    done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ""
