# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import basebackup
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Part, Tablespace

from tests.unit.rejoin_cases import disk as plain
from tests.unit.rejoin_cases import observed, primary, target, work

IDLE = primary(slot=None, sender=None)
ABSENT = target(state="absent", system_identifier=None, timeline=None, lsn=None, history=(), receiver=None)


def words_of(folder, spaces=(), parts=(), **options):
    seen = observed(ABSENT, IDLE._replace(tablespaces=spaces, data_directory="/primary"), where=plain(parts=parts))
    return basebackup.command(work(folder, **options), seen, "/new/data")


def test_no_password_and_the_rate_in_the_words(tmp_path):
    words = words_of(tmp_path, max_rate="10M")
    assert "--no-password" in words
    assert words[words.index("--max-rate") + 1] == "10M"
    assert "passfile=/var/lib/postgresql/.pgpass" in words[words.index("-d") + 1]
    assert "--max-rate" not in words_of(tmp_path)


def test_everything_lands_in_places_of_ours(tmp_path):
    spaces = (Tablespace(1, "/ts=1", "PG_15_1"), Tablespace(2, "/primary/in", "PG_15_1"))
    parts = (Part("pg_wal", "/wal", new=True), Part("pg_tblspc/1", "/ts=1", "PG_15_1", new=True))
    words = words_of(tmp_path, spaces, parts)
    assert "--waldir=/wal/pgops-new/data" in words
    assert "--tablespace-mapping=/ts\\=1=/ts\\=1/pgops-new/data" in words
    assert "--tablespace-mapping=/primary/in=/new/inside-2" in words


def test_the_program_may_be_a_newer_one(tmp_path, monkeypatch):
    monkeypatch.setattr(basebackup.clients, "pg_basebackup", lambda _layout: "/usr/lib/postgresql/17/bin/pg_basebackup")
    assert words_of(tmp_path)[0] == "/usr/lib/postgresql/17/bin/pg_basebackup"
    monkeypatch.setattr(basebackup.clients, "pg_basebackup", lambda _layout: "")
    assert words_of(tmp_path)[0] == "/pgbin/pg_basebackup", "the error will name it"
