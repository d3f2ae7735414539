# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each row of the tables in the guard's README has rows in the tables of the tests, and is what the code decides."""

from __future__ import annotations

import re

import pytest

from .guard_package import FILES, decision, running
from .test_guard import DECISIONS
from .test_guard_running import PRIMARY_ROWS, STANDBY_ROWS, said

# Words that only one row of the README has, and the rows of the tests that are examples of it.
BEFORE_A_START = {
    "no data directory, or": ["no data directory", "a standby", "a standby whose peers are dead"],
    "a permit": ["permitted beside a primary"],
    "a primary of the same timeline or of a newer one": [
        "peer is a primary", "peer is a primary, same timeline", "peer is a primary we know little of"],
    "a primary of an older timeline, or of another cluster": ["peer is an older primary", "peer is a stranger"],
    "a peer is a standby of a newer timeline": ["a standby of a newer primary"],
    "a pgpool has another node for": [
        "pgpool names another", "it names another, we are down", "pgpool is late, its node says primary",
        "one of two names another", "pgpool names another, paused"],
    "none of that, and": ["paused"],
    "no other database": ["no peers, no pgpools", "no peers, pgpool names us"],
    "every peer is a standby; or some": ["all peers follow", "one follows, one dead, pgpool speaks", "pgpool names us"],
    "every peer is a standby, or does not run": [
        "stopped, of an older timeline", "a stopped standby", "an older stopped standby", "one stopped, one follows"],
    "would start as a standby of a newer timeline": ["a stopped standby of a newer primary"],
    "would start as a primary of a newer timeline": ["stopped, of a newer timeline"],
    "nobody can confirm": [
        "dead peer", "one follows, one dead, no pgpool", "stopped, of the same timeline", "too early to start alone",
        "late, but somebody is alive", "late, but a stopped one may be it"],
}  # fmt: skip
A_PRIMARY_SEES = {
    "a peer is a primary on a newer timeline": ["a newer primary", "a newer primary, pgpools disagree"],
    "a peer is a standby on a newer timeline": ["a standby of a newer one"],
    "one of these, but every pgpool": ["a newer primary, pgpool has us", "a standby of a newer one, pgpool has us"],
    "one of these, no pgpool answers": ["a newer primary, pgpools are silent, had us"],
    "each pgpool that answers has another": ["both have", "the other is silent", "pgpool 4.1: other up, we are down"],
    "on the same or an older timeline": ["two of one timeline", "an older one"],
    "no peer and no pgpool": ["cut off"],
    "the same, but no standby": ["cut off, nobody to promote"],
    "no other database": ["cut off, the only database"],
}
A_STANDBY_SEES = {
    "it receives WAL": ["it receives"],
    "no peer is a primary": ["nobody, for ten looks", "a stranger, for ten looks"],
    "it does not in two looks": ["a new primary", "a primary on our timeline", "pointed at another port"],
    "it still hangs": ["it hangs on one that is gone"],
    "several primaries": ["two new ones"],
    "that it is pointed at, and": ["pointed at it, for long"],
}
TABLES = {
    "seen before the start": (BEFORE_A_START, DECISIONS, decision.decide),
    "a primary sees": (A_PRIMARY_SEES, PRIMARY_ROWS, running.decide_running),
    "a standby sees": (A_STANDBY_SEES, STANDBY_ROWS, running.decide_running),
}
CASES = [(title, words) for title, (examples, *_rest) in TABLES.items() for words in examples]


def rows(title):
    """What is seen, and what the README says about it, of each row of the table with this title."""
    text = (FILES.parent / "README.md").read_text(encoding="utf-8")
    lines = text.partition(f"| {title} |")[2].split("\n\n")[0].splitlines()[2:]
    told = ""
    for line in lines:
        seen, this = (cell.strip() for cell in line.strip("|").split("|"))
        told = told if this == "the same" else this
        yield seen, told


def verdict(told):
    """What the first words of a README's decision mean to the code."""
    if told.startswith("goes on"):
        return "warn" if "warns" in told else "go_on"
    words = {"start": "allow", "refuse": "refuse", "wait": "wait", "fences": "fence", "follows": "follow"}
    return words[re.match(r"\W*(\w+)", told)[1]]


@pytest.mark.parametrize("title", TABLES)
def test_each_row_has_an_example_and_each_example_a_row(title):
    matching = [[words for words in TABLES[title][0] if words in seen] for seen, _told in rows(title)]
    assert [len(words) for words in matching] == [1] * len(TABLES[title][0]), matching


@pytest.mark.parametrize(("title", "words"), CASES, ids=[words for _title, words in CASES])
def test_a_row_is_what_is_decided(title, words):
    examples, table, decide = TABLES[title]
    told = next(told for seen, told in rows(title) if words in seen)
    situations = {row[0]: row[1] for row in table}
    for name in examples[words]:
        decided = decide(situations[name])
        assert said(decided) == verdict(told), (name, decided)
        assert set(re.findall(r"\w+\.yml", told)) <= set(re.findall(r"\w+\.yml", decided.next_step)), (name, decided)
