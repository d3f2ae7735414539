# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What ``delta`` and ``basebackup`` share: a new copy beside the old directory, checked, then moved into its place."""

from __future__ import annotations

import os

from . import controldata, disk, keep, last_look, marks, own_files, salvage, staging, standby_config
from . import layout as layouts
from .overrides import here
from .work import MethodFailed


def run(work, observed, decision, copier):
    """Copy, check, exchange; returns ``(bytes, place of the salvage, bytes kept)``.

    ``copier(work, observed, data)`` makes the copy in ``data`` and returns the bytes that came from the primary.
    """
    where = observed.disk
    work.marks.intend(purpose="clone", primary=work.desired.primary)
    own_files.note(work, observed)
    with work.timed("salvage"):
        place, kept = keep.keep(work, observed, decision)
    if decision.keeping.discard_first:
        last_look.require_safe(work, observed)
        work.marks.note(marks.DISCARDING, salvage=place or observed.target.kept_before)
        staging.discard(where)
    with work.timed("copy"):
        moved = 0 if where.finished_copy else _copy(work, observed, decision, copier)
    last_look.require_safe(work, observed)
    staging.require_as_planned(where, absent=observed.target.state == "absent")
    if decision.keeping.how == salvage.MOVE and os.path.lexists(where.real_path):
        place, kept = keep.make_place(work, observed, decision), where.data_bytes
    with work.timed("swap"):
        _exchange(work, observed, decision, place)
    work.marks.note(marks.READY, salvage=place or observed.target.kept_before)
    return moved, place, kept


def _copy(work, observed, decision, copier):
    origin = disk.origin(observed.primary)
    staging.make_room(observed.disk, work.user, primary=work.desired.primary, method=decision.method, origin=origin)
    data = staging.data_of(observed.disk)
    moved = copier(work, observed, data)
    check(work, observed, data)
    staging.settle_links(observed.disk, observed.primary.tablespaces, data)
    standby_config.write(data, layouts.major(work.layout.version), work.desired)
    standby_config.drop_slots(data)
    staging.write_mark(
        observed.disk, complete=True, primary=work.desired.primary, method=decision.method, origin=origin
    )
    return moved


def check(work, observed, data):
    """A copy that is not one of this primary is never moved into place."""
    layout = work.layout._replace(data_directory=data)
    control = controldata.read(runner=work.runner, layout=layout)
    version = layouts.data_version(data)
    identifier = (control or {}).get("system_identifier", observed.primary.system_identifier)
    if version != work.layout.version or identifier != observed.primary.system_identifier:
        raise MethodFailed(
            "check the copy",
            server=here(),
            seen=f"{data} holds version {version} and system identifier {identifier}, expected "
            f"{work.layout.version} and {observed.primary.system_identifier}",
            next_step="look at the primary: somebody may have replaced its data meanwhile",
        )
    if not os.path.exists(os.path.join(data, "backup_label")) or not os.path.isdir(os.path.join(data, "pg_wal")):
        raise MethodFailed(
            "check the copy",
            server=here(),
            seen=f"{data} has no backup_label or no pg_wal",
            next_step="run this again; if it happens again, look at the disk and at the primary's log",
        )


def _exchange(work, observed, decision, place):
    where = observed.disk
    if os.path.isdir(staging.data_of(where)):  # the settings of today, also for a copy that an earlier run made
        own_files.restore(work, staging.data_of(where))
        standby_config.write(staging.data_of(where), layouts.major(work.layout.version), work.desired)
    work.marks.note(marks.SWAPPING, salvage=place or observed.target.kept_before)
    staging.exchange(where, work.user, place if decision.keeping.how == salvage.MOVE else "")
    keep.tidy(where.salvage_parent, where.real_path)


__all__ = ("check", "run")
