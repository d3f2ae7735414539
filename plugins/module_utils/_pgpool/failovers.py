# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What ``failover.sh`` left on a pgpool host: whether it is paused, and how it went the last time."""

from __future__ import annotations

import json
import os

PAUSE_FILE = "/var/lib/pgops/paused"
RECORD = "/var/log/pgops/failover.jsonl"
ENOUGH = 65536  # bytes from the end of the record; a line has less than 2,000
KEYS = (
    "time", "host", "result", "message", "failed_id", "failed_host", "old_primary_id", "new_primary_id", "lag",
    "seconds",
)  # fmt: skip


def paused(path=PAUSE_FILE):
    """Tell whether nobody would be promoted from here."""
    return os.path.exists(path)


def last_failover(path=RECORD):
    """Return the last event that was about a primary, None when there is none or it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - ENOUGH))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        event = _event(line)
        if event.get("event") == "failover" and event.get("result") != "nothing_to_do":
            return {key: event.get(key) for key in KEYS}
    return None


def _event(line):
    """A line that was cut off, by a full disk or by our own look from the end, is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


__all__ = ("last_failover", "paused")
