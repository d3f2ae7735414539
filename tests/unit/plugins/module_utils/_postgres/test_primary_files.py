# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import primary_files

from tests.unit.rejoin_cases import FakeRunner, primary, work

PID = "77\n/data\n1700000000\n5432\n"
PRIMARY = primary(data_directory="/it's data")


class Conn:
    def query(self, sql, args=(), *, timeout=None):
        return [{"pid": PID + "  1234 5\nready\n"}]


@pytest.fixture
def problem(monkeypatch, tmp_path):
    def asked(*answer, rsync="/bin/rsync", denied=False, **options):
        @contextlib.contextmanager
        def session(_desired, **_options):
            if denied:
                raise CommandFailed("ask", server="p", seen="permission denied for function", next_step="grant")
            yield Conn()

        monkeypatch.setattr(primary_files.observe_primary, "session", session)
        runner = FakeRunner(ssh=answer)
        runner.which = lambda _name, **_options: rsync
        found = primary_files.problem(work(tmp_path, runner, **options), PRIMARY)
        asked.calls = runner.calls
        return found

    return asked


def test_the_files_of_the_server_itself_may_be_read(problem):
    assert problem(0, PID + "  1234 5\nstopping\n", "") == ""
    words = problem.calls[0]
    assert words[-1].endswith("cat '/it'\"'\"'s data'/postmaster.pid")
    assert "StrictHostKeyChecking=yes" in words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((0, PID.replace("1700000000", "1700000001"), ""), "does not run this primary"),
        ((0, "", ""), "does not run this primary"),
        ((44, "", ""), "rsync is not installed on 10.1.7.107"),
        ((255, "", "Host key verification failed.\nx\ny"), "Host key verification failed."),
        ((None, "", ""), "can't log in"),
    ],
)
def test_what_stands_in_the_way(problem, answer, words):
    assert words in problem(*answer)


def test_without_rsync_nobody_is_asked(problem):
    assert "rsync is not installed here" in problem(0, PID, "", rsync=None)
    assert problem.calls == []


def test_without_the_right_to_compare_it_is_not_trusted(problem):
    assert "permission denied" in problem(0, PID, "", denied=True)
    assert problem.calls == []


def test_an_ipv6_address_goes_into_brackets(tmp_path):
    user = work(tmp_path).user
    assert primary_files.remote(work(tmp_path), "/x") == f"{user}@10.1.7.107:/x"
    assert primary_files.remote(work(tmp_path, primary_host="fd00::7"), "/x") == f"{user}@[fd00::7]:/x"
