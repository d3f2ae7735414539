# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""take_back.sh runs for real here; psql and the pcp commands are replaced by scripts that note what they get."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess

import pytest

from .rendering import cluster, render

# What host H says to pg_is_in_recovery() is in the file H; without one it does not answer.
FAKE_PSQL = r"""#!/bin/bash
while getopts XAtqwh:p:U:d:c: option; do case $option in h) host=$OPTARG;; esac; done
echo "$host" >>"$FAKES/psql.log"
cat "$FAKES/$host" 2>/dev/null
"""
FAKE_PCP = r"""#!/bin/bash
printf "%s\n" "$*" >>"$FAKES/pcp.log"
[ -e "$FAKES/refuses" ] || echo 2 >"$FAKES/status.0"
"""
# The third field is the state in every version. 1: without a client yet, 2: up, 3: down. Without the file: no answer.
FAKE_INFO = r"""#!/bin/bash
printf "%s\n" "$*" >>"$FAKES/info.log"
for node; do :; done
state=$(cat "$FAKES/status.$node" 2>/dev/null) || exit 1
echo "10.1.7.10$node 5432 $state 0.500000 word word 2 none none 2026-01-01 01:01:01"
"""
LOOKS = 4
OLD, FIRST, SECOND = "10.1.7.106", "10.1.7.107", "10.1.7.108"


class Stage:
    """A pgpool that has taken backend 0 out, of three."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in (("psql", FAKE_PSQL), ("pcp_attach_node", FAKE_PCP), ("pcp_node_info", FAKE_INFO)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        places = {"pgpool_state_directory": str(folder), "__pgpool_state_of_ours": str(folder)}
        more = {"__pgpool_events": str(folder), "__pgpool_take_back_looks": LOOKS, "__pgpool_take_back_pause": 0.05}
        text = render("pgpool", "take_back.sh.j2", cluster(3, 2, **places, **more))
        (folder / "take_back.sh").write_text(text)
        self.status(3, 2, 2)
        self.file(OLD, "f\n")
        self.file(FIRST, "t\n")
        self.file(SECOND, "t\n")

    def file(self, name, text=""):
        (self.folder / name).write_text(text)

    def status(self, *words):
        for number, word in enumerate(words):
            self.file(f"status.{number}", f"{word}\n")

    def text(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def run(self):
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "FAKES": str(self.folder)}
        argv = ["bash", str(self.folder / "take_back.sh"), "0"]
        subprocess.run(argv, check=False, timeout=60, env=environment, capture_output=True)
        return self.text("pcp.log").splitlines()


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_a_primary_that_is_back_gets_back_into_the_pool(stage):
    assert stage.run() == ["-h localhost -p 9898 -U pgpoolad -w -n 0"]
    (event,) = [json.loads(line) for line in stage.text("failover.jsonl").splitlines()]
    assert (event["event"], event["result"], event["failed_id"]) == ("failover", "taken_back", 0)
    assert stage.text("psql.log").splitlines().count(OLD) == 2, "it looks twice"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (OLD, "t\n"),  # it came back as a standby
        (OLD, None),  # it did not come back
        (FIRST, "f\n"),  # somebody was promoted all the same
        (SECOND, None),  # nobody can tell what that one is
    ],
)
def test_it_stays_out(stage, host, says):
    if says is None:
        (stage.folder / host).unlink()
    else:
        stage.file(host, says)
    assert stage.run() == [] and stage.text("failover.jsonl") == ""


def test_a_server_that_is_out_of_the_pool_need_not_answer(stage):
    stage.status(3, 3, 2)
    (stage.folder / FIRST).unlink()
    assert len(stage.run()) == 1


def test_not_while_the_failover_is_paused(stage):
    stage.file("paused")
    assert stage.run() == []


def test_somebody_else_has_taken_it_back(stage):
    stage.status(2, 2, 2)
    assert stage.run() == [] and stage.text("failover.jsonl") == ""


def test_a_server_without_a_client_yet_is_up(stage):
    stage.status(1, 2, 2)
    assert stage.run() == []


def test_a_pgpool_that_does_not_answer_is_no_pgpool_that_has_it_down(stage):
    (stage.folder / "status.0").unlink()
    assert stage.run() == [] and len(stage.text("info.log").splitlines()) == LOOKS


def test_pgpool_is_not_asked_about_a_server_that_is_away(stage):
    (stage.folder / OLD).unlink()
    assert stage.run() == [] and stage.text("info.log") == "", "a failover waits for the end of such a question"


def test_a_pgpool_that_refuses_is_asked_again(stage):
    stage.file("refuses")
    tries = stage.run()
    assert len(tries) > 1 and stage.text("failover.jsonl") == ""


def test_one_of_them_is_enough(stage):
    with (stage.folder / "take_back.0").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stage.run() == []
