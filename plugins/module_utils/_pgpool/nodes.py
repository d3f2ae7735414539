# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What a Pgpool says about one of its backends, the same shape for every version."""

from __future__ import annotations

import datetime
import typing as t

from .._errors import ParseError

STATUS_NAMES = {0: "unused", 1: "waiting", 2: "up", 3: "down"}
# "waiting" is as healthy as "up": no client has used the node yet.
ATTACHED = (1, 2)
UNUSED, DOWN = 0, 3
QUARANTINE = "quarantine"
ROLES = {"2": "primary", "3": "standby"}
WEIGHT_SCALE = 2147483647
FAMILIES = {
    9: "hostname port status weight role delay state sync_state changed",
    12: "hostname port status quarantine pg_status weight role pg_role delay state sync_state changed",
    13: "hostname port status quarantine pg_status weight role pg_role by_time delay state sync_state changed",
}


class Node(t.NamedTuple):
    """One backend as one Pgpool sees it. None: this version does not tell.

    ``role`` is Pgpool's belief, ``pg_role`` what PostgreSQL said when Pgpool asked it.
    """

    id: int
    hostname: str
    port: int
    status: int
    status_name: str
    pg_status: str | None = None
    role: str | None = None
    pg_role: str | None = None
    weight: float | None = None
    replication_delay: float | None = None
    replication_delay_unit: str | None = None
    replication_state: str | None = None
    replication_sync_state: str | None = None
    last_status_change: str | None = None
    note: str | None = None

    @property
    def attached(self):
        return self.status in ATTACHED

    @property
    def detached(self):
        """Down for the whole cluster. A quarantined node is only left aside by this one Pgpool."""
        return self.status == DOWN and self.status_name != QUARANTINE

    def to_result(self):
        return self._asdict()


def parse_node(node_id, fields, *, server):
    """Return the Node that the fields of a node info answer describe."""
    names = FAMILIES.get(len(fields))
    if names is None:
        raise _strange(node_id, fields, server)
    value = dict(zip(names.split(), fields))
    by_time = value.get("by_time", "0") not in ("0", "")
    try:
        status = int(value["status"])
        delay = int(value["delay"])
        return Node(
            id=node_id,
            hostname=value["hostname"],
            port=int(value["port"]),
            status=status,
            status_name=_status_name(status, value.get("quarantine")),
            pg_status=value.get("pg_status"),
            role=ROLES.get(value["role"], "unknown"),
            pg_role=_pg_role(value.get("pg_role")),
            weight=round(float(value["weight"]) / WEIGHT_SCALE, 6),
            replication_delay=delay / 1000000 if by_time else delay,
            replication_delay_unit="seconds" if by_time else "bytes",
            replication_state=value["state"] or None,
            replication_sync_state=value["sync_state"] or None,
            last_status_change=_timestamp(int(value["changed"])),
        )
    except ValueError as exc:
        raise _strange(node_id, fields, server) from exc


def parse_health(node_id, fields, *, server, note):
    """Return what the health check statistics tell of a node: less than node info, but without asking PostgreSQL."""
    numbers = {name: number for number, name in STATUS_NAMES.items()}
    numbers[QUARANTINE] = DOWN
    try:
        _number, hostname, port, status_name, role = fields[:5]
        return Node(
            id=node_id,
            hostname=hostname,
            port=int(port),
            status=numbers[status_name],
            status_name=status_name,
            pg_status="unknown",
            role=role if role in ROLES.values() else "unknown",
            pg_role="unknown",
            note=note,
        )
    except (ValueError, KeyError) as exc:
        raise _strange(node_id, fields, server) from exc


def _status_name(status, quarantine):
    if status == DOWN and quarantine == "1":
        return QUARANTINE
    return STATUS_NAMES.get(status, "unknown")


def _pg_role(text):
    if text is None:
        return None
    return text if text in ROLES.values() else "unknown"


def _timestamp(seconds):
    if not seconds:
        return None
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _strange(node_id, fields, server):
    return ParseError(
        f"read what Pgpool says about node {node_id}",
        server=server,
        seen=f"{len(fields)} fields whose meaning is not known: {fields!r}",
        next_step="check that this is a Pgpool-II of 4.1 to 4.7; a newer one may need a newer collection",
    )


__all__ = ("UNUSED", "Node", "parse_health", "parse_node")
