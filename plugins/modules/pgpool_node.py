#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgpool_node
short_description: Attach, detach or promote one backend on one Pgpool-II
version_added: 0.1.0
description:
  - Brings the status of a backend on a Pgpool-II into the wanted state through PCP, and waits until it is seen there.
  - Acts only if the node id stands for the host and port that are given, and never takes Pgpool's word that an order
    was carried out, since it says "success" to ids that do not exist.
  - With a watchdog Pgpool spreads the change to its peers. Run the module on every Pgpool all the same, for the proof.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._pcp
attributes:
  check_mode:
    support: full
    details:
      - Pgpool is asked in check mode as well, and a refusal is a refusal.
  diff_mode:
    support: full
  idempotent:
    support: full
author:
  - pgops contributors (@pgops)
options:
  node_id:
    description: Number of the backend in C(pgpool.conf), the C(1) of C(backend_hostname1).
    type: int
    required: true
  backend_host:
    description:
      - The C(backend_hostname) that the id must stand for, as written in C(pgpool.conf).
    type: str
    required: true
  backend_port:
    description: The C(backend_port) that the id must stand for.
    type: int
    default: 5432
  state:
    description:
      - V(attached) makes Pgpool use the node. It does not look whether the node is a healthy standby of the
        primary. Prove that first. A node that runs as a primary is refused while another one is the primary.
      - V(detached) makes Pgpool stop using it. The primary is refused, since that would be a failover
        (see O(allow_failover)).
      - V(promoted) makes Pgpool regard the node as the primary. PostgreSQL is not promoted by this, so the module
        refuses unless it runs as the only primary already. Before Pgpool-II 4.3, which cannot tell, it always refuses.
        Pgpool detaches the node that was its primary before. Attach it again when it is a standby.
    type: str
    required: true
    choices:
      - attached
      - detached
      - promoted
  allow_failover:
    description:
      - With O(state=detached), detach the node also when it is the primary. Pgpool then runs its C(failover_command),
        as if the primary had failed. PostgreSQL on that host is not stopped by this. Fence it first where you can.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait until Pgpool shows the state.
    type: float
    default: 30
seealso:
  - module: pgops.pgpool.pgpool_info
"""

EXAMPLES = r"""
- name: Attach the recovered standby
  pgops.pgpool.pgpool_node:
    login_password: "{{ pgops_pcp_password }}"
    node_id: 1
    backend_host: 10.1.7.107
    state: attached

- name: Take a standby out for maintenance, password from a file
  pgops.pgpool.pgpool_node:
    login_pass_file: /var/lib/postgresql/.pcppass
    node_id: 1
    backend_host: 10.1.7.107
    backend_port: 5433
    state: detached
    wait_timeout: 60
"""

RETURN = r"""
node:
  description:
    - The node as it was seen last, of the shape that M(pgops.pgpool.pgpool_info) returns.
    - In check mode as it is now.
  returned: success
  type: dict
  sample:
    id: 1
    hostname: 10.1.7.107
    port: 5432
    status: 1
    status_name: waiting
    role: standby
plan:
  description: What was decided.
  returned: success
  type: dict
  contains:
    summary:
      description: The decision in one sentence.
      type: str
    steps:
      description: What was, or would be, done, each with its reason.
      type: list
      elements: dict
    refused:
      description: Always false here. A refusal fails the task.
      type: bool
error:
  description: What went wrong, for machines.
  returned: failure
  type: dict
  contains:
    code:
      description:
        - V(unreachable), V(authentication_failed), V(no_such_node), V(wrong_backend), V(refused) (by the module or by
          Pgpool), V(not_verified) (ordered, but not seen in time) or V(parse_error).
      type: str
    attempted:
      description: What was to be done.
      type: str
    server:
      description: On which Pgpool.
      type: str
    seen:
      description: What was seen instead.
      type: str
    next_step:
      description: What to do about it.
      type: str
    evidence:
      description: More facts. For a refusal, all nodes.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.attach import ensure
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.login import ONE_PASSWORD, OPTIONS, pgpool_from
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.node_plan import Desired


def use_case(module):
    params = module.params
    desired = Desired(
        params["node_id"], params["backend_host"], params["backend_port"], params["state"], params["allow_failover"]
    )
    pgpool = pgpool_from(params)
    return ensure(pgpool, desired, wait_timeout=params["wait_timeout"], check_mode=module.check_mode)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            node_id={"type": "int", "required": True},
            backend_host={"type": "str", "required": True},
            backend_port={"type": "int", "default": 5432},
            state={"type": "str", "required": True, "choices": ["attached", "detached", "promoted"]},
            allow_failover={"type": "bool", "default": False},
            wait_timeout={"type": "float", "default": 30},
        ),
        mutually_exclusive=[ONE_PASSWORD],
        required_one_of=[ONE_PASSWORD],
        supports_check_mode=True,
    )
    run_use_case(module, use_case)


if __name__ == "__main__":
    main()
