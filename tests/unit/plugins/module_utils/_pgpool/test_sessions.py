# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import sessions

PEER = ("10.1.7.9", 40001)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("pgpool: someuser appdb 10.1.7.9(40001) idle", ("someuser", PEER, False)),
        ("pgpool: someuser appdb 10.1.7.9(40001) idle in transaction", ("someuser", PEER, True)),
        ("pgpool: someuser appdb 10.1.7.9(40001) SELECT", ("someuser", PEER, True)),
        ("pgpool: some user appdb ::ffff:10.1.7.9(40001) BIND  ", ("some user", PEER, True)),
        ("pgpool: wait for connection request", None),
        ("pgpool: health check process(0)", None),
        ("pgpool: watchdog", None),
        ("pgpool: PCP: wait for connection request", None),
        ("postgres: someuser appdb 10.1.7.9(40001) idle", None),
    ],
)
def test_titles(title, expected):
    found = [(one.user, one.peer, one.busy) for one in sessions.parse_titles([title])]
    assert found == ([expected] if expected else [])


def test_peers_of_ss():
    text = (
        "0      0            10.1.7.100:5432      10.1.7.9:40001\n"
        "0      0   [::ffff:10.1.7.100]:5432  [::ffff:10.1.7.8]:40002\n"
        "\n"
        "0      0   [fd00::100]:5432  [fd00::9]:40003\n"
    )
    assert sessions.parse_peers(text) == {PEER, ("10.1.7.8", 40002), ("fd00::9", 40003)}


def test_who_counts():
    found = sessions.parse_titles(
        [
            "pgpool: someuser appdb 10.1.7.9(40001) idle",
            "pgpool: someuser appdb 10.1.7.9(40009) idle",
            "pgpool: healthcheck postgres 10.1.7.9(40002) SELECT",
        ]
    )
    assert len(sessions.chosen(found, peers=None, ignored=("healthcheck",))) == 2
    assert [one.peer for one in sessions.chosen(found, peers={PEER}, ignored=())] == [PEER]


def test_titles_are_read_from_proc(tmp_path):
    for pid, content in (("1", b"/sbin/init\0"), ("7", b"pgpool: a b 10.1.7.9(1) idle\0\0\0"), ("self", b"pgpool: x")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(content)
    (tmp_path / "8").mkdir()  # it has ended meanwhile
    assert sessions.read_titles(str(tmp_path)) == ["pgpool: a b 10.1.7.9(1) idle"]
