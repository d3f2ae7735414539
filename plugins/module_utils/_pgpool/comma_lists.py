# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Lists with commas: which names in them a blank keeps from matching. Pure.

Before 4.6 Pgpool-II compares a name with the blanks that stand beside its commas (its commit 7c5ef8d09, which is in no
older branch). Blanks beside a colon it always takes along, and in the lists that say where a session reads, which have
a reader of their own, those beside a comma too.
"""

from __future__ import annotations

import re

# What of an entry is compared: all of it, what stands before its colon, or that and what stands behind.
WHOLE, LEFT, BOTH = "whole", "left", "both"

# A pattern that counts the blank beside it; and quotes, which match nothing with a blank or without.
_MEANT = re.compile(r'^[*+?{|]|"|[|\\]$')


def lost(value, compared, *, trims):
    """The names that would match without their blanks. ``trims``: whether Pgpool-II drops those beside a comma."""
    entries = [one.strip() if trims else one for one in value.split(",")]
    names = [name for one in entries for name in _parts(one, compared)[: 1 if compared == LEFT else 2]]
    return list(dict.fromkeys(name.strip() for name in names if _is_lost(name)))


def without_blanks(value, compared):
    """The list to write."""
    entries = [_parts(one, compared) for one in value.split(",") if one.strip()]
    return ",".join(":".join(part.strip() if _is_lost(part) else part for part in parts) for parts in entries)


def _parts(entry, compared):
    return [entry] if compared == WHOLE else entry.split(":")


def _is_lost(name):
    bare = name.strip()
    return bare not in ("", name) and not _MEANT.search(bare)


__all__ = ("BOTH", "LEFT", "WHOLE", "lost", "without_blanks")
