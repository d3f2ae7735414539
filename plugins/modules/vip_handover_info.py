#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_handover_info
short_description: Tell how one Pgpool-II host takes part in moving the virtual address
version_added: 0.1.0
author: pgops contributors (@pgops)
description:
  - Tells whether this host has the virtual address, what its manager says, who works through it, and what a move that
    was interrupted has left.
  - Who works is read from the titles of Pgpool-II's processes (4.1 to 4.7); no session is opened for it.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
  - pgops.pgpool._handover
requirements:
  - C(ip) and C(ss) of iproute2.
seealso:
  - module: pgops.pgpool.vip_handover
"""

EXAMPLES = r"""
- name: Ask how this host takes part
  pgops.pgpool.vip_handover_info:
    manager: keepalived
    address: 10.1.7.100
    target: app-server2
  register: asked
"""

RETURN = r"""
handover:
  description: What this host says.
  returned: success
  type: dict
  contains:
    held:
      description: Whether this host has the address.
      type: bool
    service_active:
      description: Whether systemd says that Pgpool-II runs.
      type: bool
    return_due:
      description: Whether a timer is about to start Pgpool-II again, after a move that was interrupted.
      type: bool
    keepalived:
      description:
        - C(active), C(state) (its word, such as C(BACKUP)), C(pgpool_down) and C(moved_away), the two files that make
          it stay away. V(null) where keepalived is not set up.
      type: dict
    claim:
      description: C(target) and C(age) in seconds of a move that is under way, or V(null).
      type: dict
    switching:
      description: Whether the primary is being switched.
      type: bool
    sessions:
      description: Clients whose sessions would end; with keepalived those that came through the address.
      type: int
    busy:
      description: Those of them that are in the middle of a query or a transaction.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster import handover
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock


def describe(module):
    here = handover.Handover(handover.of_parameters(module.params), runner=LocalRunner(), clock=SystemClock())
    return {"changed": False, "handover": here.describe()}


def main():
    run_use_case(AnsibleModule(argument_spec=dict(handover.ARGUMENTS), supports_check_mode=True), describe)


if __name__ == "__main__":
    main()
