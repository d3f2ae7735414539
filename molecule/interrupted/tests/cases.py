# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is walked: steps of each rung, before, during and after, and what strikes there."""

from __future__ import annotations

import os
import typing as t

BEFORE, DURING, AFTER = "before", "during", "after"
CONTROL = "control"  # ansible-playbook and its SSH sessions are killed; what runs on the node goes on
MODULE = "module"  # the module's process on the node is killed
HOST = "host"  # the node loses its power, and boots
POSTMASTER = "postmaster"  # the server that the run has just started on the node is killed
PRIMARY = "primary"  # the primary's postmaster is killed
NETWORK = "network"  # nothing comes from the primary any more


class Case(t.NamedTuple):
    """``at_once``: the second run begins while what the first left still works. ``playbook``: both are playbooks."""

    rung: str
    step: str
    when: str
    strike: str
    at_once: bool = False
    playbook: bool = False

    def __str__(self):
        words = f"{self.rung}: {self.strike} {self.when} {self.step}"
        return words + (", at once" if self.at_once else "") + (", by playbook" if self.playbook else "")

    @property
    def keeps(self):
        """Is there something that only this node has?"""
        return self.rung != "start"


RUNGS = {
    "start": {"start": (BEFORE, AFTER)},
    "rewind": {
        "crash recovery": (BEFORE, DURING, AFTER),
        "rehearsal": (BEFORE, AFTER),
        "salvage": (BEFORE, DURING, AFTER),
        "rewind": (BEFORE, DURING, AFTER),
        "start": (BEFORE, AFTER),
    },
    "delta": {"rsync": (BEFORE, DURING, AFTER), "start": (BEFORE, AFTER)},
    "basebackup": {"basebackup": (BEFORE, DURING, AFTER), "start": (BEFORE, AFTER)},
}
COPYING = ("rewind", "rsync", "basebackup")  # steps that talk to the primary for long


def walk():
    """Every case: the module and the host are struck everywhere, the others where they make a difference."""
    for rung, steps in RUNGS.items():
        for step, points in steps.items():
            for when in points:
                yield Case(rung, step, when, MODULE)
                yield Case(rung, step, when, HOST)
                if step == "start" and when == AFTER:
                    yield Case(rung, step, when, POSTMASTER)
                if when == DURING:
                    yield Case(rung, step, when, MODULE, at_once=True)
                    yield Case(rung, step, when, CONTROL, at_once=True)
                    yield Case(rung, step, when, CONTROL, playbook=True)
                if step in COPYING and when != AFTER:
                    yield Case(rung, step, when, PRIMARY)
                    yield Case(rung, step, when, NETWORK)


# The points at which most is at stake; these are a part of `make test`, all of them of `make test-matrix`.
ALWAYS = (
    Case("rewind", "salvage", DURING, MODULE, at_once=True),
    Case("rewind", "rewind", DURING, HOST),
    Case("rewind", "rewind", AFTER, MODULE),
    Case("start", "start", AFTER, POSTMASTER),
    Case("basebackup", "basebackup", DURING, PRIMARY),
    Case("rewind", "rewind", DURING, CONTROL, playbook=True),  # the last: it leaves the node in the pool
)


def chosen():
    """The cases of this run; PGOPS_WALK is "all", empty, or parts of the names of cases with ";" between them."""
    wanted = os.environ.get("PGOPS_WALK", "")
    if not wanted:
        return list(ALWAYS)
    every = [case for case in walk() if case not in ALWAYS] + list(ALWAYS)
    parts = [""] if wanted == "all" else wanted.split(";")
    return [case for case in every if any(part in str(case) for part in parts)]
