# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The linter's findings as lines for people."""

from __future__ import annotations

from .lint_texts import ERROR


def lines_of(problems):
    """One line for each problem: what, why, what next."""
    return [_line(one) for one in problems]


def _line(one):
    where = f" (line {one.line})" if one.line else ""
    return f"{one.level}: {one.name} {one.what}{where}. Why: {one.why}. Next: {one.next}. [{one.rule}]".replace(
        ":  ", ": "
    )


def change_lines(changes):
    """One line for each change."""
    return [f"{one.name}: {one.old} -> {one.new} [{one.apply}]" for one in changes]


def verdict(problems, changes=None):
    """One line that sums up."""
    errors = sum(one.level == ERROR for one in problems)
    said = f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}"
    return said if changes is None else f"{said}; {_count(len(changes), 'setting')} would be another"


def _count(number, word):
    return f"{number} {word}" + ("" if number == 1 else "s")


__all__ = ("change_lines", "lines_of", "verdict")
