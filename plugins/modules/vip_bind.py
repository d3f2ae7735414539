#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_bind
short_description: Bind a virtual address to an interface, or release it
version_added: 0.1.0
description:
  - Adds an IPv4 or IPv6 address to a network interface of the host, or removes it.
  - It asks the network whether somebody else has the address, and refuses if so, also when this host has it
    already. The refusal names the hardware address of each other holder.
  - After binding it tells the network where the address is now (gratuitous ARP, or an
    unsolicited neighbour advertisement).
  - The change lives in the kernel only and is gone after a reboot, as it should be for an address that moves.
extends_documentation_fragment:
  - pgops.pgpool._attributes
attributes:
  check_mode:
    support: full
    details:
      - The network is asked for another holder in check mode as well.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - Linux, and C(ip) of iproute2 with JSON output (4.18 or newer). No further program is called.
author:
  - pgops contributors (@pgops)
options:
  address:
    description:
      - The IPv4 or IPv6 address, without a prefix length.
    type: str
    required: true
  prefix:
    description:
      - Length of the network's prefix.
      - Required if O(state=present). With O(state=absent) it may be left out and then any prefix is meant.
    type: int
  interface:
    description:
      - Name of the interface.
      - Left out, it is the interface that has the address, or else the only one with an address in the same network.
      - With O(state=absent) and no name, every interface that has the address loses it.
    type: str
  label:
    description:
      - Label of an IPv4 address, as V(eth0:1). It has to begin with the interface's name and has at most 15 characters.
      - Left out, the label of an address that is there already does not matter.
    type: str
  state:
    description:
      - Whether the address is to be on the interface.
    type: str
    choices:
      - present
      - absent
    default: present
  check_duplicate:
    description:
      - Ask the network for other holders, and refuse if there are any. This takes one and a half seconds.
      - An interface without carrier, through which nobody can be asked, does not get the address.
      - For IPv6 the kernel's own duplicate address detection has to pass too.
    type: bool
    default: true
  announce:
    description:
      - Tell the network about the address after binding it.
    type: bool
    default: true
  announce_again:
    description:
      - Tell the network also when the address is here already, as after another host had it too and lost it.
      - That alone is no change of this host. RV(announced) tells that it was done.
    type: bool
    default: false
  force:
    description:
      - Bind the address even if somebody else answers for it; announce it, if it is here already.
        The holders are still returned, with a warning.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Bind the virtual address to the interface that is in its network
  pgops.pgpool.vip_bind:
    address: 10.1.7.100
    prefix: 24

- name: Bind it to a named interface, with a label
  pgops.pgpool.vip_bind:
    address: 10.1.7.100
    prefix: 24
    interface: eth0
    label: eth0:1

- name: Release the address wherever it is
  pgops.pgpool.vip_bind:
    address: 10.1.7.100
    state: absent

- name: Tell the network once more where the address is, after another host had it too
  pgops.pgpool.vip_bind:
    address: 10.1.7.100
    prefix: 24
    announce_again: true
"""

RETURN = r"""
vip:
  description: The address as it is after the run (in check mode, as it would be).
  returned: success
  type: dict
  sample:
    address: 10.1.7.100
    prefix: 24
    interface: eth0
    bindings:
      - 10.1.7.100/24 dev eth0 label eth0:1
    present: true
duplicate:
  description: What the network said about other holders.
  returned: success
  type: dict
  contains:
    checked:
      description: Whether the network was asked.
      type: bool
    reason:
      description: Why it was not asked.
      type: str
    holders:
      description: Hardware addresses of the others that answer for the address.
      type: list
      elements: str
  sample:
    checked: true
    reason:
    holders: []
announced:
  description: Whether the network was told about the address.
  returned: success
  type: bool
  sample: true
plan:
  description: The steps and the reason of each.
  returned: success
  type: dict
  sample:
    summary: bind 10.1.7.100/24 on eth0
    refused: false
    steps:
      - action: add 10.1.7.100/24 to eth0
        reason: eth0 does not have it as wanted
executed_commands:
  description: The commands that changed something.
  returned: success
  type: list
  elements: str
  sample:
    - ip address add 10.1.7.100/24 dev eth0 label eth0:1
error:
  description:
    - Why it failed, for machines. Its C(code) is one of V(refused), V(bad_address), V(no_such_interface),
      V(ambiguous_interface), V(command_failed), V(parse_error), V(not_verified).
  returned: failure
  type: dict
  sample:
    code: refused
    attempted: bind 10.1.7.100/24
    server: app-server1
    seen: "another holder answers for 10.1.7.100 on eth0: 02:42:0a:01:07:69"
    next_step: "release the address on the machine with that hardware address, or set force: true if it must lose it"
    evidence:
      holders:
        - 02:42:0a:01:07:69
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock
from ansible_collections.pgops.pgpool.plugins.module_utils._net import arp, ndp, vip_apply
from ansible_collections.pgops.pgpool.plugins.module_utils._net.address import parse_address
from ansible_collections.pgops.pgpool.plugins.module_utils._net.iproute import IpRoute
from ansible_collections.pgops.pgpool.plugins.module_utils._net.vip import Desired


def desired_state(params):
    return Desired(
        address=parse_address(params["address"], prefix=params["prefix"]),
        interface=params["interface"],
        label=params["label"],
        present=params["state"] == "present",
        check_duplicate=params["check_duplicate"],
        announce=params["announce"],
        announce_again=params["announce_again"],
        force=params["force"],
    )


def result_of(outcome, desired, *, executed):
    return {
        "changed": outcome.changed,
        "vip": {
            "address": desired.address.address,
            "prefix": desired.address.prefix,
            "interface": outcome.interface,
            "bindings": list(outcome.after),
            "present": bool(outcome.after),
        },
        "duplicate": {
            "checked": outcome.observed.unchecked is None,
            "reason": outcome.observed.unchecked,
            "holders": list(outcome.observed.holders),
        },
        "announced": outcome.announced,
        "plan": outcome.plan.to_result(),
        "executed_commands": list(executed),
        "diff": {"before": _lines(outcome.before), "after": _lines(outcome.after)},
    }


def _lines(bindings):
    return "".join(f"{line}\n" for line in bindings)


def use_case(module):
    desired = desired_state(module.params)
    ip = IpRoute(LocalRunner())
    ports = vip_apply.Ports(
        clock=SystemClock(), ip=ip, promotes_secondaries=vip_apply.promotes_secondaries, arp=arp, ndp=ndp
    )
    outcome = vip_apply.converge(ports, desired, check_mode=module.check_mode)
    if outcome.observed.holders:
        module.warn(
            f"Others answer for {desired.address.address}: {', '.join(outcome.observed.holders)} (force is set)"
        )
    return result_of(outcome, desired, executed=ip.executed)


def main():
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "prefix": {"type": "int"},
            "interface": {"type": "str"},
            "label": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "check_duplicate": {"type": "bool", "default": True},
            "announce": {"type": "bool", "default": True},
            "announce_again": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ["prefix"])],
        supports_check_mode=True,
    )
    run_use_case(module, use_case)


if __name__ == "__main__":
    main()
