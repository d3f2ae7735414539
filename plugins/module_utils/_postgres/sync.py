# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Make this host a standby: observe, plan, apply, verify, and fall from a method that fails to the next one."""

from __future__ import annotations

import contextlib

from .._errors import PgopsError
from . import (
    basebackup,
    delta,
    keep,
    ladder,
    later,
    lock,
    lost,
    marks,
    observe,
    primary_work,
    rejoin,
    report,
    rewind,
    server_control,
    staging,
    standby_config,
    verify,
)
from . import layout as layouts
from .facts import STANDBY
from .overrides import here
from .report import Outcome
from .work import MethodFailed, holding


def run(work, *, check_mode):
    """Return the module's result; after a ``PgopsError`` nothing was changed, or the node is stopped or streaming."""
    begun = work.clock.now()
    observed, evidence = _observe(work)
    decision = rejoin.plan(observed, work.desired)
    if decision.plan.refusal is not None and _another_was_at_work(work):
        observed, evidence = _observe(work)
        decision = rejoin.plan(observed, work.desired)
    decision.plan.require_allowed()
    if check_mode or not decision.changes:
        return _planned(work, observed, evidence, decision, begun)
    work.marks.prepare()
    what = f"pg_basebackup_sync of {work.layout.version}/{work.layout.cluster_name} from {work.desired.primary}"
    with lock.hold(
        work.marks.lock_path,
        what=what,
        data_directory=work.data_directory,
        timeout=work.desired.lock_timeout,
        clock=work.clock,
    ) as descriptor:
        return _Run(holding(work, descriptor), begun, descriptor).go()


def _another_was_at_work(work):
    """Then what was seen may be its doing, as the crash recovery that a killed run left behind."""
    return lock.wait_until_free(
        work.marks.lock_path,
        data_directory=work.data_directory,
        timeout=work.desired.lock_timeout,
        clock=work.clock,
    )


def _observe(work, failed=()):
    with work.timed("observe"):
        return observe.observe(work, failed)


def _planned(work, observed, evidence, decision, begun):
    expected = decision.bytes_expected
    if decision.method == ladder.REWIND and observed.target.clean and not observed.target.running:
        expected = rewind.expected_bytes(work)
    return report.result(
        decision=decision,
        first=observed,
        last=observed,
        evidence=evidence,
        after=None if decision.changes else evidence,
        outcome=Outcome(),
        changed=decision.changes,
        seconds=work.clock.now() - begun,
        apart=rejoin.diverged(observed),
        work=work,
        bytes_expected=expected,
    )


