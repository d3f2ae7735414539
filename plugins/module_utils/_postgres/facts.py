# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What is known about the node to be made a standby, about its primary, and what is wanted. Plain data."""

from __future__ import annotations

import typing as t

# What runs in the target's data directory.
ABSENT = "absent"  # no data directory, or an empty one
FOREIGN = "foreign"  # a directory with something in it that is no database
STOPPED = "stopped"
STANDBY = "standby"
PRIMARY = "primary"
SILENT = "silent"  # a postmaster lives in it, but does not accept connections


class Desired(t.NamedTuple):
    """The options of the module, checked."""

    primary_host: str
    primary_port: int
    replication_user: str
    pass_file: str
    sslmode: str
    slot_name: str
    application_name: str
    method: str = "auto"
    salvage_directory: str | None = None
    salvage_skip: bool = False
    salvage_keep: int = 0
    max_rate: str | None = None
    lock_timeout: float = 30
    start_timeout: float = 120
    allow_initial: bool = True
    allow_older_primary: bool = False

    @property
    def primary(self):
        return f"{self.primary_host}:{self.primary_port}"


class Target(t.NamedTuple):
    """The node itself. LSNs are ints; None is unknown."""

    host: str
    data_directory: str
    major: int
    state: str
    system_identifier: str | None = None
    timeline: int | None = None
    lsn: int | None = None
    history: tuple = ()
    redo_lsn: int | None = None
    wrote_itself: bool = False  # as a primary, when it last ran
    clean: bool = False
    page_safe: bool = False  # data checksums or wal_log_hints
    never_started: bool = False  # a copy (backup_label) that no server has opened
    standby_signal: bool = False
    receiver: dict | None = None
    conninfo: dict | None = None
    slot_name: str | None = None
    start_time: str | None = None
    marked: bool = False  # our mark of intent names this directory
    interrupted: str = ""  # the stage at which an earlier run of ours was cut off
    resumable: bool = False  # that run had all data in place: only settings and the start are missing
    swapping: bool = False  # it was cut off while it exchanged the directories
    kept_before: str = ""  # where that run had kept the old data
    missing_tools: tuple = ()
    oldest_wal: int | None = None

    @property
    def running(self):
        return self.state in (STANDBY, PRIMARY, SILENT)

    @property
    def exists(self):
        return self.state not in (ABSENT, FOREIGN)

    @property
    def may_write(self):
        """A server runs that takes writes, or will once it is up."""
        return self.state == PRIMARY or (self.state == SILENT and not self.standby_signal)


class Primary(t.NamedTuple):
    """The server that was named as the primary, asked over the network."""

    server: str
    is_this_server: bool
    in_recovery: bool
    major: int
    system_identifier: str
    timeline: int
    lsn: int
    history: tuple = ()
    settings: dict | None = None  # wal_level, full_page_writes, max_wal_senders, max_replication_slots, segment_size
    slot: dict | None = None
    slots_used: int = 0
    sender: dict | None = None
    senders_used: int = 0
    our_address: str | None = None
    oldest_wal: int | None = None
    data_bytes: int | None = None
    control_timeline: int | None = None
    missing_rights: tuple = ()
    data_directory: str = ""
    tablespaces: tuple = ()  # of Tablespace
    files_problem: str | None = None  # why its files can't be read over SSH; None: not asked, empty: they can


class Fork(t.NamedTuple):
    """How the target's history lies to the primary's; see forks.py for the relations."""

    relation: str
    timeline: int | None = None
    lsn: int | None = None  # where they part; None while nothing parts them


class Tail(t.NamedTuple):
    """What the target's WAL holds after the fork. None is unknown."""

    end_lsn: int | None = None
    commits: int | None = None
    note: str = ""


class Tablespace(t.NamedTuple):
    """One of the primary's tablespaces; ``folder`` is the version directory that the server makes in ``location``."""

    oid: int
    location: str
    folder: str
    size: int = 0


class Part(t.NamedTuple):
    """A part of the data directory that lies elsewhere, behind a link: a tablespace, or pg_wal.

    ``name`` is the link in the data directory. ``entry`` is what in ``path`` belongs to this server: the version
    directory of a tablespace, empty for all of it (pg_wal).
    """

    name: str
    path: str
    entry: str = ""
    old: bool = False  # the old data directory has it
    new: bool = False  # a new copy will have it
    old_bytes: int = 0
    new_bytes: int = 0
    device: int = 0
    free_bytes: int = 0
    problem: str = ""  # why a new copy can't be made there


class Disk(t.NamedTuple):
    """Where the data directory lies and what there is room for. ``data_bytes`` does not count the parts elsewhere."""

    real_path: str
    data_bytes: int = 0
    wal_bytes: int = 0
    device: int = 0
    free_bytes: int = 0
    salvage_parent: str = ""
    salvage_device: int = 0
    salvage_free_bytes: int = 0
    mount_point: bool = False
    parts: tuple = ()
    finished_copy: str = ""  # the method of an interrupted run whose copy only has to be moved into place

    @property
    def plain(self):
        """All of it is one directory that can be renamed."""
        return not self.mount_point and not any(part.old for part in self.parts)

    @property
    def old_bytes(self):
        return self.data_bytes + sum(part.old_bytes for part in self.parts)


class Observed(t.NamedTuple):
    """Everything a plan is made of. ``disk`` is None where it was not needed (already streaming)."""

    target: Target
    primary: Primary
    fork: Fork
    tail: Tail = Tail()
    disk: Disk | None = None
    lost: dict | None = None  # what only the target has, see lost.py; read when it is about to be overwritten


__all__ = (
    "ABSENT",
    "FOREIGN",
    "PRIMARY",
    "SILENT",
    "STANDBY",
    "STOPPED",
    "Desired",
    "Disk",
    "Fork",
    "Observed",
    "Part",
    "Primary",
    "Tablespace",
    "Tail",
    "Target",
)
