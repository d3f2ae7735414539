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
    """Why the cache cannot be like this with so many pgpools; an empty text when it can.

    Also with memcached a pgpool keeps in files of its own which answers a table is part of (``memqcache_oiddir``): a
    write through one pgpool cannot find, and so does not remove, what another one has cached.
    """
    chosen = mode(value)
    if not chosen:
        return (
            f'pgops_query_cache is "{value}", which is none of off, shmem and memcached. '
            "Next: write one of these, or leave it out (off)"
        )
    if chosen != OFF and pgpools > 1:
        return (
            f"pgops_query_cache is {chosen}, and there are {pgpools} pgpools: each knows only the answers that it has "
            "cached itself, so the others go on serving what one of them has changed. Next: leave it off"
        )
    if chosen == MEMCACHED and not str(host).strip():
        return (
            "pgops_query_cache is memcached, and pgops_memcached_host is not set. "
            "Next: set it to the address of your memcached, or write shmem or off"
        )
    return ""


__all__ = ("MEMCACHED", "OFF", "SHMEM", "mode", "problem")
