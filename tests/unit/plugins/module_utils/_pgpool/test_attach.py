# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import NotVerified, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import attach
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.node_plan import Desired, NoSuchNode
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.observe import Pgpool
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.wire import Login, PcpRejected

from tests.unit.fake_pcp import SILENCE, Backends, FakePcp, QuickClock, error

REJECTED = error("ERROR", "invalid degenerate backend request, node id : 1 status: [3] is not valid for failover")


def ensured(server, state, *, node_id=1, wait_timeout=5, check_mode=False, clock=None):
    login = Login(server.host, server.port, "pgpoolad", "secret")
    pgpool = Pgpool(login, "pgpool of app-server1", 0.5, clock or QuickClock())
    desired = Desired(node_id, "127.0.0.1", 5433 + node_id, state)
    return attach.ensure(pgpool, desired, wait_timeout=wait_timeout, check_mode=check_mode)


def orders(server):
    return [kind for kind in server.kinds if kind in "CDJ"]


@pytest.fixture(autouse=True)
def postgres(monkeypatch):
    """Whether PostgreSQL answers, for where Pgpool does not tell."""
    answers = {"alive": True}
    monkeypatch.setattr(attach, "postgres_answers", lambda _node, timeout: answers["alive"])
    return answers


@pytest.mark.parametrize("family", [9, 12, 13])
def test_detach_and_attach_and_again(family):
    backends = Backends(family)
    with FakePcp(backends) as server:
        for state, status in (("detached", "down"), ("attached", "waiting")):
            first, second = ensured(server, state), ensured(server, state)
            assert (first["changed"], second["changed"]) == (True, False)
            assert first["node"]["status_name"] == second["node"]["status_name"] == status
            assert first["diff"]["after"]["status_name"] == status != first["diff"]["before"]["status_name"]
            assert second["diff"]["before"] == second["diff"]["after"]
            assert [step["action"] for step in first["plan"]["steps"]] == [state[:6]]
    assert orders(server) == ["D", "C"]


@pytest.mark.parametrize(
    ("state", "field", "value"), [("detached", "status_name", "down"), ("promoted", "role", "primary")]
)
def test_check_mode_predicts_and_orders_nothing(state, field, value):
    backends = Backends()
    if state == "promoted":
        backends.nodes[0]["pg_role"], backends.nodes[1]["pg_role"] = "standby", "primary"
    with FakePcp(backends) as server:
        result = ensured(server, state, check_mode=True)
    assert result["changed"] and result["diff"]["after"][field] == value and result["node"][field] != value
    assert orders(server) == []


def test_check_mode_refuses_as_well():
    with FakePcp(Backends()) as server, pytest.raises(Refused):
        ensured(server, "detached", node_id=0, check_mode=True)


def test_promote_changes_the_view():
    backends = Backends()
    backends.nodes[0]["pg_role"], backends.nodes[1]["pg_role"] = "standby", "primary"
    with FakePcp(backends) as server:
        result = ensured(server, "promoted")
    assert result["changed"] and result["node"]["role"] == "primary" and orders(server) == ["J"]


def test_an_unknown_id_is_never_ordered():
    with FakePcp(Backends()) as server, pytest.raises(NoSuchNode):
        ensured(server, "attached", node_id=7)
    assert orders(server) == []


def test_quarantine_is_not_detached():
    backends = Backends()
    backends.nodes[1].update(status="3", quarantine="1")
    with FakePcp(backends) as server:
        assert ensured(server, "detached")["node"]["status_name"] == "down"
        backends.nodes[1].update(status="3", quarantine="1")
        assert ensured(server, "attached")["node"]["status_name"] == "waiting"


def test_a_detach_that_ends_in_quarantine_is_no_success():
    backends = Backends()
    backends.carry_out = lambda _kind, number: backends.nodes[number].update(status="3", quarantine="1")
    with FakePcp(backends) as server, pytest.raises(NotVerified) as caught:
        ensured(server, "detached")
    assert "quarantine" in caught.value.seen and "quorum" in caught.value.next_step


