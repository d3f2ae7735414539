# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import claim, handover
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import moving_limits as ml
from ansible_collections.pgops.pgpool.plugins.modules import vip_handover

from tests.unit.house import text

GIVE_UP = 3  # seconds that keepalived has at most to obey


def wanted(drain=2, timeout=0):
    return {"drain": drain, "timeout": timeout}


@pytest.mark.parametrize(
    ("manager", "drain", "timeout", "allowed"),
    [
        ("keepalived", 2, 0, True),
        ("keepalived", "20", "0", True),  # -e gives words
        ("keepalived", 20.5, 0, False),
        ("keepalived", 0, 25, True),
        ("keepalived", 0, 26, False),
        ("keepalived", 0.5, 25, False),
        ("watchdog", 2, 0, True),
        ("watchdog", 85, 0, True),
        ("watchdog", 86, 0, False),
        ("watchdog", 0, 125, True),
        ("watchdog", 25, 101, False),
        ("keepalived", -1, 0, False),
        ("keepalived", 0, -5, False),
        ("watchdog", "nan", 0, False),
        ("watchdog", "inf", 0, False),
    ],
)
def test_what_may_be_asked_for(manager, drain, timeout, allowed):
    assert (ml.too_long(manager, wanted(drain, timeout)) is None) is allowed
    assert set(ml.limits(manager, wanted(drain, timeout))) == {"timeout", "way_back", "return_after", "probe"}


def test_a_refusal_says_what_was_asked_what_is_possible_and_what_to_ask_for():
    seen, way_out = ml.too_long("keepalived", wanted(60))
    for words in ("move_vip_drain (60 s)", "move_vip_timeout (5 s)", "at most 25 s", "after 60 s"):
        assert words in seen
    assert way_out == "-e move_vip_drain=20 is the most with the usual move_vip_timeout (5 s)"
    seen, way_out = ml.too_long("watchdog", wanted(10, 120))
    assert "move_vip_timeout (120 s)" in seen and "counts for 180 s" in seen
    assert way_out == "-e move_vip_drain=85 is the most with the usual move_vip_timeout (40 s)"


EVERY = [
    (manager, drain, timeout)
    for manager in ("keepalived", "watchdog")
    for drain in range(0, 200, 5)
    for timeout in (0, 1, 5, 25, 40, 100, 125)
    if ml.too_long(manager, wanted(drain, timeout)) is None
]


@pytest.mark.parametrize(("manager", "drain", "timeout"), EVERY)
def test_nothing_that_undoes_a_move_by_itself_comes_before_its_end(manager, drain, timeout):
    """The times of tasks/change.yml and tasks/give_up.yml, one after the other; Ansible takes 12 s in between."""
    limits, ansible = ml.limits(manager, wanted(drain, timeout)), 12
    stop = ml.STOP if manager == "watchdog" else GIVE_UP
    given_up = drain + stop
    failed = given_up + limits["timeout"]
    back = failed + limits["way_back"]
    assert back + ansible < claim.LIMIT
    if manager == "keepalived":
        assert back + ansible < ml.KEPT_AWAY  # the others were told before the drain
    else:
        assert failed - drain + ansible < limits["return_after"]  # the timer is set after the drain
    assert back + stop + limits["timeout"] + ansible < limits["probe"]


@pytest.mark.parametrize(("manager", "seconds"), [("keepalived", 5), ("watchdog", 40)])
def test_what_is_usual(manager, seconds):
    found = ml.limits(manager, wanted(2))
    assert found == {"timeout": seconds, "way_back": 15, "return_after": seconds + 40, "probe": 2 * seconds + 97}
    assert ml.limits(manager, wanted(2, 7))["timeout"] == 7


def test_the_figures_are_those_of_the_hosts():
    back = re.search(r"moved_away\) < (\d+) ", text("roles/vip/templates/pgops-vip-back.service.j2"))
    stop = re.search(r"^TimeoutStopSec=(\d+)$", text("roles/pgpool/templates/pgpool2.service.conf.j2"), re.M)
    assert int(back[1]) == ml.KEPT_AWAY
    assert 2 * int(stop[1]) == ml.STOP  # its processes, and what follows their end
    assert vip_handover.argument_spec()["claim_limit"]["default"] == claim.LIMIT
    assert handover.Wanted._field_defaults["claim_limit"] == claim.LIMIT
