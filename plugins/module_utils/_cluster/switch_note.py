# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The note of a planned switch for failover.sh: who hands over to whom. Pure.

Behind that stand two numbers of seconds, for a run that was killed: for how long failover.sh waits for the new primary,
and how old the note may be.
"""

from __future__ import annotations

BETWEEN = 5  # seconds that pg_switchover takes between its waits
AROUND = 60  # for Ansible, which writes the note on each pgpool before anything happens


def note(gate, backend_id, limits):
    """The note; limits: checkpoint, stop and replay of pg_switchover, as numbers or words."""
    checkpoint, stop, replay = (int(float(limits[part])) for part in ("checkpoint", "stop", "replay"))
    takes = stop + 2 * replay + BETWEEN  # the promotion may take as long as the last record
    return f"{gate['primary_id']} to {backend_id} {takes} {checkpoint + takes + AROUND}"


def not_noted(results):
    """The pgpools on which the note could not be written, with the reason; takes a loop's results of copy."""
    bad = [r for r in results if r.get("failed") or r.get("unreachable")]
    return [f"{r['item']['name']} ({' '.join(str(r.get('msg') or 'no reason given').split())})" for r in bad]


__all__ = ("not_noted", "note")
