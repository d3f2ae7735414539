# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look can see, and what is decided from it. Nothing here does anything."""

from __future__ import annotations

import typing as t

ALLOW, REFUSE, WAIT = "allow", "refuse", "wait"
GO_ON, FENCE, FOLLOW = "go_on", "fence", "follow"
PRIMARY, STANDBY, UNCLEAR, SILENT, NO_DATA = "primary", "standby", "unclear", "silent", "none"
STOPPED = "stopped"


class Peer(t.NamedTuple):
    """What another database host said."""

    name: str
    answer: str  # primary, standby, unclear (alive, but it did not tell), silent, or stopped (its host said so)
    timeline: int | None = None
    system_identifier: str | None = None
    detail: str = ""
    lsn: int | None = None
    backend_id: int | None = None
    address: str = ""
    port: int = 5432
    data: str = ""  # of one that is stopped: as what its data directory would start
    waits: bool | None = None  # does a primary's commit wait for a standby that has all before it?


class Node(t.NamedTuple):
    """One line of SHOW POOL_NODES: ``role`` is pgpool's belief, ``pg_role`` what the server said (4.3 and newer)."""

    id: int
    hostname: str
    status: str
    role: str
    pg_role: str | None = None


class Pgpool(t.NamedTuple):
    """What a pgpool said; no nodes: it did not."""

    name: str
    nodes: tuple = ()
    detail: str = ""


class Observed(t.NamedTuple):
    """Everything the decision before a start depends on."""

    name: str
    backend_id: int
    data: str  # none, standby or primary: as what the data directory would start
    timeline: int | None = None
    system_identifier: str | None = None
    permitted: bool = False
    paused: bool = False
    peers: tuple = ()
    pgpools: tuple = ()
    waited: float = 0.0
    confirmed_for: float = 0.0
    settle: float = 0.0
    promote_after: float | None = None
    unit: str = "postgresql.service"


class Sender(t.NamedTuple):
    """Somebody who streams from this primary; ``flushed`` is what it has acknowledged."""

    name: str
    flushed: int | None = None
    state: str = ""  # pg_stat_replication.sync_state


class Own(t.NamedTuple):
    """What our own server said; its role and timeline come from its files when it does not answer."""

    role: str  # primary, standby or stopped
    answers: bool = False
    timeline: int | None = None
    system_identifier: str | None = None
    lsn: int | None = None
    streaming: bool = False  # a standby that receives
    upstream_host: str = ""
    upstream_port: int = 5432
    standbys: tuple = ()  # who streams from this primary
    detail: str = ""
    senders: tuple = ()  # the same, with what they acknowledge
    requirement: str = ""  # what we have made of synchronous_standby_names: suspended, restoring, or nothing
    names: str = ""  # synchronous_standby_names


class Look(t.NamedTuple):
    """Everything the decision about a running server depends on: one look, and what the looks before it showed."""

    name: str
    backend_id: int
    own: Own
    peers: tuple = ()
    pgpools: tuple = ()  # empty: not asked this time
    contact: bool = True  # somebody else was there: it answered, or its host refused the connection
    paused: bool = False
    recovering: bool = False  # a run of recover_standby is at work on the data directory
    isolation: float = 3.0
    # From memory:
    vouched_lately: bool = False  # the pgpools, which say nothing now, had this host for the primary moments ago
    against: int = 0  # looks in a row with evidence of another primary, this one included
    silent_looks: int = 0
    isolated_for: float = 0.0
    attached: str = ""  # who could have been promoted, when there was last contact
    idle_looks: int = 0  # looks in a row in which this standby did not receive from a primary


class Decision(t.NamedTuple):
    """The answer. ``confirming``: it has to stay so: for a moment before a start, for a second look before a fence."""

    verdict: str
    reason: str
    next_step: str = ""
    confirming: bool = False
    code: str = ""
    loud: bool = False  # worth a warning, again and again
    target: Peer | None = None  # whom to follow


def same_system(one, other):
    return None in (one.system_identifier, other.system_identifier) or one.system_identifier == other.system_identifier


def newer(one, other):
    """Is this timeline known to be the newer one?"""
    return None not in (one, other) and one > other


def is_up(node):
    return node.status in ("up", "waiting")


def recover(name):
    return f"ansible-playbook recover_standby.yml -l {name}"
