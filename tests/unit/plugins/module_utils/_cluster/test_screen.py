# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.findings import findings, verdict
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.screen import render
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view

from tests.unit import cluster_answers as c


def screen(postgres, pgpools):
    view = build_view(c.DATABASES, c.PGPOOLS, postgres, pgpools, "10.1.7.100")
    found = findings(view)
    return render(view, found, verdict(found))


def test_one_line_per_server_and_a_verdict():
    lines = screen(*c.healthy())
    assert any(line.startswith("postgres-db2") and "standby" in line and "postgres-db1" in line for line in lines)
    assert any(line.startswith("app-server1") and "holds it" in line for line in lines)
    assert "verdict: healthy" in lines


def test_each_finding_comes_with_its_command():
    lines = screen(*c.after_failover())
    at = next(i for i, line in enumerate(lines) if "PostgreSQL is down" in line)
    assert "recover_standby.yml -l postgres-db1" in lines[at + 1]


def test_a_second_primary_stands_out():
    postgres = {"postgres-db1": c.primary(), "postgres-db2": c.primary(timeline=2)}
    assert any("PRIMARY (false)" in line for line in screen(postgres, c.after_failover()[1]))


def test_silent_servers_are_shown_as_such():
    lines = screen({"postgres-db1": c.primary()}, {"app-server1": c.pgpool(), "app-server2": c.no_pgpool()})
    assert any(line.startswith("postgres-db2") and "unknown" in line for line in lines)
    assert any(line.startswith("app-server2") and " no " in line for line in lines)
