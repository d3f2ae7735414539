# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether commits must wait for a standby: the decision as a table, then the file and the reload."""

from __future__ import annotations

import os
import pathlib
import stat

import pytest

from .guard_package import ask, boot, host, memory, program, requirement, statusfile, synchronous, tell
from .guard_package import seen as things

Node, Pgpool, Sender, Past = things.Node, things.Pgpool, things.Sender, synchronous.Past
NAMES = "ANY 1 (pgops_1)"


def pool(name, *statuses, primary=0):
    """What a pgpool has each node for."""
    nodes = [
        Node(number, f"h{number}", status, "primary" if number == primary else "standby")
        for number, status in enumerate(statuses)
    ]
    return Pgpool(name, tuple(nodes))


BOTH = (pool("app1", "up", "down"), pool("app2", "up", "down"))
ACKS = Sender("pgops_1", 100, "quorum")
BEHIND = ACKS._replace(flushed=90)


def primary(*senders, **more):
    """db1 at position 110, which was 100 a look ago, and asked twice."""
    kept = {"mode": "fallback", "role": "primary", "others": (1,), "lsn": 110, "names": NAMES, "pgpools_in_all": 2}
    return synchronous.Situation(**{**kept, "senders": senders, "past": Past(100, 1), **more})


def suspended(*senders, **more):
    return primary(*senders, **{"names": "", "state": "suspended", "filed": True, "pgpools": BOTH, **more})


def restoring(*senders, **more):
    return primary(*senders, **{"state": "restoring", "filed": True, "past": Past(108, 0, 105), **more})


