# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shutil
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.modules import pool_passwd as module

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
PASSWORD = 'it\'s "q" a b%\\$x:#é ö'
USER = {"user": "someuser", "password": PASSWORD}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """As if root and the owner were who runs the test."""
    me = (os.getuid(), os.getgid())
    monkeypatch.setattr(module, "owner_ids", lambda owner: me)
    for name in ("private_file_is", "write_private_file"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, real=real, **options: real(*a, **{**options, "uid": me[0]}))
    return tmp_path


def ensure(place, *entries, check_mode=False, return_encrypted=False):
    params = {
        "entries": list(entries),
        "path": str(place / "pool_passwd"),
        "key_file": str(place / "key"),
        "owner": "postgres",
        "return_encrypted": return_encrypted,
    }
    return module.ensure(params, runner=LocalRunner(), check_mode=check_mode, server="app-server1")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_first_run_makes_key_and_file_second_changes_nothing(place):
    first = ensure(place, USER)
    assert (first["changed"], first["key_created"], first["users"]) == (True, True, ["someuser"])
    assert (mode_of(place / "key"), mode_of(place / "pool_passwd")) == (0o600, 0o640)
    assert len((place / "key").read_text().strip()) == 64
    text = (place / "pool_passwd").read_text()
    second = ensure(place, USER)
    assert (second["changed"], second["changed_users"]) == (False, [])
    assert (place / "pool_passwd").read_text() == text


def test_check_mode_writes_nothing_with_and_without_a_key(place):
    assert ensure(place, USER, check_mode=True)["changed"]
    assert os.listdir(place) == []
    ensure(place, USER)
    before = (place / "pool_passwd").read_text()
    assert ensure(place, {**USER, "password": "new"}, check_mode=True)["changed_users"] == ["someuser"]
    assert (place / "pool_passwd").read_text() == before
    assert not ensure(place, USER, check_mode=True)["changed"]


def test_entries_of_others_and_the_key_are_kept(place):
    (place / "key").write_text("old key\n")
    (place / "pool_passwd").write_text("other:AESabc\nsomeuser:md5whatever\n")
    result = ensure(place, USER)
    assert result["users"] == ["other", "someuser"]
    assert result["changed_users"] == ["someuser"]
    assert "other:AESabc\n" in (place / "pool_passwd").read_text()
    assert (place / "key").read_text() == "old key\n"


@pytest.mark.parametrize("name, wrong", [("pool_passwd", 0o644), ("key", 0o644)])
def test_wrong_modes_are_repaired(place, name, wrong):
    ensure(place, USER)
    right = mode_of(place / name)
    (place / name).chmod(wrong)
    assert ensure(place, USER, check_mode=True)["changed"]
    assert mode_of(place / name) == wrong
    assert ensure(place, USER)["changed"]
    assert mode_of(place / name) == right
    assert not ensure(place, USER)["changed"]


def test_nothing_is_written_when_one_password_does_not_fit(place):
    with pytest.raises(Refused, match="other"):
        ensure(place, USER, {"user": "other", "password": "x" * 80})
    assert os.listdir(place) == []


def test_an_empty_key_is_refused(place):
    (place / "key").write_text("\n")
    with pytest.raises(Refused, match="first line is empty"):
        ensure(place, USER)


def test_no_password_and_no_line_in_the_result(place):
    shown = json.dumps(ensure(place, USER), ensure_ascii=False)
    assert PASSWORD not in shown
    assert "AES" not in shown
    assert "someuser: (encrypted)" in shown


def test_who_asks_gets_what_stands_in_the_file(place):
    assert ensure(place, USER, check_mode=True, return_encrypted=True)["encrypted"] == {}
    found = ensure(place, USER, return_encrypted=True)["encrypted"]
    assert found["someuser"].startswith("AES")
    assert f"someuser:{found['someuser']}\n" in (place / "pool_passwd").read_text()
    assert ensure(place, USER, return_encrypted=True)["encrypted"] == found
