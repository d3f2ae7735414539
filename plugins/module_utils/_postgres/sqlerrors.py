# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

from .._errors import AuthenticationFailed, CommandFailed, PgopsError, Unreachable

# libpq gives no SQLSTATE for a refused session, only the text. A server that speaks another language (lc_messages)
# is therefore "unreachable" with its text shown.
_REJECTED = (
    "authentication failed",
    "authentication error",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "no password supplied",
    "is not permitted to log in",
    "permission denied to start WAL sender",
    "must be superuser or replication role",
)
_NO_SUCH_ROLE = ("role ", " does not exist")
_BUSY = (
    "the database system is",
    "too many clients",
    "too many connections",
    "remaining connection slots are reserved",
    "number of requested standby connections exceeds",
    "is not currently accepting connections",
)

_NEXT_STEPS = {
    "42501": "grant the role the right that is missing",
    "57014": "see what that server is busy with (pg_stat_activity, pg_locks), then run this again",
}


def connect_error(exc, server, user):
    text = str(exc)
    seen = " ".join(text.split())[:500] or type(exc).__name__
    if any(word in text for word in _REJECTED) or all(word in text for word in _NO_SUCH_ROLE):
        return AuthenticationFailed(
            f"log in to PostgreSQL as {user}",
            server=server,
            seen=seen,
            next_step="compare the role, its entry in the pass file (mode 0600) and pg_hba.conf of that server",
        )
    if any(word in text for word in _BUSY):
        return unreachable(server, seen, code="not_accepting")
    return unreachable(server, seen)


def query_error(exc, server, sql):
    sqlstate = getattr(exc, "pgcode", None)
    seen = first_line(str(exc)) or type(exc).__name__
    if sqlstate is None or sqlstate.startswith(("57P", "08")):
        return unreachable(server, f"the connection ended ({seen}) at: {first_line(sql)}")
    return CommandFailed(
        f"run {first_line(sql)!r}",
        server=server,
        seen=f"{seen} (SQLSTATE {sqlstate})",
        next_step=_NEXT_STEPS.get(sqlstate, "look into the log of that PostgreSQL"),
        evidence={"sqlstate": sqlstate},
    )


def unreachable(server, seen, code=None):
    return Unreachable(
        "talk to PostgreSQL",
        server=server,
        seen=seen,
        next_step="look at the service and its log on that server, then run this again",
        code=code,
    )


def not_allowed(server, seen):
    return PgopsError(
        "talk to PostgreSQL",
        server=server,
        seen=seen,
        next_step="run the task as root (become: true), and check the option postgres_user",
        code="permission_denied",
    )


def first_line(text):
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0][:300] if lines else ""


__all__ = ("connect_error", "first_line", "not_allowed", "query_error", "unreachable")
