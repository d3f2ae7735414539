# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The last look before anything is destroyed, in the same process: nothing runs there, and it is the right place."""

from __future__ import annotations

from .._errors import Refused
from . import observe_primary, observe_target
from .overrides import here
from .server_control import processes_in


def require_safe(work, observed):
    """Raise unless the directory is at rest and the primary still is the one that the plan was made for."""
    problem = _at_target(work, observed) or _at_primary(work, observed)
    if problem:
        raise Refused(
            f"overwrite {work.data_directory}",
            server=here(),
            seen=problem,
            next_step="something changed while this ran: look at it (check_cluster.yml), then run this again",
        )


def _at_target(work, observed):
    alive = processes_in(work.layout)
    if alive:
        return f"server processes work in it: {alive}"
    target, _evidence = observe_target.read(work)
    if target.running:
        return "a server runs in it"
    expected = (observed.primary.system_identifier,) + ((None,) if target.interrupted else ())
    if target.exists and target.system_identifier not in expected:
        return (
            f"its system identifier is {target.system_identifier}, the primary's {observed.primary.system_identifier}"
        )
    return ""


def _at_primary(work, observed):
    before = observed.primary
    now = observe_primary.read(work.desired, os_user=work.user, local_port=work.layout.port)
    if now.in_recovery:
        return f"{now.server} is in recovery now"
    if now.system_identifier != before.system_identifier or now.timeline != before.timeline:
        return f"{now.server} is on timeline {now.timeline} now, it was on {before.timeline}"
    if now.is_this_server:
        return f"{now.server} is this very server"
    return ""


__all__ = ("require_safe",)
