# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Reads a pgpool.conf the way Pgpool-II does: word by word, not line by line.

So two settings may share a line, and what follows a value that needed quotes is taken for the next name. An equal sign
is optional, the last setting of a name wins, quotes hold no escapes. A word that is not understood ends the reading:
Pgpool-II then does not start, or keeps its old settings when it was only told to reload.
"""

from __future__ import annotations

import re
import typing as t

DEEPEST_INCLUDE = 10

# The longest match wins, the first of equals.
_WORDS = (
    ("comment", re.compile(r"#.*")),
    ("name", re.compile(r"[A-Za-z_\x80-\uffff][A-Za-z_0-9\x80-\uffff]*")),
    ("quoted", re.compile(r"'(\\.|[^'\n])*'")),
    ("bare", re.compile(r"[A-Za-z_\x80-\uffff][A-Za-z_0-9\x80-\uffff._:/-]*")),
    ("integer", re.compile(r"[-+]?(0x[0-9a-fA-F]+|[0-9]+)[A-Za-z]*")),
    ("real", re.compile(r"[-+]?[0-9]*\.[0-9]*([Ee][-+]?[0-9]+)?")),
    ("equals", re.compile(r"=")),
    ("other", re.compile(r".")),
)


class Entry(t.NamedTuple):
    """A setting: its value as written (with its quotes), where it stands, and what kind of word the value is."""

    name: str
    written: str
    line: int
    file: str
    word: str

    @property
    def value(self):
        """The value without its quotes."""
        return self.written[1:-1] if self.word == "quoted" else self.written


class Broken(t.NamedTuple):
    """Where the reading ended, and why. Never quotes the file: it may be a secret that is not understood."""

    line: int
    file: str
    why: str


class Contents(t.NamedTuple):
    """All entries in their order, and why the reading ended early (or None)."""

    entries: tuple
    broken: Broken | None


def read(text, *, file="pgpool.conf", include=None):
    """Return the ``Contents``. ``include(name, file)`` returns (file, text) of an included file, or raises OSError."""
    entries = []
    broken = _read_into(entries, text, file, include, 0)
    return Contents(tuple(entries), broken)


def _read_into(entries, text, file, include, depth):
    words = _words(text)
    for kind, written, line in words:
        if kind == "end":
            continue
        if kind != "name":
            return Broken(line, file, _not_a_name(entries, line))
        name = written
        kind, written, _line = next(words)
        if kind == "equals":
            kind, written, _line = next(words)
        if name == "include" and include is not None:
            broken = _included(entries, Entry(name, written, line, file, kind), include, depth)
            if broken:
                return broken
        else:
            entries.append(Entry(name, "" if kind == "end" else written, line, file, kind))
    return None


def _not_a_name(entries, line):
    before = f" after the value of {entries[-1].name}" if entries and entries[-1].line == line else ""
    return f"something that is not the name of a setting{before}"


def _included(entries, entry, include, depth):
    if depth >= DEEPEST_INCLUDE:
        return Broken(entry.line, entry.file, "too many files include one another")
    try:
        file, text = include(entry.value, entry.file)
    except OSError as exc:
        return Broken(entry.line, entry.file, f"the file to include cannot be read ({exc.strerror})")
    return _read_into(entries, text, file, include, depth + 1)


def _words(text):
    for number, line in enumerate(text.split("\n"), start=1):
        position = 0
        while position < len(line):
            if line[position] in " \t\r":
                position += 1
                continue
            matches = [(kind, pattern.match(line, position)) for kind, pattern in _WORDS]
            kind, found = max(((k, m) for k, m in matches if m), key=lambda one: one[1].end())
            position = found.end()
            if kind != "comment":
                yield kind, found.group(0), number
        yield "end", "", number


__all__ = ("Broken", "Contents", "Entry", "read")
