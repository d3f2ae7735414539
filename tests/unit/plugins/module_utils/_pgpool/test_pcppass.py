# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import AuthenticationFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.pcppass import password_from_file


def looked_up(tmp_path, text, *, host="127.0.0.1", user="pgpoolad", mode=0o600):
    path = tmp_path / "pcppass"
    path.write_bytes(text.encode())
    path.chmod(mode)
    return password_from_file(str(path), host=host, port=9898, user=user, server="pgpool of app-server1")


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("127.0.0.1:9898:pgpoolad:simple", "simple"),
        ("*:*:*:any", "any"),
        (r"127.0.0.1:*:pgpoolad:a\:b\\c", r"a:b\c"),
        ("127.0.0.1:9898:pgpoolad:ends:here", "ends"),
        ("127.0.0.1:9898:pgpoolad:q'u\"o t%s$HOME#ß€", "q'u\"o t%s$HOME#ß€"),
        ("127.0.0.1:9898:pgpoolad:\u2028\x0bodd\x85", "\u2028\x0bodd\x85"),
        ("127.0.0.1:9898:pgpoolad:", ""),
        ("# 127.0.0.1:9898:pgpoolad:no\nother:9898:pgpoolad:no\n\n127.0.0.1:9898:pgpoolad:yes\n*:*:*:late\n", "yes"),
        ("127.0.0.1:9897:pgpoolad:no\n127.0.0.1:9898:other:no\nshort\n127.0.0.1:9898:pgpoolad:yes", "yes"),
    ],
)
def test_the_first_line_that_fits(tmp_path, line, password):
    assert looked_up(tmp_path, line) == password


def test_a_socket_directory_is_also_called_localhost(tmp_path):
    assert looked_up(tmp_path, "localhost:9898:pgpoolad:a", host="/run/x") == "a"
    assert looked_up(tmp_path, "/run/x:9898:pgpoolad:b", host="/run/x") == "b"


def test_an_escaped_user(tmp_path):
    assert looked_up(tmp_path, r"*:*:a\:b:right", user="a:b") == "right"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_aloud(tmp_path, mode):
    with pytest.raises(AuthenticationFailed) as caught:
        looked_up(tmp_path, "*:*:*:topsecret", mode=mode)
    assert f"{mode:04o}" in caught.value.seen and "chmod 0600" in caught.value.next_step
    assert "topsecret" not in str(caught.value)


def test_no_line_and_no_file(tmp_path):
    with pytest.raises(AuthenticationFailed) as caught:
        looked_up(tmp_path, "localhost:9898:pgpoolad:topsecret\n")
    assert "127.0.0.1:9898:pgpoolad" in caught.value.seen and "topsecret" not in str(caught.value)
    with pytest.raises(AuthenticationFailed) as caught:
        password_from_file(str(tmp_path / "none"), host="h", port=1, user="u", server="s")
    assert "No such file" in caught.value.seen
