# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Peers whose server does not run: what their hosts say, and how often they are asked."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib

import pytest

from .guard_package import CONTROL, ask, boot, host, main, program, stopped
from .guard_package import seen as things

Peer = things.Peer
US = "7000000000000000001"
REFUSED = Peer("db2", "silent", detail="connection to server failed: Connection refused")
SAID = {"schema": 1, "name": "db2", "busy": False, "data": "primary", "timeline": 11, "system_identifier": US}


@pytest.fixture
def config(tmp_path):
    return host(tmp_path)


def answer(rc=0, **more):
    return ask.Answer(rc, json.dumps({**SAID, **more}), "")


class Asker:
    """Answers to commands, which it keeps."""

    def __init__(self, *answers):
        self.answers, self.commands = list(answers), []

    def run_all(self, commands, *, limit):
        assert limit <= 4
        self.commands += commands
        return [self.answers.pop(0) for _command in commands]


def seen(*peers):
    return things.Observed("db1", 0, "primary", timeline=12, system_identifier=US, peers=peers)


def test_a_host_tells_of_its_data(config):
    found = stopped.StoppedPeers(config, Asker(answer())).fill(seen(REFUSED)).peers[0]
    assert (found.answer, found.data, found.timeline, found.system_identifier) == ("stopped", "primary", 11, US)
    assert found.detail == "does not run, its data would start as primary on timeline 11"


@pytest.mark.parametrize(
    "said",
    [
        answer(busy=True),
        answer(name="db7"),
        answer(schema=2),
        answer(rc=255),
        answer(rc=None),
        ask.Answer(0, "usage: guard.py", ""),
        ask.Answer(0, "[]", ""),
        ask.Answer(2, "", "unrecognized arguments: --standing"),
    ],
)
def test_nothing_is_learned(config, said):
    assert stopped.StoppedPeers(config, Asker(said)).fill(seen(REFUSED)).peers == (REFUSED,)


@pytest.mark.parametrize(
    "peer",
    [
        Peer("db2", "silent", detail="timeout expired"),
        Peer("db2", "silent", detail="no answer in time"),
        Peer("db2", "unclear", detail="FATAL: the database system is shutting down"),
        Peer("db2", "standby", 11, US),
    ],
)
def test_only_the_host_of_a_stopped_server_is_asked(config, peer):
    asker = Asker()
    assert stopped.StoppedPeers(config, asker).fill(seen(peer)).peers == (peer,) and asker.commands == []


def test_it_is_asked_as_the_owner_and_by_a_known_key(config):
    asker = Asker(answer())
    stopped.StoppedPeers(config, asker).fill(seen(REFUSED))
    (words,) = asker.commands
    assert words[0] == "ssh" and "StrictHostKeyChecking=yes" in words and "BatchMode=yes" in words
    assert words[-2:] == (f"{config['os_user']}@10.1.7.107", "/usr/local/lib/pgops/guard.py --standing")


def test_it_is_not_asked_for_ever(config):
    now, asker = [0.0], Asker(*[answer()] * 40)
    peers = stopped.StoppedPeers(config, asker, clock=lambda: now[0])
    for _second in range(120):
        peers.fill(seen(REFUSED))
        now[0] += 1
    assert 28 <= len(asker.commands) <= 32, "each second at first, then every ten seconds"


def test_several_are_asked_at_once(config):
    config["peers"].append({"name": "db3", "backend_id": 2, "address": "10.1.7.108", "port": 5432})
    asker = Asker(answer(), answer(name="db3", data="standby"))
    peers = seen(REFUSED, REFUSED._replace(name="db3"))
    found = stopped.StoppedPeers(config, asker).fill(peers).peers
    assert [(one.name, one.data) for one in found] == [("db2", "primary"), ("db3", "standby")]


def test_they_are_not_asked_when_others_can_tell(config):
    asker = Asker()
    follows = seen(Peer("db2", "standby", 12, US))._replace(settle=5.0)
    _seen, decision = boot.decide_with(stopped.StoppedPeers(config, asker), follows)
    assert (decision.verdict, decision.confirming, asker.commands) == ("wait", True, [])


def standing(config, tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert main.main(["--config", str(path), "--standing"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_a_host_says_is_what_its_peer_reads(config, tmp_path, capsys):
    program(config, "pg_controldata", f"cat <<'END'\n{CONTROL}END")
    pathlib.Path(config["data_directory"], "pg_wal", "0000000C.history").touch()
    said = standing(config, tmp_path, capsys)
    assert said == {**SAID, "name": "db1", "timeline": 12}
    peer = stopped.read_standing(Peer("db1", "silent"), ask.Answer(0, json.dumps(said), ""))
    assert (peer.answer, peer.timeline, peer.data) == ("stopped", 12, "primary")


def test_a_server_that_runs_or_is_being_recovered_is_busy(config, tmp_path, capsys):
    program(config, "pg_controldata", "exit 1")
    with open(config["recover_lock"], "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert standing(config, tmp_path, capsys)["busy"] is True
    assert standing(config, tmp_path, capsys)["busy"] is False
    pathlib.Path(config["data_directory"], "postmaster.pid").write_text(f"{os.getpid()}\n")
    name = pathlib.Path("/proc/self/comm").read_text().strip()
    pathlib.Path("/proc/self/comm").write_text("postgres")
    try:
        assert standing(config, tmp_path, capsys)["busy"] is True
    finally:
        pathlib.Path("/proc/self/comm").write_text(name)


def test_data_that_cannot_be_read_is_told_as_it_is(config, tmp_path, capsys):
    program(config, "pg_controldata", "exit 1")
    said = standing(config, tmp_path, capsys)
    assert (said["data"], said["timeline"], said["system_identifier"]) == ("primary", None, None)
