# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.findings import findings, verdict
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.screen import render
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_seen import with_vip

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


def line_of(lines, word):
    return next(line for line in lines if line.startswith(word))


def test_virtual_ip_leader_and_primary_stand_side_by_side():
    """They may be three hosts: nobody has to guess which is which."""
    postgres, pgpools = c.after_failover()
    pgpools = {name: c.pgpool(1, ("down", "up"), vip=name == "app-server2") for name in pgpools}
    lines = screen(postgres, pgpools)
    assert "app-server2" in line_of(lines, "virtual IP") and "10.1.7.100" in line_of(lines, "virtual IP")
    assert line_of(lines, "watchdog leader").split()[2] == "app-server1"
    assert line_of(lines, "primary").split()[1] == "postgres-db2" and "only server" in line_of(lines, "primary")


def test_two_leaders_are_a_dispute_and_nobody_is_called_nobody():
    pgpools = {"app-server1": c.pgpool(), "app-server2": c.pgpool(leader="10.1.7.105")}
    lines = screen({"postgres-db1": c.down(), "postgres-db2": c.standby()}, pgpools)
    assert "disputed" in line_of(lines, "watchdog leader")
    assert "app-server2 says app-server2" in line_of(lines, "watchdog leader")
    assert line_of(lines, "virtual IP").split()[2] == line_of(lines, "primary").split()[1] == "nobody"


def test_a_holder_that_only_the_network_shows_is_on_the_screen():
    postgres, pgpools = c.healthy()
    view = build_view(c.DATABASES, c.PGPOOLS, postgres, dict(pgpools, **{"app-server2": c.DEAD}), "10.1.7.100")
    others = [{"mac": "02:42:0a:01:07:69", "member": "10.1.7.105"}, {"mac": "02:42:0a:01:07:ee", "member": None}]
    answer = {"vip": {"held": True, "bindings": [], "asked": True, "reason": None, "others": others}}
    view = with_vip(view, answer, asker="app-server1", settings={"manager": "watchdog", "prefix": 24, "interfaces": {}})
    lines = render(view, [], "broken")
    assert "app-server1 and app-server2 (02:42:0a:01:07:69) and a stranger (02:42:0a:01:07:ee)" in (
        line_of(lines, "virtual IP")
    )
    assert line_of(lines, "app-server2").endswith("holds it") and "watchdog moves" in line_of(lines, "virtual IP")


def test_a_single_pgpool_gets_the_virtual_ip_from_systemd():
    view = build_view(c.DATABASES, c.PGPOOLS[:1], *c.healthy(), "10.1.7.100")
    lines = render(with_vip(view, None, asker="", settings={"manager": "systemd"}), [], "healthy")
    assert line_of(lines, "virtual IP").endswith("systemd binds 10.1.7.100")
