# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role switch_primary tells failover.sh, and what it does when a switch does not come about."""

from __future__ import annotations

import pytest
import yaml

from tests.unit.switch_cases import NEW, OLD, THIRD, failed, stand, taken_back

from .rendering import ROLES, cluster, value_of


def tasks_of(name):
    return yaml.safe_load((ROLES / "switch_primary" / "tasks" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "0 to 1 50 230"),
        ({"switch_primary_stop_timeout": "3", "switch_primary_checkpoint_timeout": "60"}, "0 to 1 38 158"),
        ({"switch_primary_replay_timeout": 30}, "0 to 1 80 260"),
    ],
)
def test_failover_sh_is_told_who_hands_over_to_whom_and_for_how_long(asked, words):
    note = tasks_of("switch.yml")[0]["block"][0]["vars"]["__switch_primary_words"]
    variables = {**cluster(), "pgops_backend_id": 1, "switch_primary_gate": {"primary_id": 0}, **asked}
    assert value_of("switch_primary", note, variables) == words


UNREACHABLE = {"unreachable": True, "msg": "It did not work"}


def went_back(module, answers, reattached=None):
    """What back.yml does of its tasks after the first one, and what it says."""
    variables = {
        **cluster(databases=3),
        "inventory_hostname": NEW,
        "switch_primary_gate": {"primary": OLD, "primary_id": 0},
        "__switch_primary_done": module,
        "__switch_primary_where": {"results": answers},
    }
    if reattached is not None:
        variables["__switch_primary_reattached"] = {"results": reattached}
    start, forget, fail = tasks_of("back.yml")[1:]

    def does(task):
        return value_of("switch_primary", f"{{{{ {task['when']} }}}}", variables)

    words = value_of("switch_primary", fail["ansible.builtin.fail"]["msg"], {**variables, **fail["vars"]})
    return does(start), does(forget), words if does(fail) else None


@pytest.mark.parametrize(
    ("module", "answers", "reattached", "starts", "forgets", "said"),
    [
        (failed("before"), stand(old="primary"), None, False, True, f"Nothing was changed: {OLD} still is"),
        (failed("stopping"), stand(), taken_back(), True, True, "did not take it back: none."),
        (failed(), stand(), taken_back("app-server1"), True, True, "did not take it back: app-server1: no."),
        (failed("stopping"), stand(old=None), None, False, True, "can not be reached: failover.sh decides"),
        (failed("stopping"), stand(third="primary"), None, False, True, f"{THIRD} was promoted meanwhile"),
        (failed("promoting"), stand(), None, False, False, f"{OLD} is down, cleanly, and {NEW} has all of its data."),
        (UNREACHABLE, stand(), None, False, False, f"What was begun on {NEW} may go on there"),
        (failed("promoting"), stand(new="primary"), None, False, False, None),
        (failed("stopping"), stand(new="primary"), None, False, True, None),
    ],
)
def test_the_way_back(module, answers, reattached, starts, forgets, said):
    found = went_back(module, answers, reattached)
    assert found[:2] == (starts, forgets)
    if said is None:
        assert found[2] is None
    else:
        assert found[2].startswith("It did not work ") and said in found[2]


def test_without_a_way_back_it_says_why_there_is_no_primary():
    message = tasks_of("back.yml")[1]["rescue"][0]["ansible.builtin.fail"]["msg"]
    variables = {
        **cluster(),
        "inventory_hostname": NEW,
        "switch_primary_gate": {"primary": OLD},
        "__switch_primary_done": failed("stopping"),
        "__switch_primary_where": {"results": stand()},
        "ansible_failed_result": {"msg": "no room"},
    }
    assert value_of("switch_primary", message, variables).startswith(
        f"It did not work {OLD} could not be started again (no room): there is no primary, and nobody was promoted."
    )


@pytest.mark.parametrize(("running", "permitted"), [(False, True), (True, False)])
def test_only_a_start_is_permitted(running, permitted):
    """A permit that no start uses up would be there for the next one, whatever was promoted until then."""
    (permit,) = [task for task in tasks_of("restart.yml") if "--permit" in str(task)]
    variables = {**cluster(), "__switch_primary_down": {"postgres": {"running": running, "accepting": running}}}
    assert value_of("switch_primary", f"{{{{ {permit.get('when', True)} }}}}", variables) is permitted
