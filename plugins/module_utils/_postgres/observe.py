# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Both sides at once: what the plan is made of."""

from __future__ import annotations

from . import disk, forks, ladder, observe_primary, observe_target, primary_files, wal_tail
from . import lsn as wal
from .facts import PRIMARY, STANDBY, Observed, Tail


def observe(work, failed=()):
    """Return ``(Observed, evidence about this node)``. Sizes and WAL are read only when there is something to do.

    ``failed`` names the methods that this run has tried already.
    """
    target, evidence = observe_target.read(work)
    port = (evidence["layout"] or {}).get("port")
    primary = observe_primary.read(work.desired, os_user=work.user, local_port=port)
    observed = Observed(target, primary, forks.compare(target, primary))
    streams = work.desired.method not in ladder.COPIES and not ladder.missing_for_none(observed, work.desired)
    if streams and not target.unfinished:
        return observed, evidence
    if primary.in_recovery or primary.is_this_server:
        return observed, evidence
    return _in_full(work, observed, failed), evidence


def _in_full(work, observed, failed):
    target = observed.target
    primary = observe_primary.read_more(observed.primary, work.desired, os_user=work.user)
    tail, end_known = _tail(work, observed)
    fork = forks.compare(target, primary, end_lsn=tail.end_lsn or _bound(target), end_known=end_known)
    where = disk.read(
        work.data_directory,
        salvage_directory=work.desired.salvage_directory,
        primary=primary,
    )
    observed = Observed(target, primary, fork, _counted(tail, fork), where)
    if ladder.delta_matters(observed, work.desired, failed):
        primary = primary._replace(files_problem=primary_files.problem(work, primary))
    return observed._replace(primary=primary)


def _counted(tail, fork):
    """Commits were counted from the fork on, which means something only where there is one."""
    if fork.relation == forks.DIVERGED:
        return tail
    return tail._replace(commits=0 if fork.relation == forks.PREFIX else None)


def _tail(work, observed):
    """Return the WAL past the fork and whether its end is known."""
    target, fork = observed.target, observed.fork
    if not target.exists or target.timeline is None or target.lsn is None:
        return Tail(), False
    if target.state in (STANDBY, PRIMARY):
        return _of_running(work, observed), True
    if fork.lsn is not None and fork.timeline == target.timeline and target.lsn < fork.lsn:
        tail = _read_wal(work, observed, [(target.timeline, target.lsn, None)])
        if tail.end_lsn is not None and tail.end_lsn <= fork.lsn:
            return tail, True
    tail = _read_wal(work, observed, spans(observed, None))
    return tail, tail.end_lsn is not None or (target.clean and target.wrote_itself)


def _of_running(work, observed):
    """A running server tells its position; only the commits of one that went another way are counted."""
    target = observed.target
    if observed.fork.relation != forks.DIVERGED:
        return Tail(target.lsn)
    return _read_wal(work, observed, spans(observed, target.lsn))._replace(end_lsn=target.lsn)


def _read_wal(work, observed, stretches):
    size = observed.primary.settings["segment_size"]
    return wal_tail.read(runner=work.runner, layout=work.layout, spans=stretches, segment_size=size)


def spans(observed, end):
    """Return the stretches of the target's own WAL to read: from the fork (or the last known point) to its end."""
    target, fork = observed.target, observed.fork
    if fork.lsn is None or fork.timeline is None:
        return [(target.timeline, target.lsn, end)]
    found, start = [], fork.lsn
    for entry in target.history:
        if entry["timeline"] >= fork.timeline:
            switch = wal.parse(entry["switch_lsn"])
            found.append((entry["timeline"], start, switch))
            start = switch
    found.append((target.timeline, start, end))
    return [span for span in found if span[2] is None or span[2] > span[1]] or [found[-1]]


def _bound(target):
    """Without pg_waldump: a stopped server's last checkpoint is told by its first byte, so its end is past that."""
    return None if target.lsn is None else target.lsn + (1 if target.wrote_itself else 0)


__all__ = ("observe", "spans")
