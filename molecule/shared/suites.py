# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each suite brings, which one is meant here, and where a scenario leaves the figures that it saw on it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from lab.settings import read_settings


class Suite(NamedTuple):
    """A lab of another suite, or of another image, must not pass for it."""

    name: str
    postgresql: str
    pgpool: str


SUITES = (
    Suite("bullseye", "13", "4.1"),
    Suite("bookworm", "15", "4.3"),
    Suite("trixie", "17", "4.6"),
    Suite("forky", "18", "4.7"),
)


def this_suite():
    """The one that LAB_SUITE names, as the lab reads it."""
    name = read_settings({"LAB_SUITE": os.environ.get("LAB_SUITE", "")}).suite
    return next(suite for suite in SUITES if suite.name == name)


def keep_figures(what, figures):
    """Beside the results of the tests, and in their output."""
    text = json.dumps({**this_suite()._asdict(), **figures}, indent=2)
    print(text)
    if os.environ.get("PGOPS_RESULTS"):
        (Path(os.environ["PGOPS_RESULTS"]) / f"{what}.json").write_text(text + "\n", encoding="utf-8")
