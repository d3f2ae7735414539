# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""``pgops_query_cache``: what a person may write, and what must not be. Pure."""

from __future__ import annotations

OFF, SHMEM, MEMCACHED = "off", "shmem", "memcached"
_WORDS = {OFF: OFF, "false": OFF, "no": OFF, SHMEM: SHMEM, MEMCACHED: MEMCACHED}


def mode(value):
    """Return off, shmem or memcached; empty: none of them. YAML takes ``off`` for false."""
    return _WORDS.get(str(value).strip().lower(), "")


def problem(value, pgpools, host):
    """Why the cache cannot be like this with so many pgpools; an empty text when it can."""
    chosen = mode(value)
    if not chosen:
        return f'pgops_query_cache is off, memcached or shmem, found "{value}"'
    if chosen == SHMEM and pgpools > 1:
        return (
            f"pgops_query_cache is shmem, and there are {pgpools} pgpools: each would keep a cache of its own and go on serving "
            "what another one has changed"
        )
    if chosen == MEMCACHED and not str(host).strip():
        return "pgops_query_cache is memcached, and pgops_memcached_host is not set"
    return ""


__all__ = ("MEMCACHED", "OFF", "SHMEM", "mode", "problem")
