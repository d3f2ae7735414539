# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.ownership import (
    files_by_mark,
    foreign_files,
    recorded_checksums,
)

MD5, OTHER = "a" * 32, "b" * 32
# As dpkg-query -W -f='${Conffiles}' prints it, and the lines of /var/lib/ucf/hashfile.
DPKG = f"\n /etc/pgpool2/pcp.conf {MD5}\n /etc/pgpool2/pool_hba.conf {OTHER} obsolete\n"
UCF = f"{MD5}  /etc/pgpool2/pgpool.conf\n"


def test_recorded_checksums():
    assert recorded_checksums(DPKG, UCF) == {
        "/etc/pgpool2/pcp.conf": MD5,
        "/etc/pgpool2/pool_hba.conf": OTHER,
        "/etc/pgpool2/pgpool.conf": MD5,
    }
    assert recorded_checksums("", "") == {}


def test_files_by_mark():
    # grep -c says nothing of a file that does not exist.
    counts = "/etc/pgpool2/pgpool.conf:1\n/etc/pgpool2/pcp.conf:0\n"
    assert files_by_mark(counts) == (["/etc/pgpool2/pgpool.conf"], ["/etc/pgpool2/pcp.conf"])
    assert files_by_mark("") == ([], [])


@pytest.mark.parametrize(
    "md5sums, recorded, foreign",
    [
        ("", {}, []),
        (f"{MD5}  /f\n", {"/f": MD5}, []),
        (f"{MD5}  /f\n", {"/f": OTHER}, ["/f"]),
        (f"{MD5}  /f\n{MD5}  /g\n", {"/g": MD5}, ["/f"]),
    ],
)
def test_foreign_files(md5sums, recorded, foreign):
    assert foreign_files(md5sums, recorded) == foreign
