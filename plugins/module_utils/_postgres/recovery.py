# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os

from . import conffile
from . import layout as layouts

STANDBY_SIGNAL = "standby.signal"
RECOVERY_CONF = "recovery.conf"


def read(layout):
    """Return what the files say about standby mode: ``{standby_signal, primary_conninfo, primary_slot_name}``.

    ``primary_conninfo`` is raw (it may hold a password): redact it before it is shown. PostgreSQL 12 moved all of it
    from recovery.conf to the configuration and an empty standby.signal.
    """
    if layouts.major(layout.version) < 12:
        settings = conffile.load(os.path.join(layout.data_directory, RECOVERY_CONF))
        standby = standby_mode(settings)
    else:
        settings = conffile.load(layout.config_file)
        settings.update(conffile.load(os.path.join(layout.data_directory, "postgresql.auto.conf")))
        standby = os.path.exists(os.path.join(layout.data_directory, STANDBY_SIGNAL))
    return {
        "standby_signal": standby,
        "primary_conninfo": settings.get("primary_conninfo") or None,
        "primary_slot_name": settings.get("primary_slot_name") or None,
    }


def standby_mode(settings):
    """Tell whether the settings (or pairs) of a recovery.conf make a standby."""
    return dict(settings).get("standby_mode", "off").lower() in ("on", "true", "yes", "1", "t", "y")


__all__ = ("RECOVERY_CONF", "STANDBY_SIGNAL", "read", "standby_mode")
