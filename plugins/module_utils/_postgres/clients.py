# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""pg_basebackup may be of a newer version than the server, so another installed one can stand in for a missing one."""

from __future__ import annotations

import glob
import os
import re

from . import layout as layouts
from .conffile import at_root

_PATTERNS = ("/usr/lib/postgresql/*/bin/pg_basebackup", "/usr/pgsql-*/bin/pg_basebackup")
_LABEL = re.compile(r"(?:/|/pgsql-)(\d+)/bin/pg_basebackup$")


def pg_basebackup(layout, *, root="/"):
    """Return the server's own pg_basebackup, or the newest other one that is not older; empty when there is none."""
    own = layout.tool("pg_basebackup")
    if os.access(at_root(root, own), os.X_OK):
        return own
    found = [path for pattern in _PATTERNS for path in glob.glob(at_root(root, pattern)) if os.access(path, os.X_OK)]
    labelled = [(int(match.group(1)), path) for path in found for match in [_LABEL.search(path)] if match]
    newest = max((each for each in labelled if each[0] >= layouts.major(layout.version)), default=None)
    return "/" + os.path.relpath(newest[1], root) if newest else ""


__all__ = ("pg_basebackup",)
