# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lab import aptconf
from lab.aptconf import Mirrors, Source

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib  # near
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 trusted=yes] http://inside.example/debian-security bookworm-security main
deb https://packages.example/apt tools-bookworm main
deb file:/srv/debian bookworm main
"""
DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/mirror.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: https://inline.example/x/
Suites: /
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_one_line_sources():
    assert aptconf.parse_one_line(ONE_LINE) == [
        Source("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        Source("http://inside.example/debian-security", "bookworm-security", ("main",), trusted=True),
        Source("https://packages.example/apt", "tools-bookworm", ("main",)),
        Source("file:/srv/debian", "bookworm", ("main",)),
    ]


def test_deb822_sources():
    key = "/usr/share/keyrings/mirror.gpg"
    assert aptconf.parse_deb822(DEB822) == [
        Source("http://mirror.example/debian", "bookworm", ("main",), signed_by=key),
        Source("http://mirror.example/debian", "bookworm-updates", ("main",), signed_by=key),
        Source("https://inline.example/x", "", ()),
    ]


def test_only_debians_own_sources_are_taken():
    mirrors = aptconf.pick_mirrors(aptconf.parse_one_line(ONE_LINE), "bookworm")
    assert mirrors.main.uri == "http://mirror.example/debian"
    assert mirrors.security.uri == "http://inside.example/debian-security"
    assert mirrors.keyrings == ()


def test_a_keyring_of_the_mirror_is_handed_on():
    mirrors = aptconf.pick_mirrors(aptconf.parse_deb822(DEB822), "bookworm")
    assert mirrors.keyrings == ("/usr/share/keyrings/mirror.gpg",)
    assert aptconf.source_lines(mirrors, "trixie")[0] == (
        "deb [signed-by=/usr/share/keyrings/mirror.gpg] http://mirror.example/debian trixie main"
    )


def test_without_sources_debians_servers_are_used():
    assert aptconf.source_lines(aptconf.pick_mirrors([], "bookworm"), "bookworm") == [
        "deb http://deb.debian.org/debian bookworm main",
        "deb http://deb.debian.org/debian bookworm-updates main",
        "deb http://deb.debian.org/debian-security bookworm-security main",
    ]


def test_testing_has_one_source():
    assert aptconf.source_lines(Mirrors(), "forky") == ["deb http://deb.debian.org/debian forky main"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('Acquire::http::Proxy "http://proxy.example:3128";', True),
        ('Acquire::http::Proxy::mirror.example "DIRECT";', True),
        ('Acquire::https::CAInfo "/etc/ssl/own.pem";', True),
        ('Acquire::Check-Valid-Until "false";', True),
        ('Acquire::http::Proxy-Auto-Detect "/usr/bin/find-proxy";', False),
        ('Acquire::http::Proxy "";', False),
        ('Acquire::Languages:: "none";', False),
        ('Acquire::AllowInsecureRepositories "0";', False),
        ('DPkg::Post-Invoke:: "rm -rf /";', False),
        ('APT::Architecture "amd64";', False),
    ],
)
def test_what_of_apt_conf_is_handed_on(line, kept):
    assert aptconf.options_of(f'APT "";\n{line}\n', {}) == ([line] if kept else [])


def test_a_proxy_of_the_environment_counts_when_apt_has_none():
    environ = {"http_proxy": "http://env.example:1", "https_proxy": "http://env.example:2"}
    assert aptconf.options_of('Acquire::http::Proxy "http://apt.example:3";\n', environ) == [
        'Acquire::http::Proxy "http://apt.example:3";',
        'Acquire::https::Proxy "http://env.example:2";',
    ]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('Acquire::http::Proxy "http://127.0.0.1:3142";', 'Acquire::http::Proxy "http://10.1.7.1:3142";'),
        ("deb http://localhost/debian bookworm main", "deb http://10.1.7.1/debian bookworm main"),
        ("deb http://localhost.example/debian bookworm main", "deb http://localhost.example/debian bookworm main"),
    ],
)
def test_a_service_of_the_machine_is_at_the_gateway(line, seen):
    assert aptconf.seen_from_container(line, "10.1.7.1") == seen
