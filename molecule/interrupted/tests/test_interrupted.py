# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recovery is struck at one of its steps and run again: the node streams, nothing is lost, nothing lies about.

Each case leaves a standby that streams; postgres-db1 stays the primary. Through the VIP a client writes all the time.
"""

from __future__ import annotations

import pytest
from cases import CONTROL, MODULE, NETWORK, POSTMASTER, PRIMARY, chosen
from node import DB1, DB2, Node, Run, View
from proof import dump_digest, eventually
from writer import Writer, missing_rows

CASES = chosen()
# A run that finds these at work, and their module gone, ends them: nobody lets them go on here.
ENDED = ("salvage", "rsync", "basebackup")


@pytest.fixture(scope="module")
def node(lab):
    subject = Node(lab)
    subject.sql("DROP TABLE IF EXISTS only_there, ballast, walk_rows", host=DB1)
    subject.sql("CREATE TABLE only_there (n bigint)", host=DB1)
    ballast = "CREATE TABLE ballast AS SELECT n, repeat('x', 200) AS filler FROM generate_series(1, 20000) n"
    subject.sql(ballast, host=DB1)
    subject.points.install()
    yield subject
    subject.points.remove()
    subject.sql("DROP TABLE only_there, ballast", host=DB1)


@pytest.fixture(scope="module")
def writer(lab, node):
    options = {"host": lab.vip, "user": "someuser", "password": lab.secrets["pgops_app_password"], "dbname": "appdb"}
    client = Writer(options, table="walk_rows", interval=0.5)
    client.create_table()
    client.start()
    yield client
    client.stop()


def test_there_are_cases():
    assert CASES
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_interrupted_and_run_again(node, writer, case):
    node.degrade(case)
    node.points.arm(case.step, case.when)
    before = node.digest() if case.rung in ("delta", "basebackup") else None
    with View(node) as view:
        first = Run(node.lab, case, lock_timeout=30)
        try:
            node.points.wait_reached(first)
            node.strike(case, first)
            if case.strike in (PRIMARY, NETWORK):
                assert_told(node, case, first, before)
            elif case.strike == POSTMASTER:
                assert_noticed(node, first)
            second = again(node, case, first)
        finally:
            first.kill()
    assert not second.get("failed"), second["msg"]
    view.assert_never_attached_unproven()
    assert_healthy(node, writer, case)


def assert_told(node, case, first, before):
    """The first run lives, and has to say what it met; what only this node has is still there, in place or kept."""
    node.points.release()
    try:
        result = first.wait()
    finally:
        node.heal(case)
    assert result["failed"]
    assert node.lab.address(DB1) in str(result), result["msg"]
    assert result["error"]["next_step"]
    assert node.lab.ssh(DB2, f"systemctl is-active {node.unit}").stdout.strip() != "active"
    if before is not None:
        assert node.digest() == before, "the old directory is as it was"
    elif case.when == "during":
        assert node.kept() == f"f|{node.marker}"


def assert_noticed(node, first):
    """The server that was just started is gone: the run says so, and takes the next method or fails."""
    node.points.release()
    result = first.wait()
    told = [reason["reason"] for reason in result.get("reasons") or () if "tried and failed" in reason["reason"]]
    assert told or result.get("failed"), result
    assert result.get("failed") or node.streams()


def again(node, case, first):
    """The second run, once the first one's remains have gone on, or at once."""
    if case.strike in (MODULE, CONTROL) and not case.at_once:
        node.points.release()
    run = Run(node.lab, case, lock_timeout=90)
    if case.at_once and not (case.strike == MODULE and case.step in ENDED):
        try:
            eventually(node.waits_for_the_lock, timeout=60)
        finally:
            node.points.release()
    return run.wait(240)


def assert_healthy(node, writer, case):
    eventually(node.streams, timeout=30)
    assert node.leftovers() == []
    if case.keeps:
        assert node.kept() == f"f|{node.marker}"
    node.same_data()
    for host in (DB1, DB2):
        connection = node.lab.connect(node.lab.address(host))
        with connection.cursor() as cursor:
            eventually(lambda c=cursor: missing_rows(c, writer) == [], timeout=20)
        connection.close()
    if case.playbook:
        for proxy in node.lab.pgpools:
            assert node.status(proxy) in ("up", "waiting")


def test_at_the_end_both_have_the_same(node, writer):
    assert len(writer.acknowledged) > 20
    writer.stop()
    eventually(lambda: dump_digest(node.lab, DB1) == dump_digest(node.lab, DB2), timeout=20)
