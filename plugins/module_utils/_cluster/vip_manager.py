# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Who moves the virtual address, and which pgpools may hold it."""

from __future__ import annotations

WATCHDOG, KEEPALIVED, SYSTEMD = "watchdog", "keepalived", "systemd"
CHOICES = (WATCHDOG, KEEPALIVED)


def default_manager(profile):
    """Who moves the address when pgops_vip_manager is not set, by pgops_timing_profile (figures: docs/vip.md)."""
    return WATCHDOG if profile == "conservative" else KEEPALIVED


def holders(pgpools):
    """The pgpools that may hold the address: all but the witnesses."""
    return [member for member in pgpools if not member["witness"]]


def vip_manager(wanted, pgpools):
    """Return ``watchdog``, ``keepalived``, or ``systemd`` for a pgpool with nobody to hand the address to.

    ``wanted`` is pgops_vip_manager; another word is a ValueError.
    """
    if wanted not in CHOICES:
        raise ValueError(f"pgops_vip_manager is watchdog or keepalived, found '{wanted}'")
    return SYSTEMD if len(holders(pgpools)) < 2 else wanted


def manager_problems(wanted, pgpools):
    """What is wrong with the choice, as sentences."""
    if wanted not in CHOICES:
        return [f"pgops_vip_manager is watchdog or keepalived, found '{wanted}'"]
    witnesses = [member["name"] for member in pgpools if member["witness"]]
    problems = []
    if pgpools and not holders(pgpools):
        problems.append("every pgpool is a witness (pgops_pgpool_witness): nobody may hold the virtual address")
    elif witnesses and vip_manager(wanted, pgpools) == WATCHDOG:
        problems.append(
            f"{', '.join(witnesses)} is a witness (pgops_pgpool_witness), and the watchdog would give it the virtual "
            "address when it elects it: a witness needs pgops_vip_manager: keepalived"
        )
    return problems


__all__ = (
    "CHOICES",
    "KEEPALIVED",
    "SYSTEMD",
    "WATCHDOG",
    "default_manager",
    "holders",
    "manager_problems",
    "vip_manager",
)
