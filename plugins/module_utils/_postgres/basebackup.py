# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The rung ``basebackup``: pg_basebackup makes the new copy, whatever happened to the old directory."""

from __future__ import annotations

import os

from . import clients, conffile, disk, primary_work, progress, rebuild, staging
from . import layout as layouts
from .ladder import tool_conninfo
from .work import MethodFailed, failed


def run(work, observed, decision):
    """Copy, check, exchange; returns ``(bytes, place of the salvage, bytes kept)``."""
    return rebuild.run(work, observed, decision, copy)


def copy(work, observed, data):
    """Run pg_basebackup into ``data``; returns its bytes, those of the parts elsewhere too."""
    primary_work.wait_slot_free(work)
    watch = work.meter("copy the primary", progress.pg_basebackup)
    answer = work.change(command(work, observed, data), long=True, user=work.user, timeout=None, watch=watch)
    if answer.rc != 0:
        raise failed(
            "copy the primary",
            answer,
            kind=MethodFailed,
            next_step=f"look at {work.desired.primary} and at the disk here, then run this again; the old data is kept",
        )
    _settle_inside(observed, data)
    return disk.size_of(data) + sum(disk.size_of(staging.part_data(part)) for part in observed.disk.parts if part.new)


def command(work, observed, data):
    """Return the words of pg_basebackup; the password comes from the pass file."""
    desired = work.desired
    major = layouts.major(work.layout.version)
    keywords = tool_conninfo(desired, major, application_name="pgops_basebackup")
    argv = [clients.pg_basebackup(work.layout) or work.layout.tool("pg_basebackup")]
    argv += ["-d", conffile.render_conninfo(keywords), "-D", data, "-F", "plain"]
    argv += ["-X", "stream", "-c", "fast", "-S", desired.slot_name, "--no-password", "--progress"]
    argv += ["--max-rate", desired.max_rate] if desired.max_rate else []
    return argv + list(_mappings(work, observed, data))


def _mappings(work, observed, data):
    """Have everything land in places of ours: at its final path is the old node, or nothing yet."""
    parts = {part.name: part for part in observed.disk.parts if part.new}
    if "pg_wal" in parts:
        yield f"--waldir={staging.part_data(parts['pg_wal'])}"
    for space in observed.primary.tablespaces:
        part = parts.get(f"pg_tblspc/{space.oid}")
        target = _aside(data, space) if part is None else staging.part_data(part)
        yield f"--tablespace-mapping={_escaped(space.location)}={_escaped(target)}"


def _aside(data, space):
    """A tablespace inside the data directory: pg_basebackup would make its directory, and then find it in the way."""
    return os.path.join(os.path.dirname(data), f"inside-{space.oid}")


def _settle_inside(observed, data):
    for space in observed.primary.tablespaces:
        if os.path.isdir(_aside(data, space)):
            place = os.path.join(data, os.path.relpath(space.location, observed.primary.data_directory))
            if os.path.isdir(place):
                os.rmdir(place)
            os.rename(_aside(data, space), place)


def _escaped(path):
    return path.replace("=", "\\=")


__all__ = ("command", "copy", "run")
