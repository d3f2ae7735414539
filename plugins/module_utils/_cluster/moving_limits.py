# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""For how long a move of the virtual address may wait, so that nothing that undoes it by itself comes before its end.

With keepalived the other hosts are told to stay away before the holder waits for a quiet moment, and are free again
after a minute. With the watchdog a timer starts the stopped Pgpool; it is set after that wait. In both the note that
keeps other runs away counts for some minutes only. Pure.
"""

from __future__ import annotations

import math

from .claim import LIMIT

USUAL = {"keepalived": 5, "watchdog": 40}  # seconds in which the target has to have the address
KEPT_AWAY = 60  # after which pgops-vip-back.service lets a host take the address again
STOP = 20  # that a Pgpool takes to stop, at most: its unit's TimeoutStopSec, twice
WAY_BACK = 15  # in which the old holder takes it again
MARGIN = 20  # for Ansible, which goes from host to host in between

ROOM = {"keepalived": KEPT_AWAY - WAY_BACK - MARGIN, "watchdog": LIMIT - STOP - WAY_BACK - MARGIN}
WHY = {
    "keepalived": f"a host that was told to stay away may take the address again after {KEPT_AWAY} s",
    "watchdog": f"the note that keeps other runs away counts for {LIMIT} s",
}


def too_long(manager, wanted):
    """None, or (what is wrong with the times that were asked for, the way out)."""
    drain, timeout = _asked(manager, wanted)
    if drain >= 0 and timeout >= 0 and drain + timeout <= ROOM[manager]:
        return None
    seen = (
        f"move_vip_drain ({drain:g} s) and move_vip_timeout ({timeout:g} s) are 0 or more, and together at most "
        f"{ROOM[manager]} s with {manager}: {WHY[manager]}, the way back included"
    )
    usual = USUAL[manager]
    return seen, f"-e move_vip_drain={ROOM[manager] - usual} is the most with the usual move_vip_timeout ({usual} s)"


def limits(manager, wanted):
    """Seconds: for the target to take the address, for the old holder to take it back, until systemd starts a stopped
    Pgpool by itself, and until the client that looks on has seen enough. What is too long counts as what is usual."""
    drain, timeout = (0, USUAL[manager]) if too_long(manager, wanted) else _asked(manager, wanted)
    timeout = math.ceil(timeout)
    there = math.ceil(drain) + STOP + timeout + MARGIN
    back = WAY_BACK + STOP + timeout + MARGIN  # the watchdog's leader that has no address is stopped, too
    return {"timeout": timeout, "way_back": WAY_BACK, "return_after": STOP + timeout + MARGIN, "probe": there + back}


def _asked(manager, wanted):
    """wanted: drain and timeout, as numbers or words; 0 as the timeout is the usual one."""
    return float(wanted["drain"]), float(wanted["timeout"]) or USUAL[manager]


__all__ = ("KEPT_AWAY", "STOP", "USUAL", "limits", "too_long")
