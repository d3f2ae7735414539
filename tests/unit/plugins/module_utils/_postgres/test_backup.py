# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Unreachable
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import backup
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import MethodFailed

from tests.unit.rejoin_cases import work


class Conn:
    def __init__(self, major):
        self.major, self.said, self.lost = major, [], False

    def query(self, sql, args=(), *, timeout=None):
        self.said.append(sql)
        if "pg_control" in sql:
            return [{"content": memoryview(b"\x01control")}]
        if self.lost and "stop" in sql:
            raise Unreachable("ask", server="p", seen="server closed the connection", next_step="wait")
        return [{"labelfile": "START WAL", "spcmapfile": None}] if "stop" in sql else []


@pytest.fixture
def server(monkeypatch):
    def made(major=15):
        conn = Conn(major)

        @contextlib.contextmanager
        def session(_desired, **_options):
            yield conn

        monkeypatch.setattr(backup.observe_primary, "session", session)
        return conn

    return made


@pytest.mark.parametrize(
    ("major", "name"), [(15, "pg_backup_"), (18, "pg_backup_"), (13, "_backup('pgops', true, false)")]
)
def test_one_session_begins_and_ends_it(server, tmp_path, major, name):
    conn, job = server(major), work(tmp_path)
    with backup.held(job) as session:
        assert session.control_file() == b"\x01control"
        assert backup.stop(session, job) == ("START WAL", "")
    assert any(name in text for text in conn.said)
    assert job.commands == [backup.statements(major)[0]]
    assert ("SET idle_session_timeout = 0" in conn.said) is (major >= 14), "an idle session must live on"


def test_a_session_that_was_lost_makes_the_copy_worthless(server, tmp_path):
    conn, job = server(), work(tmp_path)
    conn.lost = True
    with backup.held(job) as session, pytest.raises(MethodFailed, match="closed the connection"):
        backup.stop(session, job)
