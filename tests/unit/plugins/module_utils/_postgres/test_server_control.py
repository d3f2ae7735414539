# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import server_control

from tests.unit.rejoin_cases import FakeRunner, work


class Host:
    """A host on which some ways to stop a server work and others do not."""

    def __init__(self, folder, monkeypatch, ends_with=None, unit="active", postmaster=True):
        self.alive, self.postmaster = [11, 12], postmaster
        self.ends_with = ends_with
        self.killed = []
        monkeypatch.setattr(server_control, "processes_in", lambda _layout: list(self.alive))
        monkeypatch.setattr(server_control.postmaster, "running", lambda _l: self.postmaster and bool(self.alive))
        monkeypatch.setattr(server_control.service, "read", lambda **_a: {"state": unit})
        monkeypatch.setattr(server_control, "log_tail", lambda _work: ["LOG: x"])
        monkeypatch.setattr(server_control.os, "kill", self.kill)
        self.job = work(folder, FakeRunner(systemctl=self.command, pg_ctl=self.command))
        self.job = self.job._replace(layout=self.job.layout._replace(service="postgresql@15-main"))

    def command(self, words):
        if self.ends_with and self.ends_with in " ".join(words):
            self.alive = []
        return 0, "", ""

    def kill(self, pid, number):
        self.killed.append((pid, number))
        self.alive.remove(pid)

    def tried(self):
        return [" ".join(words[1:2] + words[4:6]) for words in self.job.runner.calls]


@pytest.fixture
def host(tmp_path, monkeypatch):
    return lambda **options: Host(tmp_path, monkeypatch, **options)


def test_the_unit_is_stopped(host):
    here = host(ends_with="systemctl stop")
    server_control.stop(here.job, may_write=False)
    assert here.job.commands == ["systemctl stop postgresql@15-main"]


def test_a_server_outside_its_unit_is_stopped_by_pg_ctl(host):
    here = host(ends_with="-m fast")
    server_control.stop(here.job, may_write=False)
    assert "-m fast" in here.job.commands[-1]


def test_without_systemd_pg_ctl_does_it(host):
    here = host(ends_with="-m fast", unit="unknown")
    server_control.stop(here.job, may_write=False)
    assert len(here.job.commands) == 1


def test_an_old_primary_that_hangs_is_cut_short(host):
    here = host(ends_with="-m immediate")
    server_control.stop(here.job, may_write=True)
    assert ["-m fast" in text for text in here.job.commands] == [False, True, False]


def test_a_standby_that_hangs_is_an_error(host):
    here = host(ends_with="-m immediate")
    with pytest.raises(CommandFailed, match="these processes still work in") as failed:
        server_control.stop(here.job, may_write=False)
    assert failed.value.evidence == {"log": ["LOG: x"]}


def test_processes_of_a_killed_old_primary_are_ended(host):
    here = host(postmaster=False)
    server_control.stop(here.job, may_write=True)
    assert [pid for pid, _number in here.killed] == [11, 12]


def test_to_leave_no_wal_it_is_cut_short_first(host):
    here = host(ends_with="-m immediate")
    server_control.stop(here.job, may_write=True, leave_no_wal=True)
    assert "-m immediate" in here.job.commands[0]
    assert here.job.commands[1] == "systemctl stop postgresql@15-main", "so that the unit knows"


def test_start_by_the_unit_does_not_wait(host):
    here = host()
    server_control.start(here.job)
    assert here.job.commands == ["systemctl start --no-block postgresql@15-main"]
    assert here.job.runner.calls[0][1] == "reset-failed"


def test_start_without_a_unit(host):
    here = host(unit="not-found")
    server_control.start(here.job)
    assert "-o -c config_file=/etc/pg/postgresql.conf" in here.job.commands[0]


@pytest.mark.parametrize(
    ("alive", "unit", "dead"),
    [([11], "active", False), ([], "activating", False), ([], "failed", True), ([], "inactive", True)],
)
def test_a_start_that_came_to_nothing(host, alive, unit, dead):
    here = host(unit=unit)
    here.alive = alive
    assert server_control.dead(here.job) is dead


def test_the_log_of_a_server_started_by_us(tmp_path):
    job = work(tmp_path)
    (tmp_path / "main" / "pgops_start.log").write_text("one\ntwo\nthree\n")
    assert server_control.log_tail(job, count=2) == ["two", "three"]


def test_no_directory_no_processes(tmp_path):
    layout = work(tmp_path).layout._replace(data_directory="/nowhere")
    assert server_control.processes_in(layout) == []
