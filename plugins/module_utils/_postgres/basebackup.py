# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The rung ``basebackup``: a new copy beside the old directory, checked, then moved into its place."""

from __future__ import annotations

import os

from .._errors import PgopsError, Refused
from . import conffile, controldata, disk, keep, last_look, marks, primary_work, progress, salvage, standby_config
from . import layout as layouts
from .ladder import wanted_conninfo
from .overrides import here
from .work import MethodFailed, failed


def run(work, observed, decision):
    """Copy, check, swap; returns ``(bytes, place of the salvage, bytes kept)``."""
    real = observed.disk.real_path
    work.marks.intend(purpose="clone", primary=work.desired.primary)
    with work.timed("salvage"):
        place = keep.make_place(work, observed, decision) if decision.keeping.how == salvage.COPY else ""
        kept = keep.keep(work, observed, decision, place)
    if decision.keeping.discard_first:
        last_look.require_safe(work, observed)
        keep.remove_tree(real)
    with work.timed("copy"):
        moved = 0 if observed.disk.finished_copy else copy(work, observed, real + disk.NEW_SUFFIX)
    last_look.require_safe(work, observed)
    if decision.keeping.how == salvage.MOVE and os.path.lexists(real):
        place = keep.make_place(work, observed, decision)
        kept = observed.disk.data_bytes
    with work.timed("swap"):
        swap(work, observed, decision, place)
    work.marks.note(marks.READY, salvage=place or observed.target.kept_before)
    return moved, place, kept


def copy(work, observed, new):
    """Run pg_basebackup into ``new``/data and check the result; returns its bytes."""
    make_room(work, new)
    primary_work.wait_slot_free(work)
    data = os.path.join(new, disk.COPY_DATA)
    watch = work.meter("copy the primary", progress.pg_basebackup)
    answer = work.change(command(work, data), long=True, user=work.user, timeout=None, watch=watch)
    if answer.rc != 0:
        raise failed(
            "copy the primary",
            answer,
            kind=MethodFailed,
            next_step=f"look at {work.desired.primary} and at the disk here, then run this again; the old data is kept",
        )
    check(work, observed, data)
    _mark(work, new, complete=True, origin=disk.origin(observed.primary))
    return disk.size_of(data)


def command(work, data):
    """Return the words of pg_basebackup; the password comes from the pass file."""
    desired = work.desired
    keywords = dict(wanted_conninfo(desired), application_name="pgops_basebackup")
    argv = [work.layout.tool("pg_basebackup"), "-d", conffile.render_conninfo(keywords), "-D", data, "-F", "plain"]
    argv += ["-X", "stream", "-c", "fast", "-S", desired.slot_name, "--no-password", "--progress"]
    return argv + (["--max-rate", desired.max_rate] if desired.max_rate else [])


def make_room(work, new):
    """Make the place of the copy; what an interrupted run of ours left there goes, anything else stays."""
    if os.path.lexists(new):
        if marks.read_json(os.path.join(new, disk.COPY_MARK)) is None and os.listdir(new):
            raise Refused(
                "make the copy",
                server=here(),
                seen=f"{new} is in the way, and it does not carry our mark",
                next_step=f"look at {new} and move it away, then run this again",
            )
        keep.remove_tree(new)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    os.mkdir(new, 0o700)
    keep.give(new, work.user)
    _mark(work, new, complete=False)


def remove_leftover(new):
    """Remove what a killed run left of a copy, when another way was found meanwhile."""
    if marks.read_json(os.path.join(new, disk.COPY_MARK)) is not None:
        keep.remove_tree(new)


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
    if not os.path.exists(os.path.join(data, "backup_label")) or not os.listdir(os.path.join(data, "pg_wal")):
        raise MethodFailed(
            "check the copy",
            server=here(),
            seen=f"{data} has no backup_label or no WAL",
            next_step="run this again; if it happens again, look at the disk and at the primary's log",
        )


def swap(work, observed, decision, place):
    """Move the old directory aside and the new one into its place, by renaming."""
    real, new = observed.disk.real_path, observed.disk.real_path + disk.NEW_SUFFIX
    data = os.path.join(new, disk.COPY_DATA)
    major = layouts.major(work.layout.version)
    standby_config.write(data, major, work.desired)
    standby_config.drop_slots(data)
    work.marks.note(marks.SWAPPING, salvage=place)
    if os.path.lexists(real):
        _move_aside(work, observed, decision, place)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    os.rename(data, real)
    marks.sync_directory(os.path.dirname(real))
    keep.remove_tree(new)


def _move_aside(work, observed, decision, place):
    real, how = observed.disk.real_path, decision.keeping.how
    if how == salvage.MOVE:
        os.rename(real, os.path.join(place, disk.COPY_DATA))
        marks.sync_directory(place)
        keep.clear_standby_marks(os.path.join(place, disk.COPY_DATA), wrote_itself=observed.target.wrote_itself)
        return
    if how == salvage.COPY:
        keep.remove_tree(real)
        return
    if not os.listdir(real):
        os.rmdir(real)
        return
    raise PgopsError(
        "move the new copy into place",
        server=here(),
        seen=f"{real} is not empty, as it was when this was planned",
        next_step="look at what came there meanwhile, then run this again",
        code="refused",
    )


def _mark(work, new, *, complete, **more):
    path = os.path.join(new, disk.COPY_MARK)
    content = dict(more, schema=1, complete=complete, primary=work.desired.primary, written=marks.utc())
    marks.write_json(path, content, mode=0o600)


__all__ = ("check", "command", "copy", "make_room", "remove_leftover", "run", "swap")
