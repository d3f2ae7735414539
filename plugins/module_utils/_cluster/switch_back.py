# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A planned switch that did not come about: where it stands, whether to go back, and what to say. Pure."""

from __future__ import annotations

BEFORE, STOPPING, PROMOTING = "before", "stopping", "promoting"  # as pg_switchover tells them


def switch_back(module, answers, gate, target):
    """Where the switch stands. module: what pg_switchover returned; answers: a loop's results of pg_cluster_info.

    Returns stage (how far the module came), why (its words), promoted (the target is the primary all the same), remains
    (the old primary still says that it is one), others (who else says so), goes_back, and the names of the target and
    of the (old) primary.
    """
    asked = {str(answer["item"]["name"]): answer.get("postgres") or {} for answer in answers}
    primaries = [name for name, postgres in asked.items() if postgres.get("role") == "primary"]
    stage, promoted = _stage(module), target in primaries
    others = [name for name in primaries if name not in (target, gate["primary"])]
    loose = bool(module.get("unreachable")) and not promoted
    # Only a primary that Ansible reaches can be started again; with any other, failover.sh does what it does for a dead
    # one. Beside another primary, or one that may be promoted at any moment, it is not.
    able = bool(asked.get(gate["primary"])) and not (promoted or others or loose)
    return {
        "target": target,
        "primary": gate["primary"],
        "stage": stage,
        "why": module.get("msg") or "The switch did not come about.",
        "promoted": promoted,
        "remains": gate["primary"] in primaries,
        "others": others,
        "loose": loose,
        "goes_back": stage == STOPPING and able,
        "forgets": stage != PROMOTING and not loose,  # the note counts for some minutes only
    }


def _stage(module):
    """An error without a stage came before all of them; without an error nobody knows, and the primary may be down."""
    if not module.get("error"):
        return STOPPING
    return (module["error"].get("evidence") or {}).get("stage") or BEFORE


def standing(back, reattached=()):
    """Where things stand, in a sentence for the failure.

    reattached: a loop's results of pgpool_node; there are none unless the old primary was started again.
    """
    old, new = back["primary"], back["target"]
    if back["others"]:
        who = " and ".join(back["others"]) + (" was" if len(back["others"]) == 1 else " were")
        return f"{who} promoted meanwhile, and {old} is left as it is. Next: ansible-playbook check_cluster.yml"
    if back["stage"] == BEFORE and back["remains"]:
        return f"Nothing was changed: {old} still is the primary."
    if back["stage"] == BEFORE:
        return (
            f"Nothing was changed, but {old} does not answer as the primary: "
            f"failover.sh decides whether {new} is promoted."
        )
    if back["loose"]:
        is_what = "still is the primary and may be stopped" if back["remains"] else "is left as it is"
        return (
            f"What was begun on {new} may go on there, and failover.sh may promote it as well: {old} {is_what}. "
            f"Next: ansible-playbook check_cluster.yml; if nobody is the primary in a minute, start {old} by hand"
        )
    if back["stage"] == PROMOTING:
        return f"{old} is down, cleanly, and {new} has all of its data."
    if not back["goes_back"]:
        return f"{old} can not be reached: failover.sh decides whether {new} is promoted."
    left = "; ".join(_not_taken(reattached)) or "none"
    return f"{old} was started again and is the primary as before; pgpools that did not take it back: {left}."


def _not_taken(results):
    """The pgpools that did not do what pgpool_node asked of them, with their words."""
    lines = [(r["item"]["name"], str(r.get("msg") or "no answer").splitlines()[0]) for r in results if "node" not in r]
    return [f"{name}: {words}" for name, words in lines]


__all__ = ("standing", "switch_back")
