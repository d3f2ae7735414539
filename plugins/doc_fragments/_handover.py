# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """What is moved, written once (the argument spec is ``handover.ARGUMENTS``)."""

    DOCUMENTATION = r"""
options:
  manager:
    description:
      - Who moves the virtual address, V(keepalived) or the watchdog of Pgpool-II.
      - V(auto) is keepalived where it runs for the address.
    type: str
    choices: [auto, watchdog, keepalived]
    default: auto
  address:
    description:
      - The virtual address, without a prefix length.
    type: str
    required: true
  port:
    description:
      - The port of Pgpool-II for clients.
    type: int
    default: 5432
  target:
    description:
      - Name of the host that is to have the address in the end.
    type: str
    required: true
  ignored_users:
    description:
      - Database users whose sessions do not count, because they belong to the cluster itself.
    type: list
    elements: str
    default: []
  service:
    description:
      - The systemd unit of Pgpool-II.
    type: str
    default: pgpool2.service
"""
