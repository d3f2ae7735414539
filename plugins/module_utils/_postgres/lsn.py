# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import re

from .._errors import ParseError

_LSN = re.compile(r"^([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})$")
_FOUR_GIB = 1 << 32


def parse(text):
    """Return the byte position that an LSN such as ``16/B374D848`` means."""
    match = _LSN.match(str(text).strip())
    if match is None:
        raise ParseError(
            "read a WAL position (LSN)",
            server="this host",
            seen=f"{text!r} does not look like 16/B374D848",
            next_step="give the LSN as PostgreSQL prints it: two hexadecimal numbers with a slash between",
        )
    return (int(match.group(1), 16) << 32) + int(match.group(2), 16)


def render(position):
    """Return a byte position as PostgreSQL prints it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def diff(a, b):
    """Return ``a - b`` in bytes; both are texts."""
    return parse(a) - parse(b)


def latest(*texts):
    """Return the greatest of the LSN texts (None and ``0/0`` mean unknown), or None."""
    known = [text for text in texts if text is not None and parse(text) > 0]
    return max(known, key=parse) if known else None


def wal_file_name(timeline, lsn, segment_size):
    """Return the name of the WAL file that holds the byte at ``lsn`` (an int or a text).

    ``pg_walfile_name`` differs at an exact file boundary: it names the file that ends there.
    """
    position = lsn if isinstance(lsn, int) else parse(lsn)
    per_id = _FOUR_GIB // segment_size
    number = position // segment_size
    return f"{timeline:08X}{number // per_id:08X}{number % per_id:08X}"


__all__ = ("diff", "latest", "parse", "render", "wal_file_name")
