# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import pathlib

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import control_file, controldata

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pg_control"  # of servers that were stopped cleanly


def raw(major):
    return base64.b64decode((FIXTURES / f"{major}.base64").read_text(encoding="ascii"))


@pytest.mark.parametrize(("major", "identifier"), [(10, "7711229394313535683"), (11, "7711229402599301578")])
def test_a_real_control_file(major, identifier):
    assert control_file.parse(raw(major)) == {
        "state": "shut down",
        "system_identifier": identifier,
        "timeline": 1,
        "checkpoint_lsn": "0/292F330",
        "redo_lsn": "0/292F330",
        "min_recovery_end": "0/0",
        "min_recovery_timeline": 0,
        "wal_log_hints": True,
        "data_checksums": True,
        "segment_size": 16 << 20,
        "values": {},
    }


@pytest.mark.parametrize("at", [0, 16, 60, 200])
def test_a_damaged_one_is_unknown(at):
    data = bytearray(raw(11))
    data[at] ^= 1
    assert control_file.parse(bytes(data)) is None


def test_another_version_or_half_a_file_is_unknown():
    assert control_file.parse(raw(11)[:8] + (1300).to_bytes(4, "little") + raw(11)[12:]) is None
    assert control_file.parse(raw(11)[:200]) is None
    assert control_file.parse(b"") is None


def test_it_stands_in_for_a_missing_pg_controldata(tmp_path):
    class Layout:
        data_directory = str(tmp_path)

        @staticmethod
        def tool(name):
            return str(tmp_path / "bin" / name)

    assert controldata.read(runner=None, layout=Layout) is None
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "pg_control").write_bytes(raw(10))
    found = controldata.read(runner=None, layout=Layout)
    assert controldata.clean(found)
    assert controldata.effective_timeline(found) == 1
