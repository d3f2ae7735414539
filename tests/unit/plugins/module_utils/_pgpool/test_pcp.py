# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
import struct
import time

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import AuthenticationFailed, ParseError, Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.pcp import Login, PcpRejected, PcpSession

from tests.unit.fake_pcp import CLOSE, SILENCE, Backends, FakePcp, QuickClock, Trickle, error, message

TRICKY = "q'u\"o t%s\\$HOME:#ß€"


def session(server, *, password="secret", timeout=2, user="pgpoolad"):
    login = Login(server.host, server.port, user, password)
    return PcpSession(login, server="pgpool of app-server1", timeout=timeout, clock=QuickClock())


def scripted(reply):
    return FakePcp(lambda _kind, _payload: reply)


@pytest.mark.parametrize("family", [9, 12, 13])
def test_every_family_of_node_info(family):
    with FakePcp(Backends(family)) as server, session(server) as pcp:
        assert pcp.node_count() == 2
        fields = pcp.node_fields(1)
        assert len(fields) == family and fields[:2] == ["127.0.0.1", "5434"]
        assert pcp.node_fields(0)[1] == "5433"
    assert server.requests == [(b"L", b""), (b"I", b"1\0"), (b"I", b"0\0")]


@pytest.mark.parametrize("password", [TRICKY, "", "x" * 500])
def test_any_password_logs_in_and_only_the_right_one(password):
    with FakePcp(Backends(), password=password) as server:
        with session(server, password=password) as pcp:
            assert pcp.node_count() == 2
        with pytest.raises(AuthenticationFailed) as caught, session(server, password=f"{password}x"):
            raise AssertionError("must not get in")
    assert "username and/or password does not match" in caught.value.seen
    assert caught.value.code == "authentication_failed" and "app-server1" in str(caught.value)
    assert not password or password not in str(caught.value)


def test_unix_socket(tmp_path):
    with FakePcp(Backends(), directory=tmp_path) as server, session(server) as pcp:
        assert pcp.node_count() == 2


def test_orders_on_the_wire():
    with FakePcp(Backends()) as server, session(server) as pcp:
        pcp.attach(1, timeout=2)
        pcp.detach(1, timeout=2)
        pcp.promote(1, timeout=2)
    assert server.requests == [(b"C", b"1\0"), (b"D", b"1\0"), (b"J", b"1 \0n")]


def test_a_rejection_quotes_pgpool_and_the_conversation_goes_on():
    with FakePcp(Backends(9)) as server, session(server) as pcp:
        with pytest.raises(PcpRejected) as caught:
            pcp.node_fields(7)
        assert caught.value.seen == "Pgpool said: informing node info failed (invalid node ID)"
        assert caught.value.evidence["severity"] == "ERROR"
        assert pcp.node_count() == 2


def test_notices_are_passed_over():
    notice = message(b"N", "SNOTICE", "Mcluster is not in stable state", "")
    with scripted(notice + message(b"l", "CommandComplete", "3")) as server, session(server) as pcp:
        assert pcp.node_count() == 3


def test_watchdog_off_is_no_error_and_other_complaints_are():
    with FakePcp(Backends()) as server, session(server) as pcp:
        assert pcp.watchdog() is None
    with FakePcp(Backends()) as server, session(server) as pcp:
        server.answer = lambda _kind, _payload: error("ERROR", "informing watchdog info failed", "invalid index")
        with pytest.raises(PcpRejected):
            pcp.watchdog()


def test_watchdog_names_may_hold_anything():
    """Pgpool's own JSON writer does not escape control characters."""
    reply = message(b"w", "CommandComplete", '{"LeaderNodeName": "a: b\t\u0001 ß"}')
    with scripted(reply) as server, session(server) as pcp:
        assert pcp.watchdog() == {"LeaderNodeName": "a: b\t\u0001 ß"}


