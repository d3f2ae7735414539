# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases marked "seen" were tried on a real Pgpool-II 4.3.5."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.conf_file import read


def pairs(text, **more):
    return [(entry.name, entry.value, entry.line) for entry in read(text, **more).entries]


@pytest.mark.parametrize(
    "text, found",
    [
        ("port = 5432\n", [("port", "5432", 1)]),
        ("\n  port=5432 # why\n", [("port", "5432", 2)]),
        ("listen_addresses '*'", [("listen_addresses", "*", 1)]),
        ("# port = 1\n", []),
        ("a = 'x # y' # z\n", [("a", "x # y", 1)]),
        ("a = x/y.z-1:2\n", [("a", "x/y.z-1:2", 1)]),
        ("a = -1\nb = 0x1F\nc = 5min\n", [("a", "-1", 1), ("b", "0x1F", 2), ("c", "5min", 3)]),
        ("a = 0.5\n", [("a", "0.5", 1)]),
        ("a 'x: ' b 33\n", [("a", "x: ", 1), ("b", "33", 1)]),  # seen
        ("a = ''\r\n", [("a", "", 1)]),
        ("a = 'it\\'s'\n", [("a", "it\\'s", 1)]),
        ("a = *\n", [("a", "*", 1)]),
        ("a = 'not closed\n", [("a", "'", 1), ("not", "closed", 1)]),
        ("a = 'b\\'\n", [("a", "b\\", 1)]),
    ],
)
def test_what_is_read(text, found):
    assert pairs(text) == found
    assert read(text).broken is None


@pytest.mark.parametrize(
    "text, line, before",
    [
        ("port = 1\nbackend_hostname1 = 10.1.7.106\nb = 1\n", 2, ["port", "backend_hostname1"]),  # seen
        ("log_line_prefix = %m: x\n", 1, None),
        ("= 5\n", 1, []),
    ],
)
def test_where_the_reading_ends(text, line, before):
    contents = read(text)
    assert contents.broken.line == line
    assert before is None or [entry.name for entry in contents.entries] == before


def test_why_it_ended_never_quotes_the_file():
    assert "s3cret" not in repr(read("wd_authkey = my$s3cret\n").broken)


def test_a_name_without_a_value_takes_the_end_of_the_line():
    (entry,) = read("ssl =\n").entries
    assert (entry.word, entry.value) == ("end", "")


def test_an_included_file_is_read_where_it_stands():
    files = {"more.conf": "b = 2\ninclude 'deep.conf'\n", "deep.conf": "c = 3\n"}
    found = read(
        "a = 1\ninclude = 'more.conf'\nd = 4\n", file="top.conf", include=lambda name, _from: (name, files[name])
    )
    assert [(entry.name, entry.file) for entry in found.entries] == [
        ("a", "top.conf"),
        ("b", "more.conf"),
        ("c", "deep.conf"),
        ("d", "top.conf"),
    ]


def test_files_that_include_one_another_end_the_reading():
    assert "one another" in read("include 'x'\n", include=lambda name, _from: (name, "include 'x'\n")).broken.why


def test_a_file_that_is_not_there_ends_the_reading():
    def include(name, _from):
        raise OSError(2, "No such file or directory", name)

    assert "cannot be read (No such file or directory)" in read("include 'x'\n", include=include).broken.why
