# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Which passwords the stores of a database user can't hold: PostgreSQL, pass files, pool_passwd."""

from __future__ import annotations

import re
import stringprep

from .._pgpool.pool_passwd import password_problem

# RFC 4013, section 2.3 and 2.5. PostgreSQL takes a password with such characters as it is, unprepared, and Ansible
# can't compare it with the stored verifier: it would be set anew in every run.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)
_VERIFIER = re.compile(r"SCRAM-SHA-256\$|md5[0-9a-fA-F]{32}$")


def user_password_problem(password):
    """Return why a database user can't have this password, with the store's name, or None. Never quotes it."""
    password = str(password)
    if not password:
        return "it is not set, and there are no default passwords"
    if "\n" in password or "\r" in password:
        return "it contains a line break, which a pass file (.pgpass) and pool_passwd cannot hold"
    if "\0" in password:
        return "it contains a NUL, which PostgreSQL, a pass file (.pgpass) and pool_passwd cannot hold"
    if _VERIFIER.match(password):
        return "PostgreSQL would take it for a password that is already hashed"
    problem = password_problem(password)
    if problem is not None:
        return problem
    if any(prohibited(character) for character in password for prohibited in _PROHIBITED):
        return (
            "it contains a control character or one that SASLprep, the preparation of SCRAM passwords, prohibits "
            "(emoji are among them), so that PostgreSQL's verifier could not be compared with it"
        )
    if _mixes_directions(password):
        return "it mixes writing directions in a way that SASLprep prohibits"
    return None


def _mixes_directions(password):
    """RFC 3454, section 6: with a right-to-left character, it starts and ends with one and has no other letters."""
    right_to_left = [stringprep.in_table_d1(character) for character in password]
    if not any(right_to_left):
        return False
    return not (right_to_left[0] and right_to_left[-1]) or any(map(stringprep.in_table_d2, password))


def password_problems(passwords):
    """Return sentences that name the variable, for a mapping of variable to password."""
    problems = ((name, user_password_problem(password)) for name, password in sorted(passwords.items()))
    return [f"{name}: {problem}" for name, problem in problems if problem]


__all__ = ("password_problems", "user_password_problem")
