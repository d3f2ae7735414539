# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends one measurement, and not the others."""

from __future__ import annotations


class CannotMeasure(Exception):
    """The reason is shown in the place of the figure."""


class NotAvailable(CannotMeasure):
    """There is nothing to measure, and nothing was touched."""
