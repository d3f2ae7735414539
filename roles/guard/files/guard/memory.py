# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look leaves for the next ones. Pure; all times are seconds of one clock that no freeze stops."""

from __future__ import annotations

import typing as t

from .running import contradiction, follows, idle, promotable, speaks, vouched
from .seen import PRIMARY, same_system

FREEZE = 5.0  # looks are a second apart: after more than this we were frozen, and know nothing of the meantime
VOUCHED = 4.0  # what the pgpools said last counts so long when they say nothing; below FREEZE: nobody thaws with it


class Heard(t.NamedTuple):
    """The last position of a primary that this host has heard of."""

    host: str
    timeline: int | None
    lsn: int
    time: str
    waits: bool | None = None  # its commits waited for a standby then


class Memory(t.NamedTuple):
    looked_at: float | None = None
    role: str = ""
    contact_at: float = 0.0
    vouched_at: float | None = None  # all pgpools that spoke last had this host for the primary
    against: int = 0
    silent_looks: int = 0
    attached: str = ""
    idle_looks: int = 0
    heard: Heard | None = None


def frozen(memory, now):
    return memory.looked_at is not None and now - memory.looked_at > FREEZE


def remember(memory, look, *, started, now, time):
    """Return (the look with what is known from before, the memory for the next one).

    ``started`` is when the look began: what it reached was there then. ``time`` is the same moment for people.
    """
    fresh = memory.looked_at is None or frozen(memory, started) or memory.role != look.own.role
    if fresh:
        memory = Memory(contact_at=started, attached=memory.attached, heard=memory.heard)
    vouched_at = started if vouched(look) else None if speaks(look) else memory.vouched_at
    lately = not speaks(look) and vouched_at is not None and started - vouched_at <= VOUCHED
    look = look._replace(vouched_lately=lately)
    look = look._replace(against=memory.against + 1 if contradiction(look) else 0)
    look = look._replace(idle_looks=memory.idle_looks + 1 if idle(look) else 0)
    if look.contact:
        attached = promotable(look) if look.own.answers or look.pgpools else memory.attached
        look = look._replace(silent_looks=0, isolated_for=0.0, attached=attached)
        contact_at = started
    else:
        isolated_for = max(0.0, now - memory.contact_at)
        look = look._replace(silent_looks=memory.silent_looks + 1, isolated_for=isolated_for, attached=memory.attached)
        contact_at = memory.contact_at
    return look, Memory(
        looked_at=now,
        role=look.own.role,
        contact_at=contact_at,
        vouched_at=vouched_at,
        against=look.against,
        silent_looks=look.silent_looks,
        attached=look.attached,
        idle_looks=look.idle_looks,
        heard=hear(memory.heard, look, time),
    )


def hear(before, look, time):
    """The last position of the primary that counts here; of the same one never lower than what was heard before.

    Of several that is ourselves, then the one that we follow, then the newest: one that was promoted by mistake, and is
    gone again, must not stay in mind because of its timeline.
    """
    if look.own.role == PRIMARY and look.own.lsn is not None:
        waits = bool(look.own.names) and not look.own.requirement
        found = Heard(look.name, look.own.timeline, look.own.lsn, time, waits)
    else:
        primaries = [one for one in look.peers if one.answer == PRIMARY and one.lsn is not None]
        primaries = [one for one in primaries if same_system(look.own, one)]
        if not primaries:
            return before
        best = max(primaries, key=lambda one: (follows(look.own, one), one.timeline or 0, one.lsn))
        found = Heard(best.name, best.timeline, best.lsn, time, best.waits)
    if before is not None and (found.host, found.timeline) == (before.host, before.timeline):
        return found._replace(lsn=max(found.lsn, before.lsn))
    return found
