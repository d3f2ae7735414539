# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import inspect, last_look

from tests.unit.rejoin_cases import observed, old_primary, primary, target, work

PLANNED = observed(old_primary(), primary())


@pytest.fixture
def look(tmp_path, monkeypatch):
    def run(node=PLANNED.target, server=PLANNED.primary, alive=()):
        monkeypatch.setattr(last_look, "processes_in", lambda _layout: list(alive))
        monkeypatch.setattr(last_look.observe_target, "read", lambda _work: (node, inspect.blank()))
        monkeypatch.setattr(last_look.observe_primary, "read", lambda *_a, **_k: server)
        last_look.require_safe(work(tmp_path), PLANNED)

    return run


def test_all_as_planned(look):
    look()
    look(target(state="absent", system_identifier=None))
    look(old_primary(system_identifier=None, interrupted="discarding"))


CHANGED = {
    "server processes work in it": {"alive": (4711,)},
    "a server runs in it": {"node": target()},
    "its system identifier is 78": {"node": old_primary(system_identifier="78")},
    "its system identifier is None": {"node": old_primary(system_identifier=None)},
    "its system identifier is 79": {"node": old_primary(system_identifier="79", interrupted="discarding")},
    "is in recovery now": {"server": primary(in_recovery=True)},
    "is on timeline 3 now": {"server": primary(timeline=3)},
    "is this very server": {"server": primary(is_this_server=True)},
    "was on 2": {"server": primary(system_identifier="78")},
}


@pytest.mark.parametrize("words", CHANGED)
def test_whatever_changed_meanwhile_stops_it(look, words):
    with pytest.raises(Refused, match=words):
        look(**CHANGED[words])
