# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import forks

from tests.unit.rejoin_cases import FORK, old_primary, primary, stopped, switch, target

CASES = {
    "standby behind its primary": (stopped(), primary(), forks.PREFIX, None),
    "old primary, all of it received": (old_primary(lsn=FORK), primary(), forks.PREFIX, FORK),
    "old primary, one byte more": (old_primary(lsn=FORK + 1), primary(), forks.DIVERGED, FORK),
    "both promoted themselves to 2": (
        old_primary(timeline=2, history=(switch(1, FORK - 0x100),)),
        primary(),
        forks.DIVERGED,
        FORK - 0x100,
    ),
    "own timeline, begun after the primary had left": (
        old_primary(timeline=3, history=(switch(1, FORK + 0x10),)),
        primary(),
        forks.DIVERGED,
        FORK,
    ),
    "the primary went on by two timelines": (
        old_primary(timeline=1, lsn=FORK - 0x10),
        primary(timeline=3, history=(switch(1, FORK), switch(2, FORK + 0x900))),
        forks.PREFIX,
        FORK,
    ),
    "same timeline, more WAL than the primary": (stopped(lsn=FORK + 0x6001), primary(), forks.AHEAD, FORK + 0x6000),
    "stopped, and wrote on the primary's timeline": (stopped(wrote_itself=True), primary(), forks.TWIN, None),
    "runs as a primary on the primary's timeline": (target(state="primary"), primary(), forks.TWIN, None),
    "restored without its history": (old_primary(timeline=5), primary(), forks.UNRELATED, None),
    "no timeline known": (stopped(timeline=None), primary(), forks.UNKNOWN, None),
}


@pytest.mark.parametrize("case", CASES)
def test_where_two_histories_part(case):
    node, server, relation, lsn = CASES[case]
    fork = forks.compare(node, server)
    assert (fork.relation, fork.lsn) == (relation, lsn)


def test_an_end_that_is_not_known_is_never_called_a_part_of_the_history():
    fork = forks.compare(old_primary(lsn=FORK - 5), primary(), end_known=False)
    assert fork.relation == forks.UNKNOWN


def test_the_end_of_wal_counts_more_than_the_last_checkpoint():
    node = old_primary(lsn=FORK - 0x1000)
    assert forks.compare(node, primary(), end_lsn=FORK + 0x20).relation == forks.DIVERGED


@pytest.mark.parametrize(
    ("node", "proven"),
    [
        (old_primary(), True),
        (old_primary(timeline=2, history=(switch(1, FORK),)), False),  # the same number: it may be the live one
        (old_primary(timeline=3, history=(switch(1, FORK), switch(2, FORK + 9))), False),  # newer
        (old_primary(timeline=None), False),
    ],
)
def test_only_an_ancestor_of_the_primary_is_a_false_primary(node, proven):
    assert forks.proven_false_primary(node, primary()) is proven


def test_another_fork_of_an_older_number_is_not_proven_false():
    node = old_primary(timeline=2, history=(switch(1, FORK - 0x100),))
    server = primary(timeline=3, history=(switch(1, FORK), switch(2, FORK + 0x900)))
    assert forks.proven_false_primary(node, server) is False
