# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role observe puts beside the answers about the virtual IP."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.members import pgpool_members
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_findings import vip_findings

from tests.unit import cluster_answers as c

from .rendering import ROLES, cluster, value_of


def view_of(variables):
    """observe_view of a cluster in which nobody has the address, as the role's last task about it makes it."""
    tasks = yaml.safe_load((ROLES / "observe" / "tasks" / "vip_look.yml").read_text(encoding="utf-8"))
    pgpools = pgpool_members(variables["groups"]["pgpool"], variables["hostvars"])
    answers = {member["name"]: c.pgpool(leader=None) for member in pgpools}
    known = {
        "observe_view": build_view(c.DATABASES, pgpools, c.healthy()[0], answers, "10.1.7.100"),
        "__observe_vip": {"vip": {"held": False, "bindings": [], "asked": True, "reason": None, "others": []}},
    }
    return value_of("observe", tasks[-1]["ansible.builtin.set_fact"]["observe_view"].strip(), {**variables, **known})


@pytest.mark.parametrize(
    ("pgpools", "said", "witness", "manager"),
    [
        (1, {}, None, "systemd"),
        (1, {"pgops_timing_profile": "conservative"}, None, "systemd"),
        (1, {"pgops_vip_manager": "keepalived"}, None, "systemd"),
        (2, {}, "app-server2", "systemd"),
        (2, {}, None, "keepalived"),
        (2, {"pgops_vip_manager": "watchdog"}, None, "watchdog"),
        (3, {}, "app-server3", "keepalived"),
    ],
)
def test_who_moves_the_address_in_truth(pgpools, said, witness, manager):
    variables = cluster(pgpools=pgpools, **said)
    if witness:
        variables["hostvars"][witness]["pgops_pgpool_witness"] = True
    view = view_of(variables)
    assert view["vip_seen"]["manager"] == manager
    assert [p["host"] for p in view["pgpools"] if p["witness"]] == ([witness] if witness else [])
    (item,) = vip_findings(view)
    assert ("keepalived" in item["command"]) is (manager == "keepalived")
    assert witness is None or witness not in item["command"]
