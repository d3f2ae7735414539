# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The one decision: by which method this node becomes a standby again, in which steps, or why not. Pure."""

from __future__ import annotations

import os
import typing as t

from .._plan import Plan, Step
from . import forks, ladder, refusals, salvage, staging
from . import lsn as wal
from .facts import SILENT, STANDBY

AUTO = "auto"
METHODS = (AUTO, *(method for method, _judge in ladder.LADDER))


class Decision(t.NamedTuple):
    """The method, why it and not the others, and what will be kept, replaced and moved."""

    method: str | None
    reasons: tuple
    plan: Plan
    keeping: salvage.Keeping = salvage.Keeping()
    replaces: tuple = ()
    bytes_expected: int | None = None
    stop_first: bool = False

    @property
    def changes(self):
        return self.plan.changes


def plan(observed, desired, failed=None):
    """Return the ``Decision``. ``failed`` maps methods that were tried in this run to what went wrong."""
    refused = refusals.find(observed, desired)
    if refused is not None:
        return Decision(None, (), Plan(f"refused: {refused.seen}", refusal=refused))
    reasons = _judge(observed, desired, failed or {})
    chosen = next((verdict for verdict in reasons if verdict.taken), None)
    if chosen is None:
        return Decision(None, reasons, _nothing_usable(observed, desired, reasons))
    if chosen.method == ladder.NONE:
        return Decision(ladder.NONE, reasons, Plan(chosen.reason, _left(observed.target)))
    return _decision(chosen, reasons, observed, desired)


def _left(target):
    """A node that streams may still have what an interrupted run parked, copied or noted."""
    if not target.unfinished:
        return ()
    return (Step("remove what an interrupted run left", "the node streams, and that run did not live to clean up"),)


def _judge(observed, desired, failed):
    """Return the verdicts from the cheapest method to the one taken (all of them, when none can be)."""
    reasons = []
    for method, judge in ladder.LADDER:
        if not _asked_for(method, desired):
            continue
        if method in failed:
            verdict = ladder.Verdict(method, False, f"tried and failed: {failed[method]}")
        else:
            verdict = judge(observed, desired)
        reasons.append(verdict._replace(taken=verdict.usable))
        if verdict.usable:
            break
    listed = {verdict.method for verdict in reasons}
    for method in failed:  # what came so far that a cheaper one does for the rest is told all the same
        if method not in listed:
            reasons.append(ladder.Verdict(method, False, f"tried and failed: {failed[method]}"))
    return tuple(reasons)


def _asked_for(method, desired):
    """``none`` always stands first, except before a copy that was asked for by name: it may mend a broken standby."""
    if desired.method == AUTO or method == desired.method:
        return True
    return method == ladder.NONE and desired.method not in ladder.COPIES


def _nothing_usable(observed, desired, reasons):
    last = next((verdict for verdict in reversed(reasons) if verdict.way_out), reasons[-1])
    if desired.method == AUTO:
        seen = "no method can be used; " + "; ".join(f"{each.method}: {each.reason}" for each in reasons)
    else:
        seen = f"the method {desired.method} can't be used: {last.reason}"
    way_out = last.way_out or _another_method(desired)
    refusal = refusals.refusal(observed, desired, seen, way_out)
    return Plan(f"refused: {seen}", refusal=refusal)


def _another_method(desired):
    if desired.method == AUTO:
        return "look at what failed above, mend it and run this again"
    return "use method: auto to have the cheapest safe method chosen, or name another one"


def _decision(chosen, reasons, observed, desired):
    method, target = chosen.method, observed.target
    keeping = salvage.decide(method, observed, desired)
    stop = target.running and not (method == ladder.START and _reloadable(target))
    steps = _steps(method, observed, desired, keeping, stop)
    summary = f"make {target.host} a standby of {desired.primary} by {method}: {chosen.reason}"
    return Decision(
        method=method,
        reasons=reasons,
        plan=Plan(summary, tuple(steps)),
        keeping=keeping,
        replaces=_replaced(method, observed),
        bytes_expected=_bytes_expected(method, observed),
        stop_first=stop,
    )


def _reloadable(target):
    """primary_conninfo and primary_slot_name take effect by reload from PostgreSQL 13 on."""
    return target.state == STANDBY and target.major >= 13 and target.standby_signal


def _steps(method, observed, desired, keeping, stop):
    target, primary = observed.target, observed.primary
    if primary.slot is None:
        yield Step(
            f"create the slot {desired.slot_name} on {desired.primary}",
            "from now on the primary keeps the WAL that this node needs",
        )
    if stop:
        yield Step(f"stop the server on {target.host}", _why_stop(target))
    if target.exists and not target.standby_signal:
        yield Step("mark the data directory as a standby's", "interrupted from here on, it can't come up writable")
    yield from _METHOD_STEPS[method](observed, desired, keeping)
    if method in ladder.COPIES and target.exists and keeping.how != salvage.MOVE and not keeping.discard_first:
        yield Step("remove the old directory, once the new node is verified", keeping.reason)
    yield Step(
        f"prove on both sides that it streams on timeline {primary.timeline}",
        "twice, one second apart, or it is an error",
    )


