# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.passwords import password_problems


class FilterModule:
    """Refuse passwords up front, before half of the stores have them."""

    def filters(self):
        return {"password_problems": password_problems}
