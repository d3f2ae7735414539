# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Afterwards, with the guards at work: nobody has to do anything about the standby that was not promoted."""

from __future__ import annotations

import time

import pytest
from guarded import Pair
from proof import eventually


def test_the_other_standby_follows_by_itself(lab):
    """After the primary's host was killed it streams from the new one within seconds, without a copy."""
    cluster = Pair(lab)
    eventually(cluster.healthy, timeout=60)
    others = [name for name in cluster.lab.databases if name != cluster.primary]
    cluster.lab.fault("kill", cluster.primary)
    began = time.time()
    new = eventually(lambda: next((name for name in others if not cluster.lab.in_recovery(name)), None), timeout=60)
    promoted_at = time.time()
    other = next(name for name in others if name != new)
    receiving = "SELECT status, sender_host FROM pg_stat_wal_receiver"
    wanted = [("streaming", cluster.lab.address(new))]
    eventually(lambda: cluster.lab.sql(other, receiving) == wanted, timeout=30, interval=0.1)
    print(f"promoted after {promoted_at - began:.1f} s, followed {time.time() - promoted_at:.1f} s later")
    assert [one["result"] for one in cluster.events(other) if one["event"] == "follow"][-1] == "following"
    cluster.lab.fault("start", cluster.primary)
    cluster.brought_back(cluster.primary)


@pytest.mark.matrix
def test_a_switch_does_not_go_back_beside_another_primary(lab):
    """Somebody promotes the third database while the primary's shutdown hangs: it is the only one from then on."""
    cluster = Pair(lab)
    eventually(cluster.healthy, timeout=60)
    target, other = [name for name in lab.databases if name != cluster.primary]
    before = {name: len(cluster.failovers(name)) for name in lab.pgpools}
    cluster.hold_up_its_shutdown()
    run = lab.playbook("switch_primary.yml", "-l", target, "-e", "switch_primary_stop_timeout=3", background=True)
    eventually(cluster.is_asked_to_end, timeout=90, interval=0.1)
    lab.sql(other, "SELECT pg_promote()")
    said = run.communicate(timeout=300)[0]
    assert run.returncode != 0, said
    assert f"{other} was promoted meanwhile, and {cluster.primary} is left as it is" in said, said
    cluster.wait_until_ended(cluster.primary)
    told = [event["result"] for name in lab.pgpools for event in cluster.failovers(name)[before[name] :]]
    assert "promoted" not in told
    assert [name for name in (target, other) if not lab.in_recovery(name)] == [other]
    cluster.brought_back(cluster.primary)