ROWS = [
    # mode, who waits
    ("off", primary(mode="off", names=""), None, "off"),
    ("off, and a file of ours is left", primary(mode="off", names="", filed=True), "release", "off"),
    ("block, a standby acknowledges", primary(ACKS, mode="block"), None, "kept"),
    ("block, no standby", primary(mode="block", pgpools=BOTH), None, "blocked"),
    ("block, and suspended from before", primary(mode="block", state="suspended", filed=True), "release", "blocked"),
    ("the only database", primary(others=(), names=""), None, "off"),
    ("a standby", primary(role="standby"), None, ""),
    ("a standby that was a suspended primary", primary(role="standby", filed=True), "release", ""),
    ("a standby that has not read of the end", primary(role="standby", state="suspended"), "release", ""),
    # lifting it
    ("all is well", primary(ACKS, pgpools=()), None, "kept"),
    ("nobody acknowledges, pgpools not asked", primary(), None, "blocked"),
    ("all pgpools have it down", primary(pgpools=BOTH), "suspend", "suspended"),
    ("the same, seen once", primary(pgpools=BOTH, past=Past(100, 0)), None, "blocked"),
    ("it is down, and acknowledges", primary(ACKS, pgpools=BOTH), None, "kept"),
    ("it is down, its connection is not yet", primary(BEHIND, pgpools=BOTH), "suspend", "suspended"),
    ("it is down, in the first look of all", primary(BEHIND, pgpools=BOTH, past=Past(None, 1)), None, "kept"),
    ("somebody else streams", primary(ACKS._replace(name="pg_recvlogical"), pgpools=BOTH), "suspend", "suspended"),
    ("one of two pgpools", primary(pgpools=BOTH[:1]), None, "blocked"),
    ("the other is silent", primary(pgpools=(BOTH[0], Pgpool("app2"))), None, "blocked"),
    ("the other has it up", primary(pgpools=(BOTH[0], pool("app2", "up", "up"))), None, "blocked"),
    ("the other has it in quarantine", primary(pgpools=(BOTH[0], pool("app2", "up", "quarantine"))), None, "blocked"),
    ("the other has it for the primary", primary(pgpools=(BOTH[0], pool("app2", "up", "down", primary=1))), None,
     "blocked"),
    ("the other has us down", primary(pgpools=(BOTH[0], pool("app2", "down", "down"))), None, "blocked"),
    ("the other does not know it", primary(pgpools=(BOTH[0], pool("app2", "up"))), None, "blocked"),
    ("two of three", primary(pgpools=(*BOTH, Pgpool("app3")), pgpools_in_all=3), "suspend", "suspended"),
    ("two of four", primary(pgpools=BOTH, pgpools_in_all=4), None, "blocked"),
    ("the only pgpool", primary(pgpools=BOTH[:1], pgpools_in_all=1), "suspend", "suspended"),
    ("no pgpool in the inventory", primary(pgpools_in_all=0), None, "blocked"),
    ("one of two standbys is up", primary(others=(1, 2), pgpools=(pool("app1", "up", "down", "up"),) * 2), None,
     "blocked"),
    ("both standbys are down", primary(others=(1, 2), pgpools=(pool("app1", "up", "down", "down"),) * 2), "suspend",
     "suspended"),
    ("one of them acknowledges", primary(ACKS, others=(1, 2), pgpools=(pool("app1", "up", "down", "down"),) * 2), None,
     "kept"),
    ("a file that was never read", primary(ACKS, filed=True), "release", "kept"),
    # lifted
    ("nobody streams", suspended(), None, "suspended"),
    ("a pgpool is gone meanwhile", suspended(pgpools=()), None, "suspended"),
    ("it streams, far behind", suspended(Sender("pgops_1", 90), lsn=10**9), None, "suspended"),
    ("it streams, near", suspended(BEHIND), "restore", "restoring"),
    ("it is attached and does not stream", suspended(pgpools=(pool("app1", "up", "up"),) * 2), None, "suspended"),
    ("somebody has set the names", suspended(names=NAMES), None, "blocked"),
    # put back
    ("just now", restoring(ACKS, past=Past(104)), None, "restoring"),
    ("it lacks some yet", restoring(ACKS), None, "restoring"),
    ("it has all", restoring(ACKS._replace(flushed=105)), "release", "kept"),
    ("it has all, and is none that commits wait for", restoring(Sender("pgops_1", 105, "async")), None, "restoring"),
    ("it is gone again", restoring(pgpools=BOTH, past=Past(108, 1, 105)), "suspend", "suspended"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "situation", "act", "state"), ROWS, ids=[row[0] for row in ROWS])
def test_decision(name, situation, act, state):
    verdict = synchronous.decide(situation)
    assert (verdict.act, verdict.state) == (act, state), verdict
    assert verdict.reason


def test_who_confirmed_is_said():
    assert synchronous.decide(primary(pgpools=BOTH)).reason.startswith(
        "every standby is down on app1 and app2 (2 of 2 pgpools)"
    )


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (primary(pgpools=BOTH, past=Past()), Past(110, 1, None)),
        (primary(pgpools=BOTH), Past(110, 2, None)),
        (primary(pgpools=BOTH[:1]), Past(110, 0, None)),
        (restoring(past=Past(100)), Past(110, 0, 110)),
        (restoring(past=Past(100, 0, 105)), Past(110, 0, 105)),
        (primary(past=Past(100, 0, 105)), Past(110, 0, None)),
    ],
)
def test_what_a_look_leaves_for_the_next(situation, expected):
    assert synchronous.advance(situation) == expected


# ---- The file, the reload, the record


@pytest.fixture
def config(tmp_path):
    return {**host(tmp_path), "synchronous": "fallback", "synchronous_file": str(tmp_path / "pgops_synchronous.conf")}


@pytest.fixture
def made(config):
    program(config, "psql", f'echo "$*" >>{config["state_file"]}.psql')
    return requirement.Requirement(config, ask.Asker(config))


def look(state="", names=NAMES, senders=(), pgpools=(), answers=True, role="primary"):
    own = things.Own(role, answers, 1, lsn=100, senders=senders, requirement=state, names=names)
    return things.Look("db1", 0, own, pgpools=pgpools)


