# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster
author: pgops contributors (@pgops)
version_added: 0.1.0
short_description: Decisions over the whole cluster
description:
  - The filters that the playbooks of this collection use to put answers side by side and to decide.
  - They are private to the collection and can change at any time.
options:
  _input:
    description: What the filter works on.
    type: raw
    required: true
"""

EXAMPLES = r"""
# Used by the roles and playbooks of this collection; not meant to be called from outside.
"""

RETURN = r"""
_value:
  description: What the filter made of it.
  type: raw
"""

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import depose, depose_story, moving_story
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.findings import MAX_LAG_BYTES, findings, verdict
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.gates import deploy_gate, recovery_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.members import (
    address_of,
    database_members,
    pgpool_members,
    topology_problems,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.moving import move_gate
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.recovery import caught_up, proof, refusing, result
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.recovery_plan import described
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.screen import render
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.switch_back import standing, switch_back
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.switch_note import not_noted, note
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.switching import (
    databases,
    switch_gate,
    switch_missing,
    switch_plan,
    switch_result,
    unaware,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.synchronous import mode, standby_names
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view, node_of, with_primary
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_manager import default_manager
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_manager import vip_manager as manager_of
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_seen import holders_of, with_vip


def cluster_view(postgres_answers, pgpool_answers, databases, pgpools, vip=None, primary=""):
    """Put registered answers (loop results, or a mapping host to result) side by side."""
    view = build_view(databases, pgpools, _by_host(postgres_answers), _by_host(pgpool_answers), vip)
    if not primary:
        return view
    if node_of(view, primary) is None:
        raise AnsibleFilterError(f"{primary} was named as the primary, but is not a database host of this cluster")
    return with_primary(view, primary)


def _by_host(answers):
    if isinstance(answers, Mapping):
        return dict(answers)
    return {str(answer["item"]["name"]): answer for answer in answers}


def registered(hostvars, name, hosts):
    """What each host of a play registered under a name; a host without it (it was not in the play) is left out."""
    return {str(host): hostvars[host][name] for host in hosts if name in hostvars[host]}


def member_address(variables, name):
    """The address that the members use for the host with these variables."""
    return address_of(name, variables)


def synchronous_names(slots, value):
    """synchronous_standby_names for the slots of the other databases and a value of pgops_synchronous."""
    return standby_names(value, slots)


def vip_manager(wanted, pgpools):
    """Who moves the virtual address of these pgpools: watchdog, keepalived or systemd."""
    try:
        return manager_of(str(wanted), pgpools)
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


def vip_seen(view, answer, hostvars, asker, manager):
    """The view with who has the virtual IP: what vip_info on one pgpool host answered, beside what all said."""
    names = [proxy["host"] for proxy in view["pgpools"]]
    settings = {
        "manager": manager,
        "prefix": next((hostvars[name].get("pgops_vip_prefix") for name in names), None),
        "interfaces": {name: hostvars[name].get("pgops_vip_interface") for name in names},
    }
    return with_vip(view, answer, asker=asker, settings=settings)


def vip_holders(view):
    """Names of the hosts that have the virtual IP; None for a stranger."""
    return [one.host for one in holders_of(view)]


def cluster_report(view, max_lag_bytes=MAX_LAG_BYTES):
    """findings, verdict and the lines of the screen for a view."""
    found = findings(view, max_lag_bytes)
    word = verdict(found)
    return {"schema": 1, "verdict": word, "findings": found, "screen": render(view, found, word)}


def move_gate_of(view, target, answers, asked, wanted):
    """May the target take the virtual address? ``answers``: a loop's results of vip_handover_info."""
    return move_gate(view, target, _by_host(answers), asked, wanted)


def move_missing(view, gate, target, answers):
    """What is not as it should be after a move."""
    return moving_story.missing(view, gate, target, _by_host(answers))


def move_standing(view, answers):
    """Where things stand after a move that failed."""
    return moving_story.standing(view, _by_host(answers))


class FilterModule:
    """Decisions over the whole cluster, for the playbooks."""

    def filters(self):
        return {
            "caught_up": caught_up,
            "cluster_report": cluster_report,
            "cluster_view": cluster_view,
            "database_members": database_members,
            "deploy_gate": deploy_gate,
            "failover_deposed": depose.deposed,
            "failover_failure": depose_story.failure,
            "failover_fence": depose_story.fence_outcome,
            "failover_gate": depose.failover_gate,
            "failover_plan": depose.plan_text,
            "failover_progress": depose.progress,
            "failover_refused": depose_story.refused_promotion,
            "failover_result": depose_story.result,
            "member_address": member_address,
            "move_gate": move_gate_of,
            "move_missing": move_missing,
            "move_plan": moving_story.plan_text,
            "move_rejoined": moving_story.rejoined,
            "move_result": moving_story.move_result,
            "move_standing": move_standing,
            "pgpool_members": pgpool_members,
            "recovery_gate": recovery_gate,
            "recovery_plan": described,
            "recovery_proof": proof,
            "recovery_refusing": refusing,
            "recovery_result": result,
            "registered": registered,
            "switch_back": switch_back,
            "switch_databases": databases,
            "switch_gate": switch_gate,
            "switch_missing": switch_missing,
            "switch_plan": switch_plan,
            "switch_not_noted": not_noted,
            "switch_note": note,
            "switch_result": switch_result,
            "switch_standing": standing,
            "switch_unaware": unaware,
            "synchronous_mode": mode,
            "synchronous_names": synchronous_names,
            "topology_problems": topology_problems,
            "default_vip_manager": default_manager,
            "vip_manager": vip_manager,
            "vip_holders": vip_holders,
            "vip_seen": vip_seen,
        }
