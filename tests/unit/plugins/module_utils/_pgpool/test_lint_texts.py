# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.fixed_versions import HOLES
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_texts import TEXTS

from tests.unit.house import text

PAGE = text("docs/pgpool_conf.md")


@pytest.mark.parametrize("rule", sorted(TEXTS))
def test_the_page_says_what_the_linter_says(rule):
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{rule}` |")]
    _begin, _rule, level, when, why, way_out, _end = (cell.strip() for cell in line.split("|"))
    assert level == TEXTS[rule].level
    assert when
    for cell, said in ((why, TEXTS[rule].why), (way_out, TEXTS[rule].next)):
        for part in re.split(r"\{\w+\}", said):
            assert part.strip() in cell


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.cve)
def test_the_page_names_the_holes_and_their_fixes(hole):
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {hole.cve} |")]
    assert all(version in line for version in hole.fixed.values() if not version.endswith(".0"))


def test_reasons_are_sentences_that_can_stand_in_one_line():
    for rule, said in TEXTS.items():
        assert "\n" not in said.why + said.next, rule
        assert not said.why.endswith("."), rule
