# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""``write_function_list``: which functions it misses when they are called with their schema. Pure.

Pgpool-II splits the list at every comma, and takes each entry for an extended regular expression without regard to
case, with ^ before it and $ behind it where they are not there. Since 4.2 it looks for schema.name with it when the
call gives a schema, and for the name when not; before, always for the name. Here no blank beside a comma belongs to an
entry, whatever the version (comma_lists.py tells where it does).
"""

from __future__ import annotations

import re

from . import comma_lists

ANY_SCHEMA = "(.*[.])?"

# A name, or the beginning of names as set_.* (app.* may well be meant for a schema).
_BARE = re.compile(r"\^?(?P<name>(\w|\[[$]\]|\\[$])+?)(?P<more>(?<=_)[.][*+])?[$]?")
_DOT = re.compile(r"\[[.]\]|\\?[.]")
_NAMED_CLASS = re.compile(r"\[:\w+:\]")


def missed(value):
    """The entries that match a function by its name alone, and in no schema that the list knows."""
    entries = _split(value)
    return [one for one in dict.fromkeys(entries) if _is_missed(one, entries)]


def mended(value):
    """The list to write: what was missed is known in any schema."""
    entries = _split(value)
    return ",".join(re.sub(r"^\^?", ANY_SCHEMA, one) if _is_missed(one, entries) else one for one in entries)


def matches(entry, called):
    """Whether Pgpool-II finds a call in an entry."""
    pattern = ("" if entry.startswith("^") else "^") + entry + ("" if entry.endswith("$") else "$")
    try:
        return bool(re.search(_NAMED_CLASS.sub(r"\\w", pattern), called, re.IGNORECASE))
    except re.error:
        return False


def _split(value):
    return [one for one in comma_lists.without_blanks(value, comma_lists.WHOLE).split(",") if one]


def _is_missed(entry, entries):
    bare = _BARE.fullmatch(entry)
    if not bare:
        return False
    name = re.sub(r"[]\[\\]", "", bare["name"]) + ("x" if bare["more"] else "")
    return not any(_knows_in_a_schema(other, name) for other in entries)


def _knows_in_a_schema(entry, name):
    behind_the_schema = _DOT.split(entry, maxsplit=1)[1:]
    return matches(entry, f"anyschema.{name}") or any(matches(one, name) for one in behind_the_schema)


__all__ = ("ANY_SCHEMA", "matches", "mended", "missed")
