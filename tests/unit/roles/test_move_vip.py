# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role move_vip works out by itself."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import moving_limits

from .rendering import ROLES, cluster, value_of


@pytest.mark.parametrize("word", [True, "yes", "on", "true"])
def test_who_is_a_witness_is_read_as_everywhere_else(word):
    variables = cluster(pgpools=3)
    variables["hostvars"]["app-server3"]["pgops_pgpool_witness"] = word
    assert value_of("move_vip", "{{ __move_vip_witnesses }}", variables) == ["app-server3"]


def given(name):
    """What a task file of the role gives a module: argument to expression."""
    tasks = yaml.safe_load((ROLES / "move_vip" / "tasks" / name).read_text(encoding="utf-8"))
    return {key: value for task in tasks for module in task if "." in module for key, value in task[module].items()}


@pytest.mark.parametrize(
    ("manager", "drain", "timeout", "seconds"),
    [("keepalived", 2, 0, 5), ("keepalived", "12", "7", 7), ("watchdog", 30, 0, 40), ("watchdog", 2, 90, 90)],
)
def test_each_host_and_the_client_get_the_times_that_the_drain_asks_for(manager, drain, timeout, seconds):
    variables = {**cluster(), "move_vip_drain": drain, "move_vip_timeout": timeout, "move_vip_probe_host": "other"}
    wanted = {name: value_of("move_vip", f"{{{{ __move_vip_wanted['{name}'] }}}}", variables)
              for name in ("drain", "timeout")}  # fmt: skip
    variables["move_vip_gate"] = {"manager": manager, "limits": moving_limits.limits(manager, wanted)}
    asked = given("hand_over.yml")
    got = {name: value_of("move_vip", asked[name], variables) for name in ("drain", "timeout", "return_after")}
    assert got == {"drain": int(drain), "timeout": seconds, "return_after": seconds + 40}
    probe = value_of("move_vip", given("measure.yml")["limit"], variables)
    assert probe == int(drain) + 2 * seconds + 95


HOLDER, TARGET, THIRD = "app-server1", "app-server2", "app-server3"


def test_the_way_back_frees_the_old_holder_first_and_then_the_others():
    """A third host that is free as soon would take the address: with keepalived the fastest one has it."""
    tasks = yaml.safe_load((ROLES / "move_vip" / "tasks" / "give_up.yml").read_text(encoding="utf-8"))
    variables = {
        **cluster(pgpools=3),
        "inventory_hostname": TARGET,
        "move_vip_gate": {"manager": "keepalived", "holder": HOLDER, "limits": {"way_back": 15}},
        "observe_view": {"pgpools": [{"host": host, "host_answered": True} for host in (HOLDER, TARGET, THIRD)]},
    }
    acts = [task for task in tasks if task.get("ansible.builtin.include_tasks") == "hand_over.yml"]
    told = [(act["vars"]["__move_vip_state"], value_of("move_vip", act["vars"]["__move_vip_hosts"], variables))
            for act in acts]  # fmt: skip
    assert told == [("back", [HOLDER]), ("taken", [HOLDER]), ("back", [TARGET, THIRD])]
    assert not any("when" in act for act in acts)  # the others are freed whatever the old holder does
    (act,) = yaml.safe_load((ROLES / "move_vip" / "tasks" / "hand_over.yml").read_text(encoding="utf-8"))
    assert act["failed_when"] is False and act["ignore_unreachable"] is True


@pytest.mark.parametrize(
    ("leftovers", "words"),
    [([], "."), ([HOLDER, THIRD], f" but that an interrupted move was brought to its end on {HOLDER}, {THIRD}.")],
)
def test_who_gives_way_to_another_run_says_what_it_has_ended_before(leftovers, words):
    """move.yml ends it before the claim: a pgpool was started again, or a host was freed."""
    tasks = yaml.safe_load((ROLES / "move_vip" / "tasks" / "claim.yml").read_text(encoding="utf-8"))
    said = tasks[-1]["block"][-1]["ansible.builtin.fail"]["msg"]
    known = {"inventory_hostname": TARGET, "move_vip_failure": "why", "move_vip_gate": {"leftovers": leftovers}}
    begin = f"Refused to move the virtual address to {TARGET}: why. Nothing was changed"
    assert value_of("move_vip", said, {**cluster(), **known}) == begin + words


def test_whoever_looks_asks_the_network_too():
    """Before the move, after it, and where it failed: what pgpool hosts say of themselves shows no stranger."""
    (play,) = yaml.safe_load((ROLES.parent / "playbooks" / "move_vip.yml").read_text(encoding="utf-8"))
    found = list(play["tasks"])
    for path in sorted((ROLES / "move_vip" / "tasks").glob("*.yml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))
    looks = [task["ansible.builtin.include_role"] for task in found if "ansible.builtin.include_role" in task]
    looks = [role.get("tasks_from") for role in looks if role["name"] == "pgops.pgpool.observe"]
    assert looks == ["vip"] * 4
