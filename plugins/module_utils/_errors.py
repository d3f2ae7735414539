# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations


class PgopsError(Exception):
    """An error that says what was attempted, on which server, what was seen and what to do next.

    ``code`` is a stable word for machines; subclasses set their own. ``evidence`` is JSON-serialisable.
    """

    code = "error"

    def __init__(self, attempted, *, server, seen, next_step, evidence=None, code=None):
        self.attempted = attempted
        self.server = server
        self.seen = seen
        self.next_step = next_step
        self.evidence = evidence or {}
        if code is not None:
            self.code = code
        super().__init__(str(self))

    def __str__(self):
        return f"Could not {self.attempted} on {self.server}: {self.seen.rstrip('.')}. Next: {self.next_step}"

    def to_result(self):
        """Return keyword arguments for ``fail_json``."""
        return {
            "msg": str(self),
            "error": {
                "code": self.code,
                "attempted": self.attempted,
                "server": self.server,
                "seen": self.seen,
                "next_step": self.next_step,
                "evidence": self.evidence,
            },
        }


class Refused(PgopsError):
    """The plan says no: nothing was changed."""

    code = "refused"

    def __str__(self):
        return f"Refused to {self.attempted} on {self.server}: {self.seen.rstrip('.')}. Next: {self.next_step}"


class Unreachable(PgopsError):
    """The service did not answer (connection refused, no route, time-out)."""

    code = "unreachable"


class AuthenticationFailed(PgopsError):
    """The service answered and rejected the credentials."""

    code = "authentication_failed"


class CommandFailed(PgopsError):
    """A command ended with an error, or did not end in time."""

    code = "command_failed"


class ParseError(PgopsError):
    """An answer had a shape that is not understood; the offending text is quoted."""

    code = "parse_error"


class NotVerified(PgopsError):
    """The steps ran, and the state read afterwards is not the one wanted."""

    code = "not_verified"


__all__ = (
    "AuthenticationFailed",
    "CommandFailed",
    "NotVerified",
    "ParseError",
    "PgopsError",
    "Refused",
    "Unreachable",
)
