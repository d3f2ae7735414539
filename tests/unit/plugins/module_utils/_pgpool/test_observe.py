# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.nodes import parse_node
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.observe import (
    Pgpool,
    postgres_answers,
    read_node,
    read_nodes,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.wire import Login

from tests.unit.fake_pcp import Backends, FakePcp, QuickClock, node, wire_fields


def pgpool(server, timeout=0.5):
    return Pgpool(Login(server.host, server.port, "pgpoolad", "secret"), "pgpool of app-server1", timeout, QuickClock())


@pytest.mark.parametrize("family", [9, 12, 13])
def test_all_nodes_in_the_order_of_their_ids(family):
    with FakePcp(Backends(family)) as server:
        nodes = read_nodes(pgpool(server))
        assert [(seen.id, seen.port, seen.role) for seen in nodes] == [(0, 5433, "primary"), (1, 5434, "standby")]
        assert read_node(pgpool(server), 1) == nodes[1]
    assert "H" not in server.kinds


@pytest.mark.parametrize("silent", [0, 1])
def test_a_silent_backend_costs_only_its_own_details(silent):
    backends = Backends(13)
    backends.silent = {silent}
    backends.nodes[1]["status"] = "1"
    with FakePcp(backends) as server:
        nodes = read_nodes(pgpool(server))
    assert [seen.status_name for seen in nodes] == ["up", "waiting"]
    assert [seen.note is None for seen in nodes] == [silent != 0, silent != 1]
    assert "no answer within 0.5 s" in nodes[silent].note and nodes[silent].pg_role == "unknown"


def test_all_backends_silent():
    backends = Backends(12)
    backends.silent = {0, 1}
    with FakePcp(backends) as server:
        assert [seen.role for seen in read_nodes(pgpool(server))] == ["primary", "standby"]


def test_silence_stays_silence_where_there_are_no_statistics():
    backends = Backends(9)
    backends.silent = {1}
    with FakePcp(backends) as server, pytest.raises(Unreachable) as caught:
        read_nodes(pgpool(server))
    assert "ask for node 1" in str(caught.value)


def test_a_pgpool_does_not_show_its_password():
    assert "secret" not in repr(Pgpool(Login("h", 1, "u", "secret"), "s", 1, QuickClock()))


@pytest.mark.parametrize(("reply", "alive"), [(b"N", True), (b"S", True), (b"H", False), (b"", False)])
def test_postgres_answers(reply, alive):
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _peer = listener.accept()
            with connection:
                asked.append(connection.recv(8))
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        there = parse_node(0, wire_fields(node(port=port), 9), server="here")
        assert postgres_answers(there, timeout=1) is alive
        thread.join()
    assert asked == [b"\0\0\0\x08\x04\xd2\x16\x2f"]
    assert postgres_answers(there, timeout=1) is False


def test_a_frozen_postgres_does_not_answer():
    """The kernel takes the connection, nobody speaks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = parse_node(0, wire_fields(node(port=listener.getsockname()[1]), 9), server="here")
        assert postgres_answers(there, timeout=0.2) is False
