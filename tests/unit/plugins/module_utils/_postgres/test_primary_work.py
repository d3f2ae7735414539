# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import re

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, PgopsError
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import primary_work

from tests.unit.rejoin_cases import work

ACTS = re.compile(r"CHECKPOINT|pg_create\w+|pg_drop\w+|pg_backup_st\w+|pg_st\w+_backup")
SLOT = {"active": False, "restart_lsn": "0/3000000", "wal_status": "reserved"}


class Server:
    """A primary that answers by the beginning of the statement."""

    def __init__(self, monkeypatch, slot=None, timelines=(2,), denied=(), major=15):
        self.slot, self.timelines, self.denied, self.major = slot, list(timelines), denied, major
        self.said = []

        @contextlib.contextmanager
        def session(_desired, **_options):
            yield self

        monkeypatch.setattr(primary_work.observe_primary, "session", session)

    def query(self, sql, args=(), *, timeout=None):
        self.said.append(sql)
        if any(word in sql for word in self.denied):
            raise CommandFailed("run", server="p", seen="denied", next_step="grant", evidence={"sqlstate": "42501"})
        if "FROM pg_replication_slots" in sql:
            return [self.slot] if self.slot else []
        if "pg_control_checkpoint" in sql:
            return [{"timeline": self.timelines.pop(0) if len(self.timelines) > 1 else self.timelines[0]}]
        if "pg_drop" in sql:
            self.slot = None
        return []

    def acts(self):
        return [word for text in self.said for word in ACTS.findall(text)]


@pytest.fixture
def server(monkeypatch):
    return lambda **options: Server(monkeypatch, **options)


@pytest.mark.parametrize(
    ("slot", "acts"),
    [
        (None, ["pg_create_physical_replication_slot"]),
        (SLOT, []),
        (dict(SLOT, active=True), []),
        (dict(SLOT, wal_status=None), []),  # before PostgreSQL 13
        (dict(SLOT, wal_status="lost"), ["pg_drop_replication_slot", "pg_create_physical_replication_slot"]),
        (dict(SLOT, restart_lsn=None), ["pg_drop_replication_slot", "pg_create_physical_replication_slot"]),
    ],
)
def test_a_slot_that_keeps_wal_is_there_afterwards(server, tmp_path, slot, acts):
    primary = server(slot=slot)
    assert primary_work.ensure_slot(work(tmp_path)) is bool(acts)
    assert primary.acts() == acts


def test_a_slot_that_stays_in_use_is_an_error_that_names_it(server, tmp_path):
    server(slot=dict(SLOT, active=True))
    with pytest.raises(PgopsError, match="pgops_0") as failed:
        primary_work.wait_slot_free(work(tmp_path))
    assert failed.value.code == "slot_in_use"


def test_no_checkpoint_where_the_control_file_is_fresh(server, tmp_path):
    primary = server(timelines=(2,))
    primary_work.fresh_control_file(work(tmp_path), 2)
    assert primary.acts() == []


def test_a_checkpoint_where_the_role_may(server, tmp_path):
    primary = server(timelines=(1, 2))
    primary_work.fresh_control_file(work(tmp_path), 2)
    assert primary.acts() == ["CHECKPOINT"]


@pytest.mark.parametrize(
    ("major", "words"), [(15, ["pg_backup_start", "pg_backup_stop"]), (13, ["pg_start_backup", "pg_stop_backup"])]
)
def test_else_a_backup_begun_and_ended_at_once(server, tmp_path, major, words):
    primary = server(timelines=(1, 2), denied=("CHECKPOINT",), major=major)
    primary_work.fresh_control_file(work(tmp_path), 2)
    assert primary.acts() == ["CHECKPOINT", *words]


def test_else_it_waits_for_the_next_one(server, tmp_path):
    server(timelines=(1, 1, 1, 1, 2), denied=("CHECKPOINT", "backup"))
    job = work(tmp_path)
    primary_work.fresh_control_file(job, 2)
    assert job.clock.time == 1003.0


def test_and_says_so_when_none_comes(server, tmp_path):
    server(timelines=(1,), denied=("CHECKPOINT", "backup"))
    with pytest.raises(PgopsError, match="pg_checkpoint"):
        primary_work.fresh_control_file(work(tmp_path), 2)
