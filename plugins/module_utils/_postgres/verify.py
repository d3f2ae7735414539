# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Success is what both sides say, not that a command returned 0: wait until the node streams, then look again."""

from __future__ import annotations

from .._errors import NotVerified, Unreachable
from . import forks, ladder, observe_primary, observe_target, server_control
from . import lsn as wal
from .facts import PRIMARY, STANDBY, Observed
from .overrides import here
from .work import MethodFailed

INTERVAL = 0.25
APART = 0.5
START_GRACE = 3.0
# What the log says when another method would end the same way: the configuration is broken, not the data.
HOPELESS = (
    "contains errors",
    "unrecognized configuration parameter",
    "could not create any TCP/IP sockets",
    "could not map anonymous shared memory",
    "invalid value for parameter",
)


def look(work):
    """Return ``(what is missing, how far the node is, evidence)``; one look at both sides."""
    target, evidence = observe_target.read(work)
    if target.state == PRIMARY:
        raise MethodFailed(
            "make it a standby",
            server=here(),
            seen="the server came up as a primary",
            next_step="it is stopped again; look for what removed standby.signal",
        )
    if target.state != STANDBY:
        return [f"the server is {target.state} ({evidence['error'] or 'no answer'})"], target.lsn or 0, evidence
    primary = observe_primary.read(work.desired, os_user=work.user, local_port=work.layout.port)
    observed = Observed(target, primary, forks.compare(target, primary))
    return ladder.missing_for_none(observed, work.desired), target.lsn or 0, evidence


def wait(work):
    """Wait until it streams, twice with half a second between; returns the evidence of the second look.

    (The playbook looks once more, some seconds later.)
    ``start_timeout`` counts from the last progress in WAL: a node that still catches up is not given up.
    """
    begun = moved = work.clock.now()
    furthest, seen_good = 0, False
    while True:
        missing, position, evidence = _look_or_wait(work)
        if not missing and seen_good:
            return evidence
        seen_good = not missing
        if seen_good:
            work.clock.sleep(APART)
            continue
        if position > furthest:
            furthest, moved = position, work.clock.now()
        now = work.clock.now()
        if now - moved > work.desired.start_timeout or (now - begun > START_GRACE and server_control.dead(work)):
            raise not_streaming(work, missing, furthest)
        work.clock.sleep(INTERVAL)


def _look_or_wait(work):
    """A primary that does not answer for a moment is not the end."""
    try:
        return look(work)
    except Unreachable as exc:
        return [f"the primary does not answer: {exc.seen}"], 0, None


def not_streaming(work, missing, furthest):
    """Return the error, with the server's own words; one that another method can't mend is no MethodFailed."""
    log = server_control.log_tail(work)
    hopeless = any(word in line for word in HOPELESS for line in log)
    kind = NotVerified if hopeless else MethodFailed
    fatal = [line for line in log if "FATAL" in line or "ERROR" in line]
    return kind(
        f"have it stream from {work.desired.primary}",
        server=here(),
        seen="; ".join(missing) + (f"; its log says: {fatal[-1]}" if fatal else ""),
        next_step="read the log in the evidence, mend the cause and run this again",
        evidence={"missing": missing, "furthest_lsn": wal.render(furthest), "log": log},
        code="not_verified",
    )


__all__ = ("look", "not_streaming", "wait")