def reloads(config):
    path = pathlib.Path(config["state_file"] + ".psql")
    return path.read_text().count("pg_reload_conf") if path.exists() else 0


def text(config):
    path = pathlib.Path(config["synchronous_file"])
    return path.read_text() if path.exists() else None


def results(config):
    path = pathlib.Path(config["events_file"])
    return [line.split('"result": "')[1].split('"')[0] for line in path.read_text().splitlines()]


def see(made, one):
    verdict = made.decide(one)
    made.act(one, verdict)
    return verdict


ALL_DOWN = (pool("app1", "up", "down"),)


def test_there_and_back(config, made):
    assert see(made, look(pgpools=ALL_DOWN)).state == "blocked" and text(config) is None
    assert see(made, look(pgpools=ALL_DOWN)).state == "suspended"
    assert "synchronous_standby_names = ''\n" in text(config) and "pgops.synchronous = 'suspended'\n" in text(config)
    assert stat.S_IMODE(os.stat(config["synchronous_file"]).st_mode) == 0o640 and reloads(config) == 1
    see(made, look("suspended", "", pgpools=ALL_DOWN))
    assert reloads(config) == 1
    assert see(made, look("suspended", "", (Sender("pgops_1", 90, "async"),))).state == "restoring"
    assert "standby_names =" not in text(config) and "'restoring'" in text(config)
    assert see(made, look("restoring", senders=(ACKS._replace(flushed=99),))).state == "restoring"
    assert see(made, look("restoring", senders=(ACKS,))).state == "kept"
    assert text(config) is None and reloads(config) == 3
    assert results(config) == ["suspended", "restoring", "restored"]


def test_that_commits_are_held_up_is_said_once_and_not_at_once(config, made, capsys):
    heard = []
    for _again in range(7):
        see(made, look(pgpools=(pool("app1", "up", "up"),)))
        heard.append(capsys.readouterr().out.count("SYNCHRONOUS blocked: commits wait"))
    assert heard == [0, 0, 0, 0, 1, 0, 0]


def test_what_is_not_read_is_not_said_to_be_done(config, made):
    program(config, "psql", "exit 2")
    for _again in range(3):
        see(made, look(pgpools=ALL_DOWN))
    assert text(config) and not os.path.exists(config["events_file"])


def test_a_directory_that_is_missing_is_said(config, made, capsys):
    config["synchronous_file"] = made.path = "/nonexistent/pgops_synchronous.conf"
    for _again in range(2):
        see(made, look(pgpools=ALL_DOWN))
    assert "cannot write /nonexistent" in capsys.readouterr().out and reloads(config) == 0


def test_a_server_that_does_not_answer_is_left_alone(config, made):
    for _again in range(3):
        assert see(made, look(pgpools=ALL_DOWN, answers=False)).act is None
    assert text(config) is None and made.past == Past()


def test_a_standby_forgets_it_without_a_word(config, made):
    pathlib.Path(config["synchronous_file"]).touch()
    see(made, look("suspended", "", role="standby"))
    assert text(config) is None and reloads(config) == 1 and not os.path.exists(config["events_file"])


def test_a_start_as_a_standby_forgets_it(config):
    for signal, kept in (("", True), ("standby.signal", False)):
        pathlib.Path(config["synchronous_file"]).touch()
        if signal:
            pathlib.Path(config["data_directory"], signal).touch()
        boot.before_start({**config, "permit_max_age": 0, "patience": 0, "peers": [], "pgpools": []})
        assert (text(config) is not None) is kept


def test_what_is_shown(config, made):
    verdict = see(made, look("suspended", "", pgpools=ALL_DOWN))
    assert requirement.told(config, verdict)["state"] == "suspended"
    assert requirement.told({"synchronous": "off"}, synchronous.Verdict(None, "off", "")) == {"mode": "off"}


