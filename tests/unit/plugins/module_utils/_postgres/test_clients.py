# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import clients


def install(root, *folders):
    for folder in folders:
        (root / folder / "bin").mkdir(parents=True)
        (root / folder / "bin" / "pg_basebackup").touch(mode=0o755)


def found(root, version="11"):
    layout = SimpleNamespace(version=version, tool=lambda name: f"/opt/pg11/bin/{name}")
    return clients.pg_basebackup(layout, root=str(root))


def test_the_servers_own_comes_first(tmp_path):
    install(tmp_path, "opt/pg11", "usr/lib/postgresql/15")
    assert found(tmp_path) == "/opt/pg11/bin/pg_basebackup"


@pytest.mark.parametrize("newest", ["usr/lib/postgresql/15", "usr/pgsql-15"])
def test_else_the_newest_by_number(tmp_path, newest):
    install(tmp_path, newest, "usr/lib/postgresql/9.6", "usr/lib/postgresql/13")
    assert found(tmp_path) == f"/{newest}/bin/pg_basebackup"


def test_an_older_one_cannot_copy_a_newer_server(tmp_path):
    install(tmp_path, "usr/lib/postgresql/10", "usr/lib/postgresql/9.6")
    assert found(tmp_path) == ""
