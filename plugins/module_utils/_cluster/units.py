# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""Numbers as people read them; machines get the exact ones. Pure."""

from __future__ import annotations

UNITS = ("KiB", "MiB", "GiB", "TiB")


def human_bytes(number):
    """Return 1536 as ``1.5 KiB``; None as ``unknown``."""
    if number is None:
        return "unknown"
    if number < 1024:
        return f"{number} byte{'' if number == 1 else 's'}"
    value, power = number / 1024, 0
    while value >= 1023.95 and power < len(UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.1f} {UNITS[power]}"


def count(number, noun):
    """Return ``1 commit``, ``3 commits``, ``an unknown number of commits``."""
    if number is None:
        return f"an unknown number of {noun}s"
    return f"{number} {noun}{'' if number == 1 else 's'}"


__all__ = ("count", "human_bytes")
