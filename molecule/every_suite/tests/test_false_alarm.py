# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like the end of a server and is none, on each suite."""

from __future__ import annotations

import time

import psycopg2
import pytest
from faults import Drill
from proof import eventually
from suites import keep_figures, this_suite
from writer import Writer

pytestmark = pytest.mark.matrix

SERVICE = 30.0  # generous: a noisy machine fails no test
LATE = 5  # seconds after which an alarm would have been acted on


def who_is_what(lab):
    primary = next(name for name in lab.databases if not lab.in_recovery(name))
    return primary, next(name for name in lab.databases if name != primary)


def in_service(lab, primary, standby):
    numbers = {name: lab.hostvars[name]["pgops_backend_id"] for name in lab.databases}
    for proxy in lab.pgpools:
        nodes = lab.pool_nodes(proxy)
        if nodes[numbers[primary]][2] != "primary" or nodes[numbers[standby]][2] != "standby":
            return False
        if not {status for _host, status, _role in nodes.values()} <= {"up", "waiting"}:
            return False
    return lab.in_recovery(standby) is True and lab.in_recovery(primary) is False


def test_a_session_that_an_administrator_ends_promotes_nobody(lab):
    """Before Pgpool-II 4.3 pgpool takes the server out and failover.sh has it back; later ones take no notice."""
    primary, standby = who_is_what(lab)
    password = lab.secrets["pgops_app_password"]
    options = {"host": lab.vip, "user": "someuser", "password": password, "dbname": "appdb"}
    writer = Writer(options, table="alarm_rows", interval=0.02)
    writer.create_table()
    lab.sql(primary, f"TRUNCATE {writer.table}", database="appdb")
    session = psycopg2.connect(**options)
    session.autocommit = True
    with session.cursor() as cursor:
        cursor.execute("/*NO LOAD BALANCE*/ SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 40)
    ended = time.monotonic()
    lab.run(primary, f"runuser -u postgres -- psql -qc 'SELECT pg_terminate_backend({pid})' postgres")
    try:
        eventually(lambda: time.monotonic() > ended + LATE and in_service(lab, primary, standby), timeout=60)
        eventually(lambda: writer.acknowledged_after(time.monotonic() - 1) > 10, timeout=SERVICE)
    finally:
        writer.stop()
    keep_figures("session_ended", {"outage_s": round(writer.gap(ended), 2), "errors": writer.errors})
    assert writer.gap(ended) <= SERVICE
    assert writer.served_by() == [lab.address(primary)]
    assert "verdict: healthy" in lab.playbook("check_cluster.yml").stdout


def test_the_crash_of_a_backend_loses_no_row(lab):
    """It ends all sessions in a way that Pgpool-II before 4.3 takes for the end of the server: there it fails over."""
    report = Drill(lab, "backend_crashed").run()
    keep_figures("backend_crashed", report)
    assert report["outage_s"] <= SERVICE
    assert report["lost_rows"] == []
    assert report["check_cluster"] == 0
    if this_suite().pgpool != "4.1":
        assert report["new_primary"] == report["old_primary"]
