# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import observe_primary

from tests.unit.rejoin_cases import SEGMENT, desired, primary

FOUND = {
    "in_recovery": False,
    "system_identifier": "77",
    "timeline": 2,
    "lsn": "0/3001000",
    "control": {"segment_size": SEGMENT, "timeline": 1},
    "slots": [{"name": "other", "active": True}, {"name": "pgops_0", "active": False}],
    "senders": [
        {"application_name": "pgops_0", "state": "catchup"},
        {"application_name": "pgops_0", "state": "streaming"},
        {"application_name": "pgops_1", "state": "streaming"},
    ],
}
SETTINGS = {
    "wal_level": "replica",
    "data_directory": "/data",
    "our_address": "10.1.7.106",
    "address": "127.0.0.1",
    "port": 5432,
}


class Conn:
    major = 15

    def __init__(self, rows):
        self.rows = rows

    def query(self, sql, args=(), *, timeout=None):
        return next(rows for words, rows in self.rows if words in sql + str(args))


@pytest.fixture
def ask(monkeypatch):
    def connected(rows=(("wal_level", [SETTINGS]),), found=None):
        @contextlib.contextmanager
        def session(_desired, **_options):
            yield Conn([(words, [dict(row) for row in each]) for words, each in rows])

        monkeypatch.setattr(observe_primary, "session", session)
        monkeypatch.setattr(observe_primary.evidence, "collect", lambda _conn: dict(FOUND, **(found or {})))
        monkeypatch.setattr(observe_primary.connect, "remote_history", lambda _conn, tli: [{"timeline": tli - 1}])

    return connected


def read(port=5432):
    return observe_primary.read(desired(), os_user="postgres", local_port=port)


def test_what_is_ours_on_the_primary(ask):
    ask()
    seen = read()
    assert seen.slot["name"] == "pgops_0"
    assert seen.sender["state"] == "streaming", "the best of several"
    assert (seen.slots_used, seen.senders_used) == (2, 3)
    assert (seen.lsn, seen.timeline, seen.control_timeline) == (0x3001000, 2, 1)
    assert seen.history == ({"timeline": 1},)
    assert seen.settings["segment_size"] == SEGMENT


def test_the_first_timeline_has_no_history(ask):
    ask(found={"timeline": 1})
    assert read().history == ()


def test_nothing_of_ours(ask):
    ask(found={"slots": [], "senders": []})
    assert (read().slot, read().sender) == (None, None)


@pytest.mark.parametrize(
    ("address", "port", "this"),
    [("127.0.0.1", 5432, True), ("127.0.0.1", 5433, False), ("192.0.2.1", 5432, False)],
)
def test_this_very_server_is_known_by_address_and_port(ask, address, port, this):
    ask(rows=(("wal_level", [dict(SETTINGS, address=address)]),))
    assert read(port).is_this_server is this


@pytest.mark.parametrize(
    ("address", "local"), [("127.0.0.1", True), ("192.0.2.1", False), ("2001:db8::1", False), (None, True)]
)
def test_an_address_of_this_host_can_be_bound(address, local):
    assert observe_primary.is_local(address) is local


def test_what_takes_longer_comes_second(ask):
    ask(
        rows=(
            ("pg_database_size", [{"bytes": 1000}]),
            ("pg_ls_waldir", [{"name": "000000020000000000000007"}, {"name": "000000010000000000000005"}]),
            ("pg_stat_file", [{"allowed": False}]),
            ("has_function_privilege", [{"allowed": True}]),
            ("pg_tablespace", [{"oid": 16385, "location": "/ts", "size": 7, "catalog": 202209061}]),
        )
    )
    seen = observe_primary.read_more(primary(), desired(), os_user="postgres")
    assert seen.data_bytes == 1000 + 2 * SEGMENT
    assert seen.oldest_wal == 5 * SEGMENT
    assert seen.missing_rights == ("pg_stat_file(text,boolean)",)
    assert seen.tablespaces == ((16385, "/ts", "PG_15_202209061", 7),)


def test_the_session_is_the_replication_users(monkeypatch):
    given = {}

    @contextlib.contextmanager
    def connect_remote(**options):
        given.update(options)
        yield "session"

    monkeypatch.setattr(observe_primary.connect, "connect_remote", connect_remote)
    with observe_primary.session(desired(sslmode="require"), os_user="pg", replication=True) as conn:
        assert conn == "session"
    assert (given["user"], given["pass_file"], given["sslmode"]) == (
        "replication",
        "/var/lib/postgresql/.pgpass",
        "require",
    )
    assert (given["os_user"], given["replication"]) == ("pg", True)
