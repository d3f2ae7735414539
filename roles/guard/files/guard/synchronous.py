# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Must commits wait for a standby? Pure functions of what a primary sees.

With ``fallback`` they need not while a majority of all pgpools has every standby down: none of these can be promoted,
so nothing that is committed meanwhile can be missing after a failover. Before a standby can be promoted again it has to
have all of it: names come back first (``restoring``), and count as a promise only when a standby has caught up.
"""

from __future__ import annotations

import typing as t

from .seen import PRIMARY, is_up

OFF, FALLBACK = "off", "fallback"
SUSPENDED, RESTORING = "suspended", "restoring"  # what the file of ours says, and the server while it is in effect
SUSPEND, RESTORE, RELEASE = "suspend", "restore", "release"
LOOKS = 2  # what one look shows can be a moment in between
NEAR = 16 * 1024 * 1024  # bytes that a standby may lack when commits begin to wait for it: it catches up meanwhile


class Past(t.NamedTuple):
    """What earlier looks at this primary showed."""

    lsn: int | None = None  # its position then
    looks: int = 0  # in a row in which the requirement might have been lifted, the last one included
    restored_at: int | None = None  # its position when commits began to wait again


class Situation(t.NamedTuple):
    """Everything that the decision depends on."""

    mode: str
    role: str
    backend_id: int = 0
    others: tuple = ()  # the backend ids of all other databases
    lsn: int | None = None
    names: str = ""  # synchronous_standby_names in effect
    state: str = ""  # what of ours is in effect: empty, suspended or restoring
    filed: bool = False  # our file is there
    senders: tuple = ()
    pgpools: tuple = ()  # what they said; empty: not asked this time
    pgpools_in_all: int = 0
    past: Past = Past()


class Verdict(t.NamedTuple):
    """``act``: what is to be done, or None. ``state`` and ``reason``: how it stands, for people and check_cluster."""

    act: str | None
    state: str
    reason: str
    next_step: str = ""

    @property
    def urgent(self):
        """Are the pgpools worth asking in each look?"""
        return self.state in ("blocked", SUSPENDED, RESTORING)


def decide(seen):
    """Lift the requirement, put it back, declare it kept again, or leave all as it is."""
    if seen.role != PRIMARY:
        return Verdict(RELEASE if seen.filed or seen.state else None, "", "only a primary waits")
    if seen.mode != FALLBACK:
        return _without_fallback(seen)
    if seen.state == SUSPENDED:
        return _suspended(seen)
    if may_lift(seen):
        if seen.past.looks + 1 >= LOOKS:
            return Verdict(SUSPEND, SUSPENDED, f"every standby is down on {_who_confirms(seen)}, and none acknowledges")
        return Verdict(None, "blocked", "no standby acknowledges commits; looking once more")
    if seen.state == RESTORING:
        return _restoring(seen)
    act = RELEASE if seen.filed else None  # left by a run that was killed
    return _in_force(seen)._replace(act=act)


def advance(seen):
    """What this look leaves for the next one."""
    restored_at = None
    if seen.state == RESTORING:
        restored_at = seen.lsn if seen.past.restored_at is None else seen.past.restored_at
    looks = seen.past.looks + 1 if may_lift(seen) else 0
    return Past(seen.lsn, looks, restored_at)


def may_lift(seen):
    """A majority of all pgpools has every standby down and this host as its primary, and nobody acknowledges."""
    if seen.role != PRIMARY or seen.state == SUSPENDED or not seen.others:
        return False
    return bool(seen.pgpools_in_all) and 2 * len(_confirming(seen)) > seen.pgpools_in_all and not acknowledged(seen)


def acknowledged(seen):
    """Does a standby have all that this primary had written a look ago? A dead one still streams for some seconds."""
    if seen.past.lsn is None:
        return bool(_synchronous(seen))
    return any(one.flushed is not None and one.flushed >= seen.past.lsn for one in _synchronous(seen))


def slot(backend_id):
    return f"pgops_{backend_id}"


def _synchronous(seen):
    names = [slot(number) for number in seen.others]
    return [one for one in seen.senders if one.name in names]


def _confirming(seen):
    return [one for one in seen.pgpools if one.nodes and _has_all_down(one.nodes, seen)]


def _has_all_down(nodes, seen):
    by_id = {node.id: node for node in nodes}
    own = by_id.get(seen.backend_id)
    if own is None or own.role != PRIMARY or not is_up(own):
        return False
    return all(number in by_id and by_id[number].status == "down" for number in seen.others)


def _who_confirms(seen):
    names = " and ".join(one.name for one in _confirming(seen))
    return f"{names} ({len(_confirming(seen))} of {seen.pgpools_in_all} pgpools)"


def _without_fallback(seen):
    if seen.mode == OFF:
        return Verdict(RELEASE if seen.filed or seen.state else None, OFF, "commits wait for no standby")
    return _in_force(seen)._replace(act=RELEASE if seen.filed or seen.state else None)


def _in_force(seen):
    if not seen.names:
        return Verdict(None, OFF, "there is no standby that commits could wait for")
    if acknowledged(seen):
        return Verdict(None, "kept", "a standby has each commit before it is acknowledged")
    reason = f"commits wait: no standby acknowledges (synchronous_standby_names = {seen.names})"
    return Verdict(None, "blocked", reason, "ansible-playbook check_cluster.yml")


def _suspended(seen):
    if seen.names:
        reason = f"commits wait all the same: synchronous_standby_names is {seen.names}, which is not what we wrote"
        return Verdict(None, "blocked", reason, "ALTER SYSTEM RESET synchronous_standby_names, and a reload")
    near = [
        one.name for one in _synchronous(seen) if None not in (one.flushed, seen.lsn) and seen.lsn - one.flushed <= NEAR
    ]
    if near:
        return Verdict(RESTORE, RESTORING, f"{' and '.join(near)} streams again: commits wait for it from now on")
    reason = "commits are acknowledged without a standby: every standby is down"
    return Verdict(None, SUSPENDED, reason, "ansible-playbook check_cluster.yml")


def _restoring(seen):
    since = seen.past.restored_at
    ready = [
        one.name
        for one in _synchronous(seen)
        if None not in (since, one.flushed) and one.flushed >= since and one.state in ("sync", "quorum")
    ]
    if ready:
        return Verdict(RELEASE, "kept", f"{' and '.join(ready)} has all that was committed without a standby")
    return Verdict(None, RESTORING, "commits wait again, for a standby that still catches up with those before")
