# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What applies a change of a setting: what the table says, and where a reload does less than that.

Read in the source of Pgpool-II. It says nothing at all when a reload leaves a setting as it was.
"""

from __future__ import annotations

from . import settings

# A reload can add a node, and not change where one is. (The directory of one that is down it would take.)
WHERE_A_NODE_IS = ("backend_hostname", "backend_port", "backend_data_directory")

# Before these it keeps the name of a node as well.
RENAMES_A_NODE = {"4.1": "4.1.8", "4.2": "4.2.4"}

# Only the process of the watchdog looks at these, and no reload tells it before these.
OF_THE_WATCHDOG = (
    "clear_memqcache_on_escalation",
    "wd_de_escalation_command",
    "wd_escalation_command",
    "wd_lost_node_removal_timeout",
    "wd_no_show_node_removal_timeout",
    "wd_remove_shutdown_nodes",
)
TELLS_THE_WATCHDOG = {"4.1": "4.1.23", "4.2": "4.2.20", "4.3": "4.3.13", "4.4": "4.4.10", "4.5": "4.5.5"}


def applies_by(name, old, new, version):
    """Return restart, reload, or None for a name that this version ignores. Values as written; None: not written."""
    known = settings.lookup(name, version)
    if known is None:
        return None
    return "restart" if _stays_at_a_reload(name, old, new, version) else known.apply


def _stays_at_a_reload(name, old, new, version):
    bare = settings.bare(name)
    if bare in OF_THE_WATCHDOG:
        return _is_before(version, TELLS_THE_WATCHDOG)
    if bare == "backend_application_name":
        return old is not None and _is_before(version, RENAMES_A_NODE)
    if bare == "backend_flag":
        return keeps_a_flag(old, new, version)
    return old is not None and bare in WHERE_A_NODE_IS


def _is_before(version, first):
    since = first.get(settings.major(version))
    return since is not None and not settings.at_least(version, since)


def keeps_a_flag(old, new, version):
    """From 4.2 on the flags of a node are added to those that it has; only failover is allowed again by its word."""
    if not settings.at_least(settings.major(version), "4.2"):
        return False
    before, after = _flags(old), _flags(new)
    forbidden = "DISALLOW_TO_FAILOVER" in before and not after & {"DISALLOW_TO_FAILOVER", "ALLOW_TO_FAILOVER"}
    return forbidden or "ALWAYS_PRIMARY" in before - after


def _flags(written):
    return {word.strip() for word in (written or "").strip("'").split("|")}


__all__ = ("WHERE_A_NODE_IS", "applies_by", "keeps_a_flag")
