# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""A planned switch, seen from the standby that takes over: the primary ends cleanly, this one has all of it, and only
then is promoted. No committed row can be missing.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import NotVerified, PgopsError
from .._plan import Plan, Refusal, Step
from .._ports import wait_for
from . import connect, lsn
from .overrides import here

NOT_ARCHIVED_LIMIT = 64
INTERVAL = 0.005

_HERE = (
    "SELECT pg_is_in_recovery() AS in_recovery, (SELECT system_identifier::text FROM pg_control_system()),"
    " pg_last_wal_replay_lsn()::text AS replayed, CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END"
    " AS paused, (SELECT status FROM pg_stat_wal_receiver) AS receiver"
)


class Limits(t.NamedTuple):
    """What is waited for, in seconds, and how far behind the standby may be beforehand."""

    max_lag: int = 16 * 1024 * 1024
    checkpoint: float = 120.0
    stop: float = 15.0
    replay: float = 15.0  # and again for the promotion


class Observed(t.NamedTuple):
    """Both servers, each in its own words; ``apply_delay`` is recovery_min_apply_delay in milliseconds."""

    here: dict
    primary: dict
    apply_delay: int = 0


def is_primary(conn):
    """Is there nothing to do, because the server here is the primary?"""
    return not _look(conn)["in_recovery"]


def nothing_to_do():
    """The plan of a server that is the primary already."""
    return Plan(f"{here()} is the primary already")


def plan(observed, *, primary, limits):
    """Return the ``Plan``: what stands in the way, or the steps. Pure."""
    problems = list(_problems(observed, limits))
    if problems:
        seen = "; ".join(words for words, _way in problems)
        return Plan(
            f"refused: {seen}",
            refusal=Refusal(
                f"take over from {primary}",
                here(),
                seen,
                "; ".join(way for _words, way in problems),
                _evidence(observed),
            ),
        )
    sessions = observed.primary["sessions"]
    return Plan(
        f"{here()} takes over from {primary}",
        (
            Step(f"make a checkpoint on {primary}", "its shutdown then has little left to write"),
            Step(f"shut {primary} down", f"cleanly; it ends {sessions} active session{'' if sessions == 1 else 's'}"),
            Step(f"wait until {here()} has replayed its last record", "no committed row can be missing"),
            Step(f"promote {here()}", f"{primary} can't write any more"),
        ),
    )


def _problems(observed, limits):
    """Yield what stands in the way and the way out of it."""
    standby, other = observed.here, observed.primary
    if other["in_recovery"]:
        yield "the other one is a standby itself", "see who is the primary: ansible-playbook check_cluster.yml"
        return
    if other["system_identifier"] != standby["system_identifier"]:
        yield "they are different database systems (system identifiers)", "check the inventory's addresses"
        return
    if standby["receiver"] != "streaming":
        yield f"the WAL receiver here is {standby['receiver'] or 'not running'}", "recover_standby.yml brings it back"
        return
    if standby["paused"]:
        yield "replay is paused here", "SELECT pg_wal_replay_resume()"
    if observed.apply_delay:
        yield f"recovery_min_apply_delay is {observed.apply_delay} ms here", "take a standby that replays at once"
    lag = lag_of(observed)
    if lag > limits.max_lag:
        yield f"this standby is {lag} bytes behind, {limits.max_lag} are allowed", "wait until it has caught up"
    if other["backups"]:
        yield f"{other['backups']} base backup(s) of the primary are being taken", "wait for their end"
    if other["archiving"] and other["not_archived"] > NOT_ARCHIVED_LIMIT:
        yield (
            f"{other['not_archived']} WAL files of the primary wait to be archived; its shutdown would wait for them",
            "mend archive_command, or wait",
        )


def lag_of(observed):
    """Bytes of the primary's WAL that are not replayed here."""
    return max(0, lsn.diff(observed.primary["lsn"], observed.here["replayed"]))


def _evidence(observed):
    return {"standby": observed.here, "primary": observed.primary, "apply_delay": observed.apply_delay}


def observe(conn, other_end):
    """Ask both servers. The primary first: what the standby replays meanwhile only makes the lag smaller."""
    primary = other_end.look(20)
    delay = connect.query_one(
        conn, "SELECT setting::int AS value FROM pg_settings WHERE name = 'recovery_min_apply_delay'"
    )
    return Observed(connect.query_one(conn, _HERE), primary, delay["value"] if delay else 0)


def switch(conn, other_end, *, primary, limits, clock, promote):
    """Do it; returns ``{lsn, seconds}``. ``promote()`` asks the server here to become the primary.

    Raises with ``evidence["stage"]``: ``before`` (nothing was done), ``stopping`` (the primary may be down; nobody was
    promoted), ``promoting`` (the primary is down cleanly and this server has all of it).
    """
    laps = _Laps(clock)
    with _stage("before"):
        other_end.checkpoint(limits.checkpoint)
        took = laps.lap("checkpoint")
        if took > 1:  # much was written: what came meanwhile is written now
            other_end.checkpoint(max(1, limits.checkpoint - took))
        now = observe(conn, other_end)
        plan(now, primary=primary, limits=limits).require_allowed()
        laps.lap("last_look")
    with _stage("stopping"):
        last = other_end.stop(limits.stop + 2)
        laps.lap("stop")
        _replayed(conn, last, primary, limits, clock)
        laps.lap("replay")
    with _stage("promoting"):
        promote()
        if not wait_for(lambda: not _look(conn)["in_recovery"], clock=clock, timeout=limits.replay, interval=INTERVAL):
            raise NotVerified(
                "be promoted",
                server=here(),
                seen=f"still in recovery after {limits.replay:g} s",
                next_step=f"promote it by hand (SELECT pg_promote()): {primary} is down and nothing is missing here",
            )
        laps.lap("promote")
    return {"lsn": last, "seconds": laps.seconds}


def _replayed(conn, last, primary, limits, clock):
    """The end of the last replayed record lies behind the beginning of the primary's last one."""
    target = lsn.parse(last)

    def there():
        return lsn.parse(_look(conn)["replayed"]) > target

    if not wait_for(there, clock=clock, timeout=limits.replay, interval=INTERVAL):
        replayed = _look(conn)["replayed"]
        raise NotVerified(
            f"receive the last record of {primary}",
            server=here(),
            seen=f"it has replayed up to {replayed} after {limits.replay:g} s, and the last one is at {last}",
            next_step=f"start {primary} again: it goes on as the primary",
        )


def _look(conn):
    return connect.query_one(
        conn, "SELECT pg_is_in_recovery() AS in_recovery, pg_last_wal_replay_lsn()::text AS replayed"
    )


@contextlib.contextmanager
def _stage(name):
    try:
        yield
    except PgopsError as exc:
        exc.evidence = dict(exc.evidence, stage=name)
        raise


class _Laps:
    """How long each part took."""

    def __init__(self, clock):
        self.clock, self.seconds, self._last = clock, {}, clock.now()

    def lap(self, name):
        now = self.clock.now()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now
        return self.seconds[name]


__all__ = ("Limits", "Observed", "is_primary", "lag_of", "nothing_to_do", "observe", "plan", "switch")
