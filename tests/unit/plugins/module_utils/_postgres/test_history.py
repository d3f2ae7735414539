# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import ParseError
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import history

TEXT = "1\t0/34F8000\tno recovery target specified\n\n2\t0/50000A0\tbefore 2026-11-22 10:00:00+00\n"


def switches(*pairs):
    return [{"timeline": timeline, "switch_lsn": lsn, "reason": ""} for timeline, lsn in pairs]


def test_parse():
    assert history.parse(TEXT) == [
        {"timeline": 1, "switch_lsn": "0/34F8000", "reason": "no recovery target specified"},
        {"timeline": 2, "switch_lsn": "0/50000A0", "reason": "before 2026-11-22 10:00:00+00"},
    ]


@pytest.mark.parametrize(("text", "found"), [("", []), ("# a comment\n", []), ("1\t0/1", switches((1, "0/1")))])
def test_parse_small_files(text, found):
    assert history.parse(text) == found


@pytest.mark.parametrize("text", ["1", "x\t0/1\tr", "1\tnowhere\tr", "2\t0/1\tr\n1\t0/2\tr", "1\t0/1\tr\n1\t0/2\tr"])
def test_damaged_files_are_errors(text):
    with pytest.raises(ParseError):
        history.parse(text)


def test_read_local(tmp_path):
    layout = SimpleNamespace(data_directory=str(tmp_path))
    assert history.read_local(layout, 3) == []
    (tmp_path / "pg_wal").mkdir()
    (tmp_path / "pg_wal" / "0000000B.history").write_text(TEXT, encoding="utf-8")
    assert history.read_local(layout, 1) == []
    assert [entry["timeline"] for entry in history.read_local(layout, 11)] == [1, 2]


def test_fork_point():
    ours = switches((1, "0/34F8000"), (2, "0/50000A0"))
    assert history.fork_point(ours, 1) == "0/34F8000"
    assert history.fork_point(ours, 2) == "0/50000A0"
    assert history.fork_point(ours, 3) is None
    assert history.fork_point([], 1) is None


@pytest.mark.parametrize(
    ("a", "tli_a", "b", "tli_b", "expected"),
    [
        pytest.param([], 1, [], 1, (1, None), id="same timeline, never parted"),
        pytest.param([], 1, switches((1, "0/300")), 2, (1, "0/300"), id="b was promoted"),
        pytest.param(switches((1, "0/300")), 2, [], 1, (1, "0/300"), id="a was promoted"),
        pytest.param(switches((1, "0/300")), 2, switches((1, "0/300")), 2, (2, None), id="both follow"),
        pytest.param(switches((1, "0/300")), 2, switches((1, "0/400")), 2, (1, "0/300"), id="two forks called 2"),
        pytest.param(switches((1, "0/400")), 2, switches((1, "0/300")), 3, (1, "0/300"), id="parted on 1"),
        pytest.param(
            switches((1, "0/300"), (2, "0/900")), 3, switches((1, "0/300")), 2, (2, "0/900"), id="parted on 2"
        ),
        pytest.param(
            switches((1, "0/300"), (2, "0/900")), 4, switches((1, "0/400"), (2, "0/900")), 4, (1, "0/300"), id="twins"
        ),
        pytest.param([], 5, [], 6, (None, None), id="nothing in common"),
    ],
)
def test_common_ancestor(a, tli_a, b, tli_b, expected):
    assert history.common_ancestor(a, tli_a, b, tli_b) == expected
    assert history.common_ancestor(b, tli_b, a, tli_a) == expected
