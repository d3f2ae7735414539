#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgpool_info
short_description: Tell what one Pgpool-II thinks of its backends, its watchdog and the virtual address
version_added: 0.1.0
description:
  - Asks a Pgpool-II through PCP, its administration protocol, and returns one shape for the versions 4.1 to 4.7.
  - A Pgpool that is down or rejects the password is an answer, not a failure.
    See RV(pgpool.reachable) and RV(pgpool.error).
  - What one Pgpool says is its own belief. Ask all of them, and PostgreSQL, before you act on it.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
  - pgops.pgpool._pcp
author:
  - pgops contributors (@pgops)
options:
  vip:
    description:
      - A virtual address. If given, RV(pgpool.vip) tells whether this host has it on one of its interfaces.
    type: str
seealso:
  - module: pgops.pgpool.pgpool_node
"""

EXAMPLES = r"""
- name: Ask every pgpool what it believes
  pgops.pgpool.pgpool_info:
    login_password: "{{ pgops_pcp_password }}"
    vip: 10.1.7.100
  register: view

- name: Show the backends
  ansible.builtin.debug:
    msg: "{{ item.id }} {{ item.hostname }} {{ item.status_name }} {{ item.role }}"
  loop: "{{ view.pgpool.nodes }}"
"""

RETURN = r"""
pgpool:
  description: What this Pgpool says.
  returned: always
  type: dict
  contains:
    reachable:
      description: Whether it answered the questions. When false, RV(pgpool.error) says why not.
      type: bool
    error:
      description: Why there is no answer.
      type: dict
      contains:
        code:
          description:
            - V(unreachable) (nothing listens or no answer came in time), V(authentication_failed),
              V(refused) (Pgpool rejected a question) or V(parse_error) (this is no PCP we know).
          type: str
        message:
          description: The same in words, with what to do next.
          type: str
    version:
      description: Version of the pgpool program of this host. V(null) if there is none.
      type: str
      sample: 4.3.5
    nodes:
      description: The backends in the order of their ids. What a version does not tell is V(null).
      type: list
      elements: dict
      contains:
        id:
          description: Number of the backend in C(pgpool.conf).
          type: int
        hostname:
          description: The C(backend_hostname), as written there.
          type: str
        port:
          description: The C(backend_port).
          type: int
        status:
          description: Pgpool's number for the status.
          type: int
        status_name:
          description:
            - One of V(waiting) (attached, not used by a client yet), V(up), V(down), V(unused), or V(quarantine)
              (set aside by this Pgpool alone, for want of a quorum; from 4.3 on, before that V(down)).
          type: str
        pg_status:
          description: Whether PostgreSQL answers Pgpool, V(up), V(down) or V(unknown). From 4.3 on.
          type: str
        role:
          description: Pgpool's belief, V(primary), V(standby) or V(unknown).
          type: str
        pg_role:
          description: What PostgreSQL itself says, V(primary), V(standby) or V(unknown). From 4.3 on.
          type: str
        weight:
          description: Share of the load balancing, 0 to 1.
          type: float
        replication_delay:
          description: How far the standby is behind, in the unit of RV(pgpool.nodes[].replication_delay_unit).
          type: float
        replication_delay_unit:
          description: V(bytes), or V(seconds) where C(delay_threshold_by_time) is in use (4.4 and later).
          type: str
        replication_state:
          description: The column C(state) of C(pg_stat_replication).
          type: str
        replication_sync_state:
          description: The column C(sync_state) of C(pg_stat_replication).
          type: str
        last_status_change:
          description: When the status changed last, in UTC.
          type: str
          sample: "2026-11-22T22:11:50Z"
        note:
          description: Why fields are missing that this version could tell.
          type: str
    watchdog:
      description: The watchdog as this Pgpool sees it.
      type: dict
      contains:
        enabled:
          description: Whether this Pgpool runs with watchdog. When false, all else is V(null).
          type: bool
        error:
          description: Why the watchdog did not answer its own Pgpool.
          type: str
        quorum:
          description:
            - Pgpool's words, V(QUORUM EXIST), V(QUORUM IS ON THE EDGE), V(QUORUM ABSENT) or V(NO LEADER NODE).
          type: str
        alive_nodes:
          description: The leader and its living standbys. V(null) without a leader.
          type: int
        total_nodes:
          description: Watchdog nodes that are configured.
          type: int
        member_nodes:
          description: Those of them that count for the quorum. From 4.3 on.
          type: int
        nodes_required:
          description: How many are required for a quorum. From 4.3 on.
          type: int
        leader:
          description: Host name of the leader.
          type: str
        leader_name:
          description: Name of the leader.
          type: str
        escalated:
          description: Whether this node has taken the leader's duties, the virtual address among them.
          type: bool
        local:
          description: The entry of RV(pgpool.watchdog.nodes) for the Pgpool that was asked.
          type: dict
        nodes:
          description: The watchdog nodes, this one first.
          type: list
          elements: dict
          sample:
            - id: 0
              name: 10.1.7.104:5432 Linux app-server1
              hostname: 10.1.7.104
              delegate_ip: 10.1.7.100
              pgpool_port: 5432
              wd_port: 9000
              state: 4
              state_name: LEADER
              membership: MEMBER
              priority: 2
    vip:
      description: Whether this host holds the virtual address. V(null) unless O(vip) was given.
      type: dict
      contains:
        address:
          description: The address.
          type: str
        held:
          description: Whether an interface of this host has it. V(null) if that could not be found out.
          type: bool
        interface:
          description: The interface that has it.
          type: str
        mac:
          description: The hardware address of that interface.
          type: str
        error:
          description: Why it could not be found out.
          type: str
    paused:
      description: Whether the failover is paused on this host (C(/var/lib/pgops/paused)), so that it promotes nobody.
      type: bool
    last_failover:
      description:
        - How C(failover.sh) of this host ended the last time that a primary failed. V(null) if it never ran, or if its
          record cannot be read.
      type: dict
      sample:
        time: "2026-11-22T22:11:50.123Z"
        host: app-server1
        result: promoted
        message: backend 1 (10.1.7.107) is the new primary, in place of backend 0 (10.1.7.106)
        failed_id: 0
        failed_host: 10.1.7.106
        old_primary_id: 0
        new_primary_id: 1
        lag: 0
        seconds: 0.5
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.info import describe
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.login import ONE_PASSWORD, OPTIONS, pgpool_from


def use_case(module):
    answer = describe(lambda: pgpool_from(module.params), runner=LocalRunner(), vip=module.params["vip"])
    return {"changed": False, "pgpool": answer}


def main():
    module = AnsibleModule(
        argument_spec=dict(OPTIONS, vip={"type": "str"}),
        mutually_exclusive=[ONE_PASSWORD],
        required_one_of=[ONE_PASSWORD],
        supports_check_mode=True,
    )
    run_use_case(module, use_case)


if __name__ == "__main__":
    main()
