# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import forks, inspect, observe
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.facts import Tail

from tests.unit.rejoin_cases import FORK, disk, observed, old_primary, primary, stopped, switch, target, work

IDLE = primary(slot=None, sender=None)


@pytest.fixture
def look(tmp_path, monkeypatch):
    """Observe a pair; ``wal`` maps the first start asked for to the tail that pg_waldump would show."""

    def run(node, server=IDLE, wal=None, **options):
        asked = []

        def tail(*, spans, **_options):
            asked.append(spans)
            return (wal or {}).get(spans[0][1], Tail())

        monkeypatch.setattr(observe.observe_target, "read", lambda _work: (node, inspect.blank()))
        monkeypatch.setattr(observe.observe_primary, "read", lambda *_a, **_k: server)
        monkeypatch.setattr(observe.observe_primary, "read_more", lambda seen, *_a, **_k: seen._replace(data_bytes=5))
        monkeypatch.setattr(observe.disk, "read", lambda *_a, **_k: disk())
        monkeypatch.setattr(observe.wal_tail, "read", tail)
        found, _evidence = observe.observe(work(tmp_path, **options))
        return found, asked

    return run


def test_a_healthy_standby_costs_one_look(look):
    found, asked = look(target(), primary())
    assert (found.disk, found.primary.data_bytes, asked) == (None, 100 * 1024 * 1024, [])


def test_a_copy_by_name_wants_to_know_everything(look):
    assert look(target(), primary(), method="basebackup")[0].disk is not None


@pytest.mark.parametrize("server", [primary(in_recovery=True), primary(is_this_server=True)])
def test_what_will_be_refused_is_not_looked_at_further(look, server):
    assert look(stopped(), server)[0].disk is None


def test_the_end_of_wal_of_a_crashed_node_is_read(look):
    node = old_primary(lsn=FORK - 0x1000, clean=False)
    found, asked = look(node, wal={FORK - 0x1000: Tail(FORK, 9)})
    assert (found.fork.relation, found.tail.end_lsn, found.tail.commits) == (forks.PREFIX, FORK, 0)
    assert asked == [[(1, FORK - 0x1000, None)]]


def test_past_the_fork_commits_are_counted_from_the_fork_on(look):
    node = old_primary(lsn=FORK - 0x1000, clean=False)
    found, asked = look(node, wal={FORK - 0x1000: Tail(FORK + 0x500, 9), FORK: Tail(FORK + 0x500, 2)})
    assert (found.fork.relation, found.tail.commits) == (forks.DIVERGED, 2)
    assert asked[1] == [(1, FORK, None)]


def test_a_crashed_node_whose_end_is_unknown_is_not_called_a_part(look):
    found, _asked = look(old_primary(lsn=FORK - 0x1000, clean=False))
    assert found.fork.relation == forks.UNKNOWN


def test_without_pg_waldump_the_clean_stop_of_a_primary_is_enough(look):
    assert look(old_primary(lsn=FORK - 0x1000))[0].fork.relation == forks.PREFIX
    assert look(old_primary(lsn=FORK))[0].fork.relation == forks.DIVERGED, "the checkpoint begins at the fork"
    found = look(stopped(timeline=1, history=(), lsn=FORK))[0]
    assert found.fork.relation == forks.UNKNOWN, "a standby may have received more than it replayed"


def test_a_running_old_primary_is_read_up_to_where_it_is(look):
    found, asked = look(old_primary(state="primary"), wal={FORK: Tail(FORK + 0x1990, 3)})
    assert asked == [[(1, FORK, FORK + 0x2000)]]
    assert (found.tail.end_lsn, found.tail.commits) == (FORK + 0x2000, 3)


def test_a_running_standby_is_not_read(look):
    found, asked = look(target(receiver=None))
    assert (asked, found.fork.relation) == ([], forks.PREFIX)


@pytest.mark.parametrize("node", [stopped(wrote_itself=True), stopped(lsn=FORK + 0x9000)])
def test_without_a_fork_commits_past_it_mean_nothing(look, node):
    found, _asked = look(node, wal={node.lsn: Tail(node.lsn, 0)})
    assert found.tail.commits is None


def test_an_empty_place_has_no_wal(look):
    node = target(state="absent", timeline=None, lsn=None, history=(), system_identifier=None, receiver=None)
    found, asked = look(node)
    assert (asked, found.fork.relation) == ([], forks.UNKNOWN)
    assert found.disk is not None


def test_the_stretches_of_a_node_that_went_through_two_timelines():
    node = old_primary(timeline=4, history=(switch(1, FORK + 0x10), switch(3, FORK + 0x80)), lsn=FORK + 0x100)
    assert observe.spans(observed(node, IDLE), None) == [
        (1, FORK, FORK + 0x10),
        (3, FORK + 0x10, FORK + 0x80),
        (4, FORK + 0x80, None),
    ]
