#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_handover
short_description: Let one Pgpool-II host give the virtual address up, take it, or be as before
version_added: 0.1.0
author: pgops contributors (@pgops)
description:
  - One host's part in a move of the virtual address. The order of the hosts is that of the playbook C(move_vip.yml).
  - With C(keepalived) the address is given up by a word in a file that keepalived watches, and the clients' sessions
    through it are ended so that nobody waits for an answer that cannot come. Pgpool-II goes on.
  - With the watchdog it is given up by stopping Pgpool-II; a timer of systemd starts it again if nobody does.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._handover
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description:
      - V(claimed) notes on this host that the address is being moved to O(target). Another run with another target is
        refused while the note counts.
      - V(away) makes this host give the address up and stay away from it.
      - V(taken) waits until this host has the address.
      - V(back) ends all of that; the host may take the address again when the others fail. Pgpool-II is
        started only where V(away) has stopped it.
    type: str
    choices: [claimed, away, taken, back]
    required: true
  drain:
    description:
      - With O(state=away), how many seconds to wait for a moment without a client in the middle of a query or
        transaction.
    type: float
    default: 0
  timeout:
    description:
      - With O(state=taken), how many seconds to wait.
    type: float
    default: 30
  claim_limit:
    description:
      - For how many seconds the note of a run counts that was killed.
    type: int
    default: 180
  return_after:
    description:
      - With the watchdog, seconds after which systemd starts Pgpool-II again by itself, counted from when it is
        stopped, after O(drain).
    type: int
    default: 60
requirements:
  - systemd, and C(ip) and C(ss) of iproute2.
seealso:
  - module: pgops.pgpool.vip_handover_info
"""

EXAMPLES = r"""
- name: Give the address up at a quiet moment
  pgops.pgpool.vip_handover:
    manager: keepalived
    address: 10.1.7.100
    target: app-server2
    state: away
    drain: 2
"""

RETURN = r"""
drained:
  description:
    - C(sessions) that were there when the address went, C(busy) ones among them, C(busy_at_first), and the C(seconds)
      that were waited. V(null) where there was nothing to give up.
  returned: O(state=away)
  type: dict
waited:
  description: Seconds until this host had the address.
  returned: O(state=taken)
  type: float
error:
  description: C(code), C(attempted), C(server), C(seen), C(next_step) and C(evidence).
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import handover
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock


def argument_spec():
    return dict(
        handover.ARGUMENTS,
        state={"type": "str", "required": True, "choices": ["claimed", "away", "taken", "back"]},
        drain={"type": "float", "default": 0},
        timeout={"type": "float", "default": 30},
        claim_limit={"type": "int", "default": 180},
        return_after={"type": "int", "default": 60},
    )


def hand_over(module, runner=None, clock=None):
    wanted = handover.of_parameters(module.params)
    here = handover.Handover(wanted, runner=runner or LocalRunner(), clock=clock or SystemClock())
    state = module.params["state"]
    if module.check_mode:
        return {"changed": here.would_change(state)}
    if state == "claimed":
        here.claim.take()
        return {"changed": False}  # a note for other runs, gone when this one ends
    if state == "away":
        return here.away(module.params["drain"])
    if state == "taken":
        return here.taken(module.params["timeout"])
    return here.back()


def main():
    run_use_case(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), hand_over)


if __name__ == "__main__":
    main()
