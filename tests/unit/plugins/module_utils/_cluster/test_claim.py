# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import threading

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.claim import Claim, Claimed


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "claim.json")


def claim(path, target="app-server2", now=1000.0):
    return Claim(path, target=target, limit=180, server="app-server1", epoch=lambda: now)


def test_one_move_at_a_time(path):
    claim(path).take()
    assert claim(path, now=1004).read() == {"target": "app-server2", "age": 4.0}
    with pytest.raises(Claimed) as caught:
        claim(path, "app-server1", now=1004).take()
    assert "moves it to app-server2, since 4 s" in str(caught.value) and "wait 176 s" in str(caught.value)
    assert caught.value.code == "locked"


def test_a_run_to_the_same_host_goes_on_where_the_last_one_stopped(path):
    claim(path).take()
    claim(path, now=1050).take()
    assert claim(path, now=1051).read()["age"] == 1.0


@pytest.mark.parametrize("later", [1180, 900])
def test_an_old_one_and_one_of_another_clock_do_not_count(path, later):
    claim(path).take()
    assert claim(path, now=later).read() is None
    claim(path, "app-server1", now=later).take()
    with open(path, encoding="utf-8") as stream:
        assert json.load(stream)["target"] == "app-server1"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"target": "x", "epoch": "soon"}'])
def test_a_damaged_one_does_not_count(path, content):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(content)
    assert claim(path).read() is None
    claim(path).take()
    assert claim(path).read()


def taking(one, outcome):
    """A thread that takes it, and notes in ``outcome`` whether it got it."""

    def take():
        try:
            one.take()
            outcome.append("taken")
        except Claimed:
            outcome.append("refused")

    return threading.Thread(target=take, daemon=True)


def test_of_two_that_come_at_once_one_gets_it(path):
    """The second one comes after the first has looked, and before it writes: an old note is looked at by its age."""
    claim(path, "app-server3", now=0.0).take()
    outcome, looks = [], []
    second = taking(claim(path, "app-server1"), outcome)

    def epoch():
        if not looks:
            second.start()
            second.join(0.3)  # it would be through in a millisecond
        looks.append(1)
        return 1000.0

    first = Claim(path, target="app-server2", limit=180, server="app-server1", epoch=epoch)
    first.take()
    second.join(5)
    assert outcome == ["refused"]
    assert claim(path).read()["target"] == "app-server2"


def test_the_note_of_another_run_is_not_dropped(path):
    """Ours was too old, and so it got the address to move."""
    claim(path, now=1000).take()
    claim(path, "app-server1", now=1200).take()
    claim(path, now=1201).drop()
    assert claim(path, now=1202).read()["target"] == "app-server1"
    claim(path, now=1500).drop()  # it is too old itself
    assert not os.path.exists(path)


def test_who_looks_meanwhile_never_sees_half_a_note(path, monkeypatch):
    """A damaged one does not count, and the other hosts are asked without the lock."""
    claim(path).take()
    seen, dump = [], json.dumps

    def dumps(content):
        seen.append(claim(path).read())
        return dump(content)

    monkeypatch.setattr(json, "dumps", dumps)
    claim(path, now=1001).take()
    assert seen == [{"target": "app-server2", "age": 0.0}]


def test_it_can_be_dropped_twice(path):
    claim(path).take()
    claim(path).drop()
    claim(path).drop()
    assert claim(path).read() is None
