# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layout of the RPMs from end to end: found, planned, and every rung run with the programs played by fakes."""

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import (
    backup,
    basebackup,
    conffile,
    delta,
    disk,
    layout,
    rebuild,
    rejoin,
    rewind,
    server_control,
    sync,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import FORK, FakeRunner, observed, old_primary, primary, stopped, work

DATA, BIN = "var/lib/pgsql/15/data", "usr/pgsql-15/bin"
OWN = {"postgresql.conf": "port = 5433\n", "pg_hba.conf": "# mine\n", "pg_ident.conf": "# mine\n"}
SERVER = primary(slot=None, sender=None, data_directory=f"/{DATA}", files_problem="", data_bytes=9000)


class Node:
    """A host with the RPMs of PostgreSQL 15 below a scratch directory."""

    def __init__(self, root):
        self.data = root / DATA
        for name in ("pg_wal", "global", "pg_replslot"):
            (self.data / name).mkdir(parents=True)
        (root / BIN).mkdir(parents=True)
        (root / BIN / "postgres").touch(mode=0o755)
        for name, text in {**OWN, "PG_VERSION": "15\n", "global/pg_control": "x", "old": "x" * 9000}.items():
            (self.data / name).write_text(text)
        self.data.chmod(0o700)
        self.clean = True
        self.runner = FakeRunner(
            cp=lambda words: LocalRunner().run(words)[1:],
            pg_rewind=self.pg_rewind,
            pg_basebackup=lambda words: self.theirs(words[words.index("-D") + 1]),
            rsync=lambda words: self.theirs(words[-1]),
            postgres=self.recover,
            systemctl=(0, "LoadState=loaded\nActiveState=active\nSubState=running\n", ""),
        )
        self.found = layout.discover(runner=self.runner, overrides={}, root=str(root))
        job = work(root, self.runner)
        here = {"data_directory": str(self.data), "config_directory": str(self.data)}
        self.job = job._replace(layout=self.found._replace(**here, postgres_user=job.layout.postgres_user))
        self.job.marks.data_directory = str(self.data)

    def pg_rewind(self, words):
        return (0, "", "") if "--dry-run" in words else self.theirs(words[words.index("--target-pgdata") + 1])

    def control(self, **_options):
        return {"system_identifier": "77", "state": "shut down" if self.clean else "in production"}

    def recover(self, _words):
        self.clean = True
        return 0, "", ""

    def theirs(self, folder):
        """The primary's files arrive."""
        for name in ("pg_wal", "global"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        for name in (*OWN, "PG_VERSION", "backup_label", "new"):
            with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
                stream.write("15\n" if name == "PG_VERSION" else "# theirs\n")
        return 0, "Total bytes received: 5\n", ""

    def run(self, node, method, tail=None):
        job = self.job._replace(desired=self.job.desired._replace(method=method))
        where = disk.read(str(self.data), salvage_directory=None, primary=SERVER)
        seen = observed(node, SERVER, tail, where)
        decision = rejoin.plan(seen, job.desired)
        assert decision.method == method, decision.plan
        {"rewind": rewind, "delta": delta, "basebackup": basebackup}[method].run(job, seen, decision)
        return decision

    def words(self, program):
        return self.runner.called(program)[-1]

    def check(self):
        """Its own configuration, the primary's data, and what makes it a standby."""
        assert {name: (self.data / name).read_text() for name in OWN} == OWN
        assert (self.data / "new").exists()
        assert (self.data / "standby.signal").exists()
        settings = conffile.load(str(self.data / "postgresql.auto.conf"))
        assert settings["primary_slot_name"] == "pgops_0"
        assert "password" not in settings["primary_conninfo"]
        assert not os.path.exists(self.job.marks.files_path)


@pytest.fixture
def node(tmp_path, monkeypatch):
    node = Node(tmp_path)

    class Session:
        def control_file(self):
            return b"control"

        def stop(self):
            return backup.Ended("label", "")

    for module in (rewind, rebuild):
        monkeypatch.setattr(module.last_look, "require_safe", lambda *_arguments: None)
    monkeypatch.setattr(rewind.primary_work, "fresh_control_file", lambda *_arguments: None)
    monkeypatch.setattr(basebackup.primary_work, "wait_slot_free", lambda _work: None)
    monkeypatch.setattr(backup, "held", lambda _work: contextlib.nullcontext(Session()))
    monkeypatch.setattr(basebackup.clients, "pg_basebackup", lambda found: found.tool("pg_basebackup"))
    monkeypatch.setattr(rewind.controldata, "read", node.control)
    return node


def test_it_is_found_where_the_rpms_put_it(node):
    assert (node.found.data_directory, node.found.config_directory) == (f"/{DATA}", f"/{DATA}")
    assert (node.found.bin_directory, node.found.service) == (f"/{BIN}", "postgresql-15")
    assert node.found.config_file == f"/{DATA}/postgresql.conf"
    assert node.found.tool("pg_rewind") == f"/{BIN}/pg_rewind"


def test_rewind(node):
    node.clean = False
    decision = node.run(old_primary(clean=False), "rewind", Tail(FORK + 9, 2))
    assert any("crash recovery" in step.action for step in decision.plan.steps)
    recovery = node.words("postgres")
    assert recovery[0] == f"/{BIN}/postgres"
    assert f"config_file={node.data}/postgresql.conf" in recovery
    assert node.words("pg_rewind")[:3] == [f"/{BIN}/pg_rewind", "--target-pgdata", str(node.data)]
    node.check()


def test_basebackup(node):
    node.run(old_primary(), "basebackup", Tail(FORK + 9, 2))
    assert node.words("pg_basebackup")[0] == f"/{BIN}/pg_basebackup"
    assert not (node.data / "old").exists()
    node.check()


def test_delta(node):
    node.run(stopped(), "delta")
    copy = node.runner.called("rsync")[0]
    assert f"--copy-dest={node.data}" in copy
    assert copy[-2].endswith(f":/{DATA}/")
    node.check()


def test_start(node):
    run = sync._Run(node.job, 0.0, None)
    seen = observed(stopped(), SERVER, None, disk.read(str(node.data), salvage_directory=None, primary=SERVER))
    run._start(seen, rejoin.plan(seen, node.job.desired))
    assert node.words("systemctl") == ["systemctl", "start", "--no-block", "postgresql-15"]
    assert {name: (node.data / name).read_text() for name in OWN} == OWN


def test_its_unit_is_stopped(node, monkeypatch):
    monkeypatch.setattr(server_control, "processes_in", lambda _layout: [])
    server_control.stop(node.job, may_write=False)
    assert ["systemctl", "stop", "postgresql-15"] in node.runner.calls
