# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""``pgops_synchronous``: what a person may write, and what PostgreSQL is told. Pure."""

from __future__ import annotations

OFF, BLOCK, FALLBACK = "off", "block", "fallback"
_WORDS = {OFF: OFF, "false": OFF, "no": OFF, BLOCK: BLOCK, "true": BLOCK, "on": BLOCK, "yes": BLOCK, FALLBACK: FALLBACK}


def mode(value):
    """Return off, block or fallback; empty: none of them. YAML takes ``off`` for false, ``on`` for true."""
    return _WORDS.get(str(value).strip().lower(), "")


def standby_names(value, slots):
    """Return ``synchronous_standby_names``: one of all other databases has to have each commit. Empty: nobody waits."""
    names = sorted(slots)
    return f"ANY 1 ({', '.join(names)})" if mode(value) in (BLOCK, FALLBACK) and names else ""


__all__ = ("BLOCK", "FALLBACK", "OFF", "mode", "standby_names")