class _Run:
    """One real run, under the lock."""

    def __init__(self, work, begun, descriptor):
        self.work, self.begun, self.descriptor = work, begun, descriptor
        self.failed = {}
        self.apart, self.lost = None, None
        self.touched = False
        self.only_reloaded = False

    def go(self):
        """Go through the methods until one is verified."""
        first, evidence = _observe(self.work)
        if first.disk is not None and not first.disk.finished_copy and staging.unpark(first.disk):
            first, evidence = _observe(self.work)
        observed, decision = first, self._plan(first)
        if not decision.changes:  # another run, which we waited for, has done it
            return _planned(self.work, first, evidence, decision, self.begun)
        try:
            last, outcome, decision, after = self._until_verified(observed, decision)
        except PgopsError:
            self._leave_safe()
            raise
        except OSError as exc:
            self._leave_safe()
            raise self._of_the_system(exc) from exc
        with self.work.timed("clean_up"):
            keep.tidy(last.disk.salvage_parent, last.disk.real_path)
            removed = keep.prune(
                last.disk.salvage_parent, last.disk.real_path, self.work.desired.salvage_keep, current=outcome.place
            )
            if self.lost:
                self.lost = lost.name_tables(self.work, self.lost)
                if outcome.place:
                    keep.name_tables(outcome.place, self.lost)
            removing = self._clear(last.disk)
        return report.result(
            decision=decision,
            first=first,
            last=last,
            evidence=evidence,
            after=after,
            outcome=outcome._replace(removed=tuple(removed), removing=removing, lost=self.lost),
            changed=True,
            seconds=self.work.clock.now() - self.begun,
            apart=self.apart,
            work=self.work,
            bytes_expected=decision.bytes_expected,
        )

    def _clear(self, disk):
        """Remove what the run left; returns the directories of which a process of its own goes on to rid the host."""
        paths = tuple(staging.cleared(disk))
        if paths and disk.data_bytes > later.SMALL:
            what = f"the removal of {', '.join(paths)}"
            with contextlib.suppress(OSError):  # no process to be had: then now, and by ourselves
                later.detach(lambda: self._clear_now(disk), descriptor=self.descriptor, what=what)
                return paths
        self._clear_now(disk)
        return ()

    def _clear_now(self, disk):
        staging.clear(disk)
        self.work.marks.forget()

    def _of_the_system(self, exc):
        return PgopsError(
            "make this host a standby",
            server=here(),
            seen=str(exc),
            next_step="mend that (a full or read-only disk, rights, limits), then run this again",
            evidence={"errno": exc.errno, "commands": self.work.commands},
            code="system_error",
        )

    def _until_verified(self, observed, decision):
        while True:
            observed, decision = self._at_rest(observed, decision)
            try:
                outcome = self._apply(observed, decision)
                with self.work.timed("verify"):
                    return observed, outcome, decision, verify.wait(self.work)
            except MethodFailed as exc:
                if self.work.desired.method != rejoin.AUTO:
                    raise
                self.failed[decision.method] = exc.seen
                observed, decision = self._next(exc)

    def _next(self, exc):
        """Plan again without the methods that failed; when none is left, the last failure is the answer."""
        try:
            observed, _evidence = _observe(self.work, self.failed)
        except PgopsError as second:
            exc.evidence["then"] = str(second)
            raise exc from second
        decision = rejoin.plan(observed, self.work.desired, self.failed)
        if decision.plan.refusal is not None:
            exc.evidence["then"] = decision.plan.refusal.seen
            raise exc
        return observed, decision

    def _plan(self, observed):
        decision = rejoin.plan(observed, self.work.desired, self.failed)
        decision.plan.require_allowed()
        return decision

    def _at_rest(self, observed, decision):
        """Stop what has to be stopped, look again (more is to be seen then), and bar the way to a writable start."""
        if decision.stop_first:
            self.touched, self.only_reloaded = True, False
            with self.work.timed("stop"):
                writes = observed.target.may_write
                no_wal = writes and decision.method == ladder.START
                server_control.stop(self.work, may_write=writes, leave_no_wal=no_wal)
            observed, _evidence = _observe(self.work, self.failed)
            decision = self._plan(observed)
        if not observed.target.interrupted:
            self.apart = rejoin.diverged(observed) or self.apart
        if observed.target.exists and not observed.target.standby_signal and not observed.target.running:
            self.touched = True
            standby_config.mark_standby(self.work.data_directory, layouts.major(self.work.layout.version))
        return observed, decision

    def _apply(self, observed, decision):
        if decision.method == ladder.NONE:
            return Outcome()
        with self.work.timed("slot"):
            primary_work.ensure_slot(self.work)
        self.touched = True
        if decision.method == ladder.START:
            return self._start(observed, decision)
        observed = observed._replace(lost=self._lost(observed))
        method = {ladder.REWIND: rewind, ladder.DELTA: delta, ladder.BASEBACKUP: basebackup}[decision.method]
        outcome = Outcome(*method.run(self.work, observed, decision))
        server_control.start(self.work)
        return outcome

    def _lost(self, observed):
        """Read what is about to be overwritten and exists nowhere else; once in a run."""
        if self.apart and self.lost is None and self.apart["commits_past_fork"] != 0 and observed.target.exists:
            spans = observe.spans(observed, None)
            with self.work.timed("report"):
                self.lost = lost.read(self.work, spans, observed.primary.settings["segment_size"])
        return self.lost

    def _start(self, observed, decision):
        folder, target = self.work.data_directory, observed.target
        if target.resumable:
            rewind.resume(self.work, observed)
        elif not target.unfinished:
            self.work.marks.note(marks.STARTED)
        standby_config.write(folder, layouts.major(self.work.layout.version), self.work.desired)
        if target.running:
            self.only_reloaded = True
            server_control.reload(self.work)
        else:
            if target.wrote_itself:
                standby_config.drop_slots(folder, keep=lambda name: not name.startswith("pgops_"))
            server_control.start(self.work)
        return Outcome(bytes_moved=decision.bytes_expected or 0)

    def _leave_safe(self):
        """After a failure the node is streaming or stopped, never a broken server that somebody may attach.

        A standby that ran before and was only pointed at another primary goes on: it can't write, and it may be needed.
        """
        if not self.touched or self.only_reloaded:
            return
        with contextlib.suppress(PgopsError):
            missing, _position, evidence = verify.look(self.work)
            if not missing:
                return
            if evidence["role"] == STANDBY and (evidence["receiver"] or {}).get("status") == "streaming":
                return
        with contextlib.suppress(PgopsError):
            server_control.stop(self.work, may_write=True)


__all__ = ("run",)
