# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status_file.py: the decision as a table; then the whole of it, with psql and the pcp commands replaced by scripts."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import socket
import threading
import time

import pytest

from .rendering import cluster, render

SCRIPT = pathlib.Path(__file__).parents[3] / "roles" / "pgpool" / "files" / "status_file.py"
_spec = importlib.util.spec_from_file_location("status_file", SCRIPT)
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)

SLOTS = ("pgops_0", "pgops_1", "pgops_2")
US, THEM = "70001", "70002"
SILENT = program.Answer()


def primary(timeline=1, *streams, system=US):
    return program.Answer("primary", system, timeline, streams)


def standby(timeline=1):
    return program.Answer("standby", US, timeline)


DECISIONS = [
    # what is in the file ("-": nothing, "?": rubbish), what the servers say, what it becomes
    ("nothing is wrong", "up up", (primary(1, "pgops_1"), standby()), "up up"),
    ("the other one is the primary", "up up", (standby(2), primary(2, "pgops_0")), "up up"),
    ("the degenerate node is dead", "down up", (SILENT, primary(2)), "down up"),
    ("a standby was detached on purpose", "up down", (primary(1, "pgops_1"), standby()), "up down"),
    # The file is stale.
    ("the primary is down in it", "down up", (primary(1, "pgops_1"), standby()), "up up"),
    ("the primary is down in it, the standby too", "down down", (primary(1, "pgops_1"), standby()), "up down"),
    ("of before a failover, the old one is back", "up up", (primary(1), primary(2)), "down up"),
    ("of before a failover, the old one was the 2nd", "up up", (primary(3), primary(2)), "up down"),
    ("of before a failover, the old one is dead", "up up", (SILENT, primary(2)), "up up"),
    ("it holds the new primary for down", "up down", (primary(1), primary(2)), "down up"),
    ("an old primary is back and down already", "down up", (primary(1), primary(2)), "down up"),
    ("its fork is of another cluster, and down", "down up", (primary(9, system=THEM), primary(2)), "down up"),
    # The file is gone, short or damaged.
    ("gone", "", (primary(1, "pgops_1"), standby()), "up up"),
    ("gone, a false primary is there", "", (primary(1), primary(2)), "down up"),
    ("gone, one does not stream", "", (primary(1), standby()), "up down"),
    ("gone, one is dead", "", (SILENT, primary(2)), "down up"),
    ("a standby was added, and streams", "up up", (primary(1, "pgops_1", "pgops_2"), standby(), standby()), "up up up"),
    ("a standby was added, and does not", "up up", (primary(1, "pgops_1"), standby(), standby()), "up up down"),
    ("a standby was taken away", "up down up", (primary(1), standby()), "up down"),
    ("rubbish", "? ? ? ?", (primary(1, "pgops_1"), standby()), "up up"),
    ("rubbish in a line", "? down", (primary(1, "pgops_1"), standby()), "up down"),
    ("unused, as an old pgpool wrote", "up unused", (primary(1, "pgops_1"), standby()), "up up"),
    # In doubt it stays as it is.
    ("nobody answers", "down up", (SILENT, SILENT), "down up"),
    ("nobody answers, no file", "", (SILENT, SILENT), None),
    ("nobody answers, rubbish", "? down", (SILENT, SILENT), "up down"),
    ("only standbys answer", "down up", (standby(), standby()), "down up"),
    ("an old primary answers, the true one is dead", "down up", (primary(1), SILENT), "down up"),
    ("a standby knows a newer one", "down down up", (primary(1), SILENT, standby(2)), "down down up"),
    ("a standby knows a newer one, no file", "", (primary(1), SILENT, standby(2)), None),
    ("the primary is down, another is dead and down", "down down up", (primary(1), SILENT, standby()), "up down up"),
    ("two on one timeline, one is up", "down up", (primary(2), primary(2)), "down up"),
]


@pytest.mark.parametrize(
    ("words", "answers", "becomes"), [case[1:] for case in DECISIONS], ids=[c[0] for c in DECISIONS]
)
def test_decision(words, answers, becomes):
    decision = decided(words, answers)
    assert decision.refusal == ""
    assert decision.words == (None if becomes is None else tuple(becomes.split()))
    before = program.read_words(as_text(words), len(answers))
    changed = [n for n, word in enumerate(decision.words or ()) if word != before[n]]
    said = [reason for reason in decision.reasons if reason.startswith("backend") and " is " in reason]
    assert len(said) >= len(changed), "it says why, for each"


