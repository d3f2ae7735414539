# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two servers of a switch, as they tell it when nothing stands in its way."""

from __future__ import annotations

STANDBY = {
    "in_recovery": True,
    "system_identifier": "77",
    "replayed": "0/3000000",
    "paused": False,
    "receiver": "streaming",
}
PRIMARY = {
    "in_recovery": False,
    "system_identifier": "77",
    "lsn": "0/3000000",
    "backups": 0,
    "archiving": False,
    "not_archived": 0,
    "sessions": 2,
    "prepared": 0,
}
