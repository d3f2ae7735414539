# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the seconds of one playbook run went. Pure."""

from __future__ import annotations

SHOWN_FROM = 0.2


def anatomy(label: str, run) -> str:
    """A Markdown list: the tasks that took longest in their order, and the module's own steps."""
    tasks = [(task["name"].removeprefix("pgops.pgpool."), task["seconds"] or 0.0) for task in run.tasks]
    start = max(0.0, run.seconds - sum(seconds for _name, seconds in tasks))
    lines = [f"Seconds of one run of {label} ({run.seconds:.1f} in all, {len(tasks)} tasks):\n"]
    lines.append(f"* {start:.1f} start and end of ansible-playbook")
    lines += [f"* {seconds:.1f} {name}" for name, seconds in tasks if seconds >= SHOWN_FROM]
    small = [seconds for _name, seconds in tasks if seconds < SHOWN_FROM]
    lines.append(f"* {sum(small):.1f} {len(small)} tasks below {SHOWN_FROM} s each")
    module = run.module
    if module:
        told = module["timings"]
        steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in told.items())
        rest = module["seconds"] - sum(told.values())
        lines.append(f"* of these in pg_basebackup_sync {module['seconds']:.1f}: {steps}, the rest {rest:.1f}")
    return "\n".join(lines) + "\n"