@pytest.mark.parametrize(
    "reply",
    [
        message(b"x", "CommandComplete", "2"),
        message(b"l", "CommandComplete", "two"),
        message(b"l", "CommandComplete"),
        message(b"l", "Surprise", "2"),
        b"l" + struct.pack("!i", 5) + b"2",
        b"l" + struct.pack("!i", 3),
        b"l" + struct.pack("!i", -1),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["type", "no number", "no field", "unknown head", "unterminated", "short", "negative", "another protocol"],
)
def test_garbage_is_a_parse_error(reply):
    with scripted(reply) as server, session(server) as pcp, pytest.raises(ParseError) as caught:
        pcp.node_count()
    assert "pcp_port" in caught.value.next_step


@pytest.mark.parametrize(
    "reply",
    [
        message(b"i", "ArraySize", "0") + message(b"i", "CommandComplete"),
        message(b"i", "ArraySize", "1") + message(b"i", "Surprise") + message(b"i", "CommandComplete"),
        message(b"i", "NodeInfo", "a") + message(b"i", "NodeInfo", "b") + message(b"i", "CommandComplete"),
    ],
    ids=["none", "unknown", "two"],
)
def test_a_node_answer_is_exactly_one_node(reply):
    with scripted(reply) as server, session(server) as pcp, pytest.raises(ParseError):
        pcp.node_fields(0)


def test_a_watchdog_answer_that_is_no_object():
    for text in ("[1]", "{broken", ""):
        reply = message(b"w", "CommandComplete", text)
        with scripted(reply) as server, session(server) as pcp, pytest.raises(ParseError):
            pcp.watchdog()


@pytest.mark.parametrize("reply", [CLOSE, message(b"l", "CommandComplete", "2")[:9]], ids=["closed", "cut off"])
def test_a_connection_that_ends_early_is_unreachable(reply):
    with scripted(reply) as server, session(server, timeout=0.4) as pcp, pytest.raises(Unreachable):
        pcp.node_count()


@pytest.mark.parametrize("reply", [SILENCE, Trickle(message(b"l", "CommandComplete", "2"), 0.1)])
def test_an_answer_has_one_limit_as_a_whole(reply):
    """A server that sends a byte now and then does not prolong it."""
    with scripted(reply) as server, session(server, timeout=0.4) as pcp:
        started = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            pcp.node_count()
        assert time.monotonic() - started < 1.5
    assert "no answer within 0.4 s" in caught.value.seen


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    login = Login("127.0.0.1", port, "pgpoolad", TRICKY)
    with pytest.raises(Unreachable) as caught, PcpSession(login, server="here", timeout=1):
        raise AssertionError("must not get in")
    assert caught.value.code == "unreachable" and f"127.0.0.1:{port}: Connection refused" in caught.value.seen
    assert TRICKY not in repr(login)


@pytest.mark.parametrize("host", ["/nonexistent", "x" * 70 + ".invalid", "/" + "x" * 200])
def test_impossible_addresses_are_unreachable(host):
    with pytest.raises(Unreachable), PcpSession(Login(host, 9898, "u", "p"), server="here", timeout=1):
        raise AssertionError("must not get in")


def test_a_login_dropped_by_the_restart_of_the_pcp_process_is_repeated():
    with FakePcp(Backends(), drop_first=2) as server, session(server) as pcp:
        assert pcp.node_count() == 2
    with FakePcp(Backends(), drop_first=9) as server, pytest.raises(Unreachable), session(server):
        raise AssertionError("must not get in")
    assert server.sessions == 4


@pytest.mark.parametrize("user", ["", "a:b", "a\0b", "u" * 128])
def test_user_names_that_pcp_conf_cannot_hold(user):
    with FakePcp(Backends()) as server, pytest.raises(AuthenticationFailed), session(server, user=user):
        raise AssertionError("must not get in")


def test_fields_that_pgpool_cut_in_the_middle_of_a_character():
    cut = b"SERROR\0CXX000\0M" + "ß".encode()[:1] + b"\0Dwhy\0\0"
    reply = b"E" + struct.pack("!i", len(cut) + 4) + cut
    with scripted(reply) as server, session(server) as pcp, pytest.raises(PcpRejected) as caught:
        pcp.node_count()
    assert json.dumps(caught.value.to_result()) and "why" in caught.value.seen


def test_the_session_is_closed_whatever_happens():
    with FakePcp(Backends()) as server:
        with pytest.raises(RuntimeError), session(server):
            raise RuntimeError("anything")
        deadline = time.monotonic() + 2
        while server.open_sessions and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (server.open_sessions, server.goodbyes) == (0, 1)
