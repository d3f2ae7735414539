# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import resource
import signal

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import work as module
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import failed

from tests.unit.rejoin_cases import work


def seen(rc, stderr="tool: error: no luck"):
    return failed("copy", CommandResult(("tool", "-x"), rc, "", stderr)).seen


def test_how_a_command_ended():
    assert seen(1) == "exit status 1: tool: error: no luck"
    assert seen(None) == "it did not end in time"
    assert seen(-signal.SIGXFSZ, "") == "ended by the signal SIGXFSZ"
    assert "when memory ran out" in seen(-signal.SIGKILL)


@pytest.mark.parametrize("rc", [1, -signal.SIGXFSZ])
def test_a_limit_on_files_is_told_since_the_tools_do_not(monkeypatch, rc):
    monkeypatch.setattr(module.resource, "getrlimit", lambda _which: (6000, resource.RLIM_INFINITY))
    assert "no file of more than 6000 bytes" in seen(rc)


def test_the_cause_is_told_and_not_the_tidying_up_after_it():
    text = "tool: error: could not write: No space left on device\ntool: removing data directory\ntool: bye\n"
    assert seen(1, text) == "exit status 1: tool: error: could not write: No space left on device"
    assert seen(1, "one\ntwo\nthree\nfour\n") == "exit status 1: two / three / four"


def test_a_command_with_very_many_words_is_remembered_by_its_beginning(tmp_path):
    job = work(tmp_path)
    job.change(["cp", "-a", *["x" * 100] * 50])
    assert job.commands[0].startswith("cp -a xxx")
    assert job.commands[0].endswith("... (52 words)")
    assert len(job.commands[0]) < 1100
