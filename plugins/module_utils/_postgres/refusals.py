# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""When the module must not go on, whatever the method. Pure: ``find`` returns the first reason, or None."""

from __future__ import annotations

from .._plan import Refusal
from . import forks
from . import lsn as wal
from .facts import ABSENT, FOREIGN, PRIMARY

ATTEMPT = "make this host a standby"


def find(observed, desired):
    """Return the ``Refusal`` that holds here, or None."""
    for check in CHECKS:
        found = check(observed, desired)
        if found is not None:
            seen, next_step = found
            return refusal(observed, desired, seen, next_step)
    return None


def refusal(observed, desired, seen, next_step):
    """Return a ``Refusal`` that carries the evidence of both sides."""
    target, primary = observed.target, observed.primary
    evidence = {
        "target": {
            "host": target.host,
            "data_directory": target.data_directory,
            "state": target.state,
            "system_identifier": target.system_identifier,
            "timeline": target.timeline,
            "lsn": _lsn(target.lsn),
        },
        "primary": {
            "server": primary.server,
            "in_recovery": primary.in_recovery,
            "system_identifier": primary.system_identifier,
            "timeline": primary.timeline,
            "lsn": _lsn(primary.lsn),
        },
        "fork": {"relation": observed.fork.relation, "lsn": _lsn(observed.fork.lsn)},
    }
    return Refusal(f"{ATTEMPT} of {desired.primary}", target.host, seen, next_step, evidence)


def _this_server(observed, desired):
    if observed.primary.is_this_server:
        return (
            f"{desired.primary} is this very server",
            "name the server that takes the writes today with primary_host (check_cluster.yml shows it)",
        )
    return None


def _not_a_primary(observed, desired):
    if observed.primary.in_recovery:
        return (
            f"{desired.primary} is in recovery: it is a standby itself",
            "name the primary with primary_host; if there is none, promote the best standby first (check_cluster.yml)",
        )
    return None


def _versions(observed, desired):
    target, primary = observed.target, observed.primary
    if target.major != primary.major:
        return (
            f"this host has PostgreSQL {target.major}, {desired.primary} runs {primary.major}",
            "install the same major version on both; streaming replication does not cross major versions",
        )
    return None


def _strangers(observed, desired):
    target, primary = observed.target, observed.primary
    if target.state == FOREIGN and not target.marked:
        return (
            f"{target.data_directory} holds files that are no database of ours",
            "look at what it is and move it away by hand, then run this again",
        )
    if target.exists and target.system_identifier is None and target.interrupted:
        return None  # the rest of a directory of ours whose removal was cut off
    if target.exists and target.system_identifier is None:
        return (
            f"the system identifier of {target.data_directory} can't be read, so nothing shows that it belongs here",
            f"look at global/pg_control in {target.data_directory}; move the directory away to have it copied anew",
        )
    if target.exists and target.system_identifier != primary.system_identifier:
        return (
            f"{target.data_directory} is another database: its system identifier is {target.system_identifier}, "
            f"the one of {desired.primary} is {primary.system_identifier}",
            "check primary_host; if this directory really has to go, move it away by hand and run this again",
        )
    return None


def _initial(observed, desired):
    target = observed.target
    if target.state in (ABSENT, FOREIGN) and not desired.allow_initial and not target.marked:
        return (
            f"there is no data directory at {target.data_directory} and allow_initial is false",
            "check data_directory and its mount; set allow_initial: true to have the first copy made",
        )
    return None


def _maybe_the_primary(observed, desired):
    target, primary = observed.target, observed.primary
    if target.may_write and not forks.proven_false_primary(target, primary):
        word = "runs as a primary" if target.state == PRIMARY else "is starting as a primary"
        return (
            f"the server here {word} on timeline {target.timeline}, and the history of {desired.primary} (timeline "
            f"{primary.timeline}) does not show it to be an old one: it may be the live primary",
            "compare both with check_cluster.yml; if this one is the wrong one, stop it and run this again",
        )
    if target.exists and forks.newer(target, primary) and not desired.allow_older_primary:
        return (
            f"the data here is on timeline {target.timeline}, newer than timeline {primary.timeline} of "
            f"{desired.primary}: it may be the better copy",
            "compare both with check_cluster.yml; to go on all the same (the data here is kept), "
            "set allow_older_primary: true (recover_standby.yml: -e recover_standby_primary=HOST)",
        )
    return None


def _primary_settings(observed, desired):
    primary = observed.primary
    settings = primary.settings
    if settings["wal_level"] == "minimal":
        return (
            f"{desired.primary} runs with wal_level = minimal, which can't be streamed",
            "set wal_level = replica on the primary and restart it",
        )
    if settings["max_wal_senders"] == 0:
        return (f"{desired.primary} has max_wal_senders = 0", "set max_wal_senders = 10 on the primary and restart it")
    if primary.slot is None and primary.slots_used >= settings["max_replication_slots"]:
        return (
            f"{desired.primary} has no free replication slot ({primary.slots_used} of "
            f"{settings['max_replication_slots']} are taken)",
            "drop slots that nobody uses (pg_drop_replication_slot), or raise max_replication_slots and restart it",
        )
    return None


def _slot_of_another(observed, desired):
    primary = observed.primary
    slot, sender = primary.slot, primary.sender
    if slot and slot.get("slot_type", "physical") != "physical":
        return (
            f"the slot {desired.slot_name} on {desired.primary} is a {slot['slot_type']} one",
            "choose another slot_name, or drop that slot",
        )
    address = (sender or {}).get("client_addr")
    if slot and slot.get("active") and address and primary.our_address and address != primary.our_address:
        return (
            f"the slot {desired.slot_name} on {desired.primary} is in use by {address}, and this host is "
            f"{primary.our_address}",
            "give each standby its own slot_name (pgops_backend_id must be unique)",
        )
    return None


def _lsn(position):
    return None if position is None else wal.render(position)


CHECKS = (
    _this_server,
    _not_a_primary,
    _versions,
    _strangers,
    _initial,
    _maybe_the_primary,
    _primary_settings,
    _slot_of_another,
)

__all__ = ("find", "refusal")
