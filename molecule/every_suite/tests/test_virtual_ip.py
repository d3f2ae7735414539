# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual IP on each suite, with each manager: deployed, moved, not taken back by a pgpool that returns."""

from __future__ import annotations

import json
import time

import pytest
from proof import changed, eventually
from suites import keep_figures
from writer import Writer, missing_rows

pytestmark = pytest.mark.matrix

MANAGERS = ("keepalived", "watchdog")
SERVICE = 30.0  # generous: a noisy machine fails no test
STAYS = 20  # seconds in which a pgpool that returns has finished its election, and the address has not moved


@pytest.fixture(scope="module", params=MANAGERS)
def manager(lab, request):
    """A cluster that is deployed with this manager."""
    path = lab.folder / "inventory.json"
    inventory = json.loads(path.read_text(encoding="utf-8"))
    inventory["all"]["vars"]["pgops_vip_manager"] = request.param
    path.write_text(json.dumps(inventory, indent=2) + "\n", encoding="utf-8")
    lab.playbook("deploy_cluster.yml")
    eventually(lambda: len(lab.vip_holders()) == 1, timeout=60)
    eventually(lambda: watchdogs_are_whole(lab), timeout=60)
    return request.param


@pytest.fixture
def writer(lab):
    """A client through the address."""
    password = lab.secrets["pgops_app_password"]
    options = {"host": lab.vip, "user": "someuser", "password": password, "dbname": "appdb"}
    one = Writer(options, table="address_rows", interval=0.02)
    one.create_table()
    lab.sql(primary(lab), f"TRUNCATE {one.table}", database="appdb")
    one.start()
    eventually(lambda: len(one.acknowledged) > 40)
    yield one
    one.stop()


def primary(lab):
    return next(name for name in lab.databases if not lab.in_recovery(name))


def assert_nothing_is_lost(lab, writer):
    with lab.connect(lab.address(primary(lab))).cursor() as cursor:
        assert missing_rows(cursor, writer) == []


def watchdogs_are_whole(lab):
    """Each pgpool answers, sees the other one, and has both databases."""
    for name in lab.pgpools:
        said = lab.run(name, "timeout 10 runuser -u postgres -- pcp_watchdog_info -h localhost -U pgpoolad -w -v")
        if "Alive Remote Nodes : 1" not in " ".join(said.split()):
            return False
        if not {status for _host, status, _role in lab.pool_nodes(name).values()} <= {"up", "waiting"}:
            return False
    return True


def test_the_deployment_with_it_is_whole_and_again_changes_nothing(lab, manager):
    assert changed(lab.playbook("deploy_cluster.yml").stdout) == 0
    assert "verdict: healthy" in lab.playbook("check_cluster.yml").stdout


def test_it_is_moved_there_and_back(lab, manager, writer):
    first = lab.vip_holders()[0]
    other = next(name for name in lab.pgpools if name != first)
    for target in (other, first):
        began = time.monotonic()
        lab.playbook("move_vip.yml", "-l", target)
        assert lab.vip_holders() == [target]
        eventually(lambda: writer.acknowledged_after(time.monotonic() - 1) > 10, timeout=SERVICE)
        gap = writer.gap(began)
        keep_figures(f"{manager}_moved_to_{target}", {"manager": manager, "outage_s": round(gap, 2)})
        assert gap <= SERVICE
        eventually(lambda: watchdogs_are_whole(lab), timeout=60)
    writer.stop()
    assert_nothing_is_lost(lab, writer)


def test_the_address_moves_when_its_pgpool_is_stopped_and_stays_when_that_returns(lab, manager, writer):
    holder = lab.vip_holders()[0]
    other = next(name for name in lab.pgpools if name != holder)
    stopped = time.monotonic()
    lab.run(holder, "systemctl stop pgpool2")
    eventually(lambda: lab.vip_holders() == [other], timeout=SERVICE)
    eventually(lambda: writer.acknowledged_after(time.monotonic() - 1) > 10, timeout=SERVICE)
    gap = writer.gap(stopped)
    keep_figures(f"{manager}_pgpool_stopped", {"manager": manager, "outage_s": round(gap, 2)})
    assert gap <= SERVICE

    lab.run(holder, "systemctl start pgpool2")
    until = time.monotonic() + STAYS
    while time.monotonic() < until:
        assert lab.vip_holders() == [other]
        time.sleep(0.5)
    eventually(lambda: watchdogs_are_whole(lab), timeout=60)
    writer.stop()
    assert_nothing_is_lost(lab, writer)
    assert "verdict: healthy" in lab.playbook("check_cluster.yml").stdout
