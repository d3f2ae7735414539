# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: passwords
author: pgops contributors (@pgops)
version_added: 0.1.0
short_description: Say what the stores cannot hold
description:
  - For each password that a store of the cluster cannot hold, a sentence that names the variable and the store.
  - They are private to the collection and can change at any time.
options:
  _input:
    description: Names and passwords.
    type: raw
    required: true
"""

EXAMPLES = r"""
# Used by the roles and playbooks of this collection; not meant to be called from outside.
"""

RETURN = r"""
_value:
  description: What the filter made of it.
  type: raw
"""

from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.passwords import password_problems


class FilterModule:
    """Refuse passwords up front, before half of the stores have them."""

    def filters(self):
        return {"password_problems": password_problems}