def as_text(words):
    return "".join(f"{word}\n" for word in words.split()) if words else None


def decided(words, answers, **more):
    text = as_text(words)
    slots = SLOTS[: len(answers)]
    return program.decide(program.read_words(text, len(answers)), answers, slots, there=text is not None, **more)


@pytest.mark.parametrize("words", ["up up", "down down", "", "? ?"])
def test_two_primaries_that_cannot_be_told_apart(words):
    decision = decided(words, (primary(2), primary(2)))
    assert decision.refusal == "two primaries on timeline 2: backends 0 and 1"
    assert "different clusters" in decided(words, (primary(3), primary(2, system=THEM))).refusal


def test_a_paused_cluster_gets_nobody_back_into_the_pool():
    answers = (primary(1, "pgops_1"), standby())
    assert decided("down up", answers, paused=True).words == ("down", "up")
    assert decided("up up", (primary(1), primary(2)), paused=True).words == ("down", "up")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("primary|70001|2|pgops_1,pgops_2\n", program.Answer("primary", "70001", 2, ("pgops_1", "pgops_2"))),
        ("standby|70001|2|\n", program.Answer("standby", "70001", 2, ())),
        ("", SILENT),
        ("standby|70001||\n", SILENT),
        ("something else", SILENT),
    ],
)
def test_what_a_server_says(text, answer):
    assert program.read_answer(text) == answer


# What backend N says is in the file psql.N, by its port; without one its server is gone.
FAKE_PSQL = r"""#!/bin/bash
while getopts XAtqwh:p:U:d:c: option; do case $option in p) port=$OPTARG;; esac; done
[ ! -e "$FAKES/hangs" ] || sleep 30
cat "$FAKES/psql.$port"
"""
FAKE_PCP = r"""#!/bin/bash
echo "$(basename "$0") $*" >>"$FAKES/pcp.log"
for node; do :; done
case $0 in
  *pcp_attach_node) echo up >"$FAKES/state.$node"; echo primary >"$FAKES/role.$node";;
  *pcp_promote_node) echo primary >"$FAKES/role.$node";;
  *) state=$(cat "$FAKES/state.$node") role=$(cat "$FAKES/role.$node")
     printf 'Status Name : %s\nBackend Role : primary\nRole : %s\n' "$state" "$role";;
esac
"""


