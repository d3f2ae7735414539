# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Read what there is to know about the node to be made a standby; changes nothing."""

from __future__ import annotations

import os
import sys

from . import clients, conffile, controldata, disk, history, inspect, staging, standby_config, wal_tail
from . import lsn as wal
from .facts import ABSENT, FOREIGN, PRIMARY, SILENT, STANDBY, STOPPED, Target
from .marks import CUT_OFF, READY, REWINDING, SWAPPING
from .overrides import here

TOOLS = ("pg_rewind", "pg_waldump", "pg_controldata")
BACKUP_LABEL = "backup_label"
SEGMENT_SIZE = 16 * 1024 * 1024


def read(work):
    """Return ``(Target, evidence as pg_cluster_info gives it)``."""
    evidence = inspect.inspect_local(runner=work.runner, layout=work.layout)
    return describe(evidence, work), evidence


def describe(evidence, work):
    """Turn the evidence into the facts that the plan looks at."""
    folder, journal = work.data_directory, work.marks.journal()
    state = _state(evidence, folder)
    control = evidence["control"] or {}
    conninfo = evidence["primary_conninfo"]
    timeline = evidence["timeline"] or _control_timeline(evidence)
    receiver = evidence["receiver"]
    streams = state == STANDBY and (receiver or {}).get("status") == "streaming"
    stage = _stage(journal, control, folder)
    copied = os.path.exists(os.path.join(folder, BACKUP_LABEL))
    return Target(
        host=here(),
        data_directory=folder,
        major=evidence["major"],
        state=state,
        system_identifier=_identifier(evidence["system_identifier"], folder),
        timeline=timeline,
        lsn=_position(evidence["lsn"] or wal.latest(control.get("checkpoint_lsn"), control.get("min_recovery_end"))),
        history=tuple(evidence["history"] or (history.read_local(work.layout, timeline) if timeline else ())),
        redo_lsn=_position(control.get("redo_lsn")),
        wrote_itself=_wrote_itself(control) and not copied,
        clean=control.get("state") in controldata.CLEAN_STATES,
        page_safe=bool(control.get("data_checksums") or control.get("wal_log_hints")),
        never_started=copied and stage != READY,
        standby_signal=bool(evidence["standby_signal"]),
        receiver=receiver,
        conninfo=conffile.parse_conninfo(conninfo) if conninfo else None,
        slot_name=evidence["primary_slot_name"],
        start_time=evidence["start_time"],
        marked=work.marks.intended() or bool(stage),
        interrupted=stage if stage in CUT_OFF and not streams else "",
        resumable=stage == READY and not streams,
        swapping=stage == SWAPPING,
        kept_before=journal.get("salvage") or "",
        unfinished=bool(journal),
        missing_tools=_missing_tools(work.layout),
        oldest_wal=_oldest_wal(folder, control.get("segment_size") or SEGMENT_SIZE),
    )


def _stage(journal, control, folder):
    """Return how far an earlier run came. pg_rewind's last acts are backup_label and this state in the control file."""
    stage = journal.get("stage", "")
    if stage == SWAPPING and os.path.exists(os.path.join(folder, BACKUP_LABEL)):
        real = os.path.realpath(folder)  # the last move was made, only the note of it is missing
        return stage if staging.staged(real, real in disk.mount_points()) else READY
    if stage != REWINDING or control.get("state") != "in archive recovery":
        return stage
    return READY if "pg_rewind" in standby_config.read_file(folder, BACKUP_LABEL) else stage


def _state(evidence, folder):
    if evidence["data_version"] is None:
        return FOREIGN if _holds_files(folder) else ABSENT
    if not evidence["running"]:
        return STOPPED
    if not evidence["accepting"]:
        return SILENT
    return STANDBY if evidence["in_recovery"] else PRIMARY


def _holds_files(folder):
    """A fresh file system has a lost+found; neither that nor a copy that is being made is content."""
    try:
        return bool(set(os.listdir(folder)) - set(staging.NOT_OURS))
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True


def _identifier(told, folder):
    """The control file begins with it (eight bytes of this machine's order), also where no tool can read the rest."""
    if told is not None:
        return told
    try:
        with open(os.path.join(folder, "global", "pg_control"), "rb") as stream:
            raw = stream.read(8)
    except OSError:
        return None
    number = int.from_bytes(raw, sys.byteorder)
    return str(number) if len(raw) == 8 and number else None


def _wrote_itself(control):
    return control.get("state") is not None and control["state"] not in controldata.STANDBY_STATES


def _control_timeline(evidence):
    control = evidence["control"]
    if not control or control["timeline"] is None:
        return None
    return max(control["timeline"], control["min_recovery_timeline"] or 0)


def _missing_tools(layout):
    missing = [tool for tool in TOOLS if not os.access(layout.tool(tool), os.X_OK)]
    return (*missing, *(() if clients.pg_basebackup(layout) else ("pg_basebackup",)))


def _position(text):
    return wal.parse(text) if text else None


def _oldest_wal(folder, segment_size):
    try:
        return wal_tail.oldest(os.listdir(os.path.join(folder, "pg_wal")), segment_size)
    except OSError:
        return None


__all__ = ("describe", "read")
