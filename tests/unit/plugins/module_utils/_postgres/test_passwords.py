# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.passwords import (
    password_problems,
    user_password_problem,
)


@pytest.mark.parametrize(
    "password",
    [
        "plain",
        'it\'s "quoted"',
        "50% \\ $HOME :#",
        "pässwörd Ж 日本",
        "{{ braces }}",
        " leading and trailing ",
        12345,
        "שלום",
    ],
)
def test_every_store_can_hold(password):
    assert user_password_problem(password) is None


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("", "not set"),
        ("two\nlines", "pass file"),
        ("two\rlines", "pass file"),
        ("nul\0inside", "NUL"),
        ("x" * 80, "pool_passwd holds 79"),
        ("md5" + "0" * 32, "already hashed"),
        ("SCRAM-SHA-256$4096:c2FsdA==$a:b", "already hashed"),
        ("non\u00a0breaking", "SASLprep replaces"),
        ("decomposed e\u0301", "SASLprep replaces"),
        ("tab\there", "control character"),
        ("emoji \U0001f600", "emoji"),
        ("private \ue000", "SASLprep"),
        ("שלום latin", "directions"),
        ("latin ש", "directions"),
    ],
)
def test_refused_with_the_reason_and_never_quoted(password, word):
    problem = user_password_problem(password)
    assert word in problem
    assert not password or password not in problem


def test_the_variable_is_named():
    assert password_problems({"pgops_b": "", "pgops_a": "x\n", "pgops_c": "fine"}) == [
        "pgops_a: it contains a line break, which a pass file (.pgpass) and pool_passwd cannot hold",
        "pgops_b: it is not set, and there are no default passwords",
    ]
