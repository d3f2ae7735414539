# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

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


def test_it_can_be_dropped_twice(path):
    claim(path).take()
    claim(path).drop()
    claim(path).drop()
    assert claim(path).read() is None
