# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.switch_back import standing, switch_back

from tests.unit.switch_cases import NEW, OLD, THIRD, failed, stand, taken_back


def back(module=None, answers=None):
    return switch_back(module or failed("stopping"), answers or stand(), {"primary": OLD}, NEW)


UNREACHABLE = {"unreachable": True, "changed": False, "msg": "Failed to connect to the host via ssh"}
REFUSED = {"failed": True, "msg": "Refused", "error": {"code": "refused", "evidence": {}}}  # before its first step
NOTHING_TO_DO = {"changed": False, "plan": {"steps": []}, "lag_bytes": None}  # it is the primary already


@pytest.mark.parametrize(
    ("module", "stage"),
    [
        (failed("before"), "before"),
        (failed("stopping"), "stopping"),
        (failed("promoting"), "promoting"),
        (failed(), "stopping"),
        ({"failed": True, "msg": "MODULE FAILURE", "error": None}, "stopping"),
        (REFUSED, "before"),
        (UNREACHABLE, "stopping"),
        (NOTHING_TO_DO, "stopping"),
    ],
)
def test_how_far_it_came_and_where_that_is_not_known_the_primary_may_be_down(module, stage):
    assert back(module)["stage"] == stage


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (failed("before"), "It did not work"),
        (UNREACHABLE, "Failed to connect to the host via ssh"),
        (failed(msg=""), "The switch did not come about."),
        (NOTHING_TO_DO, "The switch did not come about."),
    ],
)
def test_why(module, words):
    assert back(module)["why"] == words


@pytest.mark.parametrize(
    ("module", "answers", "promoted", "others", "goes_back"),
    [
        (failed("stopping"), stand(), False, [], True),
        (failed("stopping"), stand(old="primary"), False, [], True),  # its shutdown goes on, or was never begun
        (failed("stopping"), stand()[:2], False, [], True),
        (failed("stopping"), stand(third=None), False, [], True),
        (failed(), stand(), False, [], True),
        (UNREACHABLE, stand(), False, [], False),  # what was begun there may go on, even if it answers again
        (UNREACHABLE, stand(new=None), False, [], False),
        (failed("stopping"), stand(new=None), False, [], True),  # that has ended, with an error
        (failed(), stand(new=None), False, [], True),
        (UNREACHABLE, stand(new="primary"), True, [], False),
        (failed("stopping"), stand(new="primary"), True, [], False),
        (NOTHING_TO_DO, stand(new="primary"), True, [], False),
        (failed("promoting"), stand(new="primary"), True, [], False),
        (failed("stopping"), stand(third="primary"), False, [THIRD], False),
        (failed("stopping"), stand(new="primary", third="primary"), True, [THIRD], False),
        (failed("stopping"), stand(old=None), False, [], False),
        (failed("stopping"), stand(old=None, third="primary"), False, [THIRD], False),
        (failed("before"), stand(old="primary"), False, [], False),
        (REFUSED, stand(old="primary"), False, [], False),
        (failed("promoting"), stand(), False, [], False),
    ],
)
def test_the_old_primary_is_started_again_unless_there_is_another_or_it_can_not_be_reached(
    module, answers, promoted, others, goes_back
):
    found = back(module, answers)
    assert (found["promoted"], found["others"], found["goes_back"]) == (promoted, others, goes_back)
    assert (found["primary"], found["target"]) == (OLD, NEW)


MEANWHILE = f"{THIRD} was promoted meanwhile, and {OLD} is left as it is. Next: ansible-playbook check_cluster.yml"
LOOSE = (
    f"What was begun on {NEW} may go on there, and failover.sh may promote it as well: {OLD} {{}}. "
    f"Next: ansible-playbook check_cluster.yml; if nobody is the primary in a minute, start {OLD} by hand"
)
AGAIN = f"{OLD} was started again and is the primary as before; pgpools that did not take it back: "


@pytest.mark.parametrize(
    ("module", "answers", "reattached", "words"),
    [
        (failed("before"), stand(old="primary"), [], f"Nothing was changed: {OLD} still is the primary."),
        (failed("promoting"), stand(), [], f"{OLD} is down, cleanly, and {NEW} has all of its data."),
        (failed("stopping"), stand(third="primary"), [], MEANWHILE),
        (failed("stopping"), stand(old=None, third="primary"), [], MEANWHILE),
        (
            failed("stopping"),
            [*stand(third="primary"), {"item": {"name": "postgres-db4"}, "postgres": {"role": "primary"}}],
            [],
            f"{THIRD} and postgres-db4 were promoted meanwhile, and {OLD} is left as it is. "
            "Next: ansible-playbook check_cluster.yml",
        ),
        (failed("promoting"), stand(third="primary"), [], MEANWHILE),  # its words ask to promote the target by hand
        (failed("before"), stand(old=None, third="primary"), [], MEANWHILE),
        *[
            (
                failed("before"),
                stand(old=role),
                [],
                f"Nothing was changed, but {OLD} does not answer as the primary: failover.sh decides whether {NEW} is "
                "promoted.",
            )
            for role in ("down", "standby", None)
        ],
        (
            failed("stopping"),
            stand(old=None),
            [],
            f"{OLD} can not be reached: failover.sh decides whether {NEW} is promoted.",
        ),
        (UNREACHABLE, stand(new=None), [], LOOSE.format("is left as it is")),
        (UNREACHABLE, stand(new=None, old=None), [], LOOSE.format("is left as it is")),
        (UNREACHABLE, stand(new=None, old="primary"), [], LOOSE.format("still is the primary and may be stopped")),
        (failed("stopping"), stand(), taken_back(), AGAIN + "none."),
        (failed("stopping"), stand(), [], AGAIN + "none."),
        (failed(), stand(), taken_back("app-server2"), AGAIN + "app-server2: no."),
        (
            failed("stopping"),
            stand(),
            [*taken_back("app-server1"), {"item": {"name": "app-server3"}, "unreachable": True}],
            AGAIN + "app-server1: no; app-server3: no answer.",
        ),
    ],
)
def test_where_things_stand(module, answers, reattached, words):
    assert standing(back(module, answers), reattached) == words
