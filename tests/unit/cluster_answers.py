# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A two-by-two cluster as the info modules answer it, with one knob per situation."""

from __future__ import annotations

DATABASES = [
    {"name": "postgres-db1", "backend_id": 0, "address": "10.1.7.106", "port": 5432, "slot": "pgops_0"},
    {"name": "postgres-db2", "backend_id": 1, "address": "10.1.7.107", "port": 5432, "slot": "pgops_1"},
]
PGPOOLS = [
    {"name": "app-server1", "pgpool_id": 0, "address": "10.1.7.104", "port": 5432, "pcp_port": 9898},
    {"name": "app-server2", "pgpool_id": 1, "address": "10.1.7.105", "port": 5432, "pcp_port": 9898},
]
MAX_LAG = 16 * 1024 * 1024  # the default limit
DEAD = {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host\nmore"}


def primary(timeline=1, lsn="0/5000000", streams_to="pgops_1"):
    senders = [{"application_name": streams_to, "state": "streaming"}] if streams_to else []
    slots = [{"name": streams_to, "active": True, "retained_bytes": 0}] if streams_to else []
    return {
        "postgres": {
            "role": "primary", "running": True, "accepting": True, "timeline": timeline, "lsn": lsn, "error": None,
            "data_directory_exists": True, "senders": senders, "slots": slots, "receiver": None, "lag_bytes": None,
        }
    }  # fmt: skip


def standby(timeline=1, status="streaming", sender="10.1.7.106", lag=0):
    receiver = {"status": status, "timeline": timeline, "sender_host": sender} if status else None
    return {
        "postgres": {
            "role": "standby", "running": True, "accepting": True, "timeline": timeline, "lsn": "0/5000000",
            "error": None, "data_directory_exists": True, "senders": [], "slots": [], "receiver": receiver,
            "lag_bytes": lag,
        }
    }  # fmt: skip


def down(timeline=1):
    return {"postgres": {"role": "down", "running": False, "timeline": timeline, "lsn": "0/4FFFFFF",
                         "error": "no server", "data_directory_exists": True, "receiver": None}}  # fmt: skip


def empty():
    return {"postgres": {"role": "absent", "running": False, "data_directory_exists": False, "error": None}}


def pgpool(primary_id=0, statuses=("up", "up"), vip=False, leader="10.1.7.104"):
    nodes = [
        {"id": i, "status_name": status, "role": "primary" if i == primary_id else "standby", "pg_role": None}
        for i, status in enumerate(statuses)
    ]
    return {
        "pgpool": {
            "reachable": True, "error": None, "nodes": nodes, "vip": {"address": "10.1.7.100", "held": vip},
            "watchdog": {"quorum": "QUORUM EXIST", "leader": leader, "nodes": []},
        }
    }  # fmt: skip


def no_pgpool():
    return {"pgpool": {"reachable": False, "error": {"code": "unreachable", "message": "connection refused"},
                       "nodes": [], "watchdog": None, "vip": {"held": False}}}  # fmt: skip


def healthy():
    return (
        {"postgres-db1": primary(), "postgres-db2": standby()},
        {"app-server1": pgpool(vip=True), "app-server2": pgpool()},
    )


def after_failover():
    """postgres-db1 was killed, postgres-db2 promoted."""
    return (
        {"postgres-db1": down(), "postgres-db2": primary(timeline=2, streams_to=None)},
        {
            "app-server1": pgpool(primary_id=1, statuses=("down", "up"), vip=True),
            "app-server2": pgpool(primary_id=1, statuses=("down", "up")),
        },
    )
