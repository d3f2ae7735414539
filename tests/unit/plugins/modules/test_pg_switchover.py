# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import layout, takeover
from ansible_collections.pgops.pgpool.plugins.modules import pg_switchover as module

from tests.unit.switch_cases import PRIMARY, STANDBY

LAYOUT = layout.Layout("/d", "/c", "/b", 5432, "/s", "pg", "15", "main", "postgres")


class Line:
    """The other host."""

    def __init__(self, seen):
        self.seen = seen

    def look(self, _timeout):
        return dict(PRIMARY, lsn="0/3000040", backups=self.seen.get("backups", 0))

    def close(self):
        self.seen["closed"] = True


@pytest.fixture
def answer(monkeypatch, capsys):
    """Run the module on a standby or a primary; returns its JSON, its status and what was called."""

    def run(*, found=LAYOUT, in_recovery=True, backups=0, **options):
        seen = {"backups": backups}

        def open_line(_runner, host, port, socket_directory, **more):
            seen["line"] = (host, port, socket_directory, more["user"], more["stop_limit"])
            return Line(seen)

        def switch(_conn, line, *, primary, limits, **_more):
            seen["switched"] = (primary, limits.stop, limits.replay)
            return {"lsn": "0/3000060", "seconds": {"stop": 0.1}}

        monkeypatch.setattr(module, "discover", lambda **_ports: found)
        monkeypatch.setattr(module.connect, "connect_local", lambda _layout: Conn(in_recovery))
        monkeypatch.setattr(module.other_end, "open_line", open_line)
        monkeypatch.setattr(takeover, "switch", switch)
        with patch_module_args(dict(options, primary_host="10.1.7.106")), pytest.raises(SystemExit) as ended:
            module.main()
        return json.loads(capsys.readouterr().out), ended.value.code, seen

    return run


class Conn:
    """The session on this server."""

    def __init__(self, in_recovery):
        self.in_recovery = in_recovery

    def query(self, sql, _args=()):
        return [] if "apply_delay" in sql else [dict(STANDBY, in_recovery=self.in_recovery)]

    def close(self):
        """Nothing to close."""


def test_it_takes_over(answer):
    result, status, seen = answer(stop_timeout=7)
    assert (status, result["changed"], result["lag_bytes"], result["lsn"]) == (0, True, 64, "0/3000060")
    assert seen["line"] == ("10.1.7.106", 5432, "/s", "postgres", 7)
    assert seen["switched"] == ("10.1.7.106:5432", 7, 15)
    assert seen["closed"]


def test_check_mode_asks_and_changes_nothing(answer):
    result, status, seen = answer(_ansible_check_mode=True)
    assert (status, result["changed"], len(result["plan"]["steps"])) == (0, True, 4)
    assert "switched" not in seen and seen["closed"]


def test_the_primary_has_nothing_to_do(answer):
    result, status, seen = answer(in_recovery=False)
    assert (status, result["changed"], result["plan"]["steps"]) == (0, False, [])
    assert "line" not in seen


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_stands_in_the_way_is_an_error_in_both_modes(answer, check_mode):
    result, status, seen = answer(backups=1, _ansible_check_mode=check_mode)
    assert (status, result["error"]["code"]) == (1, "refused")
    assert "switched" not in seen and seen["closed"]


def test_no_server_here(answer):
    result, status, _seen = answer(found=None)
    assert (status, result["error"]["code"]) == (1, "invalid_option")
