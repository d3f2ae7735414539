# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long copy tells how far it is, about every 10 seconds and not much oftener: in a terminal and in a job of AWX.

Needs nothing of the tests before it but a healthy cluster.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pty
import re
import statistics
import threading
import time

import pytest
from proof import CHECKOUT, eventually

from tests.awx.runner import run

COPY_SECONDS = 25
LATE = 15  # one line may be late on a loaded machine; that each is told in time, the unit tests of the listener say
TASK = "Become a standby of the primary"
LINE = re.compile(
    r"\[(?P<host>[\w.-]+)\] copy the primary: (?P<done>[\d.]+ \w+) of (?P<total>[\d.]+ \w+) \((?P<percent>\d+)%\)"
    r"(?:, (?P<rate>[\d.]+ \w+)/s)?(?:, (?P<left>.+) left)?\s*$"
)
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@pytest.fixture(name="node")
def _node(lab):
    """The standby, stopped and out of the pool."""
    node = next(name for name in lab.databases if lab.in_recovery(name))
    lab.run(node, "systemctl stop 'postgresql@*'")
    number = lab.hostvars[node]["pgops_backend_id"]
    for proxy in lab.pgpools:
        eventually(lambda p=proxy: lab.pool_nodes(p)[number][1] == "down")
    return node


@pytest.fixture(name="slowly")
def _slowly(lab, node):
    """What makes a full copy of this database, whatever its size, take about COPY_SECONDS."""
    primary = next(name for name in lab.databases if name != node)
    size = int(lab.sql(primary, "SELECT sum(pg_database_size(oid)) FROM pg_database")[0][0])
    rate = max(32, size // 1024 // COPY_SECONDS)
    return ["-e", "recover_standby_method=basebackup", "-e", f"recover_standby_max_rate={rate}k"]


def in_bytes(text):
    number, unit = text.split()
    return float(number) * UNITS[unit]


def assert_told(told, begun, node):
    """``told``: moments and matches of the lines; ``begun``: when the task was announced."""
    assert len(told) >= 2, told
    moments = [moment for moment, _line in told]
    gaps = [after - before for before, after in zip([begun, *moments], moments)]
    assert statistics.median(gaps) <= 10, gaps
    assert max(gaps) <= 10 + LATE, gaps
    assert len(told) <= sum(gaps) / 5 + 1, gaps
    assert {line["host"] for _moment, line in told} == {node}
    done = [in_bytes(line["done"]) for _moment, line in told]
    assert done == sorted(set(done)), f"{done} do not grow"
    assert all(0 < bytes_ <= in_bytes(line["total"]) for bytes_, (_moment, line) in zip(done, told))
    assert all(line["rate"] and line["left"] for _moment, line in told[1:])


def assert_healthy(lab, node):
    assert lab.in_recovery(node) is True
    for proxy in lab.pgpools:
        host, status, role = lab.pool_nodes(proxy)[lab.hostvars[node]["pgops_backend_id"]]
        assert (host, role) == (lab.address(node), "standby")
        assert status in ("up", "waiting")


def lines_of(descriptor):
    """What comes out of a terminal, line by line; its end is an error of the device."""
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as stream, contextlib.suppress(OSError):
        yield from stream


def test_in_a_terminal(lab, node, slowly):
    """A real one: into a pipe Ansible writes its lines in blocks, whatever they say."""
    screen, terminal = pty.openpty()
    process = lab.playbook("recover_standby.yml", "-l", node, *slowly, background=True, output=terminal)
    os.close(terminal)
    limit = threading.Timer(300, process.kill)
    limit.start()
    begun, told, output = None, [], []
    try:
        for line in lines_of(screen):
            output.append(line)
            begun = time.monotonic() if TASK in line else begun
            found = LINE.search(line)
            if found:
                told.append((time.monotonic(), found))
    finally:
        limit.cancel()
    assert process.wait(60) == 0, "".join(output)
    assert_told(told, begun, node)
    assert_healthy(lab, node)
    assert lab.run(node, "ls /run/pgops/progress-* 2>/dev/null || true") == "", "the file goes with the run"


@pytest.mark.matrix
def test_in_a_job_of_awx(lab, node, slowly, tmp_path):
    inventory = CHECKOUT / "inventories" / "lab" / "hosts"
    job = run("playbooks/recover_standby.yml", str(inventory), node, tmp_path, *slowly)
    assert (job.rc, job.status) == (0, "successful"), job.output
    moment = {event["uuid"]: datetime.datetime.fromisoformat(event["created"]).timestamp() for event in job.events}
    tasks = [event for event in job.events if event["event"] == "playbook_on_task_start"]
    begun = max(moment[event["uuid"]] for event in tasks if TASK in event["event_data"]["task"])
    told = [(moment[event["uuid"]], LINE.search(event["stdout"])) for event in job.events]
    told = [(when, line) for when, line in told if line]
    assert_told(told, begun, node)
    assert all(line[0].strip() in job.output for _when, line in told)
    assert_healthy(lab, node)
