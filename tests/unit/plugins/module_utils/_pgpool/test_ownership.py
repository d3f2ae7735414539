# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.ownership import foreign_files, recorded_checksums

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


@pytest.mark.parametrize(
    "md5, ours, recorded, foreign",
    [
        (None, False, {}, False),
        (MD5, False, {"f": MD5}, False),
        (MD5, False, {"f": OTHER}, True),
        (MD5, False, {}, True),
        (MD5, True, {"f": OTHER}, False),
        (MD5, True, {}, False),
    ],
)
def test_foreign_files(md5, ours, recorded, foreign):
    assert foreign_files([{"path": "f", "md5": md5, "ours": ours}], recorded) == (["f"] if foreign else [])