class Stage:
    """A pgpool host with two databases, each a port that answers the question about TLS."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        names = ("pcp_attach_node", "pcp_promote_node", "pcp_node_info")
        for name, text in (("psql", FAKE_PSQL), *((name, FAKE_PCP) for name in names)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("FAKES", str(folder))
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        places = {"pgpool_state_directory": str(folder), "__pgpool_state_of_ours": str(folder)}
        self.config = json.loads(render("pgpool", "status_file.json.j2", cluster(**places)))
        self.listeners = [self.listen() for _number in range(2)]
        for backend, listener in zip(self.config["backends"], self.listeners):
            backend.update(address="127.0.0.1", port=listener.getsockname()[1])
        self.file("config", json.dumps(self.config))

    def listen(self):
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener

    def _serve(self, listener):
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(8)
                connection.sendall(b"S")

    def file(self, name, text=""):
        (self.folder / name).write_text(text)

    def says(self, number, text):
        self.file(f"psql.{self.config['backends'][number]['port']}", text + "\n")

    def pgpool_has(self, number, state, role):
        self.file(f"state.{number}", state)
        self.file(f"role.{number}", role)

    @property
    def status(self):
        path = self.folder / "pgpool_status"
        return path.read_text() if path.exists() else None

    def run(self, *words):
        return program.main(["--config", str(self.folder / "config"), *words])

    def log(self):
        path = self.folder / "pcp.log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def stage(tmp_path, monkeypatch):
    found = Stage(tmp_path, monkeypatch)
    yield found
    for listener in found.listeners:
        listener.close()


def test_a_stale_file_is_corrected_and_kept_beside(stage, capsys):
    stage.file("pgpool_status", "down\nup\n")
    stage.says(0, "primary|70001|1|pgops_1")
    stage.says(1, "standby|70001|1|")
    assert stage.run() == 0
    assert stage.status == "up\nup\n"
    assert (stage.folder / "pgpool_status.found").read_text() == "down\nup\n"
    assert (stage.folder / "pgpool_status").stat().st_mode & 0o777 == 0o600
    assert "backend 0 is up: it is the primary, on timeline 1" in capsys.readouterr().out


def test_a_file_that_is_right_is_left_alone(stage, capsys):
    stage.file("pgpool_status", "up\ndown\n")
    before = (stage.folder / "pgpool_status").stat().st_ino
    stage.says(0, "primary|70001|1|pgops_1")
    stage.says(1, "standby|70001|1|")
    assert stage.run() == 0
    assert (stage.folder / "pgpool_status").stat().st_ino == before
    assert capsys.readouterr().out == ""


def test_a_file_that_is_gone_is_written(stage):
    stage.says(0, "primary|70001|1|")
    stage.says(1, "primary|70001|2|")
    assert stage.run() == 0
    assert stage.status == "down\nup\n"


@pytest.mark.parametrize("text", [None, "down\nup\n", "down\ndown\n"])
def test_nobody_answers(stage, text):
    if text is not None:
        stage.file("pgpool_status", text)
    for listener in stage.listeners:
        listener.close()
    assert stage.run() == 0
    assert stage.status == text


def test_hosts_that_are_frozen_cost_no_more_than_two_seconds(stage):
    stage.file("pgpool_status", "down\nup\n")
    frozen = [socket.create_server(("127.0.0.1", 0)) for _number in range(2)]  # the kernel accepts, nobody answers
    for backend, listener in zip(stage.config["backends"], frozen):
        backend["port"] = listener.getsockname()[1]
    stage.file("config", json.dumps(stage.config))
    began = time.monotonic()
    assert stage.run() == 0
    assert time.monotonic() - began < 2 * program.REACT + 1
    assert stage.status == "down\nup\n"


def test_a_question_that_hangs_has_an_end(stage, monkeypatch):
    monkeypatch.setattr(program, "ANSWER", 0.3)
    stage.file("hangs")
    stage.file("pgpool_status", "down\nup\n")
    began = time.monotonic()
    assert stage.run() == 0
    assert time.monotonic() - began < 10
    assert stage.status == "down\nup\n"


def test_pgpool_does_not_start_beside_two_primaries(stage, capsys):
    stage.file("pgpool_status", "up\nup\n")
    stage.says(0, "primary|70001|2|")
    stage.says(1, "primary|70001|2|")
    assert stage.run() == 1
    assert stage.status == "up\nup\n"
    said = capsys.readouterr().out
    assert "two primaries on timeline 2" in said and "check_cluster.yml" in said


def test_whatever_goes_wrong_does_not_keep_pgpool_from_starting(stage, capsys):
    stage.file("config", "{")
    assert stage.run() == 0 and "deploy_cluster.yml" in capsys.readouterr().out


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(program, "PAUSE", 0.01)
    monkeypatch.setattr(program, "SETTLE", 3.0)


def settle(stage, file, state, role, first="primary|70001|1|pgops_1", second="standby|70001|1|"):
    stage.file("pgpool_status", file)
    stage.says(0, first)
    stage.says(1, second)
    stage.pgpool_has(0, state, role)
    assert stage.run("--settle") == 0
    return [line.split()[0] for line in stage.log()]


def test_after_the_start_all_is_well(stage, quick):
    assert settle(stage, "up\nup\n", "up", "primary") == ["pcp_node_info"]


def test_a_primary_that_came_later_is_taken_in(stage, quick):
    said = settle(stage, "down\nup\n", "down", "standby")
    assert said == ["pcp_node_info", "pcp_node_info", "pcp_attach_node", "pcp_node_info"]
    assert stage.log()[2].endswith("-w -n 0")


def test_a_primary_that_is_up_and_not_found_is_named(stage, quick):
    assert "pcp_promote_node" in settle(stage, "up\nup\n", "up", "standby")


@pytest.mark.parametrize("second", ["", "primary|70001|1|"])
def test_after_the_start_nothing_is_done_in_doubt(stage, quick, monkeypatch, second):
    monkeypatch.setattr(program, "SETTLE", 0.5)
    assert settle(stage, "down\nup\n", "down", "standby", second=second) == []


def test_after_the_start_a_paused_cluster_is_left_alone(stage, quick, monkeypatch):
    monkeypatch.setattr(program, "SETTLE", 0.3)
    stage.file("paused")
    assert settle(stage, "down\nup\n", "down", "standby") == []
