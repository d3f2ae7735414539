# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState")


def read(*, runner, name):
    """Return ``{name, active, state, enabled}`` of a systemd unit; unknown things are None, state is then unknown."""
    unknown = {"name": name, "active": None, "state": "unknown", "enabled": None}
    if not name:
        return unknown
    answer = runner.run(["systemctl", "show", name, f"--property={','.join(_PROPERTIES)}"], timeout=10.0)
    if answer.rc != 0:
        return unknown
    values = dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
    if "ActiveState" not in values:
        return unknown
    if values.get("LoadState") == "not-found":
        return {"name": name, "active": False, "state": "not-found", "enabled": False}
    return {
        "name": name,
        "active": values["ActiveState"] == "active",
        "state": values["ActiveState"],
        "enabled": values.get("UnitFileState", "").startswith("enabled"),
    }


__all__ = ("read",)
