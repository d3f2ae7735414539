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

OLD, NEW, THIRD = "postgres-db1", "postgres-db2", "postgres-db3"


def failed(stage=None, msg="It did not work"):
    """What pg_switchover returns when it fails; without a stage: what Ansible says when it ended in the middle."""
    return dict({"error": {"evidence": {"stage": stage}}} if stage else {}, failed=True, msg=msg)


def stand(old="down", new="standby", third="standby"):
    """What the databases answer then, by their roles, as results of a loop; None does not answer."""
    return [
        dict({"postgres": {"role": role}} if role else {"unreachable": True, "msg": "no route"}, item={"name": name})
        for name, role in ((NEW, new), (OLD, old), (THIRD, third))
    ]


def taken_back(*wrong):
    """Results of a loop of pgpool_node; the pgpools named have an error."""
    return [
        dict({"failed": True, "msg": "no\nmore"} if name in wrong else {"node": {}}, item={"name": name})
        for name in ("app-server1", "app-server2")
    ]