@pytest.mark.parametrize(
    ("found", "waits"),
    [(look(), True), (look(names=""), False), (look("restoring"), False), (look("suspended", ""), False)],
)
def test_whether_commits_waited_when_the_primary_was_last_heard_of(found, waits):
    assert memory.hear(None, found, "t1").waits is waits
    state = tell.running_state(found, things.Decision("go_on", ""), memory.hear(None, found, "t1"))
    assert state["primary"]["waits"] is waits


def test_a_standby_hears_it_too():
    peer = things.Peer("db2", "primary", 1, lsn=5, waits=True)
    assert memory.hear(None, things.Look("db1", 0, things.Own("standby", True, 1), (peer,)), "t1").waits is True


# ---- Pgpools that do not answer in time


@pytest.mark.parametrize(
    ("rc", "text", "statuses"),
    [
        (0, "up\ndown\n", [(0, "up", "primary"), (1, "down", "standby")]),
        (0, "down\nup\nunused\n", [(0, "down", "standby"), (1, "up", "primary"), (2, "unused", "standby")]),
        (0, "up\nup\n", [(0, "up", "standby"), (1, "up", "standby")]),
        (0, "", []),
        (0, "gibberish", []),
        (3, "up\ndown\n", []),
        (None, "", []),
    ],
)
def test_what_a_status_file_says(rc, text, statuses):
    found = statusfile.read_status("app1", ask.Answer(rc, text, ""))
    assert [(node.id, node.status, node.role) for node in found.nodes] == statuses


def reads_files(config, monkeypatch, tmp_path, script):
    """ssh of the test: notes its words and says what it is told to."""
    (tmp_path / "timeout").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/ssh.log\n{script}\n')
    (tmp_path / "timeout").chmod(0o755)
    asker = ask.Asker(config)
    start = asker.start
    monkeypatch.setattr(asker, "start", lambda argv: start((str(tmp_path / argv[0]), *argv[1:])))
    return asker


def wait_for_the_answer(one):
    for process in one.running.values():
        process.wait(timeout=5)


def test_an_answer_is_used_by_the_next_looks_while_it_is_fresh(config, monkeypatch, tmp_path):
    asker, now = reads_files(config, monkeypatch, tmp_path, "echo up; echo down"), [0.0]
    one = statusfile.StatusFiles(config, asker, clock=lambda: now[0])
    silent = (Pgpool("app1", detail="no answer in time"),)
    assert one.fill(silent) == silent
    wait_for_the_answer(one)
    assert [node.status for node in one.fill(silent)[0].nodes] == ["up", "down"]
    one.running.clear()
    one.running["app1"] = None
    one._collect = lambda: None
    now[0] = 3.5
    assert one.fill(silent) == silent
    words = (tmp_path / "ssh.log").read_text()
    assert "StrictHostKeyChecking=yes" in words and "@10.1.7.104" in words
    assert "systemctl is-active --quiet pgpool2.service && cat /var/lib/pgpool/pgpool_status" in words


def test_who_answers_is_not_asked_twice(config, monkeypatch, tmp_path):
    one = statusfile.StatusFiles(config, reads_files(config, monkeypatch, tmp_path, "exit 1"))
    assert one.fill(ALL_DOWN) == ALL_DOWN and not one.running


def test_sessions_that_are_all_held_by_waiting_commits_hold_up_nothing(config, monkeypatch, tmp_path):
    asker = reads_files(config, monkeypatch, tmp_path, "echo up; echo down")
    monkeypatch.setattr(asker, "run", lambda *_words, **_more: ask.Answer(0, "", ""))
    full, states = requirement.Requirement(config, asker), []
    for _again in range(4):
        states.append(see(full, look(pgpools=(Pgpool("app1", detail="no answer in time"),))).state)
        wait_for_the_answer(full.files)
    assert states == ["blocked", "blocked", "blocked", "suspended"]
