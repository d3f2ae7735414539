# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, Refused
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import pool_passwd
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.pool_passwd import MARKER, Entry
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult, Runner


class ScriptedRunner(Runner):
    def __init__(self, rc=0, stdout="", stderr=""):
        self.answer = (rc, stdout, stderr)
        self.calls = []

    def run(self, argv, *, stdin=None, **_ignored):
        self.calls.append((tuple(argv), stdin))
        return CommandResult(tuple(argv), *self.answer)

    def which(self, name, *, paths=()):
        return name


@pytest.mark.parametrize(
    "password",
    ["x", 'it\'s "q" a b%\\$x:#é ö', " leading and trailing ", "a" * 79, "é" * 39, "\t", "密码"],
)
def test_passwords_that_fit(password):
    assert pool_passwd.password_problem(password) is None


@pytest.mark.parametrize(
    "password, why",
    [
        ("", "empty"),
        ("a" * 80, "80 bytes"),
        ("é" * 40, "80 bytes"),
        ("a\nb", "line break"),
        ("a\0b", "NUL"),
        ("a\u00a0b", "SASLprep"),
        ("e\u0301x", "SASLprep"),
        ("soft\u00adhyphen", "SASLprep"),
        ("\uff21", "SASLprep"),
    ],
)
def test_passwords_that_do_not_fit(password, why):
    problem = pool_passwd.password_problem(password)
    assert why in problem
    assert not password or password not in problem


@pytest.mark.parametrize("user", ["", "a:b", "a\\b", "#a", "a" * 64])
def test_user_names_that_do_not_fit(user):
    with pytest.raises(Refused, match="user name"):
        pool_passwd.refuse_what_does_not_fit([Entry(user, "x")], server="h")


def test_a_user_listed_twice_is_refused():
    with pytest.raises(Refused, match="twice"):
        pool_passwd.refuse_what_does_not_fit([Entry("u", "x"), Entry("u", "y")], server="h")


@pytest.mark.parametrize(
    "before, after",
    [
        ("", f"{MARKER}\nu:NEW\n"),
        ("other:AESx\n", f"{MARKER}\nother:AESx\nu:NEW\n"),
        (f"{MARKER}\nu:OLD\nother:AESx\n", f"{MARKER}\nu:NEW\nother:AESx\n"),
        (f"{MARKER}\nu:OLD\nu:OLDER\n", f"{MARKER}\nu:NEW\n"),
        (f"{MARKER}\nu:NEW\n", f"{MARKER}\nu:NEW\n"),
        (f"{MARKER}\nuu:X", f"{MARKER}\nuu:X\nu:NEW\n"),
    ],
)
def test_merge(before, after):
    assert pool_passwd.merge(before, {"u": "NEW"}) == after
    assert pool_passwd.merge(after, {"u": "NEW"}) == after


def test_the_marker_is_a_line_that_pgpool_reads_as_an_entry_of_nobody():
    assert MARKER.endswith(":")
    assert MARKER.count(":") == 1


def test_changed_users_and_users():
    before, after = f"{MARKER}\na:1\nb:2\n", f"{MARKER}\na:1\nb:3\nc:4\n"
    assert pool_passwd.changed_users(before, after) == ["b", "c"]
    assert pool_passwd.users_of(after) == ["a", "b", "c"]


@pytest.mark.parametrize("line, fine", [("k", True), ("", False), ("k" * 254, True), ("k" * 255, False)])
def test_key_problem(line, fine):
    assert (pool_passwd.key_problem(line) is None) == fine


def test_the_password_goes_through_stdin_only():
    runner = ScriptedRunner(stdout="QUJD\n")
    secret = pool_passwd.encrypt(Entry("u", "s3cret"), runner=runner, key_file="/k", server="h")
    ((argv, stdin),) = runner.calls
    assert (secret, stdin) == ("AESQUJD", "s3cret")
    assert "s3cret" not in " ".join(argv)


@pytest.mark.parametrize("rc, out", [(1, ""), (127, ""), (0, "no base64!"), (0, ""), (None, "")])
def test_an_openssl_that_fails_is_an_error_without_the_password(rc, out):
    with pytest.raises(CommandFailed) as caught:
        runner = ScriptedRunner(rc, out, "bad")
        pool_passwd.encrypt(Entry("u", "s3cret"), runner=runner, key_file="/k", server="h")
    assert "s3cret" not in str(caught.value)


# What pg_enc of Pgpool-II 4.3.5 prints for these, with this key.
KEY = 'k3y with $ "quotes" é'
FROM_PG_ENC = {
    "x": "AESc6AZcDZKbcigeSCQG/N+8w==",
    'it\'s "q" a b%\\$x:#é ö': "AESrPLhd1hfa8eX++sjBvfOJGXLKE0uwNcda9HZFXXd/9A=",
    "a" * 79: "AESTiuZaiGPh+YnResTfvsD7pT1jbR+Qau8JIw/yoYV2aK2+Q2EKATM0vvQJx/05xBIoOesXpUtC4xg/gBtKhukx2BgtiryPHz73"
    "Usw9NbLhdI=",
    " lead and trail ": "AESa9+CpHXCdBRqMJVug2f33hcePiHURrdb2rpAZQZWfUs=",
    "a" * 16: "AESTiuZaiGPh+YnResTfvsD7jL0NIKdlD5SOX7+hEjZyzQ=",
}


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("password, expected", FROM_PG_ENC.items())
def test_it_is_what_pg_enc_writes(tmp_path, password, expected):
    key_file = tmp_path / "key"
    key_file.write_text(KEY + "\nsecond line\n", encoding="utf-8")
    entry = Entry("u", password)
    assert pool_passwd.encrypt(entry, runner=LocalRunner(), key_file=key_file, server="h") == expected
