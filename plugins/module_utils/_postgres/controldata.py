# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os

from .._errors import CommandFailed, ParseError
from . import control_file
from .overrides import here

SHUT_DOWN = "shut down"
SHUT_DOWN_IN_RECOVERY = "shut down in recovery"
IN_PRODUCTION = "in production"
CLEAN_STATES = (SHUT_DOWN, SHUT_DOWN_IN_RECOVERY)
STANDBY_STATES = (SHUT_DOWN_IN_RECOVERY, "in archive recovery")

# Our key, the label that pg_controldata prints, how to read the value; the same words from PostgreSQL 10 to 18.
_FIELDS = (
    ("state", "Database cluster state", str),
    ("system_identifier", "Database system identifier", str),
    ("timeline", "Latest checkpoint's TimeLineID", int),
    ("checkpoint_lsn", "Latest checkpoint location", str),
    ("redo_lsn", "Latest checkpoint's REDO location", str),
    ("min_recovery_end", "Minimum recovery ending location", str),
    ("min_recovery_timeline", "Min recovery ending loc's timeline", int),
    ("wal_log_hints", "wal_log_hints setting", lambda text: text == "on"),
    ("data_checksums", "Data page checksum version", lambda text: int(text) > 0),
    ("segment_size", "Bytes per WAL segment", int),
)


def parse(text):
    """Return what ``pg_controldata`` printed under our names; ``values`` holds every line, as printed.

    ``timeline`` is the one of the last checkpoint: stale after a promotion, see ``effective_timeline``.
    """
    values = {}
    for line in text.splitlines():
        label, separator, value = line.partition(":")
        if separator:
            values[label.strip()] = value.strip()
    control = {}
    for key, label, convert in _FIELDS:
        try:
            control[key] = convert(values[label])
        except KeyError:
            raise _not_understood(f"no line {label!r} in {text[:200]!r}") from None
        except ValueError:
            raise _not_understood(f"{label!r} is {values[label]!r}") from None
    control["values"] = values
    return control


def read(*, runner, layout):
    """Return the parsed control file; None when there is none.

    None also where pg_controldata is missing and its version is not one that is understood without.
    """
    if not os.path.exists(os.path.join(layout.data_directory, "global", "pg_control")):
        return None
    tool = layout.tool("pg_controldata")
    if not os.access(tool, os.X_OK):
        return control_file.read(layout.data_directory)
    answer = runner.run(
        [tool, "-D", layout.data_directory], user=layout.postgres_user, env={"LC_ALL": "C"}, timeout=20.0
    )
    if answer.rc != 0:
        raise CommandFailed(
            "read the control file of PostgreSQL",
            server=here(),
            seen=answer.stderr.strip() or f"{tool} did not end within 20 s",
            next_step=f"run '{tool} -D {layout.data_directory}' as {layout.postgres_user} and look at what it says",
        )
    return parse(answer.stdout)


def effective_timeline(control):
    """Return the timeline that a stopped server would go on with.

    A promotion writes the new timeline as the minimum recovery point at once and the checkpoint only later; a
    standby that crossed to a new timeline does the same (PostgreSQL itself starts with the greater one).
    """
    return max(control["timeline"], control["min_recovery_timeline"])


def clean(control):
    """Tell whether the server was stopped cleanly."""
    return control["state"] in CLEAN_STATES


def _not_understood(seen):
    return ParseError(
        "read the output of pg_controldata",
        server=here(),
        seen=seen,
        next_step="check that the option bin_directory names the programs of the version that wrote the data directory",
    )


__all__ = (
    "CLEAN_STATES",
    "IN_PRODUCTION",
    "SHUT_DOWN",
    "SHUT_DOWN_IN_RECOVERY",
    "STANDBY_STATES",
    "clean",
    "effective_timeline",
    "parse",
    "read",
)
