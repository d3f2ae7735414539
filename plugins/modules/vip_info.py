#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_info
short_description: Tell who has a virtual address
version_added: 0.1.0
description:
  - Tells whether this host has an address, and who else answers for it on the network, each with its hardware address.
  - That shows a holder also when nobody can log in to it, and one that is no part of the cluster.
    Those that are, are recognised by O(members).
  - Needs root, as any program does that speaks ARP.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
author:
  - pgops contributors (@pgops)
options:
  address:
    description:
      - The IPv4 or IPv6 address, without a prefix length.
    type: str
    required: true
  interface:
    description:
      - The interface through which the network is asked.
      - Left out, it is the interface that has the address, or else the only one with an address in the same network.
    type: str
  members:
    description:
      - Addresses or names of hosts. One of them that answers for O(address) is named by it.
    type: list
    elements: str
    default: []
seealso:
  - module: pgops.pgpool.vip_bind
  - module: pgops.pgpool.pgpool_info
"""

EXAMPLES = r"""
- name: Ask who has the virtual address
  pgops.pgpool.vip_info:
    address: 10.1.7.100
    members: [10.1.7.104, 10.1.7.105, 10.1.7.106, 10.1.7.107]
  register: seen

- name: Fail when somebody has it beside this host
  ansible.builtin.assert:
    that: seen.vip.asked and seen.vip.others == []
"""

RETURN = r"""
vip:
  description: Who has the address.
  returned: success
  type: dict
  contains:
    address:
      description: The address.
      type: str
    held:
      description: Whether this host has it.
      type: bool
    bindings:
      description: Where this host has it.
      type: list
      elements: dict
      contains:
        interface:
          description: Name of the interface.
          type: str
        mac:
          description: Hardware address of the interface.
          type: str
        prefix:
          description: Length of the network's prefix.
          type: int
        label:
          description: Label of an IPv4 address.
          type: str
    interface:
      description: The interface through which the network was to be asked.
      type: str
    asked:
      description: Whether the network was asked. When false, RV(vip.reason) says why not.
      type: bool
    reason:
      description: Why the network was not asked.
      type: str
    others:
      description: Those other than this host that answer for the address.
      type: list
      elements: dict
      contains:
        mac:
          description: Hardware address.
          type: str
        member:
          description: The entry of O(members) that has the same hardware address. V(null) for a stranger.
          type: str
  sample:
    address: 10.1.7.100
    held: true
    bindings:
      - interface: eth0
        mac: 02:42:0a:01:07:68
        prefix: 24
        label: eth0:1
    interface: eth0
    asked: true
    reason:
    others:
      - mac: 02:42:0a:01:07:69
        member: 10.1.7.105
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock
from ansible_collections.pgops.pgpool.plugins.module_utils._net import arp, ndp, vip_apply, vip_info
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import IpRoute


def use_case(module):
    ports = vip_apply.Ports(
        clock=SystemClock(),
        ip=IpRoute(LocalRunner()),
        promotes_secondaries=vip_apply.promotes_secondaries,
        arp=arp,
        ndp=ndp,
    )
    answer = vip_info.describe(
        ports,
        address=module.params["address"],
        interface=module.params["interface"],
        members=module.params["members"],
        resolve=vip_info.addresses_of,
    )
    return {"changed": False, "vip": answer}


def main():
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "interface": {"type": "str"},
            "members": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_use_case(module, use_case)


if __name__ == "__main__":
    main()