def test_success_without_effect_is_no_success():
    backends = Backends()
    backends.obeys = False
    with FakePcp(backends) as server, pytest.raises(NotVerified) as caught:
        ensured(server, "detached", wait_timeout=3)
    assert "3 s after the order the node is up" in caught.value.seen
    assert caught.value.evidence["node"]["status_name"] == "up"
    assert server.kinds.count("I") > 3


def test_an_effect_that_comes_late():
    backends = Backends()
    looks = []

    def slowly(_kind, text):
        looks.append(text)
        if len(looks) == 6:
            backends.nodes[1]["status"] = "3"
        return Backends.info(backends, _kind, text)

    backends.obeys, backends.info = False, slowly
    with FakePcp(backends) as server:
        assert ensured(server, "detached")["node"]["status_name"] == "down"


@pytest.mark.parametrize("family", [9, 13])
def test_an_attached_node_whose_postgres_is_mute_is_no_success(family, postgres):
    """Pgpool takes it for attached until the next health check."""
    backends = Backends(family)
    backends.nodes[1].update(status="3", pg_status="down", pg_role="unknown")
    postgres["alive"] = False
    with FakePcp(backends) as server, pytest.raises(NotVerified) as caught:
        ensured(server, "attached", wait_timeout=1)
    assert "PostgreSQL does not answer" in caught.value.seen and "start PostgreSQL" in caught.value.next_step


def test_pgpool_is_believed_when_it_says_that_postgres_is_up(postgres):
    backends = Backends(13)
    backends.nodes[1]["status"] = "3"
    postgres["alive"] = False
    with FakePcp(backends) as server:
        assert ensured(server, "attached")["changed"]


def test_a_rejection_is_told_soon_and_in_the_words_of_pgpool():
    backends, clock = Backends(), QuickClock()
    backends.complaint = REJECTED
    with FakePcp(backends) as server, pytest.raises(PcpRejected) as caught:
        ensured(server, "detached", wait_timeout=60, clock=clock)
    assert clock.slept <= 1
    assert "is not valid for failover" in str(caught.value) and caught.value.code == "refused"


def test_a_rejection_because_a_peer_was_quicker_is_no_failure():
    backends = Backends()

    def order(_kind, _text):
        backends.nodes[1]["status"] = "3"
        return REJECTED

    backends.order = order
    with FakePcp(backends) as server:
        assert ensured(server, "detached")["node"]["status_name"] == "down"


@pytest.mark.parametrize("obeys", [True, False])
def test_an_order_without_an_answer_is_judged_by_the_state(obeys):
    backends = Backends()

    def order(_kind, _text):
        if obeys:
            backends.nodes[1]["status"] = "3"
        return SILENCE

    backends.order = order
    with FakePcp(backends) as server:
        if obeys:
            assert ensured(server, "detached", wait_timeout=0.3)["changed"]
        else:
            with pytest.raises(NotVerified) as caught:
                ensured(server, "detached", wait_timeout=0.3)
            assert "no answer within 0.5 s" in caught.value.seen


def test_a_pgpool_that_goes_away_while_we_wait():
    backends = Backends()
    with FakePcp(backends) as server:

        def order(_kind, _text):
            server.answer = lambda _kind, _payload: SILENCE
            return Backends.order(backends, b"X", "1")

        backends.order = order
        with pytest.raises(NotVerified) as caught:
            ensured(server, "detached", wait_timeout=2)
    assert "as far as is known" in caught.value.seen and "no answer within" in caught.value.seen


def test_no_session_is_open_while_waiting():
    """An open session holds up Pgpool's next failover, up to 4.4."""
    backends = Backends()
    backends.obeys = False
    seen = []
    with FakePcp(backends) as server:

        class Watching(QuickClock):
            def sleep(self, seconds):
                time.sleep(0.05)
                seen.append(server.open_sessions)
                super().sleep(seconds)

        pgpool = Pgpool(Login(server.host, server.port, "pgpoolad", "secret"), "here", 0.5, Watching())
        with pytest.raises(NotVerified):
            attach.ensure(pgpool, Desired(1, "127.0.0.1", 5434, "detached"), wait_timeout=3, check_mode=False)
    assert len(seen) > 3 and set(seen) == {0}
