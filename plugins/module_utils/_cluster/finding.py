# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The shape of a finding. Pure."""

from __future__ import annotations

CHECK = "ansible-playbook check_cluster.yml"  # the command that shows all findings


def finding(severity, code, host, message, command):
    """One thing that is wrong, and the command that mends it; ``severity`` is critical or warning."""
    return {"severity": severity, "code": code, "host": host, "message": message, "command": command}


__all__ = ("CHECK", "finding")
