# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import private_file

ME = {"uid": os.getuid(), "gid": os.getgid()}


def test_write_read_and_compare(tmp_path):
    path = str(tmp_path / "f")
    private_file.write_private_file(path, "é\n", mode=0o640, **ME)
    assert private_file.read_text(path) == "é\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert private_file.private_file_is(path, mode=0o640, **ME)
    assert not private_file.private_file_is(path, mode=0o600, **ME)
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_that_is_not_there(tmp_path):
    assert private_file.read_text(str(tmp_path / "f")) is None
    assert not private_file.private_file_is(str(tmp_path / "f"), mode=0o600, **ME)


def test_bytes_that_are_no_text_survive(tmp_path):
    (tmp_path / "f").write_bytes(b"\xff:x\n")
    text = private_file.read_text(str(tmp_path / "f"))
    private_file.write_private_file(str(tmp_path / "g"), text, mode=0o600, **ME)
    assert (tmp_path / "g").read_bytes() == b"\xff:x\n"


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(TypeError):
        private_file.write_private_file(str(path), None, mode=0o600, **ME)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]
