# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import query_cache


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("off", "off"),
        (False, "off"),
        ("False", "off"),
        (" Memcached", "memcached"),
        ("shmem", "shmem"),
        ("on", ""),
        (True, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_what_a_person_may_write(value, mode):
    assert query_cache.mode(value) == mode


@pytest.mark.parametrize(
    ("value", "pgpools", "host", "words"),
    [
        ("off", 2, "", ""),
        ("shmem", 1, "", ""),
        ("memcached", 1, "10.1.7.1", ""),
        ("off", 3, "", ""),
        ("shmem", 2, "", "each knows only the answers that it has cached itself"),
        ("memcached", 2, "10.1.7.1", "is memcached, and there are 2 pgpools"),
        ("memcached", 1, " ", "is memcached, and pgops_memcached_host is not set"),
        ("on", 1, "", 'is "on", which is none of off, shmem and memcached'),
        (True, 1, "", 'is "True", which is none of off, shmem and memcached'),
    ],
)
def test_what_must_not_be(value, pgpools, host, words):
    problem = query_cache.problem(value, pgpools, host)
    assert (words in problem) if words else problem == ""
    assert ("pgops_query_cache" in problem and "Next: " in problem) == bool(words)
