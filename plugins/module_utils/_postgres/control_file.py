# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Read the control file without pg_controldata, which some builds of PostgreSQL 10 and 11 come without.

Only layouts that are known and whose checksum is right count; anything else is unknown, which is the safe answer.
"""

from __future__ import annotations

import os
import struct

from . import lsn as wal
from .crc32c import crc32c

STATES = (
    "starting up",
    "shut down",
    "shut down in recovery",
    "shutting down",
    "in crash recovery",
    "in archive recovery",
    "in production",
)
# The fields in the order of ControlFileData, in the machine's own alignment. prevCheckPoint went with PostgreSQL 11.
_HEAD = (("system_identifier", "Q"), ("control_version", "I"), ("catalog_version", "I"), ("state", "i"), ("time", "q"))
_CHECKPOINT = (("redo", "Q"), ("timeline", "I"), ("", "I?9I"), ("", "q3I0q"))  # previous one, next ids ..., times
_REST = (
    ("", "Q"),  # unloggedLSN
    ("min_recovery_end", "Q"),
    ("min_recovery_timeline", "I"),
    ("", "QQ?i"),  # backup start, end, end required, wal_level
    ("wal_log_hints", "?"),
    ("", "4i?"),  # limits, track_commit_timestamp
    ("", "IdIII"),  # alignment, float format, sizes of block, relation segment and WAL block
    ("segment_size", "I"),
    ("", "4I??"),
    ("checksum_version", "I"),
    ("", "32s"),
)
_LAYOUTS = {
    1002: (*_HEAD, ("checkpoint", "Q"), ("", "Q"), *_CHECKPOINT, *_REST),
    1100: (*_HEAD, ("checkpoint", "Q"), *_CHECKPOINT, *_REST),
}


def read(data_directory):
    """Return the control file under the names of ``controldata``; None for one that is not understood."""
    try:
        with open(os.path.join(data_directory, "global", "pg_control"), "rb") as stream:
            return parse(stream.read(8192))
    except FileNotFoundError:
        return None


def parse(raw):
    """Return what the bytes of a control file say, or None."""
    if len(raw) < 16:
        return None
    fields = _LAYOUTS.get(struct.unpack_from("@I", raw, 8)[0])
    if fields is None:
        return None
    form = struct.Struct("@" + "".join(code for _name, code in fields))
    if len(raw) < form.size + 4 or struct.unpack_from("@I", raw, form.size)[0] != crc32c(raw[: form.size]):
        return None
    found = _named(fields, raw)
    if not 0 <= found["state"] < len(STATES):
        return None
    return {
        "state": STATES[found["state"]],
        "system_identifier": str(found["system_identifier"]),
        "timeline": found["timeline"],
        "checkpoint_lsn": wal.render(found["checkpoint"]),
        "redo_lsn": wal.render(found["redo"]),
        "min_recovery_end": wal.render(found["min_recovery_end"]),
        "min_recovery_timeline": found["min_recovery_timeline"],
        "wal_log_hints": found["wal_log_hints"],
        "data_checksums": found["checksum_version"] > 0,
        "segment_size": found["segment_size"],
        "values": {},
    }


def _named(fields, raw):
    """Take the fields one by one: each lies where the format up to it ends, less its own size."""
    found, form = {}, "@"
    for name, code in fields:
        form += code
        if name:
            offset = struct.calcsize(form) - struct.calcsize("@" + code)
            found[name] = struct.unpack_from("@" + code, raw, offset)[0]
    return found


__all__ = ("STATES", "parse", "read")
