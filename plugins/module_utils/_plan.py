# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import typing as t

from ._errors import Refused


class Step(t.NamedTuple):
    """One thing that will be done, and why."""

    action: str
    reason: str

    def to_result(self):
        return {"action": self.action, "reason": self.reason}


class Refusal(t.NamedTuple):
    """Why nothing will be done, and the way out."""

    attempted: str
    server: str
    seen: str
    next_step: str
    evidence: dict

    def to_error(self):
        return Refused(
            self.attempted, server=self.server, seen=self.seen, next_step=self.next_step, evidence=self.evidence
        )


class Plan(t.NamedTuple):
    """What a pure ``plan(observed, desired)`` decides: steps in order, or a refusal.

    No steps and no refusal means that the wanted state is already there.
    """

    summary: str
    steps: tuple = ()
    refusal: Refusal | None = None

    @property
    def changes(self):
        return bool(self.steps)

    def require_allowed(self):
        """Raise ``Refused`` if this plan is a refusal."""
        if self.refusal is not None:
            raise self.refusal.to_error()

    def to_result(self):
        return {
            "summary": self.summary,
            "steps": [step.to_result() for step in self.steps],
            "refused": self.refusal is not None,
        }


__all__ = ("Plan", "Refusal", "Step")