def _why_stop(target):
    if target.may_write:
        return f"it is an old primary that still takes writes, now at {wal.render(target.lsn or 0)}"
    return "it does not accept connections" if target.state == SILENT else "its files are about to be changed"


def _keeping_steps(keeping, observed):
    if keeping.how and observed.target.state != "absent":
        yield Step(_keeping_words(keeping, observed), keeping.reason)


def _keeping_words(keeping, observed):
    where = observed.disk.salvage_parent
    words = {
        salvage.WAL: f"copy pg_wal and the control file into {where}",
        salvage.COPY: f"copy the data directory into {where}",
        salvage.MOVE: "move the old data directory aside",
    }
    return words[keeping.how]


def _start_steps(observed, desired, _keeping=None):
    yield Step(f"write the standby settings for {desired.primary}", "host, slot and timeline to follow; no password")
    if observed.target.state == STANDBY and _reloadable(observed.target):
        yield Step("reload the server", "the new settings take effect without a restart")
    else:
        yield Step("start the server", "it replays what it has and streams the rest")


def _rewind_steps(observed, desired, keeping):
    if observed.primary.control_timeline != observed.primary.timeline:
        yield Step(
            f"ask {desired.primary} for a checkpoint", "its control file still tells the timeline before the promotion"
        )
    if not observed.target.clean and not observed.target.running:
        yield Step("end the crash recovery of the stopped server", "pg_rewind needs a cleanly stopped node")
    if keeping.how == salvage.COPY:
        yield Step("rehearse pg_rewind", "whatever stands in its way shows before the long copy")
    yield from _keeping_steps(keeping, observed)
    yield Step(
        f"run pg_rewind against {desired.primary}", f"takes back what was written after {wal.render(observed.fork.lsn)}"
    )
    yield from _start_steps(observed._replace(target=observed.target._replace(state="stopped")), desired)


def _copy_steps(observed, desired, keeping, how):
    disk = observed.disk
    if keeping.how == salvage.COPY:
        yield from _keeping_steps(keeping, observed)
    if keeping.discard_first:
        yield Step("remove the old directory", "there is no room for both")
    if not disk.finished_copy:
        yield from how(observed, desired, staging.new_root(disk.real_path, disk.mount_point))
    if keeping.how == salvage.MOVE:
        yield from _keeping_steps(keeping, observed)
    yield Step(f"move the copy to {disk.real_path}", _how_exchanged(disk))
    yield from _start_steps(observed._replace(target=observed.target._replace(state="stopped")), desired)


def _how_exchanged(disk):
    inside = [disk.real_path] if disk.mount_point else []
    inside += [part.path for part in disk.parts if part.new]
    if not inside:
        return "by rename: there is no moment with half a directory"
    return f"by renames, entry by entry inside {', '.join(inside)}; cut off there, the next run completes it"


def _basebackup_steps(observed, desired, new):
    size = observed.primary.data_bytes
    amount = f"about {salvage.megabytes(size)}" if size is not None else "all of it"
    yield Step(f"copy {desired.primary} into {new}", f"{amount}, checked when complete")


def _delta_steps(observed, desired, new):
    yield Step(
        f"begin a backup on {desired.primary}",
        "held in one session; the slot keeps the WAL: nothing has to happen fast",
    )
    yield Step(
        f"copy into {new}: what is unchanged from {observed.disk.real_path}, the rest from {desired.primary}",
        "rsync over SSH, compared by content",
    )
    yield Step("end the backup and write backup_label", "recovery begins where the backup began")


_METHOD_STEPS = {
    ladder.START: _start_steps,
    ladder.REWIND: _rewind_steps,
    ladder.DELTA: lambda observed, desired, keeping: _copy_steps(observed, desired, keeping, _delta_steps),
    ladder.BASEBACKUP: lambda observed, desired, keeping: _copy_steps(observed, desired, keeping, _basebackup_steps),
}


def _replaced(method, observed):
    if method in (ladder.NONE, ladder.START) or observed.target.state == "absent":
        return ()
    disk = observed.disk
    return (disk.real_path, *(os.path.join(part.path, part.entry).rstrip("/") for part in disk.parts if part.old))


def _bytes_expected(method, observed):
    end = observed.tail.end_lsn or observed.target.lsn
    if method == ladder.START and end is not None:
        return max(0, observed.primary.lsn - end)
    if method == ladder.BASEBACKUP:
        return 0 if observed.disk.finished_copy else observed.primary.data_bytes
    return None


def diverged(observed):
    """Return what the target has and the primary has not, or None when there is nothing."""
    target, fork = observed.target, observed.fork
    if not target.exists or fork.relation not in forks.APART:
        return None
    end = observed.tail.end_lsn or target.lsn
    past = max(0, end - fork.lsn) if end is not None and fork.lsn is not None else None
    return {
        "relation": fork.relation,
        "fork_timeline": fork.timeline,
        "fork_lsn": None if fork.lsn is None else wal.render(fork.lsn),
        "target_timeline": target.timeline,
        "target_lsn": None if end is None else wal.render(end),
        "wal_bytes_past_fork": past,
        "commits_past_fork": observed.tail.commits,
        "note": observed.tail.note,
    }


__all__ = ("AUTO", "METHODS", "Decision", "diverged", "plan")
